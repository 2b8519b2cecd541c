"""Poses of arms and hands: gestures of one arm or both, and hands placed on the body."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import radians

import numpy as np

from data.synthetic.pose.clinical_angles import shoulder
from data.synthetic.pose.figure import Figure
from data.synthetic.pose.inverse_kinematics import two_bone_ik
from data.synthetic.pose.posture import SIDES, SIGNS, Posture

Random = np.random.Generator
WRIST_MM, HAND_MM = 42.0, 52.0  # height of the middle of a wrist or a hand above the skin it rests on
# plane, elevation, outward rotation, elbow, pronation: mean and spread in degrees
Gesture = tuple[tuple[float, float], ...]
GESTURES: dict[str, tuple[float, Gesture]] = {
    "hang": (3.0, ((35, 30), (10, 5), (0, 15), (20, 12), (20, 20))),
    "bent": (1.5, ((50, 25), (20, 10), (-10, 25), (85, 25), (10, 35))),
    "front": (1.5, ((85, 15), (80, 18), (0, 25), (20, 20), (10, 40))),
    "side": (1.5, ((8, 15), (85, 18), (10, 30), (20, 20), (20, 40))),
    "up": (1.5, ((55, 25), (155, 14), (45, 25), (25, 20), (0, 35))),
    "slanting up": (1.0, ((40, 25), (120, 15), (25, 25), (20, 20), (10, 35))),
    "goalpost": (0.6, ((10, 12), (88, 15), (75, 15), (90, 15), (20, 30))),
    "guard": (0.7, ((60, 15), (45, 15), (0, 20), (120, 12), (20, 30))),
    "across": (0.6, ((115, 12), (80, 15), (-20, 20), (50, 30), (20, 30))),
    "back": (0.6, ((-60, 25), (30, 14), (-10, 15), (20, 20), (20, 20))),
    "anything": (3.0, ((45, 60), (85, 48), (5, 40), (60, 45), (0, 45))),
}
ALIKE = 0.4  # share of people who move both arms alike
BOUNDS = ((-60, 130), (3, 174), (-80, 90), (2, 145), (-75, 75))


def weighted_choice(rng: Random, weights: dict[str, float]) -> str:
    """Returns a name, drawn with probability proportional to its weight."""
    names = list(weights)
    shares = np.array([weights[name] for name in names])
    return names[int(rng.choice(len(names), p=shares / shares.sum()))]


def gesture(rng: Random, name: str) -> np.ndarray:
    """Returns a random gesture of one arm (5,) in radians: plane, elevation, outward rotation, elbow, pronation."""
    means, spreads = np.array(GESTURES[name][1]).T
    low, high = np.array(BOUNDS).T
    return np.asarray(np.radians(np.clip(rng.normal(means, spreads), low, high)))


def with_arm(posture: Posture, index: int, angles: np.ndarray) -> Posture:
    """Returns the posture with one arm at the angles of `gesture`."""
    shoulders, elbow, pronation = posture.shoulder.copy(), posture.elbow.copy(), posture.pronation.copy()
    shoulders[index] = shoulder(index, *angles[:3])
    elbow[index], pronation[index] = angles[3:]
    return replace(posture, shoulder=shoulders, elbow=elbow, pronation=pronation)


def with_gestures(rng: Random, posture: Posture, only: tuple[str, ...] = tuple(GESTURES)) -> Posture:
    """Returns the posture with both arms in random gestures, sometimes alike."""
    weights = {name: GESTURES[name][0] for name in only}
    left, right = weighted_choice(rng, weights), weighted_choice(rng, weights)
    first = gesture(rng, left)
    second = first + rng.normal(0, radians(6), 5) if rng.random() < ALIKE else gesture(rng, right)
    low, high = np.radians(np.array(BOUNDS).T)
    return with_arm(with_arm(posture, 0, first), 1, np.clip(second, low, high))


def with_hands(rng: Random, posture: Posture) -> Posture:
    """Returns the posture with relaxed wrists and fingers, independent per hand; sometimes a fist or a flat hand."""
    curl = np.empty((2, 5))
    for index in range(2):
        whole = weighted_choice(rng, {"relaxed": 0.7, "fist": 0.12, "flat": 0.18})
        middle = {"relaxed": rng.uniform(0.02, 0.35), "fist": rng.uniform(0.8, 1.0), "flat": rng.uniform(-0.15, 0.0)}[
            whole
        ]
        curl[index] = middle + np.array([-0.05, -0.06, 0.0, 0.04, 0.06]) + rng.normal(0, 0.04, 5)
    wrist = np.radians(rng.normal([0, 3], [14, 6], (2, 2)))
    return replace(posture, curl=np.clip(curl, -0.2, 1), wrist=np.clip(wrist, radians(-19), radians(29)))


def with_hand_at(
    figure: Figure,
    posture: Posture,
    index: int,
    target: Callable[[dict[str, np.ndarray]], np.ndarray],
    pole: np.ndarray,
) -> Posture:
    """Returns the posture with one wrist at a point and the elbow towards `pole` (3,) in the chest's axes.

    `target` computes the point (3,) from all joints. Two iterations, because the shoulder moves with the arm. If the point is
    out of reach, the arm is stretched towards it.
    """
    side = SIDES[index]
    for _ in range(2):
        turns, heads = figure.model.forward(figure.shape, figure.pose(posture))
        joints = dict(zip(figure.model.bones, heads, strict=True))
        chest = turns[figure.model.bone("spine01")]
        way = chest.T @ (target(joints) - joints[f"upperarm01.{side}"])
        turn, bend = two_bone_ik(way, pole * [SIGNS[index], 1, 1], figure.arm, -1.0)
        shoulders, elbow = posture.shoulder.copy(), posture.elbow.copy()
        shoulders[index], elbow[index] = turn, bend
        posture = replace(posture, shoulder=shoulders, elbow=elbow)
    return posture


def hands_on_body(rng: Random, figure: Figure, posture: Posture) -> Posture:
    """Returns the posture with hands on the hips, crossed in front, clasped, behind back or head, or at the face."""
    place = weighted_choice(rng, dict.fromkeys(PLACES, 1.0) | {"hips": 2.0, "crossed": 1.5})
    both = place in BOTH or rng.random() < 0.5
    size = figure.arm[0] / 300
    for index in range(2) if both else [int(rng.integers(2))]:
        offset, pole, around, palm = PLACES[place]
        away = _on_skin(figure, around, (np.array(offset) + rng.normal(0, 12, 3)) * size)
        if place in ("crossed", "behind back"):
            away = away + np.array([0, 62 * np.sign(offset[1]), 40]) * size * (index == 0)
        point = _beside(around, index, posture, away)
        posture = with_hand_at(figure, posture, index, point, np.array(pole) + rng.normal(0, 0.15, 3))
        pronation = posture.pronation.copy()
        pronation[index] = radians(float(np.clip(rng.normal(palm, 10), -75, 75)))
        posture = replace(posture, pronation=pronation)
    return posture


def _on_skin(figure: Figure, around: str, away: np.ndarray) -> np.ndarray:
    """Moves a point near the trunk (offset from a bone's head, left side) to where a wrist rests on this person's skin."""
    if around == "head":
        return away
    start = figure.at("upperleg01.L" if around == "upperleg01" else around)
    skin = figure.shape.vertices[figure.vertices_of("root", "pelvis", "spine", "breast", "upperleg01")] - start
    level = skin[np.abs(skin[:, 2] - away[2]) < 40]
    if around == "upperleg01":
        return np.array([level[:, 0].max() + HAND_MM, away[1], away[2]])
    near = level[np.abs(level[:, 0] - away[0]) < 60]
    depth = near[:, 1].min() - WRIST_MM if away[1] < 0 else near[:, 1].max() + WRIST_MM
    return np.array([away[0], depth, away[2]])


# Offset of the left wrist from a bone's head (mm for an upper arm of 300 mm, in the axes of the pelvis or the chest),
# direction of the elbow, bone, and rotation of the palm.
PLACES: dict[str, tuple[tuple[float, float, float], tuple[float, float, float], str, float]] = {
    "hips": ((95, -25, 75), (1.0, 0.6, 0), "upperleg01", -20),
    "crossed": ((-60, -185, -235), (1.0, -0.3, -1.2), "spine01", 40),
    "clasped": ((55, -215, -240), (1.0, 0.2, -0.8), "spine01", 10),
    "behind back": ((45, 165, -330), (1.0, 0.4, -0.2), "spine01", 60),
    "behind head": ((95, 115, 25), (1.0, -0.2, 0.35), "head", 30),
    "face": ((85, -160, -85), (0.6, -0.4, -1.0), "head", -20),
    "chest": ((30, -175, -110), (1.0, -0.2, -0.8), "spine01", 30),
}
BOTH = ("crossed", "clasped", "behind head")


def _beside(
    around: str, index: int, posture: Posture, away: np.ndarray
) -> Callable[[dict[str, np.ndarray]], np.ndarray]:
    side = SIDES[index]
    turn = posture.root if around == "upperleg01" else posture.root @ posture.chest
    if around == "head":
        turn = turn @ posture.head
    bone = f"{around}.{side}" if around == "upperleg01" else around

    def point(joints: dict[str, np.ndarray]) -> np.ndarray:
        return np.asarray(joints[bone] + turn @ (away * [SIGNS[index], 1, 1]))

    return point
