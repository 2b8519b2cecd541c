"""Inverse kinematics of a limb of two segments, in closed form."""

from __future__ import annotations

import math

import numpy as np

from data.synthetic.geometry.rotations import RotationMatrix


def two_bone_ik(
    target: np.ndarray, pole: np.ndarray, lengths: tuple[float, float], forward: float
) -> tuple[RotationMatrix, float]:
    """Returns the rotation of a limb's first segment and the hinge angle (radians) that bring its end to `target`.

    `target` (3,) is relative to the limb's root; the middle joint lies on the side of `pole` (3,). `forward` is +1 for a knee,
    whose thigh has its pole in front, -1 for an elbow. If the target is out of reach, the limb is straight and points to it.
    """
    upper, lower = lengths
    distance = min(max(float(np.linalg.norm(target)), abs(upper - lower) + 1.0), upper + lower - 0.01)
    towards = target / max(float(np.linalg.norm(target)), 1e-9)
    side = pole - (pole @ towards) * towards
    if float(side @ side) < 1e-12:  # no pole: any side is valid
        side = np.cross(towards, np.eye(3)[int(np.argmin(np.abs(towards)))])
    side = side / float(np.linalg.norm(side))
    bend = math.pi - _angle(upper, lower, distance)
    open_by = _angle(upper, distance, lower)
    along = math.cos(open_by) * towards + math.sin(open_by) * side
    across = math.cos(open_by) * side - math.sin(open_by) * towards
    up, back = -along, -forward * across
    return np.stack([np.cross(back, up), back, up], axis=1), bend


def _angle(first: float, second: float, opposite: float) -> float:
    """Returns the angle between two sides of a triangle (law of cosines)."""
    cosine = (first * first + second * second - opposite * opposite) / (2 * first * second)
    return math.acos(min(1.0, max(-1.0, cosine)))
