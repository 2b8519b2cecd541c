"""Where a person meets the floor: placed on it exactly, soles laid flat, and whether the body's weight is held up there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from data.synthetic.body import Pose, Posed
from data.synthetic.figure import Figure
from data.synthetic.limits import within_ankle
from data.synthetic.posture import SIDES, Posture
from data.synthetic.turns import turn_x, turn_z

TOUCH_MM = 15.0  # skin this near to the floor carries: flesh gives way by about as much
FLATTEN_MM = 45.0  # a foot whose sole is this near to the floor is laid flat
# Each part's share of the body's mass and how far along it (from the first bone's head to the second's) its centre lies:
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
    """Raise or lower a person so that its lowest skin, or its shoes' soles, touch the floor z = 0.

    `clearance_mm` leaves air below a jumper.
    """
    posed = figure.model.pose(figure.shape, pose)
    shift = np.array([0.0, 0.0, clearance_mm - lowest(figure, posed)])
    return pose.moved(shift), Posed(posed.vertices + shift, posed.heads + shift, posed.rotations)


def lowest(figure: Figure, posed: Posed) -> float:
    """The height (mm) of the lowest skin or shoe sole."""
    return float(figure.heights(posed.vertices)[figure.body_vertices].min())


def centre_of_mass(figure: Figure, heads: np.ndarray) -> np.ndarray:
    """(3,) from where the bones' heads (163, 3) lie, by the table MASSES."""
    model, total, weight = figure.model, np.zeros(3), 0.0
    for first, second, mass, along in MASSES:
        start, end = heads[model.bone(first)], heads[model.bone(second)]
        total, weight = total + mass * (start + along * (end - start)), weight + mass
    return total / weight


def is_balanced(figure: Figure, posed: Posed, slack_mm: float = 20.0) -> bool:
    """Whether the centre of mass lies above the convex hull of what touches the floor, or no further out than the slack."""
    skin = figure.body_vertices
    touching = posed.vertices[skin[figure.heights(posed.vertices)[skin] < TOUCH_MM], :2]
    return outside_by(centre_of_mass(figure, posed.heads)[:2], touching) <= slack_mm


def outside_by(point: np.ndarray, points: np.ndarray) -> float:
    """How far (mm) a point (2,) lies outside the convex hull of points (N, 2); below 0 within; inf where there is no hull."""
    try:
        hull = ConvexHull(points)
    except (QhullError, ValueError):
        return float("inf")
    return float((hull.equations[:, :2] @ point + hull.equations[:, 2]).max())


def with_flat_feet(figure: Figure, posture: Posture) -> Posture:
    """Turn the ankles of the feet that nearly stand until their soles lie flat, where an ankle can go so far.

    The direction in which the foot points is kept. A foot that is up in the air, or that stands on its toes by more than
    an ankle's reach, stays as it is.
    """
    posed = figure.model.pose(figure.shape, figure.pose(posture))
    heights = figure.heights(posed.vertices)
    floor = heights[figure.body_vertices].min()
    ankles, toes = posture.ankle.copy(), posture.toes.copy()
    for index, side in enumerate(SIDES):
        foot = heights[figure.vertices_of(f"foot.{side}", *_toes(side))]
        if foot.min() - floor > FLATTEN_MM:
            continue
        shin = posture.root @ posture.hip[index] @ turn_x(posture.knee[index])
        front = -(shin @ posture.ankle[index])[:, 1]
        if np.hypot(front[0], front[1]) < 0.7:  # on tiptoe, or on its heel
            continue
        flat = shin.T @ turn_z(float(np.arctan2(front[0], -front[1])))
        if within_ankle(flat, index):
            ankles[index], toes[index] = flat, 0.0
    return replace(posture, ankle=ankles, toes=toes)


def _toes(side: str) -> tuple[str, ...]:
    return tuple(f"toe{toe}-{joint}.{side}" for toe in range(1, 6) for joint in range(1, 4))


def seat_under(figure: Figure, posed: Posed) -> tuple[float, float, float]:
    """Where a seat touches a sitting person: (x, y) below the hips and the height of the lowest skin there, mm."""
    skin = posed.vertices[figure.vertices_of("root", "pelvis", "upperleg01")]
    x, y = np.mean([posed.heads[figure.model.bone(f"upperleg01.{side}")][:2] for side in SIDES], axis=0)
    return float(x), float(y), float(skin[:, 2].min())
