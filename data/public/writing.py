"""Writes the views of a public set as a data set in the competition's layout."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from data.public.base import View
from modules.files.atomic import atomic_folder, write_json
from modules.files.cameras import write_camera
from modules.files.image_header import read_header
from modules.files.images import size_problem
from modules.files.labels import validation_path, write_label
from modules.files.layout import parse_image_name, split_folder
from modules.files.person_boxes import person_boxes_path
from modules.pose_utils import Camera, project_to_image
from modules.utils import UserError

BOX_MARGIN = 0.1  # of the joints' extent, on each side


def write_data_set(root: Path, views: Iterable[View], form: str, copy: bool) -> dict[str, int]:
    """Writes images, cameras, labels, the validation list and person boxes; returns the number of images of each use.

    Images are linked unless `copy`. Raises UserError if the root is not empty, an image is missing, or its size does not fit.
    """
    if root.exists() and (not root.is_dir() or any(root.iterdir())):
        raise UserError(f"{root}: --out must be a new or empty folder; name another")
    with atomic_folder(root) as folder:
        return _write(folder, views, form, copy)


def _write(root: Path, views: Iterable[View], form: str, copy: bool) -> dict[str, int]:
    counts: Counter[str] = Counter()
    validation: list[str] = []
    boxes: list[dict[str, Any]] = []
    for view in views:
        names = {sequence: f"{view.name}_{sequence}{path.suffix.lower()}" for sequence, path in view.images.items()}
        camera = _sized(view)
        folder = split_folder(root, view.split)
        for sequence, path in view.images.items():
            parse_image_name(names[sequence], path)
            _place(path, folder / "images" / view.name / names[sequence], copy)
        write_camera(
            folder / "camera" / f"{view.name}.json", camera,
            source={"file": view.source.name, "format": form, "camera": view.camera_name},
        )  # fmt: skip
        for sequence, joints_world in view.joints_world.items():
            write_label(folder / "labels" / view.recording / f"3D_{view.recording}_{sequence}.json", joints_world)
            box = _box(project_to_image(joints_world, camera))
            boxes.append({"file_name": names[sequence], "person_box": box})
        if view.validates:
            validation += names.values()
        counts["validation" if view.validates else view.split] += len(names)
    if validation:
        write_json(validation_path(root), validation)
    if boxes:
        write_json(person_boxes_path(root), boxes)
    return dict(counts)


def _sized(view: View) -> Camera:
    """Returns the view's camera with the size of its images. Raises UserError if an image is missing or of another size."""
    size = view.camera.image_size
    for path in view.images.values():
        found = read_header(path).size
        size = size or found
        problem = size_problem(path, found, size)
        if problem is not None:
            raise UserError(problem)
    return replace(view.camera, image_size=size)


def _place(source: Path, target: Path, copy: bool) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if copy:
        shutil.copyfile(source, target)
    else:
        os.symlink(source.resolve(), target)


def _box(joints_px: np.ndarray) -> list[float]:
    """Returns left, top, width, height around joints (24, 2) px, with a margin."""
    low, high = joints_px.min(axis=0), joints_px.max(axis=0)
    extent = np.maximum(high - low, 1.0)
    return [*(low - BOX_MARGIN * extent).tolist(), *((1 + 2 * BOX_MARGIN) * extent).tolist()]
