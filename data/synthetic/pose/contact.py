"""Contact with the floor: a person's height above it, flat soles, and static balance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from data.synthetic.body.model import Pose, Posed
from data.synthetic.geometry.rotations import rotation_x, rotation_z
from data.synthetic.pose.figure import Figure
from data.synthetic.pose.joint_limits import within_ankle
from data.synthetic.pose.posture import SIDES, Posture

TOUCH_MM = 15.0  # skin this close to the floor bears load, since flesh is compressed by about as much
FLATTEN_MM = 45.0  # a foot whose sole is this close to the floor is laid flat
# Segment masses as shares of the body's mass, and the centre's position from the first bone's head to the second's:
# de Leva 1996, J. Biomech. 29:1223, the mean of women and men.
MASSES = (
    ("neck01", "head", 0.068, 1.2), ("root", "spine01", 0.430, 0.60),
    *((f"upperarm01.{side}", f"lowerarm01.{side}", 0.026, 0.576) for side in SIDES),
    *((f"lowerarm01.{side}", f"wrist.{side}", 0.015, 0.457) for side in SIDES),
    *((f"wrist.{side}", f"finger3-1.{side}", 0.006, 0.77) for side in SIDES),
    *((f"upperleg01.{side}", f"lowerleg01.{side}", 0.145, 0.385) for side in SIDES),
    *((f"lowerleg01.{side}", f"foot.{side}", 0.046, 0.443) for side in SIDES),
    *((f"foot.{side}", f"toe2-1.{side}", 0.013, 0.5) for side in SIDES),
)  # fmt: skip


def stand_on_floor(figure: Figure, pose: Pose, clearance_mm: float = 0.0) -> tuple[Pose, Posed]:
    """Moves a person vertically so that the lowest skin, or the shoes' soles, touch the floor z = 0.

    `clearance_mm` is the height above the floor of a person in the air.
    """
    posed = figure.model.pose(figure.shape, pose)
    shift = np.array([0.0, 0.0, clearance_mm - lowest(figure, posed)])
    return pose.moved(shift), Posed(posed.vertices + shift, posed.heads + shift, posed.rotations)


def lowest(figure: Figure, posed: Posed) -> float:
    """Returns the height (mm) of the lowest skin or shoe sole."""
    return float(figure.heights(posed.vertices)[figure.body_vertices].min())


def centre_of_mass(figure: Figure, heads: np.ndarray) -> np.ndarray:
    """Returns the centre of mass (3,) from the bones' heads (163, 3) and the table MASSES."""
    model, total, weight = figure.model, np.zeros(3), 0.0
    for first, second, mass, along in MASSES:
        start, end = heads[model.bone(first)], heads[model.bone(second)]
        total, weight = total + mass * (start + along * (end - start)), weight + mass
    return total / weight


def is_balanced(figure: Figure, posed: Posed, slack_mm: float = 20.0) -> bool:
    """Whether the centre of mass lies above the convex hull of the contact points, or outside it by at most the slack."""
    skin = figure.body_vertices
    touching = posed.vertices[skin[figure.heights(posed.vertices)[skin] < TOUCH_MM], :2]
    return outside_by(centre_of_mass(figure, posed.heads)[:2], touching) <= slack_mm


def outside_by(point: np.ndarray, points: np.ndarray) -> float:
    """Returns the signed distance (mm) of a point (2,) to the convex hull of (N, 2); positive outside, inf without a hull."""
    try:
        hull = ConvexHull(points)
    except (QhullError, ValueError):
        return float("inf")
    return float((hull.equations[:, :2] @ point + hull.equations[:, 2]).max())


def with_flat_feet(figure: Figure, posture: Posture) -> Posture:
    """Rotates the ankles of feet near the floor so that their soles lie flat, within the ankles' limits.

    The foot's heading is kept. A foot in the air, or on tiptoe by more than the ankle's range, stays as it is.
    """
    posed = figure.model.pose(figure.shape, figure.pose(posture))
    heights = figure.heights(posed.vertices)
    floor = heights[figure.body_vertices].min()
    ankles, toes = posture.ankle.copy(), posture.toes.copy()
    for index, side in enumerate(SIDES):
        foot = heights[figure.vertices_of(f"foot.{side}", *_toes(side))]
        if foot.min() - floor > FLATTEN_MM:
            continue
        shin = posture.root @ posture.hip[index] @ rotation_x(posture.knee[index])
        front = -(shin @ posture.ankle[index])[:, 1]
        if np.hypot(front[0], front[1]) < 0.7:  # on tiptoe or on the heel
            continue
        flat = shin.T @ rotation_z(float(np.arctan2(front[0], -front[1])))
        if within_ankle(flat, index):
            ankles[index], toes[index] = flat, 0.0
    return replace(posture, ankle=ankles, toes=toes)


def _toes(side: str) -> tuple[str, ...]:
    return tuple(f"toe{toe}-{joint}.{side}" for toe in range(1, 6) for joint in range(1, 4))


def seat_under(figure: Figure, posed: Posed) -> tuple[float, float, float]:
    """Returns the seat of a sitting person: (x, y) below the hips and the height of the lowest skin there, mm."""
    skin = posed.vertices[figure.vertices_of("root", "pelvis", "upperleg01")]
    x, y = np.mean([posed.heads[figure.model.bone(f"upperleg01.{side}")][:2] for side in SIDES], axis=0)
    return float(x), float(y), float(skin[:, 2].min())
