"""SMPL's joints in anny's body: mirrored, inside, rigid where the skeleton is, and moving with the body."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import Delaunay
from scipy.spatial.transform import Rotation

from data.synthetic.body.anatomy import Anatomy
from data.synthetic.body.model import Pose
from data.synthetic.body.smpl_joints import anny_joints, joint_places, smpl_joints
from model.skeleton import JOINT_NAMES, MIRROR
from tests.data.synthetic.body.example_people import BENT, model, posed, shape

INDEX = {name: i for i, name in enumerate(JOINT_NAMES)}
RIGID = [  # both joints on one bone, or on neighbours that turn about one of them
    ("pelvis", "left_hip"), ("pelvis", "right_hip"), ("left_hip", "left_knee"), ("right_hip", "right_knee"),
    ("left_knee", "left_ankle"), ("right_knee", "right_ankle"), ("left_ankle", "left_foot"), ("right_ankle", "right_foot"),
    ("left_shoulder", "left_elbow"), ("right_shoulder", "right_elbow"), ("left_elbow", "left_wrist"),
    ("right_elbow", "right_wrist"), ("left_wrist", "left_hand"), ("right_wrist", "right_hand"), ("spine2", "spine3"),
]  # fmt: skip


def at_rest(seed: int) -> np.ndarray:
    return smpl_joints(model(), shape(seed), posed(shape(seed), {}))


def lengths(joints: np.ndarray) -> np.ndarray:
    return np.array([np.linalg.norm(joints[INDEX[a]] - joints[INDEX[b]]) for a, b in RIGID])


@pytest.mark.parametrize("seed", range(3))
def test_the_joints_mirror_each_other_at_rest_and_left_is_left(seed: int) -> None:
    joints = at_rest(seed)
    np.testing.assert_allclose(joints[list(MIRROR)] * [-1, 1, 1], joints, atol=2.0)
    left = [i for name, i in INDEX.items() if name.startswith("left_")]
    assert (joints[left, 0] > 20).all()  # anny's left is +x


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("degrees", [{}, BENT], ids=["rest", "bent"])
def test_the_joints_lie_inside_the_body(seed: int, degrees: dict[str, tuple[float, float, float]]) -> None:
    body = posed(shape(seed), degrees)
    joints = smpl_joints(model(), shape(seed), body)
    turns = [winding(joint, body.vertices[model().surfaces["body"]]) for joint in joints]
    outside = [name for name, turn in zip(JOINT_NAMES, turns, strict=True) if turn < 0.5]
    assert outside in ([], ["head"])  # the mouth's hollow, which the head's joint may lie in, counts as outside
    skull = Anatomy(model(), shape(seed)).bone_weight(("head", "jaw", "neck03")) > 0.5
    assert Delaunay(body.vertices[skull]).find_simplex(joints[INDEX["head"]]) >= 0


def winding(point: np.ndarray, triangles: np.ndarray) -> float:
    """Returns the winding number of a closed surface (F, 3, 3): 1 inside, 0 outside (Van Oosterom & Strackee 1983)."""
    a, b, c = np.moveaxis(triangles - point, 1, 0)
    x, y, z = (np.linalg.norm(side, axis=1) for side in (a, b, c))
    top = np.einsum("ij,ij->i", a, np.cross(b, c))
    dots = [np.einsum("ij,ij->i", one, other) * size for one, other, size in ((a, b, z), (b, c, x), (c, a, y))]
    return float(np.arctan2(top, x * y * z + sum(dots)).sum() / (2 * np.pi))


@pytest.mark.parametrize("seed", range(2))
def test_bones_keep_their_lengths_in_a_pose(seed: int) -> None:
    bent = smpl_joints(model(), shape(seed), posed(shape(seed), BENT))
    np.testing.assert_allclose(lengths(bent), lengths(at_rest(seed)), atol=1e-6)


@pytest.mark.parametrize("seed", range(4))
def test_hips_are_as_far_apart_as_smpls_and_thighs_as_long(seed: int) -> None:
    joints = at_rest(seed)
    stature = np.ptp(shape(seed).vertices[np.unique(model().surfaces["body"]), 2])
    apart = np.linalg.norm(joints[1] - joints[2]) / stature
    assert apart == pytest.approx(0.137 / 1.72, rel=0.2)
    old = anny_joints(model(), shape(seed), posed(shape(seed), {}))
    assert np.linalg.norm(joints[1] - joints[2]) < 0.7 * np.linalg.norm(old[1] - old[2])
    assert np.linalg.norm(joints[1] - joints[4]) / stature == pytest.approx(0.377 / 1.72, rel=0.08)


def test_the_trunk_goes_up_in_order() -> None:
    z = at_rest(0)[:, 2]
    assert np.all(
        np.diff([z[INDEX[name]] for name in ("left_hip", "pelvis", "spine1", "spine2", "spine3", "neck", "head")]) > 20
    )


@settings(max_examples=15, deadline=None)
@given(st.tuples(*[st.floats(-180, 180)] * 3), st.tuples(*[st.floats(-5000, 5000)] * 3))
def test_joints_move_and_turn_with_the_root(
    angles: tuple[float, float, float], shift: tuple[float, float, float]
) -> None:
    rest = model().at_rest(shape(0))
    turn = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    rotations = rest.rotations.copy()
    rotations[0] = turn
    moved = model().pose(shape(0), Pose(rotations, rest.root_world + shift))
    expected = (at_rest(0) - rest.root_world) @ turn.T + rest.root_world + shift
    np.testing.assert_allclose(smpl_joints(model(), shape(0), moved), expected, atol=1e-6)


def test_what_lies_beyond_a_joint_does_not_move_it() -> None:
    turned = posed(shape(0), {"lowerleg01.L": (60, 0, 0), "lowerarm01.R": (0, 60, 0), "head": (20, 0, 30)})
    joints = smpl_joints(model(), shape(0), turned)
    still = [
        INDEX[name] for name in JOINT_NAMES if name not in ("left_ankle", "left_foot", "right_wrist", "right_hand")
    ]
    np.testing.assert_allclose(joints[still], at_rest(0)[still], atol=1e-9)
    assert np.linalg.norm(joints[INDEX["left_ankle"]] - at_rest(0)[INDEX["left_ankle"]]) > 100


def test_places_can_be_kept_for_many_poses() -> None:
    places, bent = joint_places(model(), shape(1)), posed(shape(1), BENT)
    np.testing.assert_array_equal(places.of(shape(1), bent), smpl_joints(model(), shape(1), bent))
