"""BVH: rotations out of positions, and the file's forward kinematics by pybvh, which shares no code with the writer."""

import json
import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pybvh
import pytest
from scipy.spatial.transform import Rotation

from model.skeleton import JOINT_NAMES, MIRROR, NUM_JOINTS
from modules.export import WRITERS
from modules.export.bvh import euler_zxy
from modules.export.rest_pose import JOINT, rest_offsets
from modules.export.rotations import HINGES, Rig, fit_rig, smallest_rotation
from modules.utils import UserError
from tests.export.examples import ALL, FPS, NOBODY, ONE_IMAGE, TWO_PEOPLE, VIDEO, walking

TO_Y_UP = [1, 2, 0]  # x, y, z of the file are y, z, x of a world with z up


def read_bvh(path: Path) -> tuple[pybvh.Bvh, np.ndarray]:
    """The file, and its joints (T, 24, 3) mm in SMPL's order, by pybvh's own forward kinematics."""
    read = pybvh.read_bvh_file(path)
    assert sorted(read.joint_names) == sorted(JOINT_NAMES)
    joints = read.joint_positions()[:, [read.joint_names.index(name) for name in JOINT_NAMES]]
    return read, joints * 10  # cm to mm


def random_rig(rng: np.random.Generator, frames: int = 20) -> Rig:
    """A rig with a person's bones whose knees and elbows only bend, by 15 to 120 degrees, and whose hips turn out and in."""
    offsets = rest_offsets(walking(5)[..., TO_Y_UP])
    local = Rotation.from_rotvec(rng.normal(scale=0.15, size=(frames * NUM_JOINTS, 3))).as_matrix()
    local = local.reshape(frames, NUM_JOINTS, 3, 3)
    local[:, 0] = Rotation.random(frames, random_state=1).as_matrix()
    rotations = np.zeros_like(local)
    for hinge in HINGES:
        angle = np.radians(rng.uniform(15, 120, frames))
        local[:, hinge.at] = Rotation.from_rotvec(angle[:, None] * np.array(hinge.axis)).as_matrix()
        twist = Rotation.from_rotvec(
            rng.uniform(-0.6, 0.6, (frames, 1)) * offsets[hinge.at] / np.linalg.norm(offsets[hinge.at])
        )
        local[:, hinge.above] = local[:, hinge.above] @ twist.as_matrix()
    for joint in range(NUM_JOINTS):
        parent = [None, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21][joint]
        rotations[:, joint] = local[:, joint] if parent is None else rotations[:, parent] @ local[:, joint]
    return Rig(offsets, rotations, rng.normal(scale=1000, size=(frames, 3)))


def test_a_rigid_body_is_fitted_exactly_and_limbs_with_their_twist(rng: np.random.Generator) -> None:
    rig = random_rig(rng)
    fitted = fit_rig(rig.joints_mm())
    assert np.allclose(fitted.offsets_mm, rig.offsets_mm, atol=1e-6)
    assert np.allclose(fitted.joints_mm(), rig.joints_mm(), atol=1e-6)
    told = [0, 9, *(joint for hinge in HINGES for joint in (hinge.above, hinge.at))]
    assert np.allclose(fitted.rotations[:, told], rig.rotations[:, told], atol=1e-6)
    assert np.allclose(np.linalg.det(fitted.rotations), 1)


def test_the_rest_pose_is_a_symmetric_t_pose_of_the_persons_own_lengths() -> None:
    joints = walking(50)[..., TO_Y_UP]
    offsets = rest_offsets(joints)
    flip = np.array([-1, 1, 1])
    assert np.allclose(offsets[list(MIRROR)] * flip, offsets)
    assert offsets[JOINT["left_elbow"], 0] > 200 and offsets[JOINT["right_knee"], 1] < -300  # arms out, legs down
    shin = np.linalg.norm(joints[:, 7] - joints[:, 4], axis=-1), np.linalg.norm(joints[:, 8] - joints[:, 5], axis=-1)
    assert np.linalg.norm(offsets[7]) == pytest.approx(np.mean([np.median(side) for side in shin]))


def test_a_straight_limb_keeps_the_twist_of_the_last_bent_one(rng: np.random.Generator) -> None:
    rig = random_rig(rng, 3)
    rig.rotations[:] = rig.rotations[:1]
    straight = rig.rotations.copy()
    for hinge in HINGES:
        straight[1:, hinge.at] = straight[1:, hinge.above]  # bent in the first frame alone
    fitted = fit_rig(Rig(rig.offsets_mm, straight, rig.root_mm).joints_mm())
    for hinge in HINGES:
        assert np.allclose(fitted.rotations[:, hinge.above], straight[:, hinge.above], atol=1e-5), hinge
    never = fit_rig(Rig(rig.offsets_mm, straight[1:], rig.root_mm[1:]).joints_mm())
    assert np.isfinite(never.rotations).all() and np.allclose(np.linalg.det(never.rotations), 1)


@pytest.mark.parametrize("name", [name for name in ALL if name != "nobody"])
def test_forward_kinematics_of_the_file(name: str, tmp_path: Path, log_records: list[logging.LogRecord]) -> None:
    poses = ALL[name]
    path = WRITERS["bvh"](poses, tmp_path)
    paths = sorted(tmp_path.glob("*.bvh"))
    assert path == paths[0] and len(paths) == (2 if name == "two people" else 1)
    for person, one in enumerate(paths):
        read, joints = read_bvh(one)
        about = json.loads(one.with_name(f"{one.name}.json").read_text(encoding="utf-8"))
        mine = poses.found & (poses.person == person)
        given, frames = poses.joints_mm[mine][..., TO_Y_UP], poses.frame_index[mine]
        distance = np.linalg.norm(joints[frames] - given, axis=-1)
        assert distance.mean() == pytest.approx(about["rigid_bones_error_mm"], abs=0.02)
        assert distance.mean() < 35 and np.allclose(joints[frames, 0], given[:, 0], atol=1e-3)  # the pelvis is exact
        assert (
            about["unit"] == "cm"
            and about["person"] == person
            and read.frame_time == pytest.approx(1.0 if name == "one image" else 1 / FPS, abs=1e-6)
        )
        missing = sorted(set(range(len(joints))) - set(frames.tolist()))
        assert about["held_frames"] == missing
        if missing:
            assert np.allclose(joints[missing], joints[missing[0] - 1])
        assert any(
            f"{distance.mean():.1f} mm (mean) from the estimated" in record.getMessage() for record in log_records
        )


def test_leading_frames_without_the_person_repeat_the_first_with_them(tmp_path: Path) -> None:
    late = replace(VIDEO, found=VIDEO.found & (VIDEO.frame_index >= 2))
    _, joints = read_bvh(WRITERS["bvh"](late, tmp_path))
    assert np.allclose(joints[0], joints[2]) and np.allclose(joints[1], joints[2])


def test_angles_do_not_jump(tmp_path: Path) -> None:
    read, _ = read_bvh(WRITERS["bvh"](VIDEO, tmp_path))
    assert np.abs(np.diff(read.joint_angles, axis=0)).max() < 90


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^--save bvh: nobody was found in these 4 images, so there is no skeleton"):
        WRITERS["bvh"](NOBODY, tmp_path)
    with pytest.raises(UserError, match=r"^--save bvh: .* add --up"):
        WRITERS["bvh"](replace(ONE_IMAGE, up=None), tmp_path)
    assert not list(tmp_path.iterdir())


def test_euler_angles(rng: np.random.Generator) -> None:
    rotations = Rotation.random(48, random_state=2).as_matrix().reshape(2, 24, 3, 3)
    rotations[0, 0] = Rotation.from_euler("ZXY", [30, 90, 20], degrees=True).as_matrix()  # z and y turn about one axis
    rotations[0, 1] = Rotation.from_euler("ZXY", [30, -90, 20], degrees=True).as_matrix()
    again = Rotation.from_euler("ZXY", euler_zxy(rotations).reshape(-1, 3), degrees=True).as_matrix()
    assert np.allclose(again, rotations.reshape(-1, 3, 3), atol=1e-6)


def test_the_smallest_rotation(rng: np.random.Generator) -> None:
    start = rng.normal(size=(30, 3))
    start /= np.linalg.norm(start, axis=-1, keepdims=True)
    end = np.roll(start, 1, 0)
    end[0], end[1] = -start[0], start[1]  # opposite; the same
    turned = smallest_rotation(start, end)
    assert np.allclose((turned @ start[..., None])[..., 0], end) and np.allclose(np.linalg.det(turned), 1)
    assert np.allclose(turned[1], np.eye(3))
    angle = np.arccos(np.clip((start * end).sum(-1), -1, 1))
    assert np.allclose((np.trace(turned, axis1=1, axis2=2) - 1) / 2, np.cos(angle))


def test_two_people_have_their_own_bones(tmp_path: Path) -> None:
    taller = TWO_PEOPLE.joints_mm * np.where(TWO_PEOPLE.person == 1, 1.3, 1.0)[:, None, None]
    WRITERS["bvh"](replace(TWO_PEOPLE, joints_mm=taller), tmp_path)
    shins = [
        np.linalg.norm(joints[0, 7] - joints[0, 4])
        for joints in (read_bvh(one)[1] for one in sorted(tmp_path.glob("*.bvh")))
    ]
    assert shins[1] / shins[0] == pytest.approx(1.3, abs=0.1)
