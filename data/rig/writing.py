"""Writes labelled recordings in the competition's layout."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from data.rig.recording_labels import LabelledPerson, LabelledRecording
from data.rig.splits import TEST, TRAIN, VALIDATION
from data.rig.views import jpeg
from modules.console import progress_bar
from modules.files.atomic import read_json, write_bytes, write_json
from modules.files.cameras import write_camera
from modules.files.labels import SD_FIELD, validation_path, write_label
from modules.files.layout import split_folder
from modules.files.person_boxes import person_boxes_path
from modules.utils import UserError

BOX_MARGIN = 0.1  # of the longer side of a person's landmarks
MARKER = "rig.json"
STARTED = "rig_started.json"  # says that a rig made the folder, before the first landmarks are finished
LANDMARKS_FOLDER = "landmarks"


@dataclass
class Written:
    """The names of the images of each use, and where the person is in images of several."""

    images: dict[str, list[str]] = field(default_factory=lambda: {TRAIN: [], VALIDATION: [], TEST: []})
    boxes: list[dict[str, Any]] = field(default_factory=list)


def prepare_folder(out: Path) -> None:
    """Makes the data set's folder, and marks it. Raises UserError if it holds what no rig made and would be removed."""
    out.mkdir(parents=True, exist_ok=True)
    if (out / STARTED).is_file():
        return
    if not _is_finished(out):
        for path in (*_splits(out), *_lists(out), out / MARKER):
            if path.exists():
                raise UserError(
                    f"{path}: this {'folder' if path.is_dir() else 'file'} is not of a rig's data set, which would replace it; "
                    "name a new folder with --out"
                )
    write_json(out / STARTED, {"made_by": "data.rig.prepare"})


def _is_finished(out: Path) -> bool:
    """Returns whether a folder holds the marker of a finished data set, rather than a file of its name."""
    try:
        found = read_json(out / MARKER)
    except UserError:
        return False
    return isinstance(found, dict) and "recordings" in found


def _splits(out: Path) -> list[Path]:
    return [split_folder(out, split) for split in ("train", "test")]


def _lists(out: Path) -> list[Path]:
    return [out / "sample_submission.json", person_boxes_path(out)]


def clear(out: Path) -> None:
    """Removes what an earlier run wrote, except for landmarks and caches."""
    for path in (out / MARKER, *_lists(out)):
        path.unlink(missing_ok=True)
    for split in _splits(out):
        shutil.rmtree(split, ignore_errors=True)


def field_of(camera: str) -> str:
    """Returns a camera's name as a field of image names: letters and digits with hyphens."""
    return "".join(letter if letter.isalnum() else "-" for letter in camera)


def written_moments(done: LabelledRecording, person: LabelledPerson, use: np.ndarray, camera: int) -> np.ndarray:
    """Returns the moments of which a camera's image of a person is written: labelled ones, of the uses it has.

    Training and validation have the images of the labelling cameras, testing those of the test camera.
    """
    own = [TEST] if camera == done.test_camera else [TRAIN, VALIDATION]
    return np.flatnonzero(person.kept & _shown(done, person, camera) & np.isin(use, own))


def written_uses(done: LabelledRecording, uses: Sequence[np.ndarray]) -> set[str]:
    """Returns the uses of which `write_recording` would write an image."""
    return {
        use
        for person, own in zip(done.people, uses, strict=True)
        for camera in range(len(done.cameras))
        for use in own[written_moments(done, person, own, camera)].tolist()
    }


def write_recording(out: Path, done: LabelledRecording, uses: Sequence[np.ndarray], written: Written) -> None:
    """Writes cameras, labels and images of everybody in a recording; `uses` (M,) are each person's."""
    wanted: list[dict[int, list[Path]]] = [{} for _ in done.cameras]  # frame → files, for each camera
    for person, use in zip(done.people, uses, strict=True):
        for index in range(len(done.cameras)):
            split = "test" if index == done.test_camera else "train"
            moments = written_moments(done, person, use, index)
            if not len(moments):
                continue
            view = f"{done.recording.pose}_{person.person}_{field_of(done.recording.names[index])}"
            write_camera(split_folder(out, split) / "camera" / f"{view}.json", done.cameras[index])
            for moment in moments.tolist():
                frame = int(done.moments.frames[index, moment])
                name = f"{view}_{moment}{_suffix(done, index, frame)}"
                wanted[index].setdefault(frame, []).append(split_folder(out, split) / "images" / view / name)
                written.images[use[moment]].append(name)
                if len(done.people) > 1:
                    written.boxes.append(
                        {"file_name": name, "person_box": _rounded(person_box(done, person, index, frame))}
                    )
                _write_label(split_folder(out, split), done.recording.pose, person, moment)
    _write_images(done, wanted)


def _shown(done: LabelledRecording, person: LabelledPerson, camera: int) -> np.ndarray:
    """Returns the moments (M,) of which a camera took a frame that shows the person."""
    frames = done.moments.frames[camera]
    return (frames >= 0) & (person.track.places[camera][np.maximum(frames, 0)] >= 0)


def _suffix(done: LabelledRecording, camera: int, frame: int) -> str:
    """Returns the ending of a frame's image: its own if it is linked."""
    view = done.recording.views[camera]
    return view.images[frame].suffix if view.images else ".jpg"


def person_box(done: LabelledRecording, person: LabelledPerson, camera: int, frame: int) -> np.ndarray:
    """Returns the box (4,) left, top, width, height px around a person's landmarks in the raw image of a frame."""
    px = done.people2d[camera].points_px[frame, person.track.places[camera][frame]]
    low, high = px.min(0), px.max(0)
    margin = BOX_MARGIN * (high - low).max()
    return np.concatenate([low - margin, high - low + 2 * margin])


def _rounded(values: np.ndarray) -> list[float]:
    return [round(value, 1) for value in values.tolist()]


def _write_label(split: Path, pose: str, person: LabelledPerson, moment: int) -> None:
    recording = f"{pose}_{person.person}"
    path = split / "labels" / recording / f"3D_{recording}_{moment}.json"
    if not path.exists():  # all views of a moment share it
        extra = {SD_FIELD: person.labels.joints_sd_mm[moment].round(2).tolist()}
        write_label(path, person.labels.joints_world[moment], extra)


def _write_images(done: LabelledRecording, wanted: Sequence[dict[int, list[Path]]]) -> None:
    total = sum(len(frames) for frames in wanted)
    with progress_bar(total, f"images {done.recording.name}", "image") as bar:
        for view, frames in zip(done.recording.views, wanted, strict=True):
            numbers = sorted(frames)
            if view.images:
                for number in numbers:
                    for target in frames[number]:
                        link(view.images[number], target)
                    bar.update()
                continue
            for number, image in zip(numbers, view.read(numbers), strict=True):
                first, *others = frames[number]
                write_bytes(first, jpeg(image))
                for target in others:
                    link(first, target)
                bar.update()


def write_lists(out: Path, written: Written, marker: dict[str, Any]) -> None:
    """Writes the lists of validation and test images, the person boxes, and last the marker."""
    write_json(validation_path(out), written.images[VALIDATION])
    if written.images[TEST]:
        sample = [{"file_name": name, "3d_pos": [[0.0, 0.0, 0.0]] * 24} for name in written.images[TEST]]
        write_json(out / "sample_submission.json", sample, indent=None)
    if written.boxes:
        write_json(person_boxes_path(out), written.boxes, indent=None)
    write_json(out / MARKER, marker)


def link(source: Path, target: Path) -> None:
    """Makes a hard link to a file, or to what a symbolic link means, or a copy if the file system does not support links."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source.resolve(), target)  # Linux links a symbolic link itself
    except OSError:
        write_bytes(target, source.read_bytes())
