"""Finds and undoes left/right swaps of BlazePose landmarks in several views."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from modules.extractors.blazepose.landmarks import LANDMARK_MIRROR, LANDMARKS
from modules.pose_utils import Camera
from modules.rig.swaps import find_swaps, find_swaps_by_points, swap_sides

_ARM, _LEG = ("elbow", "wrist", "pinky", "index", "thumb"), ("knee", "ankle", "heel", "toe")
PARTS = (  # what the model swaps as a whole: the body in a quarter of one camera's frames, legs or arms in a few
    list(range(len(LANDMARKS))),
    [index for index, name in enumerate(LANDMARKS) if name.endswith(_LEG)],
    [index for index, name in enumerate(LANDMARKS) if name.endswith(_ARM)],
)


@dataclass(frozen=True)
class CorrectedViews:
    """Undistorted landmarks of C cameras and F frames after swap correction."""

    points_px: np.ndarray  # (C, F, 33, 2)
    weights: np.ndarray  # (C, F, 33)
    swapped: np.ndarray  # (3, C, F) bool, for each of PARTS


def correct_by_rays(points_px: np.ndarray, weights: np.ndarray, cameras: Sequence[Camera]) -> CorrectedViews:
    """Corrects swaps in several views (C, F, 33, 2) px so that the cameras' rays agree."""
    return _correct(points_px, weights, lambda px, w, mirror, part: find_swaps(px, w, cameras, mirror))


def correct_by_points(
    points_px: np.ndarray, weights: np.ndarray, camera: Camera, points_world: np.ndarray
) -> CorrectedViews:
    """Corrects swaps in one view (1, F, 33, 2) px so that it agrees with known points (F, 33, 3) world mm."""

    def find(px: np.ndarray, w: np.ndarray, mirror: list[int], part: list[int]) -> np.ndarray:
        return find_swaps_by_points(points_world[:, part], px[0], w[0], camera, mirror)[None]

    return _correct(points_px, weights, find)


def _correct(
    points_px: np.ndarray,
    weights: np.ndarray,
    find: Callable[[np.ndarray, np.ndarray, list[int], list[int]], np.ndarray],
) -> CorrectedViews:
    """Swaps left and right back, part by part. `find` maps a part's px, weights, mirror and indices to swaps (C, F)."""
    points_px, weights, swaps = points_px.copy(), weights.copy(), []
    for part in PARTS:
        mirror = [part.index(LANDMARK_MIRROR[index]) for index in part]
        px, w = points_px[:, :, part], weights[:, :, part]
        swaps.append(find(px, w, mirror, part))
        points_px[:, :, part], weights[:, :, part] = swap_sides(px, swaps[-1], mirror), swap_sides(w, swaps[-1], mirror)
    return CorrectedViews(points_px, weights, np.stack(swaps))
