"""Makes rotations of the demo on disk: fetches, decodes, detects, refines, labels and writes."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from data.demo import plan
from data.demo.calibration import read_demo_cameras
from data.demo.frames import decode_videos, detect_landmarks, frame_path
from data.demo.report import describe
from data.demo.rotation import Rotation, build_rotation
from data.demo.source import CALIBRATION, fetch_demo_source
from data.rig.calibration import fit_to_video
from data.rig.landmarks import Detect
from data.rig.views import common_size
from data.rig.writing import link
from modules.extractors.blazepose.detector import BlazePose
from modules.extractors.blazepose.extractor import BlazePoseExtractor
from modules.extractors.blazepose.landmarks import Landmarks
from modules.files.atomic import write_json
from modules.files.cameras import write_camera
from modules.files.labels import validation_path, write_label
from modules.files.layout import split_folder
from modules.files.locking import only_writer
from modules.pose_utils import Camera
from modules.utils import UserError, log
from pre_models.blazepose import fetch_blazepose


def make_rotations(out: Path, test_cameras: list[int], kind: str = plan.ROTATION) -> None:
    """Makes the data set of each test camera (1 to 4) in `out`. Existing downloads, frames and landmarks are reused.

    `kind` is plan.ROTATION, or plan.ZERO_SHOT for the test camera alone with all of its frames.
    """
    source = fetch_demo_source(out / "source")
    fetch_blazepose(plan.WEIGHTS)
    decode_videos(source, out, plan.CAMERAS)
    given = read_cameras(source, out)
    fingerprint = BlazePoseExtractor(plan.WEIGHTS).fingerprint
    points_px, visibility = detect_landmarks(out, plan.CAMERAS, one_person, fingerprint)
    for test_camera in test_cameras:
        rotation = build_rotation(points_px, visibility, given, test_camera - 1)
        report, lines = describe(rotation, given)
        log.info("%s", "\n".join(lines))
        write = write_rotation if kind == plan.ROTATION else write_zero_shot
        write(out, rotation, {"extractor": fingerprint, "report": report})


def one_person() -> Detect:
    """Returns the detector of the most confident person in an image."""
    model = BlazePose(plan.WEIGHTS)

    def detect(image_rgb: np.ndarray, _: Sequence[Landmarks]) -> list[Landmarks]:
        found = model.detect(image_rgb)
        return [] if found is None else [found]

    return detect


def read_cameras(source: Path, out: Path) -> list[Camera]:
    """Returns the four calibrated cameras, fitted to their decoded frames."""
    path = source / CALIBRATION
    calibrated = read_demo_cameras(path)
    absent = [camera for camera in plan.CAMERAS if camera not in calibrated]
    if absent:
        raise UserError(f"{path}: camera {absent[0]} is missing; remove the file to fetch it again")
    return [fit_to_video(calibrated[camera], common_size([frame_path(out, camera, 0)])) for camera in plan.CAMERAS]


def write_rotation(out: Path, rotation: Rotation, notes: dict[str, object]) -> Path:
    """Writes one rotation in the competition's layout, its marker file last, and returns its folder."""
    test = rotation.test_camera + 1
    others = [camera for camera in range(1, len(plan.CAMERAS) + 1) if camera != test]
    frames = [*plan.TRAIN_FRAMES, *plan.VALIDATION_FRAMES]
    with _cleared(out / f"{plan.ROTATION}_{test}") as folder:
        for camera in others:
            _write_view(out, split_folder(folder, "train"), rotation, camera, frames)
        _write_view(out, split_folder(folder, "test"), rotation, test, [*plan.TEST_FRAMES])
        held_out = [plan.image_name(camera, frame) for camera in others for frame in plan.VALIDATION_FRAMES]
        write_json(validation_path(folder), held_out)
        return _finished(folder, plan.sample_submission(test), notes)


def write_zero_shot(out: Path, rotation: Rotation, notes: dict[str, object]) -> Path:
    """Writes all frames of the test camera as a test split, for models trained elsewhere, and returns the folder.

    There is no training split: the other cameras only give the camera's pose, the floor and the labels.
    """
    test = rotation.test_camera + 1
    with _cleared(out / f"{plan.ZERO_SHOT}_{test}") as folder:
        _write_view(out, split_folder(folder, "test"), rotation, test, [*plan.ALL_FRAMES])
        return _finished(folder, plan.sample_submission(test, plan.ALL_FRAMES), notes)


@contextlib.contextmanager
def _cleared(folder: Path) -> Iterator[Path]:
    """Context manager: locks a folder, and removes the marker and the splits of an earlier run.

    Raises UserError if another process writes it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with only_writer(folder, "makes a data set in"):
        (folder / plan.MARKER).unlink(missing_ok=True)
        for part in ("train", "test"):
            shutil.rmtree(split_folder(folder, part), ignore_errors=True)
        yield folder


def _finished(folder: Path, sample: list[dict[str, object]], notes: dict[str, object]) -> Path:
    """Writes the sample submission and the marker, and returns the folder."""
    write_json(folder / "sample_submission.json", sample, indent=None)
    write_json(folder / plan.MARKER, plan.marker(folder) | notes)
    return folder


def _write_view(out: Path, split: Path, rotation: Rotation, camera: int, frames: list[int]) -> None:
    """Writes camera, images and labels of one view (camera from 1) into a split."""
    recording = f"{plan.POSE}_{plan.PERSON}"
    view = f"{recording}_{camera}"
    write_camera(split / "camera" / f"{view}.json", rotation.cameras[camera - 1])
    for frame in frames:
        image = plan.image_name(camera, frame)
        link(frame_path(out, plan.CAMERAS[camera - 1], frame), split / "images" / view / image)
        label = split / "labels" / recording / f"3D_{recording}_{frame}.json"
        if not label.exists():  # all views of a frame share it
            write_label(label, rotation.joints_world[frame])
