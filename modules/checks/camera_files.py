"""Checks cameras by their files and the sizes of their images alone, before anything is extracted."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from model.skeleton import NUM_JOINTS
from modules.checks.recordings import Finding
from modules.checks.report import check_views
from modules.checks.views import View
from modules.files.cameras import read_camera
from modules.files.image_structure import stored_size
from modules.files.layout import Frame
from modules.pose_utils import Camera
from modules.utils import UserError


def check_camera_files(frames: Iterable[Frame]) -> list[Finding]:
    """Returns what is wrong or odd with the cameras of these images, as far as their numbers tell.

    A camera file that cannot be read, or whose images have no readable header, is left to the extraction, which refuses it.
    """
    views = {}
    for frame in frames:
        if frame.view not in views:
            views[frame.view] = _view(frame)
    return check_views([view for view in views.values() if view is not None])


def view_of(frame: Frame, camera: Camera, image_size: tuple[int, int], people: Mapping[str, np.ndarray]) -> View:
    """Returns the view of a camera with the people that `people` hold: sequence, joints_px, confidence, joints_rel_mm."""
    return View(
        frame.view, frame.camera, image_size, camera.K, camera.R, camera.t, camera.distortion, camera.world_up,
        camera.floor_height_mm, tuple(str(name) for name in people["sequence"]), people["joints_px"],
        people["confidence"], people["joints_rel_mm"],
    )  # fmt: skip


def nobody() -> dict[str, np.ndarray]:
    """Returns the people of a view without any."""
    shapes = {"joints_px": (NUM_JOINTS, 2), "confidence": (NUM_JOINTS,), "joints_rel_mm": (NUM_JOINTS, 3)}
    return {"sequence": np.zeros(0, dtype=str), **{name: np.zeros((0, *shape)) for name, shape in shapes.items()}}


def _view(frame: Frame) -> View | None:
    try:
        camera = read_camera(frame.camera_path)
    except UserError:
        return None
    size = camera.image_size or _size(frame.image_path)
    return None if size is None else view_of(frame, camera, size, nobody())


def _size(path: Path) -> tuple[int, int] | None:
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return stored_size(data)
    except (OSError, ValueError):
        return None
