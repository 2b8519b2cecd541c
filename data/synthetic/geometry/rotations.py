"""Rotations about the body's axes: x to its left, y to its back, z up. Angles are in radians."""

from __future__ import annotations

import math

import numpy as np

Vector = np.ndarray  # (3,)
RotationMatrix = np.ndarray  # (3, 3), orthonormal with determinant 1


def rotation_x(angle: float) -> RotationMatrix:
    """Returns the rotation about x (left): what stands tips to the front (-y), what hangs swings to the back."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[1.0, 0, 0], [0, c, -s], [0, s, c]])


def rotation_y(angle: float) -> RotationMatrix:
    """Returns the rotation about y (back): what stands tips to the left, what hangs swings to the right."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, 0, s], [0, 1.0, 0], [-s, 0, c]])


def rotation_z(angle: float) -> RotationMatrix:
    """Returns the rotation about z (up): the face turns to the left."""
    c, s = math.cos(angle), math.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


def unit(vector: Vector) -> Vector:
    """Returns the vector with length 1; the zero vector stays as it is."""
    length = math.sqrt(float(vector @ vector))
    return vector / length if length > 0 else vector


def rotation_about(axis: Vector, angle: float) -> RotationMatrix:
    """Returns the rotation by an angle about a unit vector (Rodrigues' formula)."""
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * (cross @ cross)


def axis_angle(turn: RotationMatrix) -> tuple[Vector, float]:
    """Returns the unit axis and the angle (0 to pi) of a rotation; the identity has the z axis and 0."""
    skew = np.array([turn[2, 1] - turn[1, 2], turn[0, 2] - turn[2, 0], turn[1, 0] - turn[0, 1]])
    sine, cosine = math.sqrt(float(skew @ skew)) / 2, (float(np.trace(turn)) - 1) / 2
    if sine > 1e-6:
        return skew / (2 * sine), math.atan2(sine, cosine)
    if cosine > 0:
        return np.array([0.0, 0, 1]), 0.0
    # A rotation by pi: rotation + identity is twice the outer product of the axis with itself.
    column = int(np.argmax(np.diag(turn)))
    return unit((turn + np.eye(3))[:, column]), math.pi


def fraction_of(turn: RotationMatrix, share: float) -> RotationMatrix:
    """Returns a rotation about the same axis by a share of the angle."""
    axis, angle = axis_angle(turn)
    return rotation_about(axis, share * angle)


def twist_about(axis: Vector, turn: RotationMatrix) -> float:
    """Returns the twist angle (-pi to pi) of a rotation about a unit axis (swing-twist decomposition)."""
    around, angle = axis_angle(turn)
    half = math.atan2(math.sin(angle / 2) * float(around @ axis), math.cos(angle / 2))
    return math.remainder(2 * half, 2 * math.pi)


def rotation_from_axes(main: Vector, second: Vector) -> RotationMatrix:
    """Returns the rotation whose third column is unit `main` and whose first is as close to `second` as possible."""
    third = unit(main)
    first = unit(second - (second @ third) * third)
    return np.stack([first, np.cross(third, first), third], axis=1)


def from_quaternions(quaternions: np.ndarray) -> np.ndarray:
    """Converts quaternions (..., 4), ordered w, x, y, z and of any non-zero length, to rotations (..., 3, 3)."""
    w, x, y, z = np.moveaxis(quaternions / np.linalg.norm(quaternions, axis=-1, keepdims=True), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)
