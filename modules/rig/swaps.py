"""Finds the views in which a 2D pose model has swapped left and right, and swaps their points back."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from modules.pose_utils import Camera
from modules.rig.epipolar import fundamental_matrix, pair_costs
from modules.rig.triangulation import JUMP_COST, KERNEL_PX, cheapest_path, project, robust_cost, triangulate

_SWAP_COST = 0.02  # per swapped view (1: fits nowhere); it decides between an assignment and its complement
MOST_LIKELY = 8  # assignments of a frame, up to swapping all views, that are compared
_JUMP_MM = 100.0  # a movement well above this is a jump; hips and shoulders are 200-350 mm apart


def swap_sides(values: np.ndarray, swapped: np.ndarray, mirror: Sequence[int]) -> np.ndarray:
    """Returns values (..., N, D) or weights (..., N) with left and right points swapped where `swapped` (...) is true."""
    where = swapped.reshape(*swapped.shape, *[1] * (values.ndim - swapped.ndim))
    axis = swapped.ndim
    return np.asarray(np.where(where, np.take(values, mirror, axis=axis), values))


def find_swaps(
    points_px: np.ndarray,
    weights: np.ndarray,
    cameras: Sequence[Camera],
    mirror: Sequence[int],
    kernel_px: float = KERNEL_PX,
) -> np.ndarray:
    """Returns which views (C, F) have left and right swapped, for undistorted px (C, F, N, 2) and weights (C, F, N).

    Among the likely assignments of every frame, the sequence with the least robust reprojection error, number of swaps and
    movement between frames is found exactly by Viterbi's algorithm. `mirror[n]` is the point that n becomes when left and
    right are swapped.
    """
    likely = _likely_assignments(points_px, weights, cameras, mirror, kernel_px)  # (F, S, C)
    costs, bodies = [], []
    for state in np.moveaxis(likely, 1, 0):
        swapped = np.ascontiguousarray(state.T)
        px, w = swap_sides(points_px, swapped, mirror), swap_sides(weights, swapped, mirror)
        result = triangulate(px, w, cameras, kernel_px)
        cost = robust_cost(result.residuals_px, w, kernel_px).sum((0, 2)) / np.maximum(weights.sum((0, 2)), 1e-9)
        costs.append(cost * len(cameras))
        bodies.append(result.points_world)
    costs += costs[::-1]  # the complements, whose bodies are mirrored
    bodies += [body[:, list(mirror)] for body in bodies[::-1]]
    states = np.concatenate([likely, ~likely[:, ::-1]], axis=1)
    cost = np.stack(costs, 1) + _SWAP_COST * states.sum(-1)
    best = cheapest_path(cost, _jump_costs(np.stack(bodies, 1)))
    return np.asarray(states[np.arange(len(best)), best].T)


def _likely_assignments(
    points_px: np.ndarray, weights: np.ndarray, cameras: Sequence[Camera], mirror: Sequence[int], kernel_px: float
) -> np.ndarray:
    """Returns assignments (F, S, C) of each frame, the first view not swapped: all of them for up to four cameras.

    For more cameras these are the MOST_LIKELY cheapest by the epipolar costs of all pairs, among those that arise from the
    sides of each view in turn by flipping views while that helps, and their neighbours.
    """
    count, frames = len(cameras), points_px.shape[1]
    if 2 ** (count - 1) <= MOST_LIKELY:
        every = np.array([[False, *rest] for rest in itertools.product([False, True], repeat=count - 1)])
        return np.repeat(every[None], frames, axis=0)
    gain = np.zeros((frames, count, count))  # of a pair that has the same sides, over one that has not
    for a, b in itertools.combinations(range(count), 2):
        F = fundamental_matrix(cameras[a], cameras[b])
        cost = pair_costs(F, (points_px[a], weights[a]), (points_px[b], weights[b]), mirror, kernel_px)[0]
        gain[:, a, b] = gain[:, b, a] = cost[1] - cost[0]
    sides = np.where(gain + np.eye(count) >= 0, 1.0, -1.0)  # (F, S, C): as each view in turn says
    for _ in range(2 * count):
        agreement = sides * (sides @ gain)
        worst = agreement.argmin(-1)[..., None]
        flip = np.where(np.take_along_axis(agreement, worst, -1) < 0, -1.0, 1.0)
        np.put_along_axis(sides, worst, np.take_along_axis(sides, worst, -1) * flip, -1)
    sides = np.concatenate([sides, (sides[:, :, None] * (1 - 2 * np.eye(count))).reshape(frames, -1, count)], axis=1)
    return _cheapest(sides * sides[..., :1], -np.einsum("fsc,fcd,fsd->fs", sides, gain, sides))


def _cheapest(sides: np.ndarray, cost: np.ndarray) -> np.ndarray:
    """Returns the MOST_LIKELY cheapest of each frame's sides (F, S, C) of 1 and -1 as swaps; repeated ones count once."""
    order = np.argsort((sides < 0) @ (1 << np.arange(sides.shape[-1])), axis=1, kind="stable")
    sides, cost = np.take_along_axis(sides, order[..., None], 1), np.take_along_axis(cost, order, 1)
    again = (sides[:, 1:] == sides[:, :-1]).all(-1)
    cost[:, 1:] = np.where(again, np.inf, cost[:, 1:])
    chosen = np.argsort(cost, axis=1, kind="stable")[:, :MOST_LIKELY]
    return np.take_along_axis(sides, chosen[..., None], 1) < 0


def _jump_costs(bodies: np.ndarray) -> np.ndarray:
    """Returns the cost of a change of state between neighbouring frames: bodies (F, S, N, 3) mm → (F - 1, S, S)."""
    distance = np.linalg.norm(bodies[:-1, :, None] - bodies[1:, None], axis=-1)
    return np.asarray(JUMP_COST * robust_cost(distance, np.ones(()), _JUMP_MM).mean(-1))


def find_swaps_by_points(
    points_world: np.ndarray,
    points_px: np.ndarray,
    weights: np.ndarray,
    camera: Camera,
    mirror: Sequence[int],
) -> np.ndarray:
    """Returns in which frames (F,) one view has left and right swapped, given the known points (F, N, 3) world mm.

    `points_px` are (F, N, 2) undistorted px, `weights` (F, N).
    """
    projected = project(points_world, [camera])[0][0]
    every = np.ones(len(points_px), dtype=bool)
    costs = []
    for swapped in (~every, every):
        px, w = swap_sides(points_px, swapped, mirror), swap_sides(weights, swapped, mirror)
        costs.append(robust_cost(np.linalg.norm(projected - px, axis=-1), w, KERNEL_PX).sum(-1))
    return np.asarray(costs[1] < costs[0])
