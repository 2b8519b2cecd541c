"""Random natural poses of one person: drawn by kind, and kept where joints, limbs, floor and balance allow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data.synthetic import floorwork, stances
from data.synthetic.body import Pose, Posed
from data.synthetic.collision import Capsules, collides
from data.synthetic.contact import is_balanced, seat_under, stand_on_floor
from data.synthetic.drafts import Draft
from data.synthetic.figure import Figure
from data.synthetic.limits import worst_excess
from data.synthetic.turns import turn_z

Kind = Callable[[np.random.Generator, Figure], Draft]
# How often each kind is asked for.
KINDS: dict[str, tuple[float, Kind]] = {
    "stand": (3.0, stances.stand), "wide": (2.0, stances.wide), "step": (3.0, stances.step),
    "squat": (3.0, stances.squat), "lunge": (3.0, stances.lunge), "side lunge": (1.2, stances.side_lunge),
    "bend": (2.0, stances.bend), "reach": (2.5, stances.reach), "one leg": (3.0, stances.one_leg),
    "jump": (1.2, stances.jump), "sit": (1.5, stances.sit), "kneel": (1.0, floorwork.kneel),
    "half kneel": (1.0, floorwork.half_kneel), "crouch": (1.0, floorwork.crouch),
    "all fours": (0.7, floorwork.all_fours), "plank": (0.8, floorwork.plank), "floor sit": (1.0, floorwork.floor_sit),
    "bridge": (0.4, floorwork.bridge),
    "lie": (0.4, floorwork.lie),
}  # fmt: skip
TRIES = 12  # of one kind, before another is asked for
LEEWAY = 0.02  # radians beyond a joint's range that are let pass
FLOATS_MM = 25.0
SEAT_LOW_MM = 250.0


@dataclass(frozen=True)
class Drawn:
    """One pose of a person who stands near the world's origin, the floor at z = 0."""

    pose: Pose
    source: str  # `clip:walk:frame 17` or `sampler:squat`
    airborne: bool = False
    seat: tuple[float, float, float] | None = None  # mm: the middle of what is sat on, and the height of its top


class RefusedError(Exception):
    """Why a draft is no pose."""


def sample_pose(rng: np.random.Generator, figure: Figure, capsules: Capsules, kind: str | None = None) -> Drawn:
    """One natural pose, of a `kind` of KINDS or of any.

    Half of them are mirrored; they face anywhere. RuntimeError where a kind that was asked for finds none (not seen).
    """
    names = list(KINDS)
    shares = np.array([weight for weight, _ in KINDS.values()])
    for _ in range(20):
        name = kind or names[int(rng.choice(len(names), p=shares / shares.sum()))]
        for _ in range(TRIES):
            try:
                return judged(rng, figure, capsules, KINDS[name][1](rng, figure), f"sampler:{name}")
            except RefusedError:
                continue
    raise RuntimeError(f"no pose of kind {kind} found for this body")


def judged(rng: np.random.Generator, figure: Figure, capsules: Capsules, draft: Draft, source: str) -> Drawn:
    """Place a draft on the floor, or refuse it."""
    posture = draft.posture.mirrored() if rng.random() < 0.5 else draft.posture
    excess = worst_excess(posture)
    if excess.angle > LEEWAY:
        raise RefusedError(excess.joint)
    pose = figure.pose(posture.turned(turn_z(float(rng.uniform(-np.pi, np.pi)))))
    pose = Pose(pose.rotations, np.array([*rng.uniform(-250, 250, 2), pose.root_world[2]]))
    pose, posed = stand_on_floor(figure, pose, draft.airborne_mm)
    if collides(figure, capsules, posed):
        raise RefusedError("limbs that go through each other")
    if any(height_of(figure, posed, group) > FLOATS_MM for group in draft.touching):
        raise RefusedError("a part that floats")
    if draft.balanced and not is_balanced(figure, posed):
        raise RefusedError("balance")
    seat = seat_under(figure, posed) if draft.seated else None
    if seat and seat[2] < SEAT_LOW_MM:
        raise RefusedError("a seat too low")
    return Drawn(pose, source, draft.airborne_mm > 0, seat)


def height_of(figure: Figure, posed: Posed, group: tuple[str, ...]) -> float:
    """How high (mm) the lowest skin of some bones is above the floor."""
    return float(figure.heights(posed.vertices)[figure.vertices_of(*group)].min())
