"""Compares 2D points of two calibrated cameras by their distance from each other's epipolar lines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modules.pose_utils import Camera


def fundamental_matrix(one: Camera, other: Camera) -> np.ndarray:
    """Returns F (3, 3): undistorted px x of `one` and x' of `other` that show the same point have x'^T F x = 0."""
    R = other.R @ one.R.T
    x, y, z = other.t - R @ one.t
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.asarray(np.linalg.inv(other.K).T @ cross @ R @ np.linalg.inv(one.K))


def epipolar_distance(F: np.ndarray, one_px: np.ndarray, other_px: np.ndarray) -> np.ndarray:
    """Returns the signed distance (...) px of points (..., 2) and (..., 2) from matching each other (Sampson 1982)."""
    one, other = (np.concatenate([px, np.ones_like(px[..., :1])], -1) for px in (one_px, other_px))
    line, back = one @ F.T, other @ F
    norm = np.sqrt((line[..., :2] ** 2).sum(-1) + (back[..., :2] ** 2).sum(-1))
    return np.asarray((other * line).sum(-1) / np.maximum(norm, 1e-12))


def pair_costs(
    F: np.ndarray,
    one: tuple[np.ndarray, np.ndarray],
    other: tuple[np.ndarray, np.ndarray],
    mirror: Sequence[int],
    kernel_px: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Compares people in two views, each given as px (..., N, 2) and weights (..., N), as they are and with sides swapped.

    Returns the robust cost (2, ...) of both, 0 (fits) to 1 (fits nowhere, or no point is seen by both), the signed distances
    (2, ..., N) px and the common weights (2, ..., N).
    """
    distances, weights = [], []
    for order in (list(range(len(mirror))), list(mirror)):
        distances.append(epipolar_distance(F, one[0], other[0][..., order, :]))
        weights.append(one[1] * other[1][..., order])
    d, w = np.stack(distances), np.stack(weights)
    total = w.sum(-1)
    cost = (w * (d**2 / (d**2 + kernel_px**2))).sum(-1) / np.maximum(total, 1e-9)
    return np.where(total > 0, cost, 1.0), d, w
