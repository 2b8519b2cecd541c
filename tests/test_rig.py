"""The rig: round trips through synthetic cameras, outvoted views, exchanged sides, moved cameras, moved worlds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from modules.pose_utils import Camera, cam2pixel, world2cam
from modules.rig import cheapest_path, project, triangulate
from modules.rig_refine import move_camera, movement, refine_extrinsics, resect
from modules.rig_sides import match_sides, repair_swaps, swap_sides

MIRROR = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9]  # a trunk point and five pairs
CENTRES = [(1460, -1909, 1896), (2582, 706, 1690), (-3216, 2231, 2088), (-3758, -1415, 1881)]


def look_at(centre: tuple[float, float, float]) -> Camera:
    """A camera that looks at (0, 0, 1000), its x axis level."""
    forward = np.array([0, 0, 1000.0]) - centre
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    R = np.stack([right, np.cross(forward, right), forward])
    return Camera(K=np.array([[1680, 0, 540], [0, 1680, 960], [0, 0, 1.0]]), R=R, t=-R @ np.array(centre))


CAMERAS = [look_at(centre) for centre in CENTRES[:3]]


def walk(frames: int = 40, seed: int = 0) -> np.ndarray:
    """A body (F, 11, 3) mm that drifts."""
    rng = np.random.default_rng(seed)
    body = np.array([0, 0, 1000.0]) + rng.normal(0, 300, (len(MIRROR), 3))
    return body + np.cumsum(rng.normal(0, 10, (frames, 1, 3)), 0) + rng.normal(0, 5, (frames, len(MIRROR), 3))


def views(points: np.ndarray, cameras: list[Camera] = CAMERAS, noise: float = 0) -> tuple[np.ndarray, np.ndarray]:
    px = project(points, cameras)[0]
    return px + np.random.default_rng(1).normal(0, noise, px.shape) if noise else px, np.ones(px.shape[:3])


def test_projection_is_that_of_pose_utils_and_its_jacobian_is_its_slope() -> None:
    points = walk(2)
    px, J = project(points, CAMERAS)
    camera = CAMERAS[1]
    np.testing.assert_allclose(px[1], cam2pixel(world2cam(points, camera.R, camera.t), camera.K))
    step = np.array([0.01, -0.02, 0.03])
    slope = (project(points + step, CAMERAS)[0] - project(points - step, CAMERAS)[0]) / 2
    np.testing.assert_allclose(slope, J @ step, atol=1e-8)


@pytest.mark.parametrize("jump_mm", [None, 100.0])
def test_points_come_back(jump_mm: float | None) -> None:
    points = walk()
    result = triangulate(*views(points), CAMERAS, jump_mm=jump_mm)
    np.testing.assert_allclose(result.points_world, points, atol=1e-6)
    assert result.residuals_px.max() < 1e-6


def test_one_wrong_view_of_three_is_outvoted() -> None:
    points = walk()
    px, weights = views(points)
    rng = np.random.default_rng(2)
    for camera in range(3):  # another third of the points in every view
        px[camera, :, camera::3] += 200 * rng.choice([-1, 1], px[camera, :, camera::3].shape)
    error = np.linalg.norm(triangulate(px, weights, CAMERAS).points_world - points, axis=-1)
    assert np.quantile(error, 0.95) < 2


def test_a_view_without_weight_has_no_say() -> None:
    points = walk()
    px, weights = views(points)
    px[2], weights[2] = 7.0, 0.0
    result = triangulate(px, weights, CAMERAS)
    np.testing.assert_allclose(result.points_world, points, atol=1e-6)
    assert np.isnan(result.residuals_px[2]).all()


def test_a_point_that_one_view_sees_is_nan_and_harms_no_other() -> None:
    points = walk()
    px, weights = views(points)
    weights[:2, 3, 4] = 0
    for jump_mm in (None, 100.0):
        found = triangulate(px, weights, CAMERAS, jump_mm=jump_mm).points_world
        assert np.isnan(found[3, 4]).all()
        np.testing.assert_allclose(np.delete(found, 4, axis=1), np.delete(points, 4, axis=1), atol=1e-6)


def test_continuity_chooses_between_two_views_that_disagree() -> None:
    """In one frame the first view errs along the second one's ray, and the third, which is right, weighs less."""
    points = walk()
    px, weights = views(points)
    wrong = points[20] + 0.1 * (CAMERAS[1].centre_world - points[20])
    px[0, 20] = project(wrong[None], CAMERAS)[0][0, 0]
    weights[2, 20] = 0.8
    alone, in_time = (triangulate(px, weights, CAMERAS, jump_mm=mm).points_world[20] for mm in (None, 100.0))
    assert np.linalg.norm(alone - wrong, axis=-1).max() < 5
    assert np.linalg.norm(in_time - points[20], axis=-1).max() < 5


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_moving_the_world_moves_the_points(seed: int) -> None:
    rng = np.random.default_rng(seed)
    turn, shift = Rotation.random(random_state=seed).as_matrix(), rng.normal(0, 5000, 3)
    px, weights = views(walk(3, seed), noise=5)
    moved = [replace(c, R=c.R @ turn.T, t=c.t - c.R @ turn.T @ shift) for c in CAMERAS]
    here, there = (triangulate(px, weights, cameras).points_world for cameras in (CAMERAS, moved))
    np.testing.assert_allclose(here @ turn.T + shift, there, atol=1e-3)


def test_too_little_or_broken_input_is_named() -> None:
    px, weights = views(walk())
    with pytest.raises(ValueError, match="at least two cameras"):
        triangulate(px[:1], weights[:1], CAMERAS[:1])
    with pytest.raises(ValueError, match="points_px must be"):
        triangulate(px[:2], weights[:2], CAMERAS)
    with pytest.raises(ValueError, match="weights must be"):
        triangulate(px, weights[:, :2], CAMERAS)
    px[0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="weight 0"):
        triangulate(px, weights, CAMERAS)


def test_a_point_behind_every_camera_is_no_point() -> None:
    px, weights = views(walk(1))
    two = [CAMERAS[0], replace(CAMERAS[0], t=np.add(CAMERAS[0].t, (1000, 0, 0)))]  # parallel axes, and rays that part
    px = px[:2] * 0 + 960
    px[0, ..., 0], px[1, ..., 0] = 900, 100
    assert np.isnan(triangulate(px, weights[:2], two).points_world).all()


@given(st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_exchanged_sides_are_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    px, weights = views(walk(30, 5), noise=4)
    swapped = rng.random((3, 30)) < 0.2
    swapped &= swapped.sum(0) < 2  # two of three swapped look like the third one swapped, but for the neighbours
    found = repair_swaps(swap_sides(px, swapped, MIRROR), weights, CAMERAS, MIRROR)
    np.testing.assert_array_equal(found, swapped)


def test_continuity_tells_two_swapped_views_from_the_third_one_swapped() -> None:
    px, weights = views(walk(30, 5), noise=4)
    swapped = np.zeros((3, 30), dtype=bool)
    swapped[:2, 12] = True
    found = repair_swaps(swap_sides(px, swapped, MIRROR), weights, CAMERAS, MIRROR)
    np.testing.assert_array_equal(found, swapped)


def test_swapping_twice_is_nothing_and_weights_go_along() -> None:
    px, _ = views(walk())
    weights = np.random.default_rng(0).random(px.shape[:3])
    swapped = np.random.default_rng(1).random(px.shape[:2]) < 0.5
    for values in (px, weights):
        once = swap_sides(values, swapped, MIRROR)
        assert (once != values).any()
        np.testing.assert_array_equal(swap_sides(once, swapped, MIRROR), values)


def test_one_view_is_matched_to_known_points() -> None:
    points = walk()
    px, weights = views(points, noise=10)
    swapped = np.arange(len(points)) % 7 == 0
    shown = swap_sides(px[0], swapped, MIRROR)
    np.testing.assert_array_equal(match_sides(points, shown, weights[0], CAMERAS[0], MIRROR), swapped)


def test_the_cheapest_path_is_the_cheapest() -> None:
    rng = np.random.default_rng(0)
    cost, step = rng.random((4, 3)), rng.random((3, 3, 3))
    every = np.stack(np.meshgrid(*[range(3)] * 4, indexing="ij"), -1).reshape(-1, 4)
    totals = [cost[range(4), p].sum() + step[range(3), p[:-1], p[1:]].sum() for p in every]
    np.testing.assert_array_equal(cheapest_path(cost, step), every[int(np.argmin(totals))])


def _perturbed(seed: int) -> list[Camera]:
    rng = np.random.default_rng(seed)
    return [move_camera(camera, rng.normal(0, 1, 6)) for camera in CAMERAS]


def test_refinement_makes_the_rays_meet_and_keeps_the_rig_where_it_was_given() -> None:
    points = walk(60)
    px, weights = views(points)
    given_cameras = _perturbed(3)
    refined = refine_extrinsics(px, weights, given_cameras, kernel_px=50)
    before, after = (triangulate(px, weights, cameras).residuals_px for cameras in (given_cameras, refined))
    assert np.median(after) < 0.25 * np.median(before)
    for camera, found in zip(given_cameras, refined, strict=True):
        moved_mm, turned = movement(camera, found)
        assert moved_mm < 30 and turned < 1.5


def test_a_camera_that_is_right_is_left_alone() -> None:
    points = walk()
    px, weights = views(points)
    for camera, refined in zip(CAMERAS, refine_extrinsics(px, weights, CAMERAS), strict=True):
        assert movement(camera, refined) == pytest.approx((0, 0), abs=1e-4)


def test_resection_finds_a_camera_among_outliers() -> None:
    points = walk(60)
    px, weights = views(points, noise=3)
    px[0, :, 3] += 300  # one point is wrong throughout
    given_camera = move_camera(CAMERAS[0], np.array([0.8, -0.8, 0.5, 0.2, 0.1, -0.2]))
    found = resect(points, px[0], weights[0], given_camera, kernel_px=30)
    error = np.linalg.norm(project(points, [found])[0] - project(points, [CAMERAS[0]])[0], axis=-1)
    assert np.median(error) < 1.5
    assert movement(given_camera, CAMERAS[0])[1] > 3 * movement(found, CAMERAS[0])[1]


def test_movement_measures_millimetres_and_degrees() -> None:
    step = np.array([1.0, 0, 0, 0, 2.0, 0])
    moved_mm, turned = movement(CAMERAS[0], move_camera(CAMERAS[0], step))
    assert (moved_mm, turned) == pytest.approx((20, 0.5))
