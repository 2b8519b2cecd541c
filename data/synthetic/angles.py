"""Turns of single joints from clinical angles (radians), and back. `index` 0 is the left side, 1 the right.

Hip, ankle and spine are Cardan angles in the order of the ISB's recommendation (Wu et al., J. Biomech. 35:543, 2002):
flexion about the body's left, then to the side, then about the part itself. The shoulder has the plane in which the arm is
raised, how far, and the arm's rotation about itself (Wu et al., J. Biomech. 38:981, 2005).
"""

from __future__ import annotations

import math

import numpy as np

from data.synthetic.posture import SIGNS
from data.synthetic.turns import Turn, turn_x, turn_y, turn_z


def spine(flexion: float, side: float = 0.0, rotation: float = 0.0) -> Turn:
    """Trunk or neck: forward, to the left, face to the left."""
    return turn_x(flexion) @ turn_y(side) @ turn_z(rotation)


def hip(index: int, flexion: float, abduction: float = 0.0, rotation: float = 0.0) -> Turn:
    """Thigh: forward, outward, knee turned outward."""
    sign = SIGNS[index]
    return turn_x(-flexion) @ turn_y(-sign * abduction) @ turn_z(sign * rotation)


def ankle(index: int, dorsiflexion: float, inversion: float = 0.0, rotation: float = 0.0) -> Turn:
    """Foot: toes up, sole inward, toes outward."""
    sign = SIGNS[index]
    return turn_x(-dorsiflexion) @ turn_y(sign * inversion) @ turn_z(sign * rotation)


def shoulder(index: int, plane: float, elevation: float, rotation: float = 0.0) -> Turn:
    """Upper arm: raised by `elevation` in a plane (0 to the side, pi/2 to the front), turned outward about itself."""
    sign = SIGNS[index]
    return _swing(sign, plane, elevation) @ turn_z(sign * rotation)


def spine_angles(turn: Turn) -> tuple[float, float, float]:
    """What `spine` was told."""
    return _cardan(turn)


def hip_angles(turn: Turn, index: int) -> tuple[float, float, float]:
    """What `hip` was told."""
    x, y, z = _cardan(turn)
    return -x, -SIGNS[index] * y, SIGNS[index] * z


def ankle_angles(turn: Turn, index: int) -> tuple[float, float, float]:
    """What `ankle` was told."""
    x, y, z = _cardan(turn)
    return -x, SIGNS[index] * y, SIGNS[index] * z


def shoulder_angles(turn: Turn, index: int) -> tuple[float, float, float]:
    """What `shoulder` was told; for an arm straight down or up the plane says nothing."""
    sign, (x, y, z) = SIGNS[index], -turn[:, 2]
    plane, elevation = math.atan2(-y, sign * x), math.acos(min(1.0, max(-1.0, -z)))
    about = _swing(sign, plane, elevation).T @ turn
    return plane, elevation, sign * math.atan2(about[1, 0], about[0, 0])


def _swing(sign: float, plane: float, elevation: float) -> Turn:
    return turn_z(-sign * plane) @ turn_y(-sign * elevation) @ turn_z(sign * plane)


def _cardan(turn: Turn) -> tuple[float, float, float]:
    y = math.asin(min(1.0, max(-1.0, float(turn[0, 2]))))
    return math.atan2(-turn[1, 2], turn[2, 2]), y, math.atan2(-turn[0, 1], turn[0, 0])


def two_bones(target: np.ndarray, pole: np.ndarray, lengths: tuple[float, float], forward: float) -> tuple[Turn, float]:
    """The turn of a limb's first part and the bend (radians) of its hinge that bring its end to `target`.

    `target` is seen from the limb's root (3,); the middle joint goes to the side of `pole` (3,). `forward` is +1 for a
    knee, whose thigh has its pole in front, -1 for an elbow. A target out of reach answers the straight limb towards it.
    """
    upper, lower = lengths
    distance = min(max(float(np.linalg.norm(target)), abs(upper - lower) + 1.0), upper + lower - 0.01)
    towards = target / max(float(np.linalg.norm(target)), 1e-9)
    side = pole - (pole @ towards) * towards
    if float(side @ side) < 1e-12:  # no pole: any side will do
        side = np.cross(towards, np.eye(3)[int(np.argmin(np.abs(towards)))])
    side = side / float(np.linalg.norm(side))
    bend = math.pi - _angle(upper, lower, distance)
    open_by = _angle(upper, distance, lower)
    along = math.cos(open_by) * towards + math.sin(open_by) * side
    across = math.cos(open_by) * side - math.sin(open_by) * towards
    up, back = -along, -forward * across
    return np.stack([np.cross(back, up), back, up], axis=1), bend


def _angle(first: float, second: float, opposite: float) -> float:
    """The angle between two sides of a triangle (the law of cosines)."""
    cosine = (first * first + second * second - opposite * opposite) / (2 * first * second)
    return math.acos(min(1.0, max(-1.0, cosine)))
