"""Reads the transforms.json of Nerfstudio and instant-ngp: camera to world in OpenGL's axes, in a unit of its own.

Pixel (0, 0) is a corner, as in COLMAP, whose numbers these are. The world is that of the file, after `applied_transform`
and `applied_scale`, which are named.
Source: Nerfstudio's data conventions and nerfstudio_dataparser.py.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from modules.calibrations import values
from modules.calibrations.base import ARBITRARY, FileCamera, FileRig
from modules.calibrations.source import Source
from modules.calibrations.values import entry
from modules.files.numbers import read_numbers
from modules.utils import UserError, brief

NAME, TITLE = "nerfstudio", "Nerfstudio or instant-ngp transforms.json"
_OPENGL = np.diag([1.0, -1.0, -1.0])
_PINHOLE, _FISHEYE = ("OPENCV", "PINHOLE", "SIMPLE_PINHOLE"), ("OPENCV_FISHEYE",)


def sniff(source: Source) -> bool:
    """See Format."""
    frames = source.json.get("frames") if isinstance(source.json, dict) else None
    return isinstance(frames, list) and any(isinstance(one, dict) and "transform_matrix" in one for one in frames)


def read(source: Source) -> FileRig:
    """See Format."""
    path, data, cameras = source.path, source.json, {}
    for index, frame in enumerate(data["frames"]):
        where = f"frames[{index}]"
        name = str(entry(path, where, frame, "file_path"))
        M = values.homogeneous(path, f"{where}.transform_matrix", entry(path, where, frame, "transform_matrix"))
        R = _OPENGL @ values.rotation(path, f"{where}.transform_matrix", M[:3, :3].tolist()).T
        if name in cameras:
            raise UserError(f"{path}: two frames have the file_path {name}; remove one of them")
        cameras[name] = _camera(path, where, {**data, **frame}, R, -R @ M[:3, 3])
    return FileRig(cameras, ARBITRARY, "z", _applied(path, data), "[R|t] is camera to world in OpenGL's axes")


def _applied(path: Path, data: dict[str, Any]) -> tuple[str, ...]:
    """Returns what has been done to the world before the file was written. It is not undone: z is up after it."""
    notes = []
    if data.get("applied_transform") is not None:
        A = read_numbers(path, "applied_transform", data["applied_transform"], (3, 4))
        if not np.array_equal(A, np.eye(3, 4)):
            notes.append(
                f"applied_transform {np.round(A, 4).tolist()} is in the cameras, which stand in the world after it; points of "
                "the world before it, such as COLMAP's, have to be mapped by it first"
            )
    scale = float(read_numbers(path, "applied_scale", data.get("applied_scale", 1.0), ()))
    if scale != 1.0:
        notes.append(f"applied_scale {scale:g} is in the lengths; --scale is the mm of one unit after it")
    return tuple(notes)


def _camera(path: Path, where: str, data: dict[str, Any], R: np.ndarray, t: np.ndarray) -> FileCamera:
    width, height = values.size(path, f"{where}: w, h", [data.get("w"), data.get("h")])
    if "fl_x" in data:
        fx = data["fl_x"]
    else:
        angle = float(read_numbers(path, f"{where}: fl_x or camera_angle_x", data.get("camera_angle_x"), ()))
        if not 0 < angle < np.pi:
            raise UserError(f"{path}: camera_angle_x is {angle:g}; write the angle of view in radians")
        fx = width / (2 * np.tan(angle / 2))
    numbers = [fx, data.get("fl_y", fx), data.get("cx", width / 2), data.get("cy", height / 2)]
    K = values.matrix(path, f"{where}: fl_x, fl_y, cx, cy", numbers)
    K[:2, 2] -= 0.5
    model = data.get("camera_model", "OPENCV")
    k = [data.get(key, 0.0) for key in ("k1", "k2", "k3", "k4")]
    if model in _FISHEYE:
        return FileCamera(K, R, t, (width, height), values.fisheye(path, f"{where}: k1 to k4", k))
    if model not in _PINHOLE:
        raise UserError(f"{path}: camera_model is {brief(model)}, which is not supported; undistort the images first")
    if any(k[2:]):
        raise UserError(f"{path}: k3 and k4 belong to camera_model OPENCV_FISHEYE; write that model, or remove them")
    lens = [*k[:2], data.get("p1", 0.0), data.get("p2", 0.0)]
    return FileCamera(K, R, t, (width, height), values.lens(path, f"{where}: k1, k2, p1, p2", lens))
