"""Reads and writes camera files: intrinsics, extrinsics and the optional fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from modules.files.atomic import read_json, write_json
from modules.files.calibrated_picture import of_picture
from modules.files.camera_keys import with_our_keys
from modules.files.lens import FISHEYE, read_lens
from modules.files.numbers import read_numbers, require_object
from modules.files.rotations import rotation_problem
from modules.pose_utils import Camera, project_rotation
from modules.utils import UserError, brief

IMAGE_SCALE = 1920.0  # the competition divides the first two rows of K by this
FOCAL_PX = (1.0, 1e7)  # outside this range, K is not invertible in double precision, or all rays are the same
LONGEST_SIDE = 2**20  # px, OpenCV's own limit


@dataclass(frozen=True)
class CameraNumbers:
    """The numbers of a camera file as written: of the right shapes and finite, but not checked for consistency."""

    intrinsics: np.ndarray  # (3, 3)
    image_scale: float
    extrinsics: np.ndarray  # (3, 4)
    optional: dict[str, Any]  # the other fields of modules.pose_utils.Camera
    unread: tuple[str, ...] = ()  # keys of the file that mean nothing here


def read_camera_numbers(path: Path, needs_extrinsics: bool = True) -> CameraNumbers:
    """Reads a camera file without checking that K and [R|t] are possible.

    Unless they are needed, missing extrinsics are read as the identity: world axes are then the camera's. Raises UserError
    if a field is missing or is not numbers of the right shape.
    """
    written = require_object(path, read_json(path, "write this camera's calibration into it; it is never guessed"))
    data, unread = with_our_keys(path, written)
    for field in ("intrinsics", "extrinsics") if needs_extrinsics else ("intrinsics",):
        if field not in data:
            raise UserError(f"{path}: the field {field} is missing; add it, for world coordinates need it")
    scale = float(read_numbers(path, "image_scale", data.get("image_scale", IMAGE_SCALE), ()))
    if scale <= 0:
        raise UserError(f"{path}: image_scale is {scale:g}; write what the first two rows of intrinsics are divided by")
    intrinsics = read_numbers(path, "intrinsics", data["intrinsics"], (3, 3))
    extrinsics = read_numbers(path, "extrinsics", data.get("extrinsics", np.eye(3, 4).tolist()), (3, 4))
    optional = _optional_fields(path, data)
    intrinsics = of_picture(path, data, intrinsics, scale, optional.get("image_size"))
    return CameraNumbers(intrinsics, scale, extrinsics, optional, unread)


def read_camera(path: Path) -> Camera:
    """Reads a camera file as a camera with K in px and t in mm.

    Raises UserError if a field is missing, malformed or impossible.
    """
    return camera_from_numbers(path, read_camera_numbers(path))


def camera_from_numbers(path: Path, numbers: CameraNumbers) -> Camera:
    """Returns the camera that the numbers of a camera file describe; `path` is for the messages.

    R is projected onto the nearest rotation. Raises UserError if K is not invertible or R is not a rotation.
    """
    K = np.diag([numbers.image_scale, numbers.image_scale, 1.0]) @ numbers.intrinsics
    focal = np.array([K[0, 0], K[1, 1]])
    if not ((focal > 0).all() and np.allclose(K[2], [0, 0, 1]) and abs(K[1, 0]) < 1e-9):
        raise UserError(
            f"{path}: intrinsics cannot be inverted; write [[fx, s, cx], [0, fy, cy], [0, 0, 1]] with positive focal lengths"
        )
    if (focal < FOCAL_PX[0]).any() or (focal > FOCAL_PX[1]).any():
        raise UserError(
            f"{path}: intrinsics come to focal lengths of {focal[0]:.4g} and {focal[1]:.4g} px; "
            f"write px divided by image_scale ({numbers.image_scale:g})"
        )
    R = numbers.extrinsics[:, :3]
    problem = rotation_problem(R)
    if problem:
        raise UserError(f"{path}: the rotation in extrinsics {problem}")
    return Camera(K=K, R=project_rotation(R), t=numbers.extrinsics[:, 3], **numbers.optional)


def write_camera(
    path: Path, camera: Camera, image_scale: float = IMAGE_SCALE, source: Mapping[str, Any] | None = None
) -> None:
    """Writes a camera file. Optional fields that are None are left out; `source` says what it was converted from."""
    data: dict[str, Any] = {
        "intrinsics": (np.diag([1 / image_scale, 1 / image_scale, 1.0]) @ camera.K).tolist(),
        "extrinsics": np.column_stack([camera.R, camera.t]).tolist(),
        "image_scale": image_scale,
    }
    if camera.image_size is not None:
        data["image_size"] = list(camera.image_size)
    if camera.distortion is not None:
        data["distortion"] = camera.distortion.tolist()
        if len(camera.distortion) == 4:
            data["lens"] = FISHEYE
    if camera.world_up is not None:
        data["world_up"] = camera.world_up.tolist()
    if camera.floor_height_mm is not None:
        data["floor_height_mm"] = camera.floor_height_mm
    if source is not None:
        data["source"] = dict(source)
    write_json(path, data)


def _optional_fields(path: Path, data: dict[str, Any]) -> dict[str, Any]:
    """Returns those of image_size, distortion, world_up (3,) and floor_height_mm that the file has, checked."""
    fields: dict[str, Any] = {}
    if data.get("image_size") is not None:
        fields["image_size"] = _image_size(path, data["image_size"])
    if data.get("distortion") is not None:
        fields["distortion"] = read_lens(path, data["distortion"], data.get("lens"))
    if data.get("world_up") is not None:
        up = read_numbers(path, "world_up", data["world_up"], (3,))
        if abs(np.linalg.norm(up) - 1) > 1e-3:
            raise UserError(
                f"{path}: world_up must be a unit vector, but its length is {np.linalg.norm(up):.4g}; divide it by that"
            )
        fields["world_up"] = up / np.linalg.norm(up)
    if data.get("floor_height_mm") is not None:
        if "world_up" not in fields:
            raise UserError(f"{path}: floor_height_mm needs world_up beside it; add the unit vector that points up")
        fields["floor_height_mm"] = float(read_numbers(path, "floor_height_mm", data["floor_height_mm"], ()))
    return fields


def _image_size(path: Path, value: Any) -> tuple[int, int]:
    """Returns (width, height) in px."""
    sides = read_numbers(path, "image_size", value, (2,))
    if not ((sides >= 1) & (sides <= LONGEST_SIDE) & (sides == sides.round())).all():
        raise UserError(f"{path}: image_size is {brief(value)}; write the image's [width, height] in whole px")
    return int(sides[0]), int(sides[1])
