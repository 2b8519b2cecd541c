"""What a person does in front of the cameras: natural, on the floor, and the same for the same seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.synthetic import sampler
from data.synthetic.angles import shoulder
from data.synthetic.body import Pose
from data.synthetic.clips import Clip
from data.synthetic.collision import collides, measured
from data.synthetic.contact import is_balanced, lowest
from data.synthetic.drafts import Draft
from data.synthetic.figure import Figure
from data.synthetic.motion import draw_motion, untangled
from data.synthetic.posture import Posture
from data.synthetic.sampler import KINDS, Drawn, RefusedError, judged, sample_pose
from data.synthetic.turns import turn_x
from tests.data.synthetic.humanoid_clip import write_clip

NOT_HELD_BY_FEET = {"step", "jump", "sit", "floor sit", "lie", "plank", "bridge"}


@pytest.fixture
def clips(tmp_path: Path) -> list[Clip]:
    rng = np.random.default_rng(1)
    return [
        write_clip(tmp_path / f"humanoid3d_{name}.txt", rng, frames=40, spread=0.3, seconds=1 / 30)
        for name in ("walk", "dance_a")
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_drawn_within_its_bounds(figure: Figure, kind: str) -> None:
    figure = replace(figure, sole_mm=12.0)
    capsules = measured(figure)
    drawn = sample_pose(np.random.default_rng(5), figure, capsules, kind)
    posed = figure.model.pose(figure.shape, drawn.pose)
    assert (
        drawn.source == f"sampler:{kind}"
        and drawn.airborne == (kind == "jump")
        and (drawn.seat is None) == (kind != "sit")
    )
    assert not collides(figure, capsules, posed)
    if drawn.airborne:
        assert 40 <= lowest(figure, posed) <= 420
    else:
        assert lowest(figure, posed) == pytest.approx(0, abs=1e-3)
    if kind not in NOT_HELD_BY_FEET:
        assert is_balanced(figure, posed)
    if drawn.seat:
        assert 250 < drawn.seat[2] < posed.heads[figure.model.bone("upperleg01.L")][2]
    assert np.abs(drawn.pose.root_world[:2]).max() <= 300


def refused(figure: Figure, draft: Draft) -> str:
    with pytest.raises(RefusedError) as caught:
        judged(np.random.default_rng(0), figure, measured(figure), draft, "test")
    return str(caught.value)


def test_a_draft_is_refused_for_its_joints_its_limbs_and_its_balance(figure: Figure) -> None:
    assert refused(figure, Draft(Posture(elbow=np.array([0.0, 3.0])))) == "elbow flexion"
    through = np.stack([shoulder(index, np.radians(125), np.radians(88)) for index in range(2)])
    assert refused(figure, Draft(Posture(shoulder=through))) == "limbs that go through each other"
    away = Posture(root=turn_x(0.9), shoulder=np.stack([shoulder(index, 0.1, 1.2) for index in range(2)]))
    assert refused(figure, Draft(away)) == "balance"
    floating = Draft(Posture(), balanced=False, touching=(("foot",), ("wrist",)))
    assert refused(figure, replace(floating, posture=away)) == "a part that floats"
    assert isinstance(
        judged(np.random.default_rng(0), figure, measured(figure), Draft(away, balanced=False), "test"), Drawn
    )


def test_a_kind_that_never_succeeds_ends(figure: Figure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sampler.KINDS, "never", (1.0, lambda rng, figure: Draft(Posture(elbow=np.full(2, 3.0)))))
    with pytest.raises(RuntimeError, match="never"):
        sample_pose(np.random.default_rng(0), figure, measured(figure), kind="never")


def same(first: list[Drawn], second: list[Drawn]) -> bool:
    def arrays(pose: Pose) -> np.ndarray:
        return np.concatenate([pose.rotations.ravel(), pose.root_world])

    return [one.source for one in first] == [one.source for one in second] and all(
        np.array_equal(arrays(a.pose), arrays(b.pose)) for a, b in zip(first, second, strict=True)
    )


def test_a_seed_says_it_all(figure: Figure, clips: list[Clip]) -> None:
    for seed in range(3):
        twice = [draw_motion(np.random.default_rng(seed), figure.model, figure.shape, 2, clips=clips) for _ in range(2)]
        assert same(*twice)
    assert not same(twice[0], draw_motion(np.random.default_rng(99), figure.model, figure.shape, 2, clips=clips))


def test_people_are_of_one_clip_or_of_the_sampler_in_halves(figure: Figure, clips: list[Clip]) -> None:
    kinds = []
    for seed in range(16):
        drawn = draw_motion(np.random.default_rng(seed), figure.model, figure.shape, 3, clips=clips)
        of_clips = {one.source.rsplit(":frame", 1)[0] for one in drawn if one.source.startswith("clip:")}
        assert len(of_clips) == 1 or all(one.source.startswith("sampler:") for one in drawn)
        kinds.append(bool(of_clips))
        assert len({one.source for one in drawn if one.source.startswith("clip")}) in (0, 3)  # frames some time apart
    assert 3 <= sum(kinds) <= 13
    alone = draw_motion(np.random.default_rng(0), figure.model, figure.shape, 1, clips=[])
    assert alone[0].source.startswith("sampler:")


def test_a_clips_people_stand_on_the_floor_and_near_the_origin(
    figure: Figure, clips: list[Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("data.synthetic.motion.CLIP_SHARE", 1.0)
    for seed in range(6):
        for drawn in draw_motion(np.random.default_rng(seed), figure.model, figure.shape, 3, 20.0, clips):
            posed = figure.model.pose(figure.shape, drawn.pose)
            assert lowest(replace(figure, sole_mm=20.0), posed) == pytest.approx(0, abs=1e-3) and not drawn.airborne
            assert np.abs(drawn.pose.root_world[:2]).max() <= 300


def test_only_clips_that_jump_fly(figure: Figure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.synthetic.motion.CLIP_SHARE", 1.0)
    clip = write_clip(tmp_path / "humanoid3d_jump.txt", np.random.default_rng(0), spread=0.1)
    clip.columns["root_position"][:, 1] += 0.4
    for name, flies in (("jump", True), ("walk", False)):
        clips = [replace(clip, name=name)]
        drawn = draw_motion(np.random.default_rng(0), figure.model, figure.shape, 1, clips=clips)[0]
        height = lowest(figure, figure.model.pose(figure.shape, drawn.pose))
        assert drawn.airborne == flies and (height > 250) == flies


def test_arms_are_taken_out_of_a_stouter_body(figure: Figure) -> None:
    inward = np.stack([shoulder(index, np.radians(30), np.radians(-8)) for index in range(2)])
    posture, capsules = Posture(shoulder=inward), measured(figure)
    before, after = (
        figure.model.pose(figure.shape, figure.pose(one)) for one in (posture, untangled(figure, capsules, posture))
    )
    assert collides(figure, capsules, before) and not collides(figure, capsules, after)


def test_left_and_right_are_alike(figure: Figure) -> None:
    """A one-sided draft comes out on either side about equally often."""
    draft = Draft(Posture(elbow=np.array([1.0, 0.2]), shoulder=np.stack([shoulder(i, 0.2, 0.7) for i in range(2)])))
    bone, capsules = figure.model.bone("lowerarm01.L"), measured(figure)
    plain = figure.pose(draft.posture).rotations[bone]
    rng = np.random.default_rng(3)
    as_drawn = [
        np.allclose(judged(rng, figure, capsules, draft, "test").pose.rotations[bone], plain) for _ in range(30)
    ]
    assert 6 <= sum(as_drawn) <= 24
