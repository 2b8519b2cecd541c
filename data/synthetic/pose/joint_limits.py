"""Ranges of motion of the joints, in degrees in the table and in radians elsewhere.

The ranges are those of the American Academy of Orthopaedic Surgeons (Joint Motion, 1965; also in Norkin and White, Measurement
of Joint Motion), which the survey of Soucie et al. (Haemophilia 17:500, 2011) confirms for healthy adults. Some are wider
because the body's weight assists: knee 155 and hip 130 in deep squats and kneeling (Hemmerich et al., J. Orthop. Res. 24:770,
2006), ankle dorsiflexion 40 with the foot loaded (weight-bearing lunge, Bennell et al., Aust. J. Physiother. 44:175, 1998).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from data.synthetic.pose.clinical_angles import ankle_angles, hip_angles, shoulder_angles, spine_angles
from data.synthetic.pose.posture import Posture

RANGES = {
    "trunk flexion": (-25, 80),
    "trunk side": (-35, 35),
    "trunk rotation": (-45, 45),
    "neck flexion": (-50, 50),
    "neck side": (-45, 45),
    "neck rotation": (-70, 70),
    "shoulder plane": (-60, 135),  # 0 abduction, 90 flexion, above 90 across the chest
    "shoulder elevation": (0, 180),
    "shoulder rotation": (-90, 95),  # AAOS: 70 inward, 90 outward; the shoulder blade adds 20
    "elbow flexion": (0, 150),
    "forearm pronation": (-80, 80),
    "wrist flexion": (-75, 80),
    "wrist deviation": (-20, 30),
    "hip flexion": (-30, 130),
    "hip abduction": (-30, 50),
    "hip rotation": (-45, 50),
    "knee flexion": (0, 155),
    "ankle dorsiflexion": (-55, 40),
    "ankle inversion": (-25, 35),
    "ankle rotation": (-30, 30),
}
# Outside this range of elevation the plane and the rotation are ill-defined and not tested.
POLE = (math.radians(50), math.radians(150))
SPINE = ("flexion", "side", "rotation")


@dataclass(frozen=True)
class Excess:
    """The joint that exceeds its range most, and by how much (radians; 0 or below: all are within)."""

    joint: str
    angle: float


def worst_excess(posture: Posture) -> Excess:
    """Returns the largest excess of a posture's joints over RANGES."""
    return max(
        (Excess(joint, beyond(joint, value)) for joint, value in joint_angles(posture)), key=lambda one: one.angle
    )


def beyond(joint: str, value: float) -> float:
    """Returns by how much (radians) an angle lies outside its range; negative within it."""
    low, high = (math.radians(bound) for bound in RANGES[joint])
    return max(low - value, value - high)


def within_ankle(turn: np.ndarray, index: int) -> bool:
    """Whether a rotation is within the limits of an ankle."""
    angles = ankle_angles(turn, index)
    return all(beyond(f"ankle {name}", value) <= 0 for name, value in zip(_ANKLE, angles, strict=True))


def joint_angles(posture: Posture) -> list[tuple[str, float]]:
    """Returns every joint's clinical angles (radians), named as in RANGES."""
    angles = _named("trunk", SPINE, spine_angles(posture.chest)) + _named("neck", SPINE, spine_angles(posture.head))
    for index in range(2):
        angles += _arm_angles(posture, index)
        angles += _named("hip", ("flexion", "abduction", "rotation"), hip_angles(posture.hip[index], index))
        angles += [("knee flexion", float(posture.knee[index]))]
        angles += _named("ankle", _ANKLE, ankle_angles(posture.ankle[index], index))
    return angles


_ANKLE = ("dorsiflexion", "inversion", "rotation")


def _arm_angles(posture: Posture, index: int) -> list[tuple[str, float]]:
    plane, elevation, rotation = shoulder_angles(posture.shoulder[index], index)
    angles = [("shoulder elevation", elevation), ("elbow flexion", float(posture.elbow[index]))]
    if POLE[0] < elevation < POLE[1]:
        angles += [("shoulder plane", plane), ("shoulder rotation", rotation)]
    angles += _named("wrist", ("flexion", "deviation"), tuple(float(angle) for angle in posture.wrist[index]))
    return [*angles, ("forearm pronation", float(posture.pronation[index]))]


def _named(part: str, names: tuple[str, ...], values: tuple[float, ...]) -> list[tuple[str, float]]:
    return [(f"{part} {name}", value) for name, value in zip(names, values, strict=True)]
