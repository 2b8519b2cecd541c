"""Triangulates 3D points robustly from the 2D points of several calibrated cameras.

Works for any rig of C >= 2 cameras, F frames and N points. Points are undistorted px, with a weight of 0 (unseen) to 1.
The cost of a residual r is the Geman-McClure kernel r^2 / (1 + r^2 / s^2) (Geman & McClure 1987), so that views which
disagree with the others lose their influence.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modules.pose_utils import Camera, pixel2ray

KERNEL_PX = 15.0  # residuals well above this are outliers; about twice a good 2D landmark's error at 1920 px
JUMP_COST = 0.5  # of a point or body that jumps between two frames, where a view that fits nowhere costs 1
MOST_PAIRS = 10  # of cameras, whose triangulations are compared over time: all pairs of five cameras
_ITERATIONS = 12


@dataclass(frozen=True)
class Triangulation:
    """3D points and their reprojection errors in every view."""

    points_world: np.ndarray  # (F, N, 3) mm; NaN if fewer than two views see the point
    residuals_px: np.ndarray  # (C, F, N) distance to the reprojection; NaN if the view has no weight


def project(points_world: np.ndarray, cameras: Sequence[Camera]) -> tuple[np.ndarray, np.ndarray]:
    """Projects (F, N, 3) world mm to every camera: undistorted px (C, F, N, 2), and the Jacobian (C, F, N, 2, 3) px/mm.

    Points at or behind a camera give NaN.
    """
    pixels, jacobians = [], []
    for camera in cameras:
        P = camera.K @ camera.R
        q = points_world @ P.T + camera.K @ camera.t
        depth = np.where(q[..., 2:] > 1.0, q[..., 2:], np.nan)
        pixel = q[..., :2] / depth
        pixels.append(pixel)
        jacobians.append((P[:2] - pixel[..., None] * P[2]) / depth[..., None])
    return np.stack(pixels), np.stack(jacobians)


def robust_cost(residuals_px: np.ndarray, weights: np.ndarray, kernel_px: float) -> np.ndarray:
    """Returns the weighted Geman-McClure cost in units of the kernel: 0 (fits) to 1 (fits nowhere). NaN residuals cost 1."""
    r2 = (residuals_px / kernel_px) ** 2
    return weights * np.where(np.isnan(r2), 1.0, r2 / (1 + r2))


def _check(points_px: np.ndarray, weights: np.ndarray, cameras: Sequence[Camera]) -> None:
    """Raises ValueError if the shapes do not fit each other or a value is not finite."""
    if len(cameras) < 2:
        raise ValueError(f"triangulation needs at least two cameras, not {len(cameras)}")
    if points_px.ndim != 4 or points_px.shape[0] != len(cameras) or points_px.shape[3] != 2:
        raise ValueError(
            f"points_px must be (cameras, frames, points, 2) = ({len(cameras)}, F, N, 2), not {points_px.shape}"
        )
    if weights.shape != points_px.shape[:3]:
        raise ValueError(f"weights must be {points_px.shape[:3]} as the points are, not {weights.shape}")
    if not (np.isfinite(points_px).all() and np.isfinite(weights).all() and (weights >= 0).all()):
        raise ValueError("points_px and weights must be finite and weights at least 0; give an unseen point weight 0")


def _nearest_to_rays(centre_a: np.ndarray, rays_a: np.ndarray, centre_b: np.ndarray, rays_b: np.ndarray) -> np.ndarray:
    """Returns the midpoints (F, N, 3) between two bundles of unit rays (F, N, 3) at closest approach; NaN if parallel."""
    between = centre_a - centre_b
    cosine = (rays_a * rays_b).sum(-1)
    along_a, along_b = rays_a @ between, rays_b @ between
    sine2 = 1 - cosine**2
    sine2 = np.where(sine2 > 1e-8, sine2, np.nan)
    a = (cosine * along_b - along_a) / sine2
    b = (along_b - cosine * along_a) / sine2
    return np.asarray((centre_a + a[..., None] * rays_a + centre_b + b[..., None] * rays_b) / 2)


def _pair_points(
    points_px: np.ndarray, weights: np.ndarray, cameras: Sequence[Camera], kernel_px: float
) -> tuple[np.ndarray, np.ndarray]:
    """Returns each camera pair's points (S, F, N, 3) and their cost over all views (S, F, N); inf if the pair lacks one."""
    rays = [pixel2ray(px, camera.K) @ camera.R for px, camera in zip(points_px, cameras, strict=True)]
    rays = [ray / np.linalg.norm(ray, axis=-1, keepdims=True) for ray in rays]
    candidates, costs = [], []
    for a, b in itertools.combinations(range(len(cameras)), 2):
        points = _nearest_to_rays(cameras[a].centre_world, rays[a], cameras[b].centre_world, rays[b])
        residuals = np.linalg.norm(project(points, cameras)[0] - points_px, axis=-1)
        seen = (weights[a] > 0) & (weights[b] > 0) & np.isfinite(residuals[a] + residuals[b])
        candidates.append(points)
        costs.append(np.where(seen, robust_cost(residuals, weights, kernel_px).sum(0), np.inf))
    return np.stack(candidates), np.stack(costs)


def _start(candidates: np.ndarray, costs: np.ndarray, jump_mm: float | None) -> np.ndarray:
    """Chooses one of the candidates (S, F, N, 3) per frame and point: (F, N, 3).

    Without `jump_mm` it is the cheapest one; with it, the sequence over time with the least cost and jumps, among the
    MOST_PAIRS cheapest of each frame.
    """
    if jump_mm is None:
        choice = costs.argmin(0)
    else:
        if len(costs) > MOST_PAIRS:
            cheapest = np.argpartition(costs, MOST_PAIRS, axis=0)[:MOST_PAIRS]
            candidates = np.take_along_axis(candidates, cheapest[..., None], 0)
            costs = np.take_along_axis(costs, cheapest, 0)
        tracks = np.moveaxis(candidates, 2, 0)  # (N, S, F, 3)
        finite = np.minimum(np.moveaxis(costs, (2, 1), (0, 1)), 1e6)  # (N, F, S); finite, for the dynamic programming
        jumps = np.linalg.norm(tracks[:, :, None, :-1] - tracks[:, None, :, 1:], axis=-1)  # (N, S, S, F - 1)
        step = JUMP_COST * robust_cost(np.moveaxis(jumps, -1, 1), np.ones(()), jump_mm)
        choice = np.stack([cheapest_path(c, t) for c, t in zip(finite, step, strict=True)], 1)
    best = np.take_along_axis(candidates, choice[None, ..., None], 0)[0]
    unseen = ~np.isfinite(np.take_along_axis(costs, choice[None], 0)[0])
    return np.where(unseen[..., None], np.nan, best)


def cheapest_path(cost: np.ndarray, transition: np.ndarray) -> np.ndarray:
    """Returns the states (F,) that minimise the sum of cost (F, S) and transition (F - 1, S, S): Viterbi's algorithm."""
    total, came_from = cost[0], []
    for frame_cost, step in zip(cost[1:], transition, strict=True):
        through = total[:, None] + step
        came_from.append(through.argmin(0))
        total = through.min(0) + frame_cost
    path = [int(total.argmin())]
    for previous in reversed(came_from):
        path.append(int(previous[path[-1]]))
    return np.array(path[::-1])


def _descend(
    points: np.ndarray, points_px: np.ndarray, weights: np.ndarray, cameras: Sequence[Camera], kernel_px: float
) -> np.ndarray:
    """Refines points (F, N, 3) by iteratively reweighted Gauss-Newton on the reprojection error; worse steps are halved."""
    best, best_cost = points, np.full(points.shape[:2], np.inf)
    for _ in range(_ITERATIONS):
        projected, J = project(points, cameras)
        error = projected - points_px
        norm = np.linalg.norm(error, axis=-1)
        cost = robust_cost(norm, weights, kernel_px).sum(0)
        better = cost < best_cost
        best, best_cost = np.where(better[..., None], points, best), np.where(better, cost, best_cost)
        w = np.nan_to_num(weights / (1 + (norm / kernel_px) ** 2) ** 2)
        J, error = np.nan_to_num(J), np.nan_to_num(error)
        H = np.einsum("cfn,cfnki,cfnkj->fnij", w, J, J, optimize=True)
        g = np.einsum("cfn,cfnki,cfnk->fni", w, J, error, optimize=True)
        damping = 1e-6 * np.trace(H, axis1=-2, axis2=-1) + 1e-12
        step = np.linalg.solve(H + damping[..., None, None] * np.eye(3), g[..., None])[..., 0]
        points = np.where(better[..., None], points - step, (best + points) / 2)
    return best


def triangulate(
    points_px: np.ndarray,
    weights: np.ndarray,
    cameras: Sequence[Camera],
    kernel_px: float = KERNEL_PX,
    *,
    jump_mm: float | None = None,
    start: np.ndarray | None = None,
) -> Triangulation:
    """Triangulates 3D points (F, N, 3) from undistorted px (C, F, N, 2) with weights (C, F, N) in 0..1.

    Each point starts at the triangulation of the camera pair with the least cost over all views, so that one wrong view
    of three or more is outvoted, and is then refined on the robust reprojection error of all views. With `jump_mm`, the
    frames follow each other in time, and a movement well above it counts against a pair. This only chooses between
    pairs; nothing is smoothed. `start` (F, N, 3) replaces the choice of pairs.

    Raises ValueError for fewer than two cameras, for shapes that do not match, and for values that are not finite.
    """
    _check(points_px, weights, cameras)
    if start is None:
        start = _start(*_pair_points(points_px, weights, cameras, kernel_px), jump_mm)
    points = _descend(start, points_px, weights, cameras, kernel_px)
    residuals = np.linalg.norm(project(points, cameras)[0] - points_px, axis=-1)
    return Triangulation(points, np.where(weights > 0, residuals, np.nan))
