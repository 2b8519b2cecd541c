"""Rotations of the body's axes (x to its left, y to its back, z up) in small pure functions. Angles are radians."""

from __future__ import annotations

import math

import numpy as np

Vector = np.ndarray  # (3,)
Turn = np.ndarray  # (3, 3), orthonormal with determinant 1


def turn_x(angle: float) -> Turn:
    """About the left: what stands goes to the front (-y), what hangs goes to the back."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[1.0, 0, 0], [0, c, -s], [0, s, c]])


def turn_y(angle: float) -> Turn:
    """About the back: what stands goes to the left, what hangs goes to the right."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, 0, s], [0, 1.0, 0], [-s, 0, c]])


def turn_z(angle: float) -> Turn:
    """About the upright: the face turns to the left."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


def unit(vector: Vector) -> Vector:
    """The vector at length 1; a vector of no length stays as it is."""
    length = math.sqrt(float(vector @ vector))
    return vector / length if length > 0 else vector


def turn_about(axis: Vector, angle: float) -> Turn:
    """By Rodrigues' formula about a unit vector."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * (cross @ cross)


def axis_angle(turn: Turn) -> tuple[Vector, float]:
    """The unit axis and the angle (0 to pi) of a rotation; no rotation answers the z axis and 0."""
    skew = np.array([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]])
    sine, cosine = math.sqrt(float(skew @ skew)) / 2, (float(np.trace(turn)) - 1) / 2
    if sine > 1e-6:
        return skew / (2 * sine), math.atan2(sine, cosine)
    if cosine > 0:
        return np.array([0.0, 0, 1]), 0.0
    # Half a turn: turn + 1 is twice the axis times itself.
    column = int(np.argmax(np.diag(turn)))
    return unit((turn + np.eye(3))[:, column]), math.pi


def part_of(turn: Turn, share: float) -> Turn:
    """A share of a rotation, about the same axis."""
    axis, angle = axis_angle(turn)
    return turn_about(axis, share * angle)


def twist_about(axis: Vector, turn: Turn) -> float:
    """The angle (-pi to pi) of the part of a rotation that goes about a unit axis (swing-twist decomposition)."""
    around, angle = axis_angle(turn)
    half = math.atan2(math.sin(angle / 2) * float(around @ axis), math.cos(angle / 2))
    return math.remainder(2 * half, 2 * math.pi)


def frame(main: Vector, second: Vector) -> Turn:
    """The rotation whose third column is unit `main` and whose first lies as near to `second` as it can."""
    third = unit(main)
    first = unit(second - (second @ third) * third)
    return np.stack([first, np.cross(third, first), third], axis=1)


def from_quaternions(quaternions: np.ndarray) -> np.ndarray:
    """(..., 4) as w, x, y, z of any length but 0 to (..., 3, 3)."""
    w, x, y, z = np.moveaxis(quaternions / np.linalg.norm(quaternions, axis=-1, keepdims=True), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
