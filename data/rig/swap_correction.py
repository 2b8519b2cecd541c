"""Finds and undoes left/right swaps of BlazePose landmarks in several views."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from modules.extractors.blazepose.landmarks import LANDMARK_MIRROR, LANDMARKS
from modules.pose_utils import Camera
from modules.rig.swaps import find_swaps, find_swaps_by_points, swap_sides

_ARM, _LEG = ("elbow", "wrist", "pinky", "index", "thumb", "hand"), ("knee", "ankle", "heel", "toe", "foot")


@dataclass(frozen=True)
class Sides:
    """What a 2D model swaps as a whole: all points in a quarter of one camera's frames, legs or arms in a few."""

    names: Sequence[str]  # of the points
    mirror: Sequence[int]  # the index of each point's counterpart on the other side

    @property
    def parts(self) -> list[list[int]]:
        """The points of the whole body, the legs and the arms."""
        ends = ("", _LEG, _ARM)
        return [[index for index, name in enumerate(self.names) if name.endswith(end)] for end in ends]


LANDMARK_SIDES = Sides(LANDMARKS, LANDMARK_MIRROR)


@dataclass(frozen=True)
class CorrectedViews:
    """Undistorted points of C cameras and F frames after swap correction."""

    points_px: np.ndarray  # (C, F, N, 2)
    weights: np.ndarray  # (C, F, N)
    swapped: np.ndarray  # (3, C, F) bool, for each of Sides.parts


def correct_by_rays(points_px: np.ndarray, weights: np.ndarray, cameras: Sequence[Camera]) -> CorrectedViews:
    """Corrects swaps in several views (C, F, 33, 2) px so that the cameras' rays agree."""
    return _correct(points_px, weights, LANDMARK_SIDES, lambda px, w, mirror, part: find_swaps(px, w, cameras, mirror))


def correct_by_points(
    points_px: np.ndarray, weights: np.ndarray, camera: Camera, points_world: np.ndarray, sides: Sides = LANDMARK_SIDES
) -> CorrectedViews:
    """Corrects swaps in one view (1, F, N, 2) px so that it agrees with known points (F, N, 3) world mm."""

    def find(px: np.ndarray, w: np.ndarray, mirror: list[int], part: list[int]) -> np.ndarray:
        return find_swaps_by_points(points_world[:, part], px[0], w[0], camera, mirror)[None]

    return _correct(points_px, weights, sides, find)


def _correct(
    points_px: np.ndarray,
    weights: np.ndarray,
    sides: Sides,
    find: Callable[[np.ndarray, np.ndarray, list[int], list[int]], np.ndarray],
) -> CorrectedViews:
    """Swaps left and right back, part by part. `find` maps a part's px, weights, mirror and indices to swaps (C, F)."""
    points_px, weights, swaps = points_px.copy(), weights.copy(), []
    for part in sides.parts:
        mirror = [part.index(sides.mirror[index]) for index in part]
        px, w = points_px[:, :, part], weights[:, :, part]
        swaps.append(find(px, w, mirror, part))
        points_px[:, :, part], weights[:, :, part] = swap_sides(px, swaps[-1], mirror), swap_sides(w, swaps[-1], mirror)
    return CorrectedViews(points_px, weights, np.stack(swaps))
