"""Poses of a recording: natural, on the floor, and reproducible by seed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.synthetic.body.model import Pose
from data.synthetic.geometry.rotations import rotation_x
from data.synthetic.pose import sampler
from data.synthetic.pose.candidates import PoseCandidate
from data.synthetic.pose.clinical_angles import shoulder
from data.synthetic.pose.clips import Clip
from data.synthetic.pose.collision import collides, fit_capsules
from data.synthetic.pose.contact import is_balanced, lowest
from data.synthetic.pose.figure import Figure
from data.synthetic.pose.motion import draw_motion, resolve_collisions
from data.synthetic.pose.posture import Posture
from data.synthetic.pose.sampler import KINDS, RejectedError, SampledPose, check_candidate, sample_pose
from tests.data.synthetic.pose.humanoid_clip import write_clip

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
    capsules = fit_capsules(figure)
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


def refused(figure: Figure, candidate: PoseCandidate) -> str:
    with pytest.raises(RejectedError) as caught:
        check_candidate(np.random.default_rng(0), figure, fit_capsules(figure), candidate, "test")
    return str(caught.value)


def test_a_draft_is_refused_for_its_joints_its_limbs_and_its_balance(figure: Figure) -> None:
    assert refused(figure, PoseCandidate(Posture(elbow=np.array([0.0, 3.0])))) == "elbow flexion"
    through = np.stack([shoulder(index, np.radians(125), np.radians(88)) for index in range(2)])
    assert refused(figure, PoseCandidate(Posture(shoulder=through))) == "limbs that go through each other"
    away = Posture(root=rotation_x(0.9), shoulder=np.stack([shoulder(index, 0.1, 1.2) for index in range(2)]))
    assert refused(figure, PoseCandidate(away)) == "balance"
    floating = PoseCandidate(Posture(), balanced=False, touching=(("foot",), ("wrist",)))
    assert refused(figure, replace(floating, posture=away)) == "a part that floats"
    assert isinstance(
        check_candidate(
            np.random.default_rng(0), figure, fit_capsules(figure), PoseCandidate(away, balanced=False), "test"
        ),
        SampledPose,
    )


def test_a_kind_that_never_succeeds_ends(figure: Figure, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        sampler.KINDS, "never", (1.0, lambda rng, figure: PoseCandidate(Posture(elbow=np.full(2, 3.0))))
    )
    with pytest.raises(RuntimeError, match="never"):
        sample_pose(np.random.default_rng(0), figure, fit_capsules(figure), kind="never")


def same(first: list[SampledPose], second: list[SampledPose]) -> bool:
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
    monkeypatch.setattr("data.synthetic.pose.motion.CLIP_SHARE", 1.0)
    for seed in range(6):
        for drawn in draw_motion(np.random.default_rng(seed), figure.model, figure.shape, 3, 20.0, clips):
            posed = figure.model.pose(figure.shape, drawn.pose)
            assert lowest(replace(figure, sole_mm=20.0), posed) == pytest.approx(0, abs=1e-3) and not drawn.airborne
            assert np.abs(drawn.pose.root_world[:2]).max() <= 300


def test_only_clips_that_jump_fly(figure: Figure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("data.synthetic.pose.motion.CLIP_SHARE", 1.0)
    clip = write_clip(tmp_path / "humanoid3d_jump.txt", np.random.default_rng(0), spread=0.1)
    clip.columns["root_position"][:, 1] += 0.4
    for name, flies in (("jump", True), ("walk", False)):
        clips = [replace(clip, name=name)]
        drawn = draw_motion(np.random.default_rng(0), figure.model, figure.shape, 1, clips=clips)[0]
        height = lowest(figure, figure.model.pose(figure.shape, drawn.pose))
        assert drawn.airborne == flies and (height > 250) == flies


def test_arms_are_taken_out_of_a_stouter_body(figure: Figure) -> None:
    inward = np.stack([shoulder(index, np.radians(30), np.radians(-8)) for index in range(2)])
    posture, capsules = Posture(shoulder=inward), fit_capsules(figure)
    before, after = (
        figure.model.pose(figure.shape, figure.pose(one))
        for one in (posture, resolve_collisions(figure, capsules, posture))
    )
    assert collides(figure, capsules, before) and not collides(figure, capsules, after)


def test_left_and_right_are_alike(figure: Figure) -> None:
    """A one-sided candidate is mirrored in about half of the cases."""
    candidate = PoseCandidate(
        Posture(elbow=np.array([1.0, 0.2]), shoulder=np.stack([shoulder(i, 0.2, 0.7) for i in range(2)]))
    )
    bone, capsules = figure.model.bone("lowerarm01.L"), fit_capsules(figure)
    plain = figure.pose(candidate.posture).rotations[bone]
    rng = np.random.default_rng(3)
    as_drawn = [
        np.allclose(check_candidate(rng, figure, capsules, candidate, "test").pose.rotations[bone], plain)
        for _ in range(30)
    ]
    assert 6 <= sum(as_drawn) <= 24
