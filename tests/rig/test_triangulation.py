"""Triangulation: round trips through synthetic cameras, outvoted views, missing views, moved worlds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from modules.pose_utils import cam2pixel, world2cam
from modules.rig.triangulation import cheapest_path, project, triangulate
from tests.rig.walking_body import CAMERAS, views, walk


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


def test_the_cheapest_path_is_the_cheapest() -> None:
    rng = np.random.default_rng(0)
    cost, step = rng.random((4, 3)), rng.random((3, 3, 3))
    every = np.stack(np.meshgrid(*[range(3)] * 4, indexing="ij"), -1).reshape(-1, 4)
    totals = [cost[range(4), p].sum() + step[range(3), p[:-1], p[1:]].sum() for p in every]
    np.testing.assert_array_equal(cheapest_path(cost, step), every[int(np.argmin(totals))])
