"""Estimates intrinsics and lens from the board's corners in several views, with their covariance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np

from data.calibrate.board import Board
from data.calibrate.detection import LEAST_CORNERS, Sighting
from modules.files.lens import turning_radius_px
from modules.pose_utils import Camera

PARAMETERS = ("fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3")
SIGNIFICANT = 5.0  # standard deviations from which on k3 is kept
OUTLIER = 6.0  # times the median residual, from which on a corner is left out
BAD_VIEW = 3.0  # times the median of the views, from which on a view is left out
_STOP = (cv2.TERM_CRITERIA_COUNT + cv2.TERM_CRITERIA_EPS, 100, 1e-10)


@dataclass(frozen=True)
class Lens:
    """Calibrated intrinsics. Views are those of the sightings that were used."""

    K: np.ndarray  # (3, 3) px
    distortion: np.ndarray  # (5,) k1, k2, p1, p2, k3
    covariance: np.ndarray  # (9, 9) of PARAMETERS; rows and columns of what is fixed are 0
    views: tuple[Sighting, ...]
    residuals_px: tuple[np.ndarray, ...]  # (N, 2) of each view: seen minus projected
    poses: tuple[np.ndarray, ...]  # (6,) of each view: rotation vector and translation, board to camera

    @property
    def std(self) -> np.ndarray:
        """The standard deviations (9,) of PARAMETERS."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def rms_px(self) -> float:
        """The root mean square distance of all corners from where they are projected."""
        return rms(np.concatenate(self.residuals_px))


def rms(residuals_px: np.ndarray) -> float:
    """Returns the root mean square length of residuals (N, 2)."""
    return float(np.sqrt((residuals_px**2).sum(1).mean()))


def calibrate_lens(views: Sequence[Sighting], board: Board, size: tuple[int, int]) -> Lens:
    """Returns the lens that fits the views best, after corners and views that do not fit are left out.

    k3 is estimated only if it is significant and the lens does not turn back inside the picture. Needs three views.
    """
    places = board.corners_world
    fitted = _fit(views, places, size, cv2.CALIB_FIX_K3)
    kept = _without_outliers(fitted)
    if kept is not fitted.views:
        fitted = _fit(kept, places, size, cv2.CALIB_FIX_K3)
    richer = _fit(fitted.views, places, size, 0)
    if abs(richer.distortion[4]) > SIGNIFICANT * richer.std[8] and not _turns_back(richer, size):
        return richer
    return fitted


def _fit(views: Sequence[Sighting], places: np.ndarray, size: tuple[int, int], flags: int) -> Lens:
    """Runs OpenCV's calibration on the views as they are."""
    objects = [places[view.ids].astype(np.float32) for view in views]
    images = [view.corners_px.astype(np.float32)[:, None] for view in views]
    start: Any = None
    _, K, lens, rotations, translations = cv2.calibrateCamera(
        objects, images, size, start, start, flags=flags, criteria=_STOP
    )
    distortion = lens.ravel()[:5]
    poses = tuple(np.concatenate([r.ravel(), t.ravel()]) for r, t in zip(rotations, translations, strict=True))
    residuals, jacobians = [], []
    for view, pose in zip(views, poses, strict=True):
        projected, jacobian = cv2.projectPoints(places[view.ids], pose[:3], pose[3:], K, distortion)
        residuals.append(view.corners_px - projected[:, 0])
        jacobians.append(jacobian)
    free = 9 - bool(flags & cv2.CALIB_FIX_K3)
    covariance = _covariance(jacobians, np.concatenate(residuals), free)
    return Lens(K, distortion, covariance, tuple(views), tuple(residuals), poses)


def _covariance(jacobians: Sequence[np.ndarray], residuals: np.ndarray, free: int) -> np.ndarray:
    """Returns the covariance (9, 9) of the intrinsics, the poses eliminated by the Schur complement."""
    reduced = np.zeros((free, free))
    for jacobian in jacobians:
        by_pose, by_lens = jacobian[:, :6], jacobian[:, 6 : 6 + free]
        mixed = by_pose.T @ by_lens
        reduced += by_lens.T @ by_lens - mixed.T @ np.linalg.solve(by_pose.T @ by_pose, mixed)
    spare = residuals.size - free - 6 * len(jacobians)
    variance = (residuals**2).sum() / max(spare, 1)
    covariance = np.zeros((9, 9))
    covariance[:free, :free] = variance * np.linalg.inv(reduced)
    return covariance


def _without_outliers(fitted: Lens) -> tuple[Sighting, ...]:
    """Returns the views without corners and without views whose residuals are far above the others'."""
    lengths = [np.linalg.norm(residuals, axis=1) for residuals in fitted.residuals_px]
    typical = max(float(np.median(np.concatenate(lengths))), 0.05)
    per_view = np.array([np.sqrt((length**2).mean()) for length in lengths])
    views: list[Sighting] = []
    for view, length, of_view in zip(fitted.views, lengths, per_view, strict=True):
        fits = length <= OUTLIER * typical
        if of_view > BAD_VIEW * np.median(per_view) and fits.mean() < 0.9:
            continue
        if fits.sum() >= LEAST_CORNERS:
            views.append(view if fits.all() else replace(view, ids=view.ids[fits], corners_px=view.corners_px[fits]))
    corners = sum(len(view.ids) for view in views)
    return tuple(views) if len(views) >= 3 and corners < sum(map(len, lengths)) else fitted.views


def _turns_back(lens: Lens, size: tuple[int, int]) -> bool:
    """Returns whether the lens model has a turning point inside the picture."""
    radius = turning_radius_px(Camera(lens.K, np.eye(3), np.zeros(3), size, lens.distortion))
    far = np.abs(lens.K[:2, 2] - np.array(size) / 2) + np.array(size) / 2
    return radius is not None and radius < float(np.linalg.norm(far))
