"""Rotates world or camera coordinates into the up axis that a file format presumes."""

from __future__ import annotations

import numpy as np

from modules.export.poses import Poses
from modules.utils import UserError, brief

AXES = {"x": (1.0, 0.0, 0.0), "y": (0.0, 1.0, 0.0), "z": (0.0, 0.0, 1.0)}


def parse_up(text: str) -> np.ndarray:
    """Reads the value of --up, an axis such as `z` or `-y` or three numbers such as `0,-1,0`: (3,) unit vector.

    Raises UserError if it is neither.
    """
    name = text.strip().lower()
    if name.removeprefix("-") in AXES:
        return np.array(AXES[name.removeprefix("-")]) * (-1.0 if name.startswith("-") else 1.0)
    try:
        up = np.array([float(part) for part in text.split(",")])
    except ValueError:
        up = np.zeros(0)
    length = np.linalg.norm(up) if up.shape == (3,) else np.nan
    if not (np.isfinite(length) and length > 0):
        raise UserError(
            f"--up: {brief(text)} is not a direction; write an axis, such as --up=z or --up=-y, or three numbers, "
            "such as --up=0,-1,0"
        )
    return np.asarray(up / length)


def need_up(poses: Poses, file_format: str) -> np.ndarray:
    """Returns the up direction of the poses: (3,). Raises UserError if it is not known."""
    return need_up_of(poses.up, poses.frame, file_format)


def need_up_of(up: np.ndarray | None, frame: str, file_format: str) -> np.ndarray:
    """Returns up (3,) of a frame (world or camera) as a unit vector. Raises UserError if it is not known."""
    if up is None:
        raise UserError(
            f"--save {file_format}: {file_format} has an up axis of its own, but which way is up in the {frame}'s "
            f"axes is neither declared nor measured; add --up, such as --up=z or --up=0,-1,0, or leave {file_format} out"
        )
    up = np.asarray(up, dtype=np.float64)
    return np.asarray(up / np.linalg.norm(up))


def to_z_up(up: np.ndarray) -> np.ndarray:
    """Returns the rotation (3, 3) from axes in which `up` (3,) points up to axes with z up; the identity if that is z.

    x becomes the axis that follows the one nearest to `up` (x, y, z, x), made perpendicular to it. The determinant is +1:
    left and right are never swapped.
    """
    following = np.eye(3)[(int(np.argmax(np.abs(up))) + 1) % 3]
    x = following - (following @ up) * up
    x /= np.linalg.norm(x)
    return np.stack([x, np.cross(up, x), up])


def to_y_up(up: np.ndarray) -> np.ndarray:
    """Returns the rotation (3, 3) to axes with y up: the axes of `to_z_up` in the order y, z, x; the identity if up is y."""
    return to_z_up(up)[[1, 2, 0]]
