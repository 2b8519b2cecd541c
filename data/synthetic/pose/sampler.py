"""A rejection sampler of natural poses: candidates of random kinds, tested for joint limits, collisions and balance."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data.synthetic.body.model import Pose, Posed
from data.synthetic.geometry.rotations import rotation_z
from data.synthetic.pose import floor_poses, upright_poses
from data.synthetic.pose.candidates import PoseCandidate
from data.synthetic.pose.collision import Capsules, collides
from data.synthetic.pose.contact import is_balanced, seat_under, stand_on_floor
from data.synthetic.pose.figure import Figure
from data.synthetic.pose.joint_limits import worst_excess

Kind = Callable[[np.random.Generator, Figure], PoseCandidate]
# The relative frequency of each kind.
KINDS: dict[str, tuple[float, Kind]] = {
    "stand": (3.0, upright_poses.stand), "wide": (2.0, upright_poses.wide), "step": (3.0, upright_poses.step),
    "squat": (3.0, upright_poses.squat), "lunge": (3.0, upright_poses.lunge), "side lunge": (1.2, upright_poses.side_lunge),
    "bend": (2.0, upright_poses.bend), "reach": (2.5, upright_poses.reach), "one leg": (3.0, upright_poses.one_leg),
    "jump": (1.2, upright_poses.jump), "sit": (1.5, upright_poses.sit), "kneel": (1.0, floor_poses.kneel),
    "half kneel": (1.0, floor_poses.half_kneel), "crouch": (1.0, floor_poses.crouch),
    "all fours": (0.7, floor_poses.all_fours), "plank": (0.8, floor_poses.plank), "floor sit": (1.0, floor_poses.floor_sit),
    "bridge": (0.4, floor_poses.bridge),
    "lie": (0.4, floor_poses.lie),
}  # fmt: skip
TRIES = 12  # of one kind, before another is drawn
TOLERANCE = 0.02  # radians beyond a joint's range that are accepted
FLOATS_MM = 25.0
SEAT_LOW_MM = 250.0


@dataclass(frozen=True)
class SampledPose:
    """One pose of a person near the world's origin, with the floor at z = 0."""

    pose: Pose
    source: str  # `clip:walk:frame 17` or `sampler:squat`
    airborne: bool = False
    seat: tuple[float, float, float] | None = None  # mm: the centre of the seat's top, and its height


class RejectedError(Exception):
    """Why a candidate was rejected."""


def sample_pose(rng: np.random.Generator, figure: Figure, capsules: Capsules, kind: str | None = None) -> SampledPose:
    """Returns one natural pose of a `kind` of KINDS, or of a random kind.

    Half of them are mirrored, and headings are uniform. Raises RuntimeError if no candidate of a given kind is accepted.
    """
    names = list(KINDS)
    shares = np.array([weight for weight, _ in KINDS.values()])
    for _ in range(20):
        name = kind or names[int(rng.choice(len(names), p=shares / shares.sum()))]
        for _ in range(TRIES):
            try:
                return check_candidate(rng, figure, capsules, KINDS[name][1](rng, figure), f"sampler:{name}")
            except RejectedError:
                continue
    raise RuntimeError(f"no pose of kind {kind} found for this body")


def check_candidate(
    rng: np.random.Generator, figure: Figure, capsules: Capsules, candidate: PoseCandidate, source: str
) -> SampledPose:
    """Returns the candidate placed on the floor, or raises RejectedError."""
    posture = candidate.posture.mirrored() if rng.random() < 0.5 else candidate.posture
    excess = worst_excess(posture)
    if excess.angle > TOLERANCE:
        raise RejectedError(excess.joint)
    pose = figure.pose(posture.turned(rotation_z(float(rng.uniform(-np.pi, np.pi)))))
    pose = Pose(pose.rotations, np.array([*rng.uniform(-250, 250, 2), pose.root_world[2]]))
    pose, posed = stand_on_floor(figure, pose, candidate.airborne_mm)
    if collides(figure, capsules, posed):
        raise RejectedError("limbs that go through each other")
    if any(height_of(figure, posed, group) > FLOATS_MM for group in candidate.touching):
        raise RejectedError("a part that floats")
    if candidate.balanced and not is_balanced(figure, posed):
        raise RejectedError("balance")
    seat = seat_under(figure, posed) if candidate.seated else None
    if seat and seat[2] < SEAT_LOW_MM:
        raise RejectedError("a seat too low")
    return SampledPose(pose, source, candidate.airborne_mm > 0, seat)


def height_of(figure: Figure, posed: Posed, group: tuple[str, ...]) -> float:
    """Returns the height (mm) of the lowest skin of some bones above the floor."""
    return float(figure.heights(posed.vertices)[figure.vertices_of(*group)].min())
