"""Geometry: round trips, equivariance, agreement with OpenCV, degenerate input; NumPy and torch alike."""

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from modules import pose_utils as pu
from tests.conftest import looking_camera, rotation, standing_person

seeds = st.integers(0, 2**32 - 1)


@given(seeds)
@settings(max_examples=60, deadline=None)
def test_world_to_pixel_and_back(seed: int) -> None:
    rng = np.random.default_rng(seed)
    camera, joints = looking_camera(rng), standing_person(rng)
    cam = pu.world2cam(joints, camera.R, camera.t)
    back = pu.cam2world(pu.pixel2cam(pu.cam2pixel(cam, camera.K), cam[:, 2], camera.K), camera.R, camera.t)
    np.testing.assert_allclose(back, joints, atol=1e-8)


@given(seeds, st.booleans())
@settings(max_examples=60, deadline=None)
def test_distort_undistort_round_trip(seed: int, forth: bool) -> None:
    rng = np.random.default_rng(seed)
    camera = looking_camera(rng, distortion=True)
    points = rng.uniform([0, 0], [1920, 1080], (50, 2))
    first, second = (pu.distort, pu.undistort) if forth else (pu.undistort, pu.distort)
    back = second(first(points, camera.K, camera.distortion), camera.K, camera.distortion)
    np.testing.assert_allclose(back, points, atol=1e-6)


@pytest.mark.parametrize(
    ("coefficients", "reaches_all"),
    [
        ([0.3, 0, 0, 0, 0], True),
        ([-0.25, 0.05, 0, 0, 0], True),
        ([-0.05, 0.13, 6e-4, 7e-4, 0.01], True),
        ([-0.12, 0, 0, 0, 0], False),
    ],
)
def test_undistort_answers_exactly_or_not_at_all(
    coefficients: list[float], reaches_all: bool, rng: np.random.Generator
) -> None:
    """Far outside the image too, where a fixed point runs away and some points have no ray at all."""
    K, distortion = np.array([[1000.0, 0, 960], [0, 1000, 540], [0, 0, 1]]), np.array(coefficients)
    points = rng.uniform([-3000, -3000], [5000, 4000], (2000, 2))
    answer = pu.undistort(points, K, distortion)
    known = np.isfinite(answer).all(-1)
    np.testing.assert_allclose(pu.distort(answer[known], K, distortion), points[known], atol=1e-5)
    inside = ((points >= 0) & (points < [1920, 1080])).all(-1)
    assert known[inside].all()
    assert known.all() == reaches_all  # a barrel that turns back has points that no ray maps to
    single = pu.undistort(torch.from_numpy(points), torch.from_numpy(K), torch.from_numpy(distortion))
    np.testing.assert_allclose(single, answer, atol=1e-6)


def test_projection_is_opencvs(rng: np.random.Generator) -> None:
    camera, joints = looking_camera(rng, distortion=True), standing_person(rng)
    ours = pu.distort(pu.cam2pixel(pu.world2cam(joints, camera.R, camera.t), camera.K), camera.K, camera.distortion)
    theirs, _ = cv2.projectPoints(joints, cv2.Rodrigues(camera.R)[0], camera.t, camera.K, camera.distortion)
    np.testing.assert_allclose(ours, theirs[:, 0], atol=1e-6)


def test_skew_is_inverted(rng: np.random.Generator) -> None:
    K = np.array([[1500.0, 12, 950], [0, 1400, 545], [0, 0, 1]])
    points = rng.uniform(0, 1000, (9, 2))
    np.testing.assert_allclose(pu.cam2pixel(pu.pixel2ray(points, K) * 3, K), points, atol=1e-9)


def test_torch_gives_numpys_answers_in_batches(rng: np.random.Generator) -> None:
    cameras = [looking_camera(rng, distortion=True) for _ in range(5)]
    joints = np.stack([standing_person(rng) for _ in cameras])
    K, R, t, d = (np.stack([getattr(c, name) for c in cameras]) for name in ("K", "R", "t", "distortion"))

    def chain(joints, K, R, t, d, weights):  # type: ignore[no-untyped-def]
        cam = pu.world2cam(joints, R, t)
        raw = pu.distort(pu.cam2pixel(cam, K), K, d)
        rays = pu.pixel2ray(pu.undistort(raw, K, d), K)
        root = pu.least_squares_root(cam - cam[:, :1], rays, weights)
        return pu.cam2world(cam - cam[:, :1] + root[:, None], R, t)

    arrays = (joints, K, R, t, d, np.ones(joints.shape[:2]))
    answer = chain(*arrays)
    tensor = chain(*(torch.from_numpy(a) for a in arrays))
    assert isinstance(tensor, torch.Tensor)
    np.testing.assert_allclose(tensor.numpy(), answer, atol=1e-7)
    np.testing.assert_allclose(answer, joints, atol=1e-5)


@given(seeds)
@settings(max_examples=60, deadline=None)
def test_least_squares_root_finds_the_root_and_ignores_weightless_joints(seed: int) -> None:
    rng = np.random.default_rng(seed)
    camera, joints = looking_camera(rng), standing_person(rng)
    cam = pu.world2cam(joints, camera.R, camera.t)
    pixels, weights = pu.cam2pixel(cam, camera.K), rng.uniform(0.1, 1, 24)
    pixels[5] += 400
    weights[5] = 0
    root = pu.least_squares_root(cam - cam[0], pu.pixel2ray(pixels, camera.K), weights)
    np.testing.assert_allclose(root, cam[0], atol=1e-5)


def test_least_squares_root_is_the_minimum(rng: np.random.Generator) -> None:
    camera, joints = looking_camera(rng), standing_person(rng)
    cam = pu.world2cam(joints, camera.R, camera.t)
    rel = (cam - cam[0]) * 0.95 + rng.normal(scale=30, size=(24, 3))
    rays, weights = pu.pixel2ray(pu.cam2pixel(cam, camera.K), camera.K), rng.uniform(0.1, 1, 24)

    def cost(root: np.ndarray) -> float:
        residual = (rel + root)[:, :2] - rays[:, :2] * (rel + root)[:, 2:]
        return float((weights[:, None] * residual**2).sum())

    root = pu.least_squares_root(rel, rays, weights)
    for step in np.vstack([np.eye(3), -np.eye(3)]):
        assert cost(root) < cost(root + step)


@pytest.mark.parametrize("weights", [np.zeros(24), np.eye(24)[3]])
def test_least_squares_root_refuses_what_is_undetermined(weights: np.ndarray, rng: np.random.Generator) -> None:
    rays = pu.pixel2ray(rng.uniform(0, 1000, (24, 2)), np.diag([1000.0, 1000, 1]))
    with pytest.raises(ValueError, match="cannot be placed"):
        pu.least_squares_root(rng.normal(size=(24, 3)), rays, weights)


def test_least_squares_root_refuses_one_ray() -> None:
    with pytest.raises(ValueError, match="different rays"):
        pu.least_squares_root(np.zeros((24, 3)), np.tile([0.1, 0.2, 1.0], (24, 1)), np.ones(24))


@given(seeds)
@settings(max_examples=40, deadline=None)
def test_crop_camera_centres_the_box_and_fits_it(seed: int) -> None:
    rng = np.random.default_rng(seed)
    K = looking_camera(rng).K
    w, h = rng.uniform(100, 800), rng.uniform(100, 900)
    box = np.array([rng.uniform(-100, 1800), rng.uniform(-100, 900), w, h])
    R, K_crop = pu.crop_camera(box, K, 256, 1.25)
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(R) > 0
    centre = np.array([[box[0] + w / 2, box[1] + h / 2]])
    np.testing.assert_allclose(pu.cam2pixel(pu.pixel2ray(centre, K) @ R.T, K_crop), [[127.5, 127.5]], atol=1e-9)
    middles = np.array([[0, h / 2], [w, h / 2], [w / 2, 0], [w / 2, h]]) + box[:2]
    inside = pu.cam2pixel(pu.pixel2ray(middles, K) @ R.T, K_crop)
    reach = np.abs(inside - 127.5).max()
    assert reach == pytest.approx(128 / 1.25)  # the longer side, and nothing further out


@pytest.mark.parametrize("box", [[0, 0, 0, 10], [0, 0, 10, -1], [0, 0, np.nan, 10]])
def test_crop_camera_refuses_an_empty_box(box: list[float]) -> None:
    with pytest.raises(ValueError, match="positive width"):
        pu.crop_camera(np.array(box), np.diag([1000.0, 1000, 1]), 256, 1.25)


def test_resize_intrinsics_keeps_pixel_edges(rng: np.random.Generator) -> None:
    K = looking_camera(rng).K
    half = pu.resize_intrinsics(K, 0.5)
    points = rng.uniform(-1, 1, (5, 3)) + [0, 0, 4]
    np.testing.assert_allclose(pu.cam2pixel(points, half), (pu.cam2pixel(points, K) + 0.5) / 2 - 0.5, atol=1e-10)


def test_project_rotation_mends_noise(rng: np.random.Generator) -> None:
    R = rotation(rng)
    np.testing.assert_allclose(pu.project_rotation(R), R, atol=1e-12)
    mended = pu.project_rotation(R + rng.normal(scale=1e-3, size=(3, 3)))
    np.testing.assert_allclose(mended @ mended.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(mended, R, atol=5e-3)


def test_camera_centre(rng: np.random.Generator) -> None:
    camera = looking_camera(rng)
    np.testing.assert_allclose(pu.world2cam(camera.centre_world[None], camera.R, camera.t), 0, atol=1e-9)
