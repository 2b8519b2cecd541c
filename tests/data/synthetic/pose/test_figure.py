"""Postures and clip frames on anny's bones: directions, lengths, and skin that is not twisted off."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.synthetic.geometry.rotations import axis_angle, rotation_x, rotation_z, unit
from data.synthetic.pose.clinical_angles import hip, shoulder
from data.synthetic.pose.figure import Figure
from data.synthetic.pose.posture import Posture
from data.synthetic.pose.retarget import humanoid_at, posture_of
from tests.data.synthetic.pose.humanoid_clip import write_clip

# A limb between two of anny's bones, and between the same joints of the clips' humanoid.
LIMBS = {
    ("upperleg01", "lowerleg01"): ("hip", "knee"),
    ("lowerleg01", "foot"): ("knee", "ankle"),
    ("upperarm01", "lowerarm01"): ("shoulder", "elbow"),
    ("lowerarm01", "wrist"): ("elbow", "wrist"),
}
DOWN, FRONT, LEFT = np.array([0.0, 0, -1]), np.array([0.0, -1, 0]), np.array([1.0, 0, 0])


def direction(figure: Figure, posture: Posture, first: str, second: str) -> np.ndarray:
    _, heads = figure.model.forward(figure.shape, figure.pose(posture))
    return unit(heads[figure.model.bone(second)] - heads[figure.model.bone(first)])


def test_the_plain_figure_hangs_its_limbs_straight_down(figure: Figure) -> None:
    for first, second in LIMBS:
        for side in "LR":
            assert direction(figure, Posture(), f"{first}.{side}", f"{second}.{side}") == pytest.approx(DOWN, abs=1e-5)
    forward = unit(direction(figure, Posture(), "foot.L", "toe2-1.L") * [1, 1, 0])
    assert forward == pytest.approx(FRONT, abs=1e-5)


def test_elbows_bend_forward_knees_back_and_palms_turn(figure: Figure) -> None:
    bent = Posture(elbow=np.full(2, np.pi / 2), knee=np.full(2, np.pi / 2))
    for side in "LR":
        assert direction(figure, bent, f"lowerarm01.{side}", f"wrist.{side}") == pytest.approx(FRONT, abs=1e-5)
        assert direction(figure, bent, f"lowerleg01.{side}", f"foot.{side}") == pytest.approx(-FRONT, abs=1e-5)
    across = direction(figure, Posture(), "finger5-1.L", "finger2-1.L")
    assert across @ FRONT > 0.9  # the thumb's side in front
    assert direction(figure, Posture(pronation=np.full(2, 1.5)), "finger5-1.L", "finger2-1.L") @ -LEFT > 0.9


def test_a_clips_limbs_point_where_they_do_on_its_own_humanoid(
    figure: Figure, tmp_path: Path, rng: np.random.Generator
) -> None:
    clip = write_clip(tmp_path / "humanoid3d_any.txt", rng, frames=12, spread=0.9)
    for frame in range(len(clip)):
        humanoid = humanoid_at(clip, frame)
        _, heads = figure.model.forward(figure.shape, figure.pose(posture_of(humanoid)))
        for (first, second), (upper, lower) in LIMBS.items():
            for side, word in (("L", "left"), ("R", "right")):
                ours = unit(heads[figure.model.bone(f"{second}.{side}")] - heads[figure.model.bone(f"{first}.{side}")])
                theirs = unit(humanoid.joints_mm[f"{word}_{lower}"] - humanoid.joints_mm[f"{word}_{upper}"])
                assert np.degrees(np.arccos(np.clip(ours @ theirs, -1, 1))) < 1.0


def test_a_humanoid_at_rest_faces_us_with_its_right_to_our_left(tmp_path: Path, rng: np.random.Generator) -> None:
    joints = humanoid_at(write_clip(tmp_path / "a.txt", rng, spread=0.0), 0).joints_mm
    assert joints["left_hip"][0] > joints["root"][0] > joints["right_hip"][0]
    assert joints["root"] == pytest.approx([200, -100, 850])  # x in front is our -y, z at the right our -x
    assert joints["left_ankle"][1] > joints["left_knee"][1] - 1e-6  # knees bend back


def test_a_knee_that_a_clip_overstretches_is_straight(tmp_path: Path, rng: np.random.Generator) -> None:
    clip = write_clip(tmp_path / "a.txt", rng)
    clip.columns["left_knee"][:] = np.radians([12, -12, 0, -90])  # the clips bend a knee by negative angles
    bent = [posture_of(humanoid_at(clip, frame)).knee[0] for frame in range(4)]
    assert np.degrees(bent) == pytest.approx([0, 12, 0, 90])


def test_rotations_are_proper_and_bones_keep_their_length(
    figure: Figure, rng: np.random.Generator, tmp_path: Path
) -> None:
    clip = write_clip(tmp_path / "a.txt", rng, frames=3, spread=1.2)
    for frame in range(3):
        pose = figure.pose(replace(posture_of(humanoid_at(clip, frame)), curl=rng.uniform(0, 1, (2, 5))))
        assert pose.rotations @ pose.rotations.swapaxes(1, 2) == pytest.approx(
            np.tile(np.eye(3), (163, 1, 1)), abs=1e-9
        )
        assert np.linalg.det(pose.rotations) == pytest.approx(np.ones(163))
        _, heads = figure.model.forward(figure.shape, pose)
        for bone, parent in enumerate(figure.model.parents):
            if parent >= 0:
                rest = np.linalg.norm(figure.shape.heads[bone] - figure.shape.heads[parent])
                assert np.linalg.norm(heads[bone] - heads[parent]) == pytest.approx(rest, abs=1e-6)


def test_twist_is_spread_along_limbs(figure: Figure) -> None:
    """No single bone takes more than two thirds of the twist of a palm, a thigh or the trunk."""
    turned = Posture(pronation=np.full(2, 1.2), chest=rotation_z(0.7), hip=np.stack([hip(0, 0, 0, 0.7), np.eye(3)]))
    still = figure.pose(Posture()).rotations
    moved = figure.pose(turned).rotations
    by = {
        bone: axis_angle(still[figure.model.bone(bone)].T @ moved[figure.model.bone(bone)])[1]
        for bone in ("lowerarm01.R", "lowerarm02.R", "wrist.R", "spine05", "spine03", "upperleg01.L", "upperleg02.L")
    }
    assert max(by[bone] for bone in ("lowerarm01.R", "lowerarm02.R", "wrist.R")) < 0.67 * 1.2
    assert max(by["spine05"], by["spine03"]) < 0.35 * 0.7 and max(by["upperleg01.L"], by["upperleg02.L"]) < 0.67 * 0.7
    assert min(by.values()) > 0.1


def test_a_raised_arm_takes_its_shoulder_along(figure: Figure) -> None:
    def height(posture: Posture) -> float:
        _, heads = figure.model.forward(figure.shape, figure.pose(posture))
        return float(heads[figure.model.bone("upperarm01.L")][2])

    raised = Posture(shoulder=np.stack([shoulder(0, 0.5, np.radians(160)), np.eye(3)]))
    assert 15 < height(raised) - height(Posture()) < 100


def test_fingers_bend_towards_the_palm(figure: Figure) -> None:
    def reach(curl: float) -> float:
        posture = Posture(curl=np.full((2, 5), curl))
        _, heads = figure.model.forward(figure.shape, figure.pose(posture))
        return float(np.linalg.norm(heads[figure.model.bone("finger3-3.R")] - heads[figure.model.bone("wrist.R")]))

    assert reach(1.0) < 0.75 * reach(0.0)
    left = direction(figure, Posture(curl=np.full((2, 5), 0.6)), "finger3-2.L", "finger3-3.L")
    assert left @ LEFT < -0.4  # a hanging left hand's palm looks to the right


def test_turning_the_figure_turns_everything(figure: Figure) -> None:
    posture, turn = Posture(elbow=np.array([1.0, 0.3])), rotation_z(0.8) @ rotation_x(0.3)
    first, _ = figure.model.forward(figure.shape, figure.pose(posture))
    second, _ = figure.model.forward(figure.shape, figure.pose(posture.turned(turn)))
    assert second == pytest.approx(turn @ first, abs=1e-9)
