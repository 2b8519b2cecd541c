"""Poses on one or two feet, on a seat, or in the air. Each is a function of a random generator and a figure."""

from __future__ import annotations

from dataclasses import replace
from math import cos, radians, sin

import numpy as np

from data.synthetic.geometry.rotations import rotation_x, rotation_y, rotation_z
from data.synthetic.pose.arms import Random, with_arm, with_gestures, with_hand_at
from data.synthetic.pose.candidates import PoseCandidate, degrees, gesturing, hands_at_shins, trunk
from data.synthetic.pose.clinical_angles import ankle, hip, spine
from data.synthetic.pose.figure import Figure
from data.synthetic.pose.legs import Foot, on_feet, stature


def _pair(rng: Random, width: float, out: float = 10.0, knee_out: float = 0.0, heel: float = 0.0) -> list[Foot]:
    load = rng.uniform(0.3, 0.7)
    return [
        Foot(sign * width, rng.normal(0, 25), degrees(rng, out, 6, -5, 55), heel, 0.0, knee_out, share)
        for sign, share in ((1, load), (-1, 1 - load))
    ]


def stand(rng: Random, figure: Figure) -> PoseCandidate:
    """Upright with the weight on both feet, or more on one; any arm gesture."""
    posture = gesturing(rng, figure, trunk(rng))
    feet = _pair(rng, rng.uniform(0.09, 0.26) * figure.leg[0])
    return PoseCandidate(on_feet(figure, posture, stature(figure) * (1 - abs(rng.normal(0, 0.012))), feet))


def wide(rng: Random, figure: Figure) -> PoseCandidate:
    """Legs apart, on flat feet; the trunk upright, bent to a side or turned (triangle, side bend)."""
    side = rng.choice([-1, 1]) * rng.uniform(0, 1)
    posture = trunk(rng, 5, 10)
    tilt = rotation_y(side * radians(rng.uniform(0, 50)))
    chest = spine(degrees(rng, 0, 8), side * radians(rng.uniform(0, 30)), degrees(rng, 0, 20, -40, 40))
    posture = gesturing(rng, figure, replace(posture, root=tilt @ posture.root, chest=chest), 0.15)
    width = rng.uniform(0.45, 1.05) * figure.leg[0]
    return PoseCandidate(on_feet(figure, posture, stature(figure), _pair(rng, width, 25, 0.1)))


def step(rng: Random, figure: Figure) -> PoseCandidate:
    """One foot in front of the other, as in walking, with arms swinging opposite to the legs."""
    stride = rng.uniform(0.2, 1.5) * figure.leg[0]
    swing = rng.uniform(0.3, 1.0)
    posture = trunk(rng, 5, 5)
    for index, ahead in ((0, -1.0), (1, 1.0)):
        plane = radians(90) if ahead > 0 else radians(-75)
        angles = (
            plane,
            radians(8 + 28 * swing),
            0.0,
            degrees(rng, 20 + 25 * swing * (ahead > 0), 12, 3, 100),
            degrees(rng, 20, 15),
        )
        posture = with_arm(posture, index, np.array(angles))
    if rng.random() < 0.3:
        posture = gesturing(rng, figure, posture)
    heel = degrees(rng, 25, 12, 0, 50) if stride > 0.35 * figure.leg[0] else 0.0
    lift = rng.uniform(20, 120) if rng.random() < 0.3 else 0.0
    width = rng.uniform(0.08, 0.18) * figure.leg[0]
    front = Foot(width, -stride / 2, 0.1, load=0.65)
    back = Foot(-width, stride / 2, 0.15, heel, lift, 0.0, 0.35 if not lift else 0.02)
    return PoseCandidate(
        on_feet(figure, posture, stature(figure) * rng.uniform(0.96, 1.0), (front, back)), balanced=False
    )


def squat(rng: Random, figure: Figure) -> PoseCandidate:
    """Both knees bent, from a dip to a deep squat; heels down if the ankles allow."""
    depth = rng.uniform(0.32, 0.88)
    lean = 70 * (1 - depth)
    posture = trunk(rng, 0.5 * lean, 9)
    posture = replace(posture, root=rotation_x(degrees(rng, 0.75 * lean, 8, 0, 60)))
    posture = gesturing(rng, figure, posture, 0.25)
    if rng.random() < 0.5:
        forward = np.array(
            [degrees(rng, 85, 8), degrees(rng, 80, 12), 0.0, degrees(rng, 20, 25, 2, 120), degrees(rng, 10, 20)]
        )
        posture = with_arm(with_arm(posture, 0, forward), 1, forward + rng.normal(0, 0.04, 5) * [1, 1, 1, 0, 1])
    out = rng.uniform(10, 35)
    heel = degrees(rng, 25, 10, 0, 45) if depth < 0.55 and rng.random() < 0.6 else 0.0
    width = rng.uniform(0.2, 0.5) * figure.leg[0]
    return PoseCandidate(
        on_feet(figure, posture, stature(figure) * depth, _pair(rng, width, out, rng.uniform(0, 0.25), heel))
    )


def lunge(rng: Random, figure: Figure) -> PoseCandidate:
    """A long step with the front knee bent; the back heel up, or flat and turned out (warrior)."""
    flat = rng.random() < 0.4
    stride = rng.uniform(0.85, 1.6) * figure.leg[0]
    posture = trunk(rng, 8, 12)
    posture = replace(posture, root=rotation_x(degrees(rng, 8, 12, -10, 45)) @ rotation_z(radians(-25 if flat else 0)))
    posture = gesturing(rng, figure, posture, 0.25)
    width = rng.uniform(0.05, 0.22) * figure.leg[0]
    front = Foot(width, -stride / 2, 0.05, load=0.62)
    back = (
        Foot(-width, stride / 2, radians(60), load=0.38)
        if flat
        else Foot(-width, stride / 2, 0.0, degrees(rng, 50, 8, 35, 65), load=0.38)
    )
    return PoseCandidate(on_feet(figure, posture, stature(figure) * rng.uniform(0.55, 0.9), (front, back)))


def side_lunge(rng: Random, figure: Figure) -> PoseCandidate:
    """Weight over one bent knee, the other leg stretched to the side."""
    posture = trunk(rng, 22, 12)
    posture = gesturing(rng, figure, replace(posture, root=rotation_x(degrees(rng, 22, 10, 0, 50))), 0.25)
    width = rng.uniform(0.7, 1.15) * figure.leg[0]
    feet = (Foot(width, 0, 0.35, load=0.85, knee_out=0.1), Foot(-width, 0, 0.2, load=0.15))
    return PoseCandidate(on_feet(figure, posture, stature(figure) * rng.uniform(0.55, 0.85), feet))


def bend(rng: Random, figure: Figure) -> PoseCandidate:
    """Bent forward from the hips over straight or soft knees; arms hang, reach the shins or the floor, or gesture."""
    amount = rng.uniform(0.3, 1.0)
    posture = trunk(rng, 45 * amount, 8, 4)
    posture = replace(posture, root=rotation_x(radians(80 * amount)) @ rotation_z(degrees(rng, 0, 8)))
    posture = with_gestures(rng, posture)
    feet = _pair(rng, rng.uniform(0.1, 0.5) * figure.leg[0])
    posture = on_feet(figure, posture, stature(figure) * rng.uniform(0.86, 0.99), feet)
    if rng.random() < 0.6:
        posture = hands_at_shins(figure, posture, rng.uniform(0.0, 1.0))
        posture = on_feet(figure, posture, stature(figure) * rng.uniform(0.9, 0.99), feet)
    return PoseCandidate(posture)


def reach(rng: Random, figure: Figure) -> PoseCandidate:
    """One arm stretched towards something at any height and side, the trunk going along with it."""
    around, height = radians(rng.uniform(-60, 95)), rng.uniform(-0.9, 1.0)
    low = max(0.0, -height)
    posture = trunk(rng, 4 + 50 * low * cos(around), 6)
    lean = rotation_z(-around) @ rotation_x(radians(35 * low + rng.uniform(0, 14))) @ rotation_z(around)
    chest = posture.chest @ rotation_z(-0.4 * max(around, radians(-30)))
    posture = with_gestures(
        rng, replace(posture, root=lean @ posture.root, chest=chest), ("hang", "bent", "side", "back")
    )
    direction = np.array([sin(around), -cos(around), height]) * figure.arm[0] * 2.2

    def there(joints: dict[str, np.ndarray]) -> np.ndarray:
        return joints["upperarm01.L"] + direction

    posture = with_hand_at(figure, posture, 0, there, np.array([0.8, 0.4, -0.6]))
    feet = _pair(rng, rng.uniform(0.12, 0.4) * figure.leg[0], 12)
    feet = [replace(feet[0], y=-rng.uniform(0, 0.5) * figure.leg[0]), feet[1]]
    heel = degrees(rng, 25, 8, 0, 40) if height > 0.5 and rng.random() < 0.5 else 0.0
    feet = [replace(foot, heel=heel) for foot in feet]
    return PoseCandidate(on_feet(figure, posture, stature(figure) * (1 - abs(rng.normal(0, 0.07))) + 90 * heel, feet))


def one_leg(rng: Random, figure: Figure) -> PoseCandidate:
    """Balanced on the right leg; the left bent in front, sideways or behind, or stretched (tree, warrior III, kick)."""
    free = int(rng.integers(6))
    flexion, abduction, rotation, knee, tilt = (
        (rng.uniform(40, 110), rng.uniform(-5, 20), 0.0, rng.uniform(50, 125), rng.uniform(-8, 8)),  # knee up
        (rng.uniform(45, 70), rng.uniform(28, 44), rng.uniform(20, 45), rng.uniform(95, 130), 0.0),  # tree
        (rng.uniform(-20, 0), rng.uniform(0, 15), 0.0, rng.uniform(0, 30), rng.uniform(30, 85)),  # warrior III
        (rng.uniform(-25, -5), rng.uniform(0, 10), 0.0, rng.uniform(80, 130), rng.uniform(0, 15)),  # quad stretch
        (rng.uniform(40, 90), rng.uniform(0, 20), 0.0, rng.uniform(0, 20), rng.uniform(-12, 5)),  # front kick
        (rng.uniform(0, 15), rng.uniform(30, 48), rng.uniform(0, 15), rng.uniform(0, 25), 0.0),  # side kick
    )[free]
    posture = trunk(rng, 2, 6)
    lean = rotation_y(radians(-rng.uniform(0, 25))) if free == 5 else np.eye(3)
    posture = gesturing(rng, figure, replace(posture, root=lean @ rotation_x(radians(tilt)) @ posture.root), 0.2)
    if free == 2:
        posture = replace(posture, head=spine(radians(-0.45 * tilt)))
    feet = (Foot(0, 0, 0.1, lift=100, load=0.0), Foot(-50, 0, 0.1, load=1.0))
    hips = np.stack([hip(0, radians(flexion), radians(abduction), radians(rotation)), np.eye(3)])
    bends, ankles = np.array([radians(knee), 0.0]), np.stack([ankle(0, radians(-20)), np.eye(3)])
    posture = replace(posture, hip=hips, knee=bends, ankle=ankles)
    posture = on_feet(figure, posture, stature(figure) * (1 - abs(rng.normal(0, 0.025))), feet, free=0)
    return PoseCandidate(posture)


def jump(rng: Random, figure: Figure) -> PoseCandidate:
    """In the air: stretched, star, tucked, or legs split."""
    form = int(rng.integers(4))
    low, high = ((-12, 15), (-5, 12), (50, 115), (-25, 80))[form]
    posture = gesturing(rng, figure, trunk(rng, 6 + 20 * (form == 2), 8), 0.05)
    posture = replace(posture, root=rotation_x(degrees(rng, 5, 10, -20, 40)))
    flexions = rng.uniform(low, high, 2) if form == 3 else np.full(2, rng.uniform(low, high)) + rng.normal(0, 4, 2)
    apart = rng.uniform(15, 40) if form == 1 else rng.uniform(0, 10)
    knees = np.radians(np.clip(flexions * rng.uniform(0.8, 1.5) + rng.uniform(5, 40), 3, 145))
    hips = np.stack([hip(index, radians(flexions[index]), radians(apart)) for index in range(2)])
    feet = np.stack([ankle(index, degrees(rng, -30, 15, -50, 10)) for index in range(2)])
    posture = replace(posture, hip=hips, knee=knees, ankle=feet)
    return PoseCandidate(posture, airborne_mm=float(rng.uniform(40, 420)), balanced=False)


def sit(rng: Random, figure: Figure) -> PoseCandidate:
    """On a chair, a stool or a box, feet on the floor; arms free, on the thighs or on the body."""
    posture = trunk(rng, 12, 14)
    posture = replace(posture, root=rotation_x(degrees(rng, 0, 12, -22, 35)))
    posture = gesturing(rng, figure, posture, 0.35)
    height = figure.leg[1] + figure.ankle_height + rng.uniform(-30, 90)
    width, ahead = rng.uniform(0.1, 0.5) * figure.leg[0], rng.uniform(0.65, 1.25) * figure.leg[0]
    feet = [
        Foot(
            sign * width + rng.normal(0, 20),
            -ahead + rng.normal(0, 50),
            degrees(rng, 8, 8, -5, 30),
            knee_out=rng.uniform(-0.1, 0.3),
        )
        for sign in (1, -1)
    ]
    posture = on_feet(figure, posture, height, feet, rounds=0)
    if rng.random() < 0.4:
        share, inward = rng.uniform(0.6, 1.0), rng.uniform(-40, 20)
        for index in range(2):
            side, sign = "LR"[index], (1, -1)[index]

            def thigh(joints: dict[str, np.ndarray], side: str = side, sign: int = sign) -> np.ndarray:
                start, end = joints[f"upperleg01.{side}"], joints[f"lowerleg01.{side}"]
                return np.asarray(start + share * (end - start) + [sign * inward, 0, 105])

            posture = with_hand_at(figure, posture, index, thigh, np.array([1.0, 0.6, -0.2]))
            pronation = posture.pronation.copy()
            pronation[index] = radians(55)
            posture = replace(posture, pronation=pronation)
    return PoseCandidate(posture, seated=True, balanced=False)
