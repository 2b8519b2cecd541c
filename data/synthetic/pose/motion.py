"""The poses of one person's recording: frames of one clip, or independent samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from data.synthetic.body.model import BodyModel, Pose, Shape
from data.synthetic.geometry.rotations import rotation_z, unit
from data.synthetic.pose.arms import with_hands
from data.synthetic.pose.clinical_angles import shoulder
from data.synthetic.pose.clips import Clip, known_clips
from data.synthetic.pose.collision import Capsules, deepest_overlap, fit_capsules
from data.synthetic.pose.contact import stand_on_floor, with_flat_feet
from data.synthetic.pose.figure import Figure
from data.synthetic.pose.posture import Posture
from data.synthetic.pose.retarget import LEG_M, MM, Humanoid, humanoid_at, posture_of
from data.synthetic.pose.sampler import SampledPose, sample_pose

CLIP_SHARE = 0.4  # share of people whose poses come from a clip
NEAR_MM = 300.0  # distance from the world's origin
APART_SECONDS = (0.15, 0.6)  # between frames of a clip
AIRBORNE_MM = 60.0  # clearance from which a clip's humanoid, whose feet are boxes, counts as airborne
FLYING = ("backflip", "cartwheel", "jump", "kick", "run", "spinkick")  # the clips that leave the floor
HAND_ON_FLOOR_MM = 130.0  # a wrist below this, under a forearm that points down, bears weight
# Long and varied clips are more frequent than the five similar walks.
CLIP_WEIGHTS = {"walk": 0.5, "0walk_forward": 0.3, "turn_left0": 0.3, "turn_left1": 0.3, "turn_right0": 0.3,
                "turn_right1": 0.3, "dance_a": 1.5, "dance_b": 1.5, "punch": 1.3, "kick": 1.3, "spinkick": 1.3, "crawl": 0.7,
                "getup_facedown": 1.2, "getup_faceup": 1.2, "roll": 0.8, "run": 0.7}  # fmt: skip


def draw_motion(
    rng: np.random.Generator,
    model: BodyModel,
    shape: Shape,
    frames: int,
    sole_mm: float = 0.0,
    clips: Sequence[Clip] | None = None,
) -> list[SampledPose]:
    """Returns poses of one person with a random heading, within NEAR_MM of the world's origin on the floor z = 0.

    They are frames of one clip at some intervals or, for the other people, independent samples. `sole_mm` is the thickness of
    the shoes' soles. `clips` defaults to those in CLIPS_FOLDER; with an empty sequence only the sampler is used. Raises
    UserError if the clips have not been fetched.
    """
    clips = known_clips() if clips is None else clips
    figure = Figure(model, shape, sole_mm)
    capsules = fit_capsules(figure)
    if clips and rng.random() < CLIP_SHARE:
        return _of_clip(rng, figure, capsules, frames, clips)
    return [sample_pose(rng, figure, capsules) for _ in range(frames)]


def _of_clip(
    rng: np.random.Generator, figure: Figure, capsules: Capsules, frames: int, clips: Sequence[Clip]
) -> list[SampledPose]:
    weights = np.array([CLIP_WEIGHTS.get(clip.name, 1.0) for clip in clips])
    clip = clips[int(rng.choice(len(clips), p=weights / weights.sum()))]
    turn, mirror, hands = rotation_z(float(rng.uniform(-np.pi, np.pi))), rng.random() < 0.5, _hands(rng)
    drawn: list[SampledPose] = []
    for second in _seconds(rng, clip, frames):
        frame = clip.frame_at(second)
        humanoid = humanoid_at(clip, frame)
        posture = with_palms_down(replace(posture_of(humanoid), **hands), humanoid)
        posture = (posture.mirrored() if mirror else posture).turned(turn)
        drawn.append(_sample_frame(rng, figure, capsules, posture, humanoid, f"clip:{clip.name}:frame {frame}"))
    return drawn


def _hands(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Returns random hands, which the clips do not contain, as fields of a posture; the same for a whole recording."""
    posture = with_hands(rng, Posture())
    return {"curl": posture.curl, "wrist": posture.wrist, "pronation": np.radians(rng.normal(20, 20, 2).clip(-40, 70))}


def with_palms_down(posture: Posture, humanoid: Humanoid) -> Posture:
    """Returns the posture with flat palms where a clip's arms end on the floor: the wrists are extended."""
    wrist, pronation, curl = posture.wrist.copy(), posture.pronation.copy(), posture.curl.copy()
    for index, side in enumerate(("left", "right")):
        low = humanoid.joints_mm[f"{side}_wrist"]
        down = unit(low - humanoid.joints_mm[f"{side}_elbow"])[2]
        if low[2] < HAND_ON_FLOOR_MM and down < -0.5:
            wrist[index] = -np.arcsin(-down) * np.radians(75) / (np.pi / 2), 0.0
            pronation[index], curl[index] = 1.0, 0.05
    return replace(posture, wrist=wrist, pronation=pronation, curl=curl)


def _seconds(rng: np.random.Generator, clip: Clip, frames: int) -> list[float]:
    """Returns times of a clip at random intervals, short enough that no frame is used twice."""
    length = float(clip.seconds[-1])
    longest = min(APART_SECONDS[1], length / frames)
    gaps = rng.uniform(min(APART_SECONDS[0], 0.7 * longest), longest, frames - 1)
    start = rng.uniform(0, length if clip.loops else length - gaps.sum())
    return [float(start + gap) for gap in (0.0, *np.cumsum(gaps))]


def _sample_frame(
    rng: np.random.Generator,
    figure: Figure,
    capsules: Capsules,
    posture: Posture,
    humanoid: Humanoid,
    source: str,
) -> SampledPose:
    """Places a clip's posture: airborne or standing by the clip's clearance, with flat feet if they nearly are."""
    air = humanoid.clearance_mm * sum(figure.leg) / (LEG_M * MM)
    airborne = air > AIRBORNE_MM and source.split(":")[1] in FLYING
    if not airborne:
        posture = with_flat_feet(figure, posture)
    posture = resolve_collisions(figure, capsules, posture)
    pose = figure.pose(posture)
    spot = np.array([*rng.uniform(-0.8 * NEAR_MM, 0.8 * NEAR_MM, 2), pose.root_world[2]])
    pose, _ = stand_on_floor(figure, Pose(pose.rotations, spot), air if airborne else 0.0)
    return SampledPose(pose, source, airborne)


def resolve_collisions(figure: Figure, capsules: Capsules, posture: Posture) -> Posture:
    """Moves the arms of a recorded posture away from the trunk, stepwise, if they collide with a stouter body."""
    for _ in range(6):
        rotations, heads = figure.model.forward(figure.shape, figure.pose(posture))
        first, second, depth = deepest_overlap(figure, capsules, heads, rotations)
        arms = [name for name in (first, second) if name.startswith(("upperarm", "forearm", "hand"))]
        if depth <= 0 or not arms:
            return posture
        posture = _arms_out(posture, {name[-1] for name in arms})
    return posture


def _arms_out(posture: Posture, sides: set[str]) -> Posture:
    shoulders = posture.shoulder.copy()
    for index, side in enumerate("LR"):
        if side in sides:
            shoulders[index] = _outward(index) @ shoulders[index]
    return replace(posture, shoulder=shoulders)


def _outward(index: int) -> np.ndarray:
    return shoulder(index, 0.5, np.radians(6))
