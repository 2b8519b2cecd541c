"""Reads the lens numbers of a camera file, and finds where a lens model turns back on itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from modules.files.numbers import read_numbers
from modules.pose_utils import Camera
from modules.utils import UserError, brief

LENGTHS = (5, 8, 12, 14)  # of OpenCV's lists: k1, k2, p1, p2, k3, then k4 to k6, s1 to s4, and tx, ty
FISHEYE, OPENCV = "fisheye", "opencv"  # values of the key `lens`
_WRITE = "write OpenCV's k1, k2, p1, p2, k3"


def read_lens(path: Path, value: Any, lens: Any) -> np.ndarray:
    """Returns the distortion of a camera file as modules.pose_utils.Camera holds it; `lens` is that key's value, or None."""
    if lens not in (None, OPENCV, FISHEYE):
        raise UserError(
            f"{path}: lens is {brief(lens)}; write fisheye, or leave it out, and write its numbers as distortion"
        )
    return read_fisheye(path, value) if lens == FISHEYE else read_distortion(path, value)


def read_fisheye(path: Path, value: Any, field: str = "distortion") -> np.ndarray:
    """Returns k1 to k4 (4,) of OpenCV's fisheye model, the equidistant one of other programs."""
    return read_numbers(path, field, value, (4,))


def read_distortion(path: Path, value: Any, field: str = "distortion") -> np.ndarray:
    """Returns OpenCV's k1, k2, p1, p2, k3 and more as (5,), (8,), (12,) or (14,); `path` and `field` are for the message.

    Numbers that are not written are 0, and zeros beyond the fifth are left out. Raises UserError for anything else.
    """
    if not isinstance(value, list):
        raise UserError(f"{path}: {field} is {brief(value)}; {_WRITE} as a list")
    if any(isinstance(part, list) for part in value):
        raise UserError(f"{path}: {field} has one bracket too many; write [k1, k2, p1, p2, k3]")
    numbers = read_numbers(path, field, value, (len(value),)) if value else np.zeros(0)
    numbers = np.trim_zeros(numbers, "b")
    if len(numbers) > LENGTHS[-1]:
        raise UserError(f"{path}: {field} has {len(value)} numbers, which no lens model of OpenCV has; {_WRITE}")
    if len(value) == 3 and len(numbers) == 3:
        raise UserError(
            f"{path}: {field} has 3 numbers, of which the last is k3 in one program and p1 in another; {_WRITE}, "
            "with 0 for those that are not known"
        )
    length = next(length for length in LENGTHS if length >= len(numbers))
    return np.append(numbers, np.zeros(length - len(numbers)))


def turning_radius_px(camera: Camera) -> float | None:
    """Returns the distance from the principal point, in px of the raw image, beyond which no ray of the lens leads.

    There the radial function of the lens has its first maximum, or, of a fisheye lens, rays stand at right angles to the
    axis. None if it always grows. Tangential numbers, thin prisms and a tilted sensor do not enter.
    """
    if camera.distortion is None:
        return None
    focal = np.sqrt(camera.K[0, 0] * camera.K[1, 1])
    if len(camera.distortion) == 4:
        angle = min(_first_turn(np.append(1, camera.distortion) * [1, 3, 5, 7, 9]), np.pi / 2)
        return float(angle * np.polyval(np.append(camera.distortion[::-1], 1), angle**2) * focal)
    k1, k2, _, _, k3, k4, k5, k6 = np.append(camera.distortion, np.zeros(3))[:8]
    above, below = np.array([k3, k2, k1, 1.0]), np.array([k6, k5, k4, 1.0])  # of r, as polynomials in r^2
    derivative = np.polyadd(
        np.polymul(above, below),
        np.polymul([2.0, 0.0], np.polysub(np.polymul(np.polyder(above), below), np.polymul(above, np.polyder(below)))),
    )
    radius = _first_turn(derivative[::-1])
    if not np.isfinite(radius) or radius > _first_turn(below[::-1]):  # at a pole it has grown beyond any picture
        return None
    return float(radius * np.polyval(above, radius**2) / np.polyval(below, radius**2) * focal)


def _first_turn(coefficients: np.ndarray) -> float:
    """Returns the smallest positive r at which a polynomial in r^2, with 1 as its first coefficient, is 0; else infinity."""
    roots = np.roots(coefficients)  # in 1 / r^2
    turns = roots.real[(abs(roots.imag) < 1e-9) & (roots.real > 1e-8)]
    return float(1 / np.sqrt(turns.max())) if turns.size else float("inf")


def lens_problem_of(path: Path, camera: Camera) -> str | None:
    """Returns the lens's problem within the declared image size, else within one with its principal point in the middle."""
    middle = (round(2 * camera.K[0, 2]) + 1, round(2 * camera.K[1, 2]) + 1)
    return lens_problem(path, camera, camera.image_size or middle)


def lens_problem(path: Path, camera: Camera, size: tuple[int, int]) -> str | None:
    """Returns a sentence if the lens turns back inside the picture of `size` (width, height) px, else None."""
    radius = turning_radius_px(camera)
    if radius is None or camera.distortion is None:
        return None
    corners = np.array([[x, y] for x in (0, size[0] - 1) for y in (0, size[1] - 1)])
    if radius >= np.linalg.norm(corners - camera.K[:2, 2], axis=1).max():
        return None
    if len(camera.distortion) == 4:
        return (
            f"{path}: the fisheye lens leads no ray in front of the camera to what is more than {radius:.0f} px from the "
            "principal point; joints seen there get the confidence 0"
        )
    return (
        f"{path}: the lens of distortion turns back {radius:.0f} px from the principal point, inside the picture of "
        f"{size[0]}x{size[1]} px, so that nothing beyond can be placed; check the order k1, k2, p1, p2, k3 and the signs"
    )
