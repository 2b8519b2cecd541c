"""The poses that one person takes in front of the cameras: some frames of one clip, or poses of the sampler."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from data.synthetic.angles import shoulder
from data.synthetic.arms import with_hands
from data.synthetic.body import BodyModel, Pose, Shape
from data.synthetic.clips import Clip, known_clips
from data.synthetic.collision import Capsules, deepest, measured
from data.synthetic.contact import stand_on_floor, with_flat_feet
from data.synthetic.figure import Figure
from data.synthetic.posture import Posture
from data.synthetic.retarget import LEG_M, MM, Humanoid, humanoid_at, posture_of
from data.synthetic.sampler import Drawn, sample_pose
from data.synthetic.turns import turn_z, unit

CLIP_SHARE = 0.4  # of the people
NEAR_MM = 300.0  # of the world's origin
APART_SECONDS = (0.15, 0.6)  # between frames of a clip
AIRBORNE_MM = 60.0  # what a clip's humanoid, whose feet are plain boxes, must have below it to be in the air
FLYING = ("backflip", "cartwheel", "jump", "kick", "run", "spinkick")  # the clips that leave the floor
HAND_ON_FLOOR_MM = 130.0  # a wrist as low as this, under a forearm that points down, carries
# Long and varied clips come more often than the five that walk almost alike.
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
) -> list[Drawn]:
    """Poses of one person that faces anywhere, within NEAR_MM of the world's origin on the floor z = 0.

    They are frames of one clip some time apart or, for the other half of the people, single poses of the sampler.
    `sole_mm` is the thickness of the shoes' soles. Without `clips` those that stand in CLIPS_FOLDER are taken; an empty
    sequence leaves the sampler alone. UserError where the clips are not fetched yet.
    """
    clips = known_clips() if clips is None else clips
    figure = Figure(model, shape, sole_mm)
    capsules = measured(figure)
    if clips and rng.random() < CLIP_SHARE:
        return _of_clip(rng, figure, capsules, frames, clips)
    return [sample_pose(rng, figure, capsules) for _ in range(frames)]


def _of_clip(
    rng: np.random.Generator, figure: Figure, capsules: Capsules, frames: int, clips: Sequence[Clip]
) -> list[Drawn]:
    weights = np.array([CLIP_WEIGHTS.get(clip.name, 1.0) for clip in clips])
    clip = clips[int(rng.choice(len(clips), p=weights / weights.sum()))]
    turn, mirror, hands = turn_z(float(rng.uniform(-np.pi, np.pi))), rng.random() < 0.5, _hands(rng)
    drawn: list[Drawn] = []
    for second in _seconds(rng, clip, frames):
        frame = clip.frame_at(second)
        humanoid = humanoid_at(clip, frame)
        posture = with_palms_down(replace(posture_of(humanoid), **hands), humanoid)
        posture = (posture.mirrored() if mirror else posture).turned(turn)
        drawn.append(_placed(rng, figure, capsules, posture, humanoid, f"clip:{clip.name}:frame {frame}"))
    return drawn


def _hands(rng: np.random.Generator) -> dict[str, np.ndarray]:
    """What a clip does not say, of one person: how it holds its hands."""
    held = with_hands(rng, Posture())
    return {"curl": held.curl, "wrist": held.wrist, "pronation": np.radians(rng.normal(20, 20, 2).clip(-40, 70))}


def with_palms_down(posture: Posture, humanoid: Humanoid) -> Posture:
    """Hands that a clip sets on the floor (its own hands are mere ends of arms) laid flat: the wrists bent back."""
    wrist, pronation, curl = posture.wrist.copy(), posture.pronation.copy(), posture.curl.copy()
    for index, side in enumerate(("left", "right")):
        low = humanoid.joints_mm[f"{side}_wrist"]
        down = unit(low - humanoid.joints_mm[f"{side}_elbow"])[2]
        if low[2] < HAND_ON_FLOOR_MM and down < -0.5:
            wrist[index] = -np.arcsin(-down) * np.radians(75) / (np.pi / 2), 0.0
            pronation[index], curl[index] = 1.0, 0.05
    return replace(posture, wrist=wrist, pronation=pronation, curl=curl)


def _seconds(rng: np.random.Generator, clip: Clip, frames: int) -> list[float]:
    """Times of a clip some way apart, so near to each other that none comes twice."""
    length = float(clip.seconds[-1])
    longest = min(APART_SECONDS[1], length / frames)
    gaps = rng.uniform(min(APART_SECONDS[0], 0.7 * longest), longest, frames - 1)
    start = rng.uniform(0, length if clip.loops else length - gaps.sum())
    return [float(start + gap) for gap in (0.0, *np.cumsum(gaps))]


def _placed(
    rng: np.random.Generator,
    figure: Figure,
    capsules: Capsules,
    posture: Posture,
    humanoid: Humanoid,
    source: str,
) -> Drawn:
    """The clip's height above its floor decides who flies; everyone else stands, on flat feet where they nearly are."""
    air = humanoid.clearance_mm * sum(figure.leg) / (LEG_M * MM)
    airborne = air > AIRBORNE_MM and source.split(":")[1] in FLYING
    if not airborne:
        posture = with_flat_feet(figure, posture)
    posture = untangled(figure, capsules, posture)
    pose = figure.pose(posture)
    spot = np.array([*rng.uniform(-0.8 * NEAR_MM, 0.8 * NEAR_MM, 2), pose.root_world[2]])
    pose, _ = stand_on_floor(figure, Pose(pose.rotations, spot), air if airborne else 0.0)
    return Drawn(pose, source, airborne)


def untangled(figure: Figure, capsules: Capsules, posture: Posture) -> Posture:
    """Arms of a recorded posture moved out of a body that is stouter than the recorded one's: away from the trunk, stepwise."""
    for _ in range(6):
        rotations, heads = figure.model.forward(figure.shape, figure.pose(posture))
        first, second, depth = deepest(figure, capsules, heads, rotations)
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
