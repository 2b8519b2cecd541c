"""Building blocks of pose candidates: a trunk, gesturing arms, and the conditions that a candidate must meet."""

from __future__ import annotations

from dataclasses import dataclass
from math import radians

import numpy as np

from data.synthetic.geometry.rotations import unit
from data.synthetic.pose.arms import Random, hands_on_body, with_gestures, with_hand_at, with_hands
from data.synthetic.pose.clinical_angles import spine
from data.synthetic.pose.figure import Figure
from data.synthetic.pose.posture import Posture


@dataclass(frozen=True)
class PoseCandidate:
    """A posture before validation, and the conditions it must meet."""

    posture: Posture
    airborne_mm: float = 0.0  # clearance below the lowest point
    seated: bool = False
    balanced: bool = True  # whether the centre of mass must lie above what touches the floor
    touching: tuple[tuple[str, ...], ...] = ()  # groups of bones, each of which must touch the floor


def degrees(rng: Random, mean: float, spread: float, low: float = -180, high: float = 180) -> float:
    """Returns a clipped normal sample; arguments in degrees, result in radians."""
    return radians(float(np.clip(rng.normal(mean, spread), low, high)))


def trunk(rng: Random, flexion: float = 4.0, spread: float = 8.0, lean: float = 8.0) -> Posture:
    """Returns a posture with a bent trunk (degrees; half of the bend in the hips) and a random direction of the head."""
    bend = degrees(rng, flexion, spread, -20, 75)
    chest = spine(bend, degrees(rng, 0, lean, -28, 28), degrees(rng, 0, 1.6 * lean, -38, 38))
    head = spine(degrees(rng, 2, 11, -30, 35) - 0.4 * bend, degrees(rng, 0, 6, -20, 20), degrees(rng, 0, 20, -55, 55))
    pelvis = spine(degrees(rng, 0.25 * flexion, 4), degrees(rng, 0, 4), 0.0)
    return with_hands(rng, Posture(root=pelvis, chest=chest, head=head))


def gesturing(rng: Random, figure: Figure, posture: Posture, on_body: float = 0.3) -> Posture:
    """Returns the posture with free gestures or, with probability `on_body`, hands on the body."""
    posture = with_gestures(rng, posture)
    return hands_on_body(rng, figure, posture) if rng.random() < on_body else posture


def hands_at_shins(figure: Figure, posture: Posture, share: float) -> Posture:
    """Returns the posture with both hands in front of the shins, from the knees (share 0) to the ankles (1), if in reach."""
    for index, side in enumerate("LR"):

        def before_shin(joints: dict[str, np.ndarray], side: str = side) -> np.ndarray:
            knee, foot = joints[f"lowerleg01.{side}"], joints[f"foot.{side}"]
            hip, shin = joints[f"upperleg01.{side}"], unit(foot - knee)
            out = knee - hip - ((knee - hip) @ shin) * shin  # direction that the knee points to
            front = unit(out) if out @ out > 1 else unit_front(joints)
            return np.asarray(knee + share * (foot - knee) + 95 * front)

        posture = with_hand_at(figure, posture, index, before_shin, np.array([0.8, 0.5, -0.6]))
    return posture


def unit_front(joints: dict[str, np.ndarray]) -> np.ndarray:
    """Returns the horizontal direction (3,) that the pelvis faces."""
    across = joints["upperleg01.L"] - joints["upperleg01.R"]
    front = np.array([across[1], -across[0], 0.0])
    return np.asarray(front / np.linalg.norm(front))
