"""Poses on knees, hands or the back: kneeling, crouching, floor exercises, yoga and lying."""

from __future__ import annotations

import math
from dataclasses import replace
from math import radians

import numpy as np

from data.synthetic.geometry.rotations import rotation_x, rotation_y
from data.synthetic.pose.arms import Random, with_arm, with_gestures
from data.synthetic.pose.candidates import PoseCandidate, degrees, gesturing, hands_at_shins, trunk
from data.synthetic.pose.clinical_angles import ankle, hip, spine
from data.synthetic.pose.figure import Figure
from data.synthetic.pose.legs import Foot, on_feet
from data.synthetic.pose.posture import Posture

HANDS = ("wrist", "metacarpal", "finger")
FEET = ("foot", "toe")
TOES = tuple(f"toe{toe}-{joint}" for toe in range(1, 6) for joint in range(1, 4))
LEFT_FOOT, RIGHT_FOOT = ("foot.L", "toe1-1.L"), tuple(f"{bone}.R" for bone in ("foot", *TOES))
RIGHT_KNEE = ("upperleg02.R", "lowerleg01.R")
TRUNK = ("head", "jaw", "spine", "breast", "clavicle")
KNEES = ("upperleg02", "lowerleg01")
SEAT = ("root", "pelvis", "upperleg01")
UPPER_BACK = ("spine01", "clavicle", "neck", "shoulder", "head")
PALM_DOWN = -75.0  # degrees of wrist extension under the body's weight


def levelled(figure: Figure, posture: Posture, front: tuple[str, ...], back: tuple[str, ...]) -> Posture:
    """Pitches the whole body until the lowest skin of two groups of bones is equally high."""
    for _ in range(4):
        vertices = figure.model.pose(figure.shape, figure.pose(posture)).vertices
        vertices[:, 2] = figure.heights(vertices)
        first, second = (_lowest(vertices[figure.vertices_of(*group)]) for group in (front, back))
        posture = posture.turned(rotation_x(math.atan2(first[2] - second[2], second[1] - first[1])))
    return posture


def _lowest(vertices: np.ndarray) -> np.ndarray:
    return np.asarray(vertices[int(np.argmin(vertices[:, 2]))])


def _legs(
    posture: Posture, flexion: float, knee: float, apart: float = 5.0, foot: float = -40.0, toes: float = 0.0
) -> Posture:
    """Returns the posture with both legs at the same angles (degrees)."""
    hips = np.stack([hip(index, radians(flexion), radians(apart)) for index in range(2)])
    feet = np.stack([ankle(index, radians(foot)) for index in range(2)])
    return replace(posture, hip=hips, knee=np.full(2, radians(knee)), ankle=feet, toes=np.full(2, radians(toes)))


def _propped(rng: Random, posture: Posture, elevation: float, elbow: float, plane: float = 85.0) -> Posture:
    """Returns the posture with both arms in front of the chest and palms on the floor (degrees)."""
    angles = np.radians([plane, elevation, -10 if elbow < 30 else 10, elbow, 65])
    posture = with_arm(with_arm(posture, 0, angles), 1, angles)
    wrist = np.tile([radians(PALM_DOWN), 0.0], (2, 1))
    return replace(posture, wrist=wrist, curl=np.full((2, 5), rng.uniform(0.0, 0.1)))


def kneel(rng: Random, figure: Figure) -> PoseCandidate:
    """Upright on both knees or sitting on the heels; insteps down or toes tucked."""
    back = rng.uniform(0, 1) if rng.random() < 0.6 else 0.0  # 1: sitting on the heels
    tucked = rng.random() < 0.4
    posture = trunk(rng, 6 + 8 * back, 9)
    posture = gesturing(rng, figure, posture, 0.35)
    flexion, knee = 5 + 72 * back, 92 + 56 * back
    foot, toes = (25.0, 60.0) if tucked else (-48.0, 0.0)
    upright = posture.root
    posture = _legs(posture, flexion, knee, rng.uniform(3, 14), foot, toes)
    posture = replace(posture, root=rotation_x(radians(90 + flexion - knee)))
    return PoseCandidate(
        _upright(levelled(figure, posture, KNEES, FEET), upright @ rotation_x(degrees(rng, 4, 6, -6, 20)))
    )


def _upright(posture: Posture, root: np.ndarray) -> Posture:
    """Rotates the pelvis without moving the thighs."""
    return replace(posture, root=root, hip=root.T @ posture.root @ posture.hip)


def half_kneel(rng: Random, figure: Figure) -> PoseCandidate:
    """On the right knee, the left foot flat in front."""
    posture = trunk(rng, 8, 10)
    posture = replace(posture, root=rotation_x(degrees(rng, 4, 6, -5, 20)))
    posture = gesturing(rng, figure, posture, 0.35)
    tucked = rng.random() < 0.6
    back = degrees(rng, 2, 8, -15, 15)
    posture = replace(
        posture,
        hip=np.stack([np.eye(3), posture.root.T @ rotation_x(back)]),
        knee=np.array([0.0, radians(92) - back]),
        ankle=np.stack([np.eye(3), ankle(1, radians(25 if tucked else -48))]),
        toes=np.array([0.0, radians(60) if tucked else 0.0]),
    )
    ahead = rng.uniform(0.8, 1.15) * figure.leg[0]
    front = Foot(rng.uniform(0.2, 0.4) * figure.leg[0], -ahead, degrees(rng, 5, 6), knee_out=rng.uniform(-0.05, 0.15))
    height = math.cos(back) * figure.leg[0] + 0.13 * figure.leg[1]
    for _ in range(3):  # the flesh below knee and foot is known only after posing
        posture = on_feet(figure, posture, height, (front, front), rounds=0, free=1)
        heights = figure.heights(figure.model.pose(figure.shape, figure.pose(posture)).vertices)
        stand, foot, knee = (
            float(heights[figure.vertices_of(*part)].min()) for part in (LEFT_FOOT, RIGHT_FOOT, RIGHT_KNEE)
        )
        height += stand - knee
        posture = replace(posture, knee=posture.knee + [0.0, np.clip((knee - foot) / figure.leg[1], -0.3, 0.3)])
    return PoseCandidate(on_feet(figure, posture, height, (front, front), rounds=0, free=1))


def crouch(rng: Random, figure: Figure) -> PoseCandidate:
    """Low on the balls of both feet, or one foot flat, hands near the floor or on the knees."""
    posture = trunk(rng, 18, 10)
    posture = replace(posture, root=rotation_x(degrees(rng, 10, 8, -5, 35)))
    posture = gesturing(rng, figure, posture, 0.1)
    width = rng.uniform(0.15, 0.4) * figure.leg[0]
    ahead = rng.uniform(0, 0.5) * figure.leg[0]
    feet = (
        Foot(width, -ahead / 2, degrees(rng, 15, 8, 0, 35), 0.0 if ahead > 100 else radians(30), knee_out=0.1),
        Foot(-width, ahead / 2, degrees(rng, 8, 8, 0, 30), degrees(rng, 45, 8, 30, 60), knee_out=0.1),
    )
    return PoseCandidate(on_feet(figure, posture, rng.uniform(0.6, 1.0) * figure.leg[0], feet))


def all_fours(rng: Random, figure: Figure) -> PoseCandidate:
    """On hands and knees, the back level, arched or round; sometimes an arm and a leg stretched out (bird dog)."""
    posture = replace(trunk(rng, 0, 14), head=spine(degrees(rng, -18, 15, -45, 30), 0.0, degrees(rng, 0, 15)))
    flexion, apart = rng.uniform(72, 100), rng.uniform(0, 8)
    posture = replace(_legs(posture, flexion, 90.0, apart, -48), root=rotation_x(radians(85)))
    posture = _propped(rng, posture, rng.uniform(78, 100), rng.uniform(3, 15))
    posture = levelled(figure, posture, HANDS, KNEES)
    pitch = math.degrees(math.atan2(posture.root[2, 1], posture.root[1, 1]))
    posture = replace(posture, knee=np.full(2, radians(np.clip(102 + flexion - pitch, 40, 140))))  # insteps down
    posture = levelled(figure, posture, HANDS, KNEES)
    if rng.random() < 0.4:
        hips, knees = posture.hip.copy(), posture.knee.copy()
        hips[1], knees[1] = hip(1, degrees(rng, 0, 8, -15, 20)), degrees(rng, 12, 8, 0, 40)
        posture = replace(posture, hip=hips, knee=knees)
        if rng.random() < 0.6:
            posture = with_arm(posture, 0, np.radians([80, rng.uniform(150, 172), 20, rng.uniform(0, 20), 0]))
    return PoseCandidate(posture, touching=(HANDS, KNEES))


def plank(rng: Random, figure: Figure) -> PoseCandidate:
    """On hands and toes: high plank to the bottom of a push-up, or the hips high (downward dog)."""
    dog = rng.random() < 0.4
    posture = replace(trunk(rng, 3 if not dog else 12, 5, 2), root=rotation_x(radians(85)))
    if dog:
        posture = _legs(posture, rng.uniform(65, 100), rng.uniform(0, 20), rng.uniform(0, 8), rng.uniform(-5, 15), 30)
        posture = _propped(rng, posture, rng.uniform(145, 172), rng.uniform(2, 12), 75)
    else:
        bent = rng.uniform(0, 1) if rng.random() < 0.6 else 0.0
        posture = _legs(posture, rng.uniform(-5, 18), rng.uniform(0, 10), rng.uniform(0, 8), 0, 55)
        posture = _propped(rng, posture, 85 - 45 * bent, 5 + 85 * bent, 80 - 55 * bent)
    if rng.random() < 0.3:
        hips = posture.hip.copy()
        hips[1] = hips[1] @ rotation_x(radians(rng.uniform(8, 28)))
        posture = replace(posture, hip=hips)
        return PoseCandidate(
            levelled(figure, posture, HANDS, ("foot.L", "toe1-1.L", "toe1-2.L", "toe3-3.L")),
            balanced=False,
            touching=(HANDS,),
        )
    return PoseCandidate(levelled(figure, posture, HANDS, FEET), touching=(HANDS, FEET))


def floor_sit(rng: Random, figure: Figure) -> PoseCandidate:
    """Sitting on the floor with straight, spread or drawn up legs."""
    knee = rng.choice([rng.uniform(0, 25), rng.uniform(70, 115)])
    posture = trunk(rng, 18, 10)
    apart, out = rng.uniform(4, 32), rng.uniform(0, 20)
    lean = rng.uniform(-25, 5)
    hips = np.stack([hip(index, radians(88 + 0.45 * knee + lean), radians(apart), radians(out)) for index in range(2)])
    feet = np.stack([ankle(index, radians(-15)) for index in range(2)])
    posture = replace(posture, root=rotation_x(radians(lean)), hip=hips, knee=np.full(2, radians(knee)), ankle=feet)
    posture = levelled(figure, posture, FEET, SEAT)
    if rng.random() < 0.4:  # bent over the legs
        posture = replace(posture, chest=spine(degrees(rng, 45, 12, 15, 72)), head=spine(degrees(rng, -8, 10)))
        return PoseCandidate(hands_at_shins(figure, posture, rng.uniform(0.1, 1.0)), balanced=False, touching=(SEAT,))
    return PoseCandidate(gesturing(rng, figure, posture, 0.2), balanced=False, touching=(SEAT,))


def bridge(rng: Random, figure: Figure) -> PoseCandidate:
    """On the shoulders and the feet, hips raised, arms along the floor."""
    knee = rng.uniform(70, 108)
    posture = replace(trunk(rng, -8, 5, 2), head=spine(radians(rng.uniform(15, 40))), root=rotation_x(radians(-110)))
    posture = _legs(posture, rng.uniform(-15, 12), knee, rng.uniform(2, 12), rng.uniform(-15, 5))
    posture = levelled(figure, posture, FEET, UPPER_BACK)
    chest = posture.root @ posture.chest
    slope = math.degrees(math.atan2(-chest[2, 2], chest[1, 2]))
    arm = np.radians([-90, np.clip(slope, 5, 55), 20, rng.uniform(3, 15), 0])
    return PoseCandidate(with_arm(with_arm(posture, 0, arm), 1, arm), balanced=False, touching=(UPPER_BACK, FEET))


def lie(rng: Random, figure: Figure) -> PoseCandidate:
    """On the back, the belly or a side, limbs at rest or drawn up."""
    side = int(rng.integers(3))
    posture = replace(trunk(rng, 0, 3, 3), head=spine(degrees(rng, 0, 6), 0.0, degrees(rng, 0, 25, -60, 60)))
    flexion, knee, foot = rng.uniform(-2, 5), rng.uniform(2, 8), -40.0
    if side != 1 and rng.random() < 0.5:
        knee = rng.uniform(60, 115)
        flexion = _feet_down(figure, knee)
        foot = knee - flexion - 90 if side == 0 else -20.0
    posture = _legs(posture, 0.0 if side == 1 else flexion, knee, rng.uniform(2, 14), max(foot, -50.0))
    if side == 2:
        posture = _legs(posture, flexion, knee, -5, -25)
        below = np.radians([rng.uniform(95, 115), rng.uniform(40, 150), 0, rng.uniform(5, 110), 0])
        posture = with_arm(with_gestures(rng, posture, ("front", "bent", "guard", "hang")), 0, below)
        return PoseCandidate(
            posture.turned(rotation_x(radians(-90))).turned(rotation_y(radians(90))),
            balanced=False,
            touching=(("pelvis", "upperleg"),),
        )
    # With full outward rotation the forearm lies in the plane of the trunk, that is, along the floor.
    angles = np.radians([5 if side == 0 else -8, rng.uniform(12, 150), 85, rng.uniform(3, 75), 0])
    posture = with_arm(with_arm(posture, 0, angles), 1, angles + rng.normal(0, 0.08, 5) * [0, 1, 0, 0, 1])
    if side == 0:
        return PoseCandidate(posture.turned(rotation_x(radians(-90))), balanced=False, touching=(SEAT,))
    return PoseCandidate(
        levelled(figure, posture.turned(rotation_x(radians(90))), TRUNK, FEET), balanced=False, touching=(TRUNK,)
    )


def _feet_down(figure: Figure, knee: float) -> float:
    """Returns the hip flexion (degrees) that puts the feet of bent legs on the floor when lying on the back."""
    thigh, shin = figure.leg
    return math.degrees(math.atan2(shin * math.sin(radians(knee)), thigh + shin * math.cos(radians(knee)))) - 3
