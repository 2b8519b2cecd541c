"""The uncertainty of triangulated points: that of simulated errors, larger with fewer and worse views."""

from __future__ import annotations

import numpy as np
import pytest

from modules.rig.triangulation import triangulate
from modules.rig.uncertainty import joint_sd_mm, point_sd_mm
from tests.rig.walking_body import CAMERAS, views, walk


@pytest.mark.parametrize("noise_px", [10.0, 20.0])
def test_it_is_that_of_simulated_errors(noise_px: float) -> None:
    points = walk(400)
    px, weights = views(points, noise=noise_px)
    found = triangulate(px, weights, CAMERAS, kernel_px=100.0)
    sd = point_sd_mm(found.points_world, found.residuals_px, weights, CAMERAS)
    errors = np.linalg.norm(found.points_world - points, axis=-1)
    assert np.sqrt((errors**2).mean()) == pytest.approx(np.sqrt((sd**2).mean()), rel=0.35)


def test_a_point_that_two_views_see_is_less_certain() -> None:
    px, weights = views(walk(20), noise=5)
    weights[2, :, 4] = 0
    found = triangulate(px, weights, CAMERAS)
    sd = point_sd_mm(found.points_world, found.residuals_px, weights, CAMERAS)
    assert (sd[:, 4] > sd[:, 5]).mean() > 0.8
    weights[1, :, 4] = 0
    found = triangulate(px, weights, CAMERAS)
    assert np.isnan(point_sd_mm(found.points_world, found.residuals_px, weights, CAMERAS)[:, 4]).all()


def test_a_joint_has_the_uncertainty_of_its_landmarks_and_of_its_definition() -> None:
    assert joint_sd_mm(np.array([[30.0, 50.0]]), np.array([[0.5, 0.5], [1, 0]]), 0.0).tolist() == [[40.0, 30.0]]
    assert joint_sd_mm(np.array([[30.0, 50.0]]), np.array([[1.0, 0]]), 40.0).tolist() == [[50.0]]
