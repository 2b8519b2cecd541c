"""Refinement of extrinsics and resection: rays meet, the rig stays, outliers lose their influence."""

from __future__ import annotations

import numpy as np
import pytest

from modules.pose_utils import Camera
from modules.rig.refinement import move_camera, movement, refine_extrinsics, resect
from modules.rig.triangulation import project, triangulate
from tests.rig.walking_body import CAMERAS, views, walk


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
