"""Rotations of single joints from clinical angles (radians), and the inverse. `index` 0 is the left side, 1 the right.

Hip, ankle and spine use Cardan angles in the order that the ISB recommends (Wu et al., J. Biomech. 35:543, 2002): flexion
about the mediolateral axis, then sideways, then about the segment's own axis. The shoulder uses plane of elevation, elevation
and axial rotation (Wu et al., J. Biomech. 38:981, 2005).
"""

from __future__ import annotations

import math

from data.synthetic.geometry.rotations import RotationMatrix, rotation_x, rotation_y, rotation_z
from data.synthetic.pose.posture import SIGNS


def spine(flexion: float, side: float = 0.0, rotation: float = 0.0) -> RotationMatrix:
    """Returns the rotation of trunk or neck: flexion forward, bend to the left, rotation to the left."""
    return rotation_x(flexion) @ rotation_y(side) @ rotation_z(rotation)


def hip(index: int, flexion: float, abduction: float = 0.0, rotation: float = 0.0) -> RotationMatrix:
    """Returns the rotation of a thigh: flexion forward, abduction outward, knee rotated outward."""
    sign = SIGNS[index]
    return rotation_x(-flexion) @ rotation_y(-sign * abduction) @ rotation_z(sign * rotation)


def ankle(index: int, dorsiflexion: float, inversion: float = 0.0, rotation: float = 0.0) -> RotationMatrix:
    """Returns the rotation of a foot: toes up, sole inward, toes outward."""
    sign = SIGNS[index]
    return rotation_x(-dorsiflexion) @ rotation_y(sign * inversion) @ rotation_z(sign * rotation)


def shoulder(index: int, plane: float, elevation: float, rotation: float = 0.0) -> RotationMatrix:
    """Returns the rotation of an upper arm: elevation in a plane (0 sideways, pi/2 forward), outward axial rotation."""
    sign = SIGNS[index]
    return _swing(sign, plane, elevation) @ rotation_z(sign * rotation)


def spine_angles(turn: RotationMatrix) -> tuple[float, float, float]:
    """Returns the arguments of `spine` for a rotation."""
    return _cardan(turn)


def hip_angles(turn: RotationMatrix, index: int) -> tuple[float, float, float]:
    """Returns the arguments of `hip` for a rotation."""
    x, y, z = _cardan(turn)
    return -x, -SIGNS[index] * y, SIGNS[index] * z


def ankle_angles(turn: RotationMatrix, index: int) -> tuple[float, float, float]:
    """Returns the arguments of `ankle` for a rotation."""
    x, y, z = _cardan(turn)
    return -x, SIGNS[index] * y, SIGNS[index] * z


def shoulder_angles(turn: RotationMatrix, index: int) -> tuple[float, float, float]:
    """Returns the arguments of `shoulder` for a rotation; the plane is arbitrary for an arm straight down or up."""
    sign, (x, y, z) = SIGNS[index], -turn[:, 2]
    plane, elevation = math.atan2(-y, sign * x), math.acos(min(1.0, max(-1.0, -z)))
    about = _swing(sign, plane, elevation).T @ turn
    return plane, elevation, sign * math.atan2(about[1, 0], about[0, 0])


def _swing(sign: float, plane: float, elevation: float) -> RotationMatrix:
    return rotation_z(-sign * plane) @ rotation_y(-sign * elevation) @ rotation_z(sign * plane)


def _cardan(turn: RotationMatrix) -> tuple[float, float, float]:
    y = math.asin(min(1.0, max(-1.0, float(turn[0, 2]))))
    return math.atan2(-turn[1, 2], turn[2, 2]), y, math.atan2(-turn[0, 1], turn[0, 0])
