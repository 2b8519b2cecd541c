"""A rotation of the demo: points and floor are found, and the test camera and later frames change no label."""

from __future__ import annotations

import numpy as np
import pytest

from data.demo import plan, rotation
from data.demo.rotation import SOLE, build_rotation, floor_height
from data.rig.swap_correction import LANDMARK_SIDES
from modules.extractors.blazepose.landmarks import LANDMARK_MIRROR, LANDMARKS
from modules.pose_utils import Camera, distort, undistort
from modules.rig.triangulation import project
from modules.utils import UserError
from tests.data.rig.recording import make_cameras


def test_mirror_and_parts_belong_together() -> None:
    assert all(LANDMARK_MIRROR[LANDMARK_MIRROR[index]] == index for index in range(33))
    assert [LANDMARKS[index] for index in range(33) if LANDMARK_MIRROR[index] == index] == ["nose"]
    _, legs, arms = LANDMARK_SIDES.parts
    for part, size in ((legs, 8), (arms, 10)):
        assert len(part) == size and {LANDMARK_MIRROR[index] for index in part} == set(part)


def test_the_frames_of_a_rotation_are_apart() -> None:
    train, validation, test = map(set, (plan.TRAIN_FRAMES, plan.VALIDATION_FRAMES, plan.TEST_FRAMES))
    assert (len(train), len(validation), len(test)) == (55, 10, 25)
    assert not (train & validation or train & test or validation & test)
    assert train | validation <= set(plan.CALIBRATION_FRAMES) and not test & set(plan.CALIBRATION_FRAMES)


def test_the_floor_is_under_the_lower_foot() -> None:
    points = np.full((40, 33, 3), 900.0)
    points[:, list(SOLE), 2] = [200, 210, 205, 215]
    points[::2, list(SOLE[:2]), 2] = [50 + rotation.SOLE_MM, 70 + rotation.SOLE_MM]
    points[1::2, list(SOLE[2:]), 2] = [50 + rotation.SOLE_MM, 70 + rotation.SOLE_MM]
    points[7] = -3000  # a frame that went wrong
    assert floor_height(points, np.array([0, 0, 1.0])) == pytest.approx(60)


# A synthetic recording: 4 cameras, 24 frames, of which the first 16 calibrate and the first 10 train.
FRAMES = 24


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rotation, "CALIBRATION_FRAMES", range(0, 16))
    monkeypatch.setattr(rotation, "TRAIN_FRAMES", range(0, 10))


def make_landmarks(cameras: list[Camera]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns the landmarks with 3 px of noise, their visibility, and the points of a drifting body (F, 33, 3)."""
    rng = np.random.default_rng(0)
    body = np.array([0, 0, 1000.0]) + rng.normal(0, 250, (33, 3))
    body[list(SOLE), 2] = 60 + rotation.SOLE_MM
    points = body + np.cumsum(rng.normal(0, 8, (FRAMES, 1, 3)) * [1, 1, 0], 0)
    ideal = project(points, cameras)[0] + rng.normal(0, 3, (4, FRAMES, 33, 2))
    raw = np.stack([distort(px, camera.K, camera.distortion) for px, camera in zip(ideal, cameras, strict=True)])
    np.testing.assert_allclose(undistort(raw[0], cameras[0].K, cameras[0].distortion), ideal[0], atol=1e-6)
    return raw, np.full((4, FRAMES, 33), 0.9), points


@pytest.mark.usefixtures("short")
def test_a_rotation_finds_the_points_and_the_floor() -> None:
    cameras = make_cameras()
    points_px, visibility, points = make_landmarks(cameras)
    found = build_rotation(points_px, visibility, cameras, 3)
    assert np.median(np.linalg.norm(found.landmarks_world - points, axis=-1)) < 10
    assert found.joints_world.shape == (FRAMES, 24, 3)
    assert found.floor_height_mm == pytest.approx(60, abs=8)
    assert not found.swapped.any()
    assert all(camera.floor_height_mm == found.floor_height_mm for camera in found.cameras)


@pytest.mark.usefixtures("short")
@pytest.mark.parametrize("test_camera", [0, 3])
def test_no_pixel_of_the_test_camera_reaches_a_label(test_camera: int) -> None:
    cameras = make_cameras()
    points_px, visibility, _ = make_landmarks(cameras)
    honest = build_rotation(points_px, visibility, cameras, test_camera)
    rng = np.random.default_rng(1)
    points_px, visibility = points_px.copy(), visibility.copy()
    points_px[test_camera] = rng.uniform(0, 1900, points_px[test_camera].shape)
    visibility[test_camera] = rng.random(visibility[test_camera].shape)
    other = build_rotation(points_px, visibility, cameras, test_camera)
    assert honest.joints_world.tobytes() == other.joints_world.tobytes()
    assert honest.floor_height_mm == other.floor_height_mm
    for index, (one, two) in enumerate(zip(honest.cameras, other.cameras, strict=True)):
        assert (one.R.tobytes() == two.R.tobytes()) == (one.t.tobytes() == two.t.tobytes()) == (index != test_camera)


@pytest.mark.usefixtures("short")
def test_no_later_frame_reaches_an_extrinsic_the_floor_or_an_earlier_label() -> None:
    cameras = make_cameras()
    points_px, visibility, _ = make_landmarks(cameras)
    honest = build_rotation(points_px, visibility, cameras, 3)
    points_px = points_px.copy()
    points_px[:, 16:] += np.random.default_rng(1).normal(0, 200, points_px[:, 16:].shape)
    other = build_rotation(points_px, visibility, cameras, 3)
    assert honest.floor_height_mm == other.floor_height_mm
    assert honest.joints_world[:16].tobytes() == other.joints_world[:16].tobytes()
    assert honest.joints_world[16:].tobytes() != other.joints_world[16:].tobytes()
    for one, two in zip(honest.cameras, other.cameras, strict=True):
        assert (one.R.tobytes(), one.t.tobytes()) == (two.R.tobytes(), two.t.tobytes())


@pytest.mark.usefixtures("short")
def test_a_frame_without_a_person_is_an_error_only_where_two_views_lack() -> None:
    cameras = make_cameras()
    points_px, visibility, points = make_landmarks(cameras)
    visibility[0, 5] = 0
    found = build_rotation(points_px, visibility, cameras, 3)
    assert np.median(np.linalg.norm(found.landmarks_world - points, axis=-1)[5]) < 20
    visibility[1, 5] = 0
    with pytest.raises(UserError, match="frame 5"):
        build_rotation(points_px, visibility, cameras, 3)
