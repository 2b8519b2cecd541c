"""Reads the TOML files of Pose2Sim, anipose, caliscope and FreeMoCap, which share their tables but not their unit.

Rotation (Rodrigues) and translation map world to camera, in OpenCV's axes. t is in m (Pose2Sim, caliscope), in mm
(FreeMoCap) or in the unit of the calibration board (anipose). Sources: Pose2Sim common.py, aniposelib cameras.py,
caliscope camera_array.py, freemocap anipose_camera_calibration.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from modules.calibrations import values
from modules.calibrations.base import ARBITRARY, AUTO, FileCamera, FileRig
from modules.calibrations.source import Source
from modules.utils import UserError

NAME, TITLE = "toml", "TOML of Pose2Sim, anipose, caliscope or FreeMoCap"
_KEYS = {"matrix", "distortions", "rotation", "translation", "size"}
_NO_CAMERAS = ("metadata", "capture_volume", "charuco", "checkerboard", "aruco_target")


def sniff(source: Source) -> bool:
    """See Format."""
    return any(len(_KEYS & set(table)) >= 2 for table in _tables(source).values())


def read(source: Source) -> FileRig:
    """See Format."""
    path, cameras, notes = source.path, {}, []
    for key, table in _tables(source).items():
        if not _KEYS & set(table):
            continue
        name = str(table.get("name", f"cam_{table['cam_id']}" if "cam_id" in table else key))
        missing = [field for field in ("matrix", "rotation", "translation") if table.get(field) is None]
        if missing:
            notes.append(f"camera {name} has no {missing[0]}, so it was not calibrated, and is left out")
            continue
        if name in cameras:
            raise UserError(f"{path}: two tables have the name {name}; give each camera its own")
        cameras[name] = _camera(path, key, table)
        if table.get("rotation_count"):
            notes.append(
                f"camera {name} was turned for detection alone (rotation_count); its pixels are the stored ones"
            )
    if not cameras:
        raise UserError(f"{path}: no camera has matrix, rotation and translation; calibrate extrinsics, too")
    invented = [name for name, camera in cameras.items() if _is_twice_the_centre(camera)]
    if invented:
        notes.append(
            f"the size of camera {invented[0]} is just twice its principal point, as converters invent it; check it"
        )
    return FileRig(cameras, _unit(source.toml), notes=tuple(notes))


def _tables(source: Source) -> dict[str, dict[str, Any]]:
    """Returns the tables that may be cameras, by key."""
    nested = source.toml.get("cameras")
    tables = nested if isinstance(nested, dict) else source.toml
    return {key: table for key, table in tables.items() if isinstance(table, dict) and key not in _NO_CAMERAS}


def _camera(path: Path, key: str, table: dict[str, Any]) -> FileCamera:
    R = values.rotation(path, f"{key}.rotation", table["rotation"])
    t = values.vector(path, f"{key}.translation", table["translation"])
    numbers = table.get("distortions", [])
    read_lens = values.fisheye if table.get("fisheye") is True else values.lens
    position = table.get("world_position")
    if position is not None:
        centre = values.vector(path, f"{key}.world_position", position)
        if np.linalg.norm(-R.T @ t - centre) > 1e-3 * max(1.0, float(np.linalg.norm(centre))):
            raise UserError(
                f"{path}: {key}.world_position is not the centre -R.T t of rotation and translation, which map world to "
                "camera; export the file again, or remove world_position if it is out of date"
            )
    return FileCamera(
        values.intrinsics(path, f"{key}.matrix", table["matrix"]), R, t,
        values.size(path, f"{key}.size", table["size"]) if "size" in table else None,
        read_lens(path, f"{key}.distortions", numbers),
    )  # fmt: skip


def _is_twice_the_centre(camera: FileCamera) -> bool:
    size = camera.image_size
    return size is not None and (2 * camera.K[0, 2], 2 * camera.K[1, 2]) == size


def _unit(toml: dict[str, Any]) -> str:
    """Returns AUTO, or ARBITRARY where a square of the board is 1, since its user gave no length."""
    metadata = toml.get("metadata")
    return ARBITRARY if isinstance(metadata, dict) and metadata.get("charuco_square_size") == 1 else AUTO
