"""Standing legs: feet are placed first, then hips, knees and ankles follow, with the weight above the feet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from data.synthetic.geometry.rotations import rotation_x, rotation_z
from data.synthetic.pose.contact import centre_of_mass
from data.synthetic.pose.figure import Figure
from data.synthetic.pose.inverse_kinematics import two_bone_ik
from data.synthetic.pose.posture import SIDES, SIGNS, Posture

REACH = 0.999  # of a leg's length: a fully extended knee looks locked


@dataclass(frozen=True)
class Foot:
    """The placement of one foot in mm and radians; x to the left and y to the back of the stance's centre."""

    x: float
    y: float
    out: float = 0.15  # toes turned outward
    heel: float = 0.0  # heel raised about the ball of the foot
    lift: float = 0.0  # height of the whole foot above the floor
    knee_out: float = 0.0  # knee rotated further outward than the toes
    load: float = 0.5  # share of the weight


def hips_of(figure: Figure) -> np.ndarray:
    """Returns the hip joints (2, 3) relative to their midpoint, at rest."""
    hips = np.stack([figure.at(f"upperleg01.{side}") for side in SIDES])
    return np.asarray(hips - hips.mean(0))


def stature(figure: Figure) -> float:
    """Returns the height of the hip joint above the sole of a person who stands straight."""
    return sum(figure.leg) + figure.ankle_height


def on_feet(
    figure: Figure, posture: Posture, height: float, feet: Sequence[Foot], rounds: int = 3, free: int | None = None
) -> Posture:
    """Bends the legs so that the feet are placed as required, hips at `height` (mm), with the weight above the feet.

    A height out of the legs' reach is lowered. The pelvis moves horizontally until the centre of mass is above the
    load-weighted support point; with 0 rounds the hips stay at x = y = 0. A `free` leg (0 left, 1 right) is not changed.
    """
    shift = np.zeros(2)
    for _ in range(rounds):
        posture = _legs(figure, posture, height, feet, shift, free)
        pose = figure.pose(posture)
        _, heads = figure.model.forward(figure.shape, pose)
        middle = np.mean([heads[figure.model.bone(f"upperleg01.{side}")] for side in SIDES], axis=0)
        shift += _support(figure, feet) - (centre_of_mass(figure, heads)[:2] - middle[:2] + shift)
    return _legs(figure, posture, height, feet, shift, free)


def _support(figure: Figure, feet: Sequence[Foot]) -> np.ndarray:
    """Returns the load-weighted support point (2,) between heel and ball of the feet."""
    points = []
    for index, foot in enumerate(feet):
        front = 0.35 if foot.heel < 0.2 else 0.95
        ball = _ball(figure, index)
        points.append(np.array([foot.x, foot.y]) + front * (rotation_z(SIGNS[index] * foot.out) @ ball)[:2])
    loads = np.array([foot.load for foot in feet])
    return np.asarray(loads @ np.array(points) / loads.sum())


def _ball(figure: Figure, index: int) -> np.ndarray:
    """Returns the vector (3,) from the ankle to the ball of the foot, the pivot on tiptoe, in the zero posture."""
    side = SIDES[index]
    ball = figure.alignments[f"foot.{side}"] @ (figure.at(f"toe2-1.{side}") - figure.at(f"foot.{side}"))
    return np.array([ball[0], ball[1], -figure.ankle_height])


def _legs(
    figure: Figure, posture: Posture, height: float, feet: Sequence[Foot], shift: np.ndarray, free: int | None
) -> Posture:
    hips = hips_of(figure) @ posture.root.T + [*shift, 0.0]
    soles = [_sole_turn(index, foot) for index, foot in enumerate(feet)]
    ankles = np.stack([_ankle_at(figure, index, feet[index], soles[index]) for index in range(2)])
    flat = np.linalg.norm((ankles - hips)[:, :2], axis=1)
    reach = REACH * sum(figure.leg)
    highest = ankles[:, 2] - hips[:, 2] + np.sqrt(np.maximum(reach**2 - flat**2, 1.0))
    standing = [index for index in range(2) if index != free]
    hips[:, 2] += min(height, float(highest[standing].min()))
    hip, knee, ankle = posture.hip.copy(), posture.knee.copy(), posture.ankle.copy()
    toes = posture.toes.copy()
    for index in standing:
        foot = feet[index]
        pole = rotation_z(SIGNS[index] * (foot.out + foot.knee_out)) @ np.array([0.0, -1, 0.2])
        thigh, bend = two_bone_ik(ankles[index] - hips[index], pole, figure.leg, 1.0)
        hip[index], knee[index] = posture.root.T @ thigh, bend
        ankle[index] = (thigh @ rotation_x(bend)).T @ soles[index]
        toes[index] = foot.heel
    return replace(posture, hip=hip, knee=knee, ankle=ankle, toes=toes)


def _sole_turn(index: int, foot: Foot) -> np.ndarray:
    return rotation_z(SIGNS[index] * foot.out) @ rotation_x(foot.heel)


def _ankle_at(figure: Figure, index: int, foot: Foot, sole: np.ndarray) -> np.ndarray:
    ball = _ball(figure, index)
    flat = rotation_z(SIGNS[index] * foot.out)
    on_floor = np.array([foot.x, foot.y, figure.ankle_height + foot.lift]) + flat @ ball
    return np.asarray(on_floor - sole @ ball)
