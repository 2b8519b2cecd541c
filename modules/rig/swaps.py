"""Finds the views in which a 2D pose model has swapped left and right, and swaps their points back."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from modules.pose_utils import Camera
from modules.rig.triangulation import JUMP_COST, KERNEL_PX, cheapest_path, project, robust_cost, triangulate

_SWAP_COST = 0.02  # per swapped view (1: fits nowhere); it decides between an assignment and its complement
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

    Among the 2^C assignments of every frame, the sequence with the least robust reprojection error, number of swaps
    and movement between frames is found exactly by Viterbi's algorithm. `mirror[n]` is the point that n becomes when
    left and right are swapped.
    """
    states = np.array(list(itertools.product([False, True], repeat=len(cameras))))  # (S, C)
    costs, bodies = [], []
    for state in states[: len(states) // 2]:  # the other half are their complements, whose bodies are mirrored
        swapped = np.broadcast_to(state[:, None], points_px.shape[:2])
        px, w = swap_sides(points_px, swapped, mirror), swap_sides(weights, swapped, mirror)
        result = triangulate(px, w, cameras, kernel_px)
        cost = robust_cost(result.residuals_px, w, kernel_px).sum((0, 2)) / np.maximum(weights.sum((0, 2)), 1e-9)
        costs.append(cost * len(cameras))
        bodies.append(result.points_world)
    costs += costs[::-1]
    bodies += [body[:, list(mirror)] for body in bodies[::-1]]
    cost = np.stack(costs, 1) + _SWAP_COST * states.sum(1)
    best = cheapest_path(cost, _jump_costs(np.stack(bodies, 1)))
    return np.asarray(states[best].T)


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
