"""The cameras of the synthetic set: within their ranges, level, and with the person inside or truncated as intended."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.synthetic.scene.cameras import (
    DISTANCE_MM,
    EDGE_PX,
    FOCAL_PX,
    HEIGHT_MM,
    UP,
    ViewProbabilities,
    border,
    is_inside,
    look_at,
    sample_distortion,
    sample_rig,
)
from model.skeleton import ROOT
from modules.pose_utils import Camera, distort, project_to_image, undistort, world2cam
from modules.utils import UserError


def people(seed: int, frames: int = 3) -> np.ndarray:
    """Returns random joints (F, 24, 3) mm of the size of a person on a floor at 0, with the pelvis in the middle."""
    joints = np.random.default_rng(seed).uniform([-400, -400, 60], [400, 400, 1700], (frames, 24, 3))
    joints[:, ROOT] = [0, 0, 950]
    return joints


@given(seed=st.integers(0, 10_000), floor=st.floats(-500, 500))
def test_an_ordinary_rig_holds_the_person_from_where_it_may_stand(seed: int, floor: float) -> None:
    joints = people(seed) + [0, 0, floor]
    views = sample_rig(np.random.default_rng(seed), joints, floor, 4, ViewProbabilities(truncated=0.0, occluded=0.0))
    middle = (joints.min((0, 1)) + joints.max((0, 1))) / 2
    assert len(views) == 4
    for view in views:
        camera = view.camera
        assert camera.image_size in ((1920, 1080), (1080, 1920))
        assert FOCAL_PX[0] <= camera.K[0, 0] <= FOCAL_PX[1]
        assert np.linalg.det(camera.R) == pytest.approx(1) and np.allclose(camera.R @ camera.R.T, np.eye(3))
        away = np.linalg.norm((camera.centre_world - middle)[:2])
        assert DISTANCE_MM[0] - 1 <= away <= DISTANCE_MM[1] + 1
        assert HEIGHT_MM[0] - 1 <= camera.centre_world[2] - floor <= HEIGHT_MM[1] + 1
        assert camera.floor_height_mm == floor and (camera.world_up == UP).all()
        assert (world2cam(joints, camera.R, camera.t)[..., 2] > 300).all()
        assert is_inside(project_to_image(joints, camera), camera.image_size, EDGE_PX).all()
        assert not view.truncated and not view.occluded


def test_a_truncated_view_cuts_joints_off_and_keeps_the_root() -> None:
    for seed in range(10):
        joints = people(seed)
        for view in sample_rig(np.random.default_rng(seed), joints, 0.0, 2, ViewProbabilities(truncated=1.0)):
            inside = is_inside(project_to_image(joints, view.camera), view.camera.image_size or (0, 0))
            assert view.truncated and not inside.all() and inside[:, ROOT].all()


def test_habits_are_as_frequent_as_they_say() -> None:
    rng = np.random.default_rng(0)
    views = [view for _ in range(60) for view in sample_rig(rng, people(1), 0.0, 4)]
    shares = {
        "portrait": np.mean([(v.camera.image_size or (0, 0))[0] == 1080 for v in views]),
        "distorted": np.mean([v.camera.distortion is not None for v in views]),
        "truncated": np.mean([v.truncated for v in views]),
        "occluded": np.mean([v.occluded for v in views]),
    }
    for name, share in shares.items():
        assert share == pytest.approx(getattr(ViewProbabilities(), name), abs=0.1), name


def test_a_ring_stands_all_about_the_person() -> None:
    for seed in range(5):
        views = sample_rig(np.random.default_rng(seed), people(seed), 0.0, 4, ViewProbabilities(ring=1.0))
        angles = np.sort([np.arctan2(*view.camera.centre_world[1::-1]) for view in views])
        gaps = np.diff(np.append(angles, angles[0] + 2 * np.pi))
        assert gaps.max() < np.deg2rad(180)


def test_the_same_seed_gives_the_same_rig_and_another_another() -> None:
    rigs = [sample_rig(np.random.default_rng(seed), people(1), 0.0, 2) for seed in (5, 5, 6)]
    assert (rigs[0][1].camera.R == rigs[1][1].camera.R).all()
    assert not (rigs[0][1].camera.R == rigs[2][1].camera.R).all()


def test_nobody_of_ten_metres_is_held() -> None:
    with pytest.raises(UserError, match="no camera 2 to 7 m away can contain this person"):
        sample_rig(np.random.default_rng(0), people(0) * 6, 0.0, 1, ViewProbabilities(truncated=0.0))


@given(seed=st.integers(0, 10_000), focal=st.floats(*FOCAL_PX), portrait=st.booleans())
def test_every_lens_can_be_undone_up_to_the_corners(seed: int, focal: float, portrait: bool) -> None:
    width, height = (1080, 1920) if portrait else (1920, 1080)
    K = np.array([[focal, 0, width / 2], [0, focal, height / 2], [0, 0, 1.0]])
    camera = Camera(K, np.eye(3), np.zeros(3), (width, height))
    distortion = sample_distortion(np.random.default_rng(seed), camera)
    edge = border(width, height)
    assert np.allclose(distort(undistort(edge, K, distortion), K, distortion), edge, atol=1e-5)


@given(roll=st.floats(-0.2, 0.2), azimuth=st.floats(0, 6.28), height=st.floats(-900, 2500))
def test_a_camera_looks_at_its_target_and_leans_by_its_roll(roll: float, azimuth: float, height: float) -> None:
    position = np.array([3000 * np.cos(azimuth), 3000 * np.sin(azimuth), height])
    R = look_at(position, np.zeros(3), roll)
    target = R @ -position
    assert np.allclose(target, [0, 0, np.linalg.norm(position)], atol=1e-6)
    up = R @ UP
    assert np.arctan2(up[0], -up[1]) == pytest.approx(roll)
