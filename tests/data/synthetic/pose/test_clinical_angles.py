"""Rotations, clinical angles and inverse kinematics: round trips and sign conventions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.synthetic.geometry.rotations import (
    axis_angle,
    fraction_of,
    from_quaternions,
    rotation_about,
    rotation_x,
    rotation_z,
    twist_about,
    unit,
)
from data.synthetic.pose import clinical_angles as clinical
from data.synthetic.pose.inverse_kinematics import two_bone_ik
from data.synthetic.pose.joint_limits import RANGES, joint_angles, worst_excess
from data.synthetic.pose.posture import FLIP, Posture

DOWN, LEFT, FRONT, UP = np.array([0.0, 0, -1]), np.array([1.0, 0, 0]), np.array([0.0, -1, 0]), np.array([0.0, 0, 1])
INDEX = st.sampled_from([0, 1])


def angle(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(np.radians(low), np.radians(high))


vectors = st.tuples(*[st.floats(-1, 1)] * 3).map(np.array).filter(lambda v: np.linalg.norm(v) > 0.1).map(unit)


@given(vectors, st.floats(-3.1, 3.1))
def test_a_turn_is_orthonormal_and_halves_of_it_make_it_whole(axis: np.ndarray, by: float) -> None:
    turn = rotation_about(axis, by)
    assert np.allclose(turn @ turn.T, np.eye(3)) and np.linalg.det(turn) == pytest.approx(1)
    assert np.allclose(fraction_of(turn, 0.5) @ fraction_of(turn, 0.5), turn, atol=1e-6)
    assert twist_about(axis, turn) == pytest.approx(by, abs=1e-6)
    half = np.array([np.cos(by / 2), *(np.sin(by / 2) * axis)])
    assert np.allclose(from_quaternions(3 * half), turn)


def test_half_a_turn_keeps_its_axis() -> None:
    for axis in (LEFT, unit(np.array([1.0, -2, 0.5]))):
        found, by = axis_angle(rotation_about(axis, np.pi))
        assert by == pytest.approx(np.pi) and abs(found @ axis) == pytest.approx(1)


@given(INDEX, angle(-30, 130), angle(-30, 60), angle(-60, 60))
def test_hip_and_ankle_angles_come_back(index: int, first: float, second: float, third: float) -> None:
    angles = (first, second, third)
    assert clinical.hip_angles(clinical.hip(index, *angles), index) == pytest.approx(angles, abs=1e-6)
    assert clinical.ankle_angles(clinical.ankle(index, *angles), index) == pytest.approx(angles, abs=1e-6)
    assert clinical.spine_angles(clinical.spine(*angles)) == pytest.approx(angles, abs=1e-6)
    mirrored = FLIP @ clinical.hip(index, *angles) @ FLIP
    assert np.allclose(mirrored, clinical.hip(1 - index, *angles))


@given(INDEX, angle(-60, 130), angle(5, 170), angle(-90, 90))
def test_shoulder_angles_come_back(index: int, plane: float, elevation: float, rotation: float) -> None:
    turn = clinical.shoulder(index, plane, elevation, rotation)
    assert clinical.shoulder_angles(turn, index) == pytest.approx((plane, elevation, rotation), abs=1e-5)


def test_what_the_signs_mean() -> None:
    right = np.pi / 2
    assert np.allclose(clinical.hip(0, right) @ DOWN, FRONT)
    assert np.allclose(clinical.hip(0, 0, right) @ DOWN, LEFT) and np.allclose(clinical.hip(1, 0, right) @ DOWN, -LEFT)
    assert np.allclose(clinical.hip(0, 0, 0, right) @ FRONT, LEFT) and np.allclose(
        clinical.hip(1, 0, 0, right) @ FRONT, -LEFT
    )
    assert np.allclose(clinical.shoulder(0, 0, right) @ DOWN, LEFT)
    assert np.allclose(clinical.shoulder(1, right, right) @ DOWN, FRONT)
    assert np.allclose(clinical.spine(right) @ UP, FRONT) and np.allclose(clinical.spine(0, right) @ UP, LEFT)
    assert np.allclose(clinical.ankle(0, right) @ FRONT, UP)
    assert np.allclose(clinical.ankle(0, 0, right) @ DOWN, -LEFT)  # the sole looks inward


@given(vectors, st.floats(0.25, 0.98), vectors, st.sampled_from([1.0, -1.0]))
def test_a_limb_reaches_its_target_with_its_middle_towards_the_pole(
    towards: np.ndarray, share: float, pole: np.ndarray, forward: float
) -> None:
    lengths, target = (430.0, 400.0), towards * share * 830
    turn, bend = two_bone_ik(target, pole, lengths, forward)
    middle = turn @ DOWN * lengths[0]
    end = middle + turn @ rotation_x(forward * bend) @ DOWN * lengths[1]
    assert np.linalg.det(turn) == pytest.approx(1) and 0 <= bend <= np.pi
    assert np.allclose(end, target, atol=1e-6)
    side = pole - (pole @ towards) * towards
    if np.linalg.norm(side) > 1e-3:
        assert middle @ side > 0


def test_a_target_out_of_reach_gets_the_stretched_limb() -> None:
    turn, bend = two_bone_ik(np.array([0.0, 0, -5000]), FRONT, (430.0, 400.0), 1.0)
    assert bend < np.radians(2) and np.allclose(turn @ DOWN, DOWN, atol=0.02)


def test_every_joint_is_held_to_its_range() -> None:
    assert worst_excess(Posture()).angle <= 0
    assert {name for name, _ in joint_angles(raised())} == set(RANGES)
    bent = Posture(knee=np.radians([0.0, 165.0]))
    assert worst_excess(bent).joint == "knee flexion" and np.degrees(worst_excess(bent).angle) == pytest.approx(10)
    back = np.stack([np.eye(3), clinical.hip(1, np.radians(-50))])
    assert worst_excess(Posture(hip=back)).joint == "hip flexion"
    assert worst_excess(Posture(head=rotation_z(np.radians(120)))).joint == "neck rotation"


def raised() -> Posture:
    return Posture(shoulder=np.stack([clinical.shoulder(index, 0.3, 1.4) for index in range(2)]))


@given(angle(-60, 130), angle(5, 170), angle(0, 120))
def test_a_mirror_twice_shows_the_same_and_limits_do_not_see_it(plane: float, elevation: float, knee: float) -> None:
    shoulder = np.stack([clinical.shoulder(0, plane, elevation, 0.2), np.eye(3)])
    posture = Posture(
        root=rotation_z(0.4) @ rotation_x(0.3), shoulder=shoulder, knee=np.array([knee, 0.1]), chest=rotation_z(0.3)
    )
    mirrored = posture.mirrored()
    assert mirrored.knee[1] == knee and np.allclose(mirrored.chest, rotation_z(-0.3))
    assert np.allclose(mirrored.mirrored().shoulder, posture.shoulder)
    assert worst_excess(mirrored).angle == pytest.approx(worst_excess(posture).angle, abs=1e-6)
