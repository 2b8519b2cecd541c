"""Left and right of a whole body, exchanged by a 2D pose model in some views of some frames: found and put right."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from modules.pose_utils import Camera
from modules.rig import JUMP_COST, KERNEL_PX, cheapest_path, project, robust_cost, triangulate

_SWAP_COST = 0.02  # per exchanged view, against one that fits nowhere: an assignment's complement fits equally well
_JUMP_MM = 100.0  # a jump is a movement well above this; hips and shoulders are 200-350 mm apart


def swap_sides(values: np.ndarray, swapped: np.ndarray, mirror: Sequence[int]) -> np.ndarray:
    """Values (..., N, D) or weights (..., N) with every left point's place taken by its right twin where swapped."""
    where = swapped.reshape(*swapped.shape, *[1] * (values.ndim - swapped.ndim))
    axis = swapped.ndim
    return np.where(where, np.take(values, mirror, axis=axis), values)


def repair_swaps(
    points_px: np.ndarray,
    weights: np.ndarray,
    cameras: Sequence[Camera],
    mirror: Sequence[int],
    kernel_px: float = KERNEL_PX,
) -> np.ndarray:
    """Which views (C, F) show left and right exchanged, for undistorted px (C, F, N, 2) and weights (C, F, N).

    Of all 2^C assignments per frame, the sequence with the least robust reprojection error, number of swaps and
    movement between frames, found exactly by dynamic programming (Viterbi). `mirror[n]` is point n's twin.
    """
    states = np.array(list(itertools.product([False, True], repeat=len(cameras))))  # (S, C)
    costs, bodies = [], []
    for state in states[: len(states) // 2]:  # the complements mirror these
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
    return states[best].T


def _jump_costs(bodies: np.ndarray) -> np.ndarray:
    """(F, S, N, 3) mm → (F - 1, S, S): the cost of going from one state to another between neighbouring frames."""
    distance = np.linalg.norm(bodies[:-1, :, None] - bodies[1:, None], axis=-1)
    return JUMP_COST * robust_cost(distance, np.ones(()), _JUMP_MM).mean(-1)


def match_sides(
    points_world: np.ndarray,
    points_px: np.ndarray,
    weights: np.ndarray,
    camera: Camera,
    mirror: Sequence[int],
) -> np.ndarray:
    """Whether one view (F,) shows the known points (F, N, 3) with left and right exchanged."""
    projected = project(points_world, [camera])[0][0]
    every = np.ones(len(points_px), dtype=bool)
    costs = []
    for swapped in (~every, every):
        px, w = swap_sides(points_px, swapped, mirror), swap_sides(weights, swapped, mirror)
        costs.append(robust_cost(np.linalg.norm(projected - px, axis=-1), w, KERNEL_PX).sum(-1))
    return costs[1] < costs[0]
