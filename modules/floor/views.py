"""Triangulates the people of a recording from the extractor's 2D joints in several views of the same moments."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from modules.pose_utils import Camera
from modules.rig.triangulation import triangulate

FITS_PX = 15.0  # median residual of a person whom all views show alike; more is another person


def triangulated_people(rows: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns the people (F, 24, 3) world mm of the moments that at least two cameras of one recording show.

    `rows` are the columns of one recording's images: camera, sequence, found, joints_px, confidence, K, R and t. A joint
    that fewer than two cameras see is NaN, and so is a person in whom the views disagree.
    """
    found = rows["found"].astype(bool)
    names = sorted(set(rows["camera"][found]))
    moments = sorted(set(rows["sequence"][found]))
    if len(names) < 2:
        return np.zeros((0, 24, 3))
    cameras = [_camera(rows, int(np.flatnonzero(found & (rows["camera"] == name))[0])) for name in names]
    points = np.zeros((len(names), len(moments), 24, 2))
    weights = np.zeros(points.shape[:3])
    for row in np.flatnonzero(found):
        place = names.index(rows["camera"][row]), moments.index(rows["sequence"][row])
        points[place] = rows["joints_px"][row]
        weights[place] = np.maximum(rows["confidence"][row], 1e-3)
    several = (weights > 0).any(-1).sum(0) >= 2
    if not several.any():
        return np.zeros((0, 24, 3))
    result = triangulate(points[:, several], weights[:, several], cameras)
    wrong = np.nanmedian(result.residuals_px, axis=(0, 2)) > FITS_PX
    return np.where(wrong[:, None, None], np.nan, result.points_world)


def _camera(rows: Mapping[str, np.ndarray], row: int) -> Camera:
    return Camera(rows["K"][row], rows["R"][row], rows["t"][row])
