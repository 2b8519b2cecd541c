"""Reads the lens numbers of a camera file, and finds where a lens model turns back on itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from modules.files.numbers import read_numbers
from modules.pose_utils import Camera
from modules.utils import UserError, brief

MOST = 5  # k1, k2, p1, p2, k3
RATIONAL = 14  # the longest list of numbers that OpenCV's rational model with thin prisms and a tilted sensor has
_WRITE = "write OpenCV's k1, k2, p1, p2, k3"


def read_distortion(path: Path, value: Any, field: str = "distortion") -> np.ndarray:
    """Returns OpenCV's k1, k2, p1, p2, k3 as (5,); `path` and `field` are for the message.

    Numbers that are not written are 0, and zeros beyond the fifth are left out. Raises UserError for anything else.
    """
    if not isinstance(value, list):
        raise UserError(f"{path}: {field} is {brief(value)}; {_WRITE} as a list")
    if any(isinstance(part, list) for part in value):
        raise UserError(f"{path}: {field} has one bracket too many; write [k1, k2, p1, p2, k3]")
    numbers = read_numbers(path, field, value, (len(value),)) if value else np.zeros(0)
    numbers = np.trim_zeros(numbers, "b")
    if len(numbers) > RATIONAL:
        raise UserError(f"{path}: {field} has {len(value)} numbers, which no lens model of OpenCV has; {_WRITE}")
    if len(numbers) > MOST:
        raise UserError(
            f"{path}: {field} has {len(value)} numbers, those of a rational lens, which is not supported; calibrate "
            "this camera without OpenCV's CALIB_RATIONAL_MODEL, which gives five"
        )
    if len(value) == 3 and len(numbers) == 3:
        raise UserError(
            f"{path}: {field} has 3 numbers, of which the last is k3 in one program and p1 in another; {_WRITE}, "
            "with 0 for those that are not known"
        )
    return np.append(numbers, np.zeros(MOST - len(numbers)))


def turning_radius_px(camera: Camera) -> float | None:
    """Returns the distance from the principal point, in px of the raw image, beyond which no ray of the lens leads.

    There the radial polynomial r (1 + k1 r^2 + k2 r^4 + k3 r^6) has its first maximum. None if it always grows.
    """
    if camera.distortion is None:
        return None
    k1, k2, _, _, k3 = camera.distortion
    roots = np.roots([1.0, 3 * k1, 5 * k2, 7 * k3])  # of the derivative, in 1 / r^2, where its first coefficient is 1
    turns = roots.real[(abs(roots.imag) < 1e-9) & (roots.real > 1e-8)]
    if not turns.size:
        return None
    r2 = 1 / turns.max()
    return float(np.sqrt(r2) * (1 + r2 * (k1 + r2 * (k2 + r2 * k3))) * np.sqrt(camera.K[0, 0] * camera.K[1, 1]))


def lens_problem(path: Path, camera: Camera, size: tuple[int, int]) -> str | None:
    """Returns a sentence if the lens turns back inside the picture of `size` (width, height) px, else None."""
    radius = turning_radius_px(camera)
    if radius is None:
        return None
    corners = np.array([[x, y] for x in (0, size[0] - 1) for y in (0, size[1] - 1)])
    if radius >= np.linalg.norm(corners - camera.K[:2, 2], axis=1).max():
        return None
    return (
        f"{path}: the lens of distortion turns back {radius:.0f} px from the principal point, inside the picture of "
        f"{size[0]}x{size[1]} px, so that nothing beyond can be placed; check the order k1, k2, p1, p2, k3 and the signs"
    )
