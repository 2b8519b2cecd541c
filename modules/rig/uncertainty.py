"""The uncertainty of triangulated points: the covariance of the robust least squares, propagated to joints."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modules.pose_utils import Camera
from modules.rig.triangulation import KERNEL_PX, project

LEAST_PX = 8.0  # of a 2D landmark's error, however well the views agree: they share errors
_EPSILON = 1e-12


def point_sd_mm(
    points_world: np.ndarray, residuals_px: np.ndarray, weights: np.ndarray, cameras: Sequence[Camera]
) -> np.ndarray:
    """Returns the standard deviation (F, N) mm of points (F, N, 3): the root of their covariance's trace; NaN as they are.

    `residuals_px` and `weights` are (C, F, N). The 2D error of a point is that of its residuals, for which those of all
    views count, corrected for the three numbers that were fitted, and at least LEAST_PX.
    """
    J = np.nan_to_num(project(points_world, cameras)[1])
    r = np.nan_to_num(residuals_px, nan=0.0)
    seen = np.isfinite(residuals_px)
    agrees = np.where(seen & (weights > 0), 1 / (1 + (r / KERNEL_PX) ** 2) ** 2, 0.0)
    agrees = agrees / np.maximum(agrees.max(0), _EPSILON)  # of the views: 1 for the one that fits best
    free = np.maximum(2 * agrees.sum(0) - 3, 1.0)
    variance = np.maximum((agrees * r**2).sum(0) / free, LEAST_PX**2)
    w = weights * agrees
    H = np.einsum("cfn,cfnki,cfnkj->fnij", w, J, J, optimize=True)
    H = H + _EPSILON * np.eye(3) * np.maximum(np.trace(H, axis1=-2, axis2=-1), _EPSILON)[..., None, None]
    trace = np.trace(np.linalg.inv(H), axis1=-2, axis2=-1)
    return np.where(np.isfinite(points_world).all(-1), np.sqrt(variance * trace), np.nan)


def joint_sd_mm(landmark_sd_mm: np.ndarray, shares: np.ndarray, map_mm: float) -> np.ndarray:
    """Returns the standard deviation (F, J) mm of joints that are weighted means of landmarks, with `shares` (J, N).

    The landmarks' errors are taken to be the same in direction, since most come from the same views; `map_mm` is the error
    of the means themselves, for joints are no landmarks.
    """
    return np.asarray(np.hypot(landmark_sd_mm @ np.abs(shares).T, map_mm))
