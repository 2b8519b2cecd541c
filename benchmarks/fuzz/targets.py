"""The readers that are fed, and what must hold of what they return."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.fuzz.corpus import read_corpus
from modules.calibrations.reading import ReadOptions, read_calibration
from modules.config.load import load_config
from modules.files.cameras import read_camera
from modules.files.exif import exif_orientation
from modules.files.image_header import header_problem
from modules.files.image_structure import stored_size
from modules.files.images import read_image
from modules.files.json_text import parse_json
from modules.files.labels import read_label, read_validation_list
from modules.files.layout import Frame
from modules.files.person_boxes import person_boxes_path, read_person_boxes
from modules.files.sources import find_sources
from modules.files.submission import read_sample
from modules.files.zip_files import read_npz
from modules.runs.checkpoints import load_checkpoint
from modules.utils import UserError

Image.MAX_IMAGE_PIXELS = None
NAMES = ("1_F_1_1.jpg", "1_F_1_2.jpg")


@dataclass(frozen=True)
class Target:
    """A reader, the name of its file below a folder, the folder of the corpus, and whether a sentence may name a neighbour."""

    name: str
    file: str
    read: Callable[[Path], Any]
    corpus: str
    several_files: bool = False


def _camera(path: Path) -> None:
    camera = read_camera(path)
    assert np.isfinite(camera.K).all() and np.allclose(camera.R @ camera.R.T, np.eye(3), atol=1e-3)
    assert np.linalg.det(camera.R) > 0 and np.isfinite(camera.t).all() and (camera.K[[0, 1], [0, 1]] > 0).all()


def _calibration(path: Path) -> None:
    """Reads a calibration of any format, in whatever unit; a rig that is taken is one of rotations and finite numbers."""
    scale = 2.0 if path.is_dir() or b"fl_x" in path.read_bytes() else None
    for camera in read_calibration(path, ReadOptions(scale=scale, needs_pose=False)).cameras.values():
        assert np.isfinite(camera.K).all() and np.allclose(camera.R @ camera.R.T, np.eye(3), atol=1e-3)
        assert np.linalg.det(camera.R) > 0 and np.isfinite(camera.t).all() and (camera.K[[0, 1], [0, 1]] > 0).all()


def _calibration_folder(path: Path) -> None:
    """Reads a folder one of whose files is this one; its first line tells which."""
    name, _, content = path.read_bytes().partition(b"\n")
    whole = [data.split(b"\n", 1) for data in read_corpus("calibration_folders")]
    mine = next((one for one, _ in whole if one == name), None)
    if mine is None:
        raise UserError(f"{path}: its first line names no file of the corpus; change the rest only")
    folder = path.parent / mine.decode().split("/")[0]
    shutil.rmtree(folder, ignore_errors=True)
    for one, data in whole:
        place = path.parent / one.decode()
        if place.is_relative_to(folder):
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content if one == mine else data)
    _calibration(folder)


def _label(path: Path) -> None:
    joints = read_label(path)
    assert joints.shape == (24, 3) and np.isfinite(joints).all()


def _json(path: Path) -> None:
    """Compares with Python's own reading, of which ours refuses repeated keys."""
    data = path.read_bytes()
    try:
        found = parse_json(data)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None
    assert json.dumps(found) == json.dumps(json.loads(data.decode("utf-8-sig")))


def _image(path: Path) -> None:
    """The header says what decoding says, and Pillow finds the same size where both read all pixels."""
    said = header_problem(path, None)
    try:
        image = read_image(path)
    except UserError as error:
        # What only the pixels show, a header cannot say.
        assert said in (None, str(error)) or "damaged" in str(error) or "not a readable" in str(error), (
            said,
            str(error),
        )
        raise
    assert said is None, said
    size = image.shape[1], image.shape[0]
    assert stored_size(path.read_bytes()) in (None, size), (stored_size(path.read_bytes()), size)
    theirs = _pillow_size(path)
    assert theirs in (None, size), (theirs, size)


def _pillow_size(path: Path) -> tuple[int, int] | None:
    try:
        with Image.open(path, formats=("JPEG", "PNG", "BMP", "TIFF", "WEBP")) as image:
            if image.size[0] * image.size[1] > 10**7:
                return None
            image.load()
            return image.size
    except Exception:  # Pillow's readers raise anything
        return None


def _exif(path: Path) -> None:
    """Our orientation is Pillow's, where Pillow finds one that is valid and of the type that EXIF demands."""
    data = path.read_bytes()
    ours = exif_orientation(data)
    assert 1 <= ours <= 8
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            theirs = image.getexif().get(0x0112)
    except Exception:  # Pillow's readers raise anything
        return
    if isinstance(theirs, int) and 2 <= theirs <= 8:
        assert ours in (1, theirs), (ours, theirs)


def _validation(path: Path) -> None:
    read_validation_list(path.parents[1])


def _boxes(path: Path) -> None:
    root = path.parent
    frames = [Frame(root, "test", name, "1", "F", "1", name[6], spelled={}) for name in NAMES]
    assert person_boxes_path(root) == path
    for box in read_person_boxes(root, frames).values():
        assert np.isfinite(box).all()


TARGETS = (
    Target("camera files", "camera.json", _camera, "camera"),
    Target("calibrations", "calibration.bin", _calibration, "calibrations"),
    Target(
        "calibrations of several files", "file.bin", _calibration_folder, "calibration_folders", several_files=True
    ),
    Target("label files", "label.json", _label, "label"),
    Target("sample submissions", "sample.json", read_sample, "sample"),
    Target("validation lists", "task04_train/validation.json", _validation, "validation"),
    Target("person boxes", "person_box.json", _boxes, "boxes"),
    Target("config files", "config.yml", lambda path: load_config(path, []), "config"),
    Target("JSON", "any.json", _json, "camera"),
    Target("images", "image.bin", _image, "images"),
    Target("EXIF", "photo.jpg", _exif, "exif"),
    Target("lists for predict.py, text", "list.txt", lambda path: find_sources([str(path)]), "list"),
    Target("lists for predict.py, CSV", "list.csv", lambda path: find_sources([str(path)]), "list"),
    Target("arrays (.npz)", "poses.npz", lambda path: _refusing(read_npz, path), "npz"),
    Target("released weights", "weights.safetensors", load_checkpoint, "weights"),
    Target("checkpoints", "best_01.pt", load_checkpoint, "checkpoints"),
)  # fmt: skip


def _refusing(read: Callable[[Path], Any], path: Path) -> None:
    """Reads what refuses by a ValueError, which its callers make a sentence of."""
    try:
        read(path)
    except ValueError as error:
        raise UserError(f"{path}: {error}; make it again") from None
