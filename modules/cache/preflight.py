"""Reads cameras, labels and image headers of an extraction, and reports what is wrong with them before a network runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from modules.cache.estimates import label_columns
from modules.files.camera_keys import unread_keys_note
from modules.files.cameras import camera_from_numbers, read_camera, read_camera_numbers
from modules.files.image_header import view_problems
from modules.files.layout import Frame, images_by_camera
from modules.files.lens import lens_problem_of
from modules.picture_turns import quarter_turns
from modules.pose_utils import Camera
from modules.utils import UserError, log


def read_cameras(frames: Sequence[Frame]) -> dict[Path, Camera]:
    """Reads the camera file of every view, and logs keys that are not read and lenses that turn back inside the picture.

    Raises UserError with the first problem and the number of other files that have one.
    """
    cameras, unread, problems = {}, {}, []
    for path in sorted({frame.camera_path for frame in frames}):
        try:
            numbers = read_camera_numbers(path)
            cameras[path], unread[path] = camera_from_numbers(path, numbers), numbers.unread
        except UserError as error:
            problems.append(str(error))
    if problems:
        raise UserError(first_of(problems, "camera files cannot be used either; python check_data.py names them"))
    note = unread_keys_note(unread)
    if note is not None:
        log.info("%s", note)
    lenses = [problem for path, camera in cameras.items() if (problem := lens_problem_of(path, camera)) is not None]
    if lenses:
        log.warning("%s", first_of(lenses, "camera files have such a lens, too"))
    return cameras


def turned_views(frames: Sequence[Frame]) -> dict[str, int]:
    """Returns by how many quarters the pictures of each view are turned, for those that are; broken files are left out."""
    found = {}
    for frame in {frame.view: frame for frame in frames}.values():
        try:
            turns = quarter_turns(read_camera(frame.camera_path))
        except UserError:  # `read_cameras` names it
            continue
        if turns:
            found[frame.view] = turns
    return found


def check_labels(frames: Sequence[Frame], cameras: Mapping[Path, Camera], labels: Mapping[Path, np.ndarray]) -> None:
    """Raises UserError if a label is behind the camera of one of its images."""
    for frame in frames:
        joints = labels.get(frame.label_path)
        if joints is not None:
            label_columns(joints, cameras[frame.camera_path], frame)


def image_problems(frames: Sequence[Frame], cameras: Mapping[Path, Camera]) -> dict[str, str]:
    """Returns the message of each image that its header, its end or its view's other images rule out, by file name."""
    found: dict[Path, str] = {}
    for camera_path, paths in images_by_camera(frames).items():
        found |= view_problems(paths, camera_path, cameras[camera_path].image_size)
    return {frame.file_name: found[frame.image_path] for frame in frames if frame.image_path in found}


def first_of(sentences: Sequence[str], others: str) -> str:
    """Returns the first sentence, with the number of further ones and what is said of them."""
    return sentences[0] if len(sentences) == 1 else f"{sentences[0]} ({len(sentences) - 1} more {others})"
