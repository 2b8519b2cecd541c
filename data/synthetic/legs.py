"""Legs that stand: feet put on the floor first, then hips, knees and ankles to match, with the weight above the feet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from data.synthetic.angles import two_bones
from data.synthetic.contact import centre_of_mass
from data.synthetic.figure import Figure
from data.synthetic.posture import SIDES, SIGNS, Posture
from data.synthetic.turns import turn_x, turn_z

REACH = 0.999  # of a leg's length: a knee that is stretched out altogether looks locked


@dataclass(frozen=True)
class Foot:
    """Where one foot goes, mm and radians; x to the left and y to the back of the stance's middle."""

    x: float
    y: float
    out: float = 0.15  # toes turned outward
    heel: float = 0.0  # heel raised about the ball
    lift: float = 0.0  # the whole foot above the floor
    knee_out: float = 0.0  # the knee pointing further outward than the toes
    load: float = 0.5  # share of the weight


def hips_of(figure: Figure) -> np.ndarray:
    """(2, 3) the hip joints from the middle between them, at rest."""
    hips = np.stack([figure.at(f"upperleg01.{side}") for side in SIDES])
    return np.asarray(hips - hips.mean(0))


def stature(figure: Figure) -> float:
    """From the sole to the hip joint in a person who stands straight."""
    return sum(figure.leg) + figure.ankle_height


def on_feet(
    figure: Figure, posture: Posture, height: float, feet: Sequence[Foot], rounds: int = 3, free: int | None = None
) -> Posture:
    """Bend the legs so that the feet stand where they should, hips at `height` (mm), and the weight above them.

    A height that the legs do not reach is lowered. The pelvis goes sideways until the centre of mass lies above the
    point that the feet's loads make; with 0 rounds the hips stay at x = y = 0. A `free` leg (0 left, 1 right) stays as it is.
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
    """Between heel and ball of the loaded feet."""
    points = []
    for index, foot in enumerate(feet):
        front = 0.35 if foot.heel < 0.2 else 0.95
        ball = _ball(figure, index)
        points.append(np.array([foot.x, foot.y]) + front * (turn_z(SIGNS[index] * foot.out) @ ball)[:2])
    loads = np.array([foot.load for foot in feet])
    return np.asarray(loads @ np.array(points) / loads.sum())


def _ball(figure: Figure, index: int) -> np.ndarray:
    """(3,) from the ankle to the ball of the foot, where a foot on tiptoe turns, in the plain figure."""
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
        pole = turn_z(SIGNS[index] * (foot.out + foot.knee_out)) @ np.array([0.0, -1, 0.2])
        thigh, bend = two_bones(ankles[index] - hips[index], pole, figure.leg, 1.0)
        hip[index], knee[index] = posture.root.T @ thigh, bend
        ankle[index] = (thigh @ turn_x(bend)).T @ soles[index]
        toes[index] = foot.heel
    return replace(posture, hip=hip, knee=knee, ankle=ankle, toes=toes)


def _sole_turn(index: int, foot: Foot) -> np.ndarray:
    return turn_z(SIGNS[index] * foot.out) @ turn_x(foot.heel)


def _ankle_at(figure: Figure, index: int, foot: Foot, sole: np.ndarray) -> np.ndarray:
    ball = _ball(figure, index)
    flat = turn_z(SIGNS[index] * foot.out)
    on_floor = np.array([foot.x, foot.y, figure.ankle_height + foot.lift]) + flat @ ball
    return np.asarray(on_floor - sole @ ball)
