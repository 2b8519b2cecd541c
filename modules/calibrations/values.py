"""Checks the numbers that all formats hold: intrinsics, lens, rotation, translation and picture size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from modules.files.cameras import FOCAL_PX, LONGEST_SIDE
from modules.files.lens import read_distortion, read_fisheye
from modules.files.numbers import read_numbers
from modules.files.rotations import rotation_problem
from modules.pose_utils import project_rotation
from modules.utils import UserError, brief


def intrinsics(path: Path, field: str, value: Any) -> np.ndarray:
    """Returns K (3, 3) px. Raises UserError if it cannot be inverted or its focal lengths cannot be px."""
    K = read_numbers(path, field, value, (3, 3))
    focal = K[[0, 1], [0, 1]]
    if not np.allclose(K[2], [0, 0, 1]) or abs(K[1, 0]) > 1e-9:
        raise UserError(f"{path}: {field} is no camera matrix; write [[fx, s, cx], [0, fy, cy], [0, 0, 1]] in px")
    if not ((focal >= FOCAL_PX[0]) & (focal <= FOCAL_PX[1])).all():
        raise UserError(
            f"{path}: {field} has focal lengths of {focal[0]:.4g} and {focal[1]:.4g}; write positive ones in px"
        )
    return K


def matrix(path: Path, field: str, focal_centre: Any) -> np.ndarray:
    """Returns K (3, 3) px of fx, fy, cx, cy."""
    fx, fy, cx, cy = read_numbers(path, field, focal_centre, (4,)).tolist()
    return intrinsics(path, field, [[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])


def lens(path: Path, field: str, value: Any) -> np.ndarray:
    """Returns OpenCV's lens coefficients of numbers in its order; rows and columns in brackets of their own are one list."""
    return read_distortion(path, flat(value), field)


def fisheye(path: Path, field: str, value: Any) -> np.ndarray:
    """Returns the k1 to k4 (4,) of OpenCV's fisheye lens."""
    return read_fisheye(path, flat(value), field)


def rotation(path: Path, field: str, value: Any) -> np.ndarray:
    """Returns R (3, 3) of a matrix or of a Rodrigues vector in radians. Raises UserError if it is no rotation."""
    numbers = flat(value)
    if isinstance(numbers, list) and len(numbers) == 3 and not any(isinstance(part, list) for part in numbers):
        return np.asarray(cv2.Rodrigues(read_numbers(path, field, numbers, (3,)))[0])
    R = read_numbers(path, field, value, (3, 3))
    problem = rotation_problem(R)
    if problem:
        raise UserError(f"{path}: the rotation in {field} {problem}")
    return project_rotation(R)


def quaternion(path: Path, field: str, wxyz: Any) -> np.ndarray:
    """Returns R (3, 3) of a unit quaternion w, x, y, z. Raises UserError if its length is not 1."""
    q = read_numbers(path, field, wxyz, (4,))
    length = float(np.linalg.norm(q))
    if abs(length - 1) > 0.01:
        raise UserError(f"{path}: {field} is a quaternion of length {length:.4g}, not 1; write a unit quaternion")
    w, (x, y, z) = q[0] / length, q[1:] / length
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.eye(3) + 2 * w * cross + 2 * cross @ cross)


def homogeneous(path: Path, field: str, value: Any) -> np.ndarray:
    """Returns a matrix (4, 4) whose last row is 0, 0, 0, 1. Raises UserError for anything else."""
    M = read_numbers(path, field, value, (4, 4))
    if not np.allclose(M[3], [0, 0, 0, 1], atol=1e-6):
        raise UserError(f"{path}: the last row of {field} is not 0, 0, 0, 1; write it row by row")
    return M


def entry(path: Path, owner: str, table: Any, key: str) -> Any:
    """Returns a value of a mapping that a file holds. Raises UserError if it is missing."""
    if not isinstance(table, dict):
        raise UserError(f"{path}: {owner} is {brief(table)}, not a mapping with {key}; export the file again")
    if table.get(key) is None:
        raise UserError(f"{path}: {owner} has no {key}; export the file again, or add it")
    return table[key]


def vector(path: Path, field: str, value: Any) -> np.ndarray:
    """Returns three numbers, of a list, a column or a row: (3,)."""
    return read_numbers(path, field, flat(value), (3,))


def size(path: Path, field: str, value: Any) -> tuple[int, int]:
    """Returns (width, height) px. Raises UserError unless they are whole and positive."""
    sides = read_numbers(path, field, flat(value), (2,))
    if not ((sides >= 1) & (sides <= LONGEST_SIDE) & (sides == sides.round())).all():
        raise UserError(f"{path}: {field} is {brief(value)}; write the picture's width and height in whole px")
    return int(sides[0]), int(sides[1])


def flat(value: Any) -> Any:
    """Returns the numbers of a row or a column in brackets of their own as one list; anything else as it is."""
    if isinstance(value, list) and value and all(isinstance(part, list) for part in value):
        if len(value) == 1:
            return value[0]
        if all(len(part) == 1 for part in value):
            return [part[0] for part in value]
    return value
