"""Turns the 2D landmarks of several cameras into cameras and labels: swap correction, refinement, triangulation.

The labelling cameras alone are refined, on the calibration moments alone, and alone determine every label. A test camera is
calibrated by resection: its own pixels of the calibration moments against the others' points. This never changes a label
or an extrinsic of the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from data.rig.swap_correction import CorrectedViews, correct_by_points, correct_by_rays
from modules.extractors.blazepose.landmarks import LANDMARKS_TO_SMPL24
from modules.pose_utils import Camera, undistort
from modules.rig.refinement import refine_extrinsics, resect
from modules.rig.triangulation import Triangulation, project, triangulate
from modules.rig.uncertainty import joint_sd_mm, point_sd_mm

REFINE_ROUNDS = 2  # of swap correction and refinement in turn
MIN_WEIGHT = 0.05  # of an occluded landmark: enough for a finite point, little compared with a visible one
JUMP_MM_S = 6000.0  # faster than the hand of a person who walks
MAP_MM = 12.0
"""Assumed error of the SMPL joints as means of landmarks. With it, the errors of labels on a rendered walk are 0.84 times the
standard deviation that they tell (root mean square; `python -m benchmarks.rig_labels`)."""


@dataclass(frozen=True)
class Moments:
    """The use of F moments, which follow each other in time."""

    calibration: slice | np.ndarray  # moments that extrinsics are refined on
    parts: Sequence[slice]  # stretches that are labelled apart, so that none of their moments depends on another's
    per_second: float
    refine: bool = True  # whether extrinsics are refined; otherwise all stay as given

    @property
    def jump_mm(self) -> float:
        """A movement between neighbouring moments well above which a point has jumped."""
        return JUMP_MM_S / self.per_second


@dataclass(frozen=True)
class Labelled:
    """The labels of one person. Arrays are over all C cameras in their order and all F moments."""

    cameras: list[Camera]  # refined; the test camera resected
    landmarks_world: np.ndarray  # (F, 33, 3) mm
    joints_world: np.ndarray  # (F, 24, 3) mm: the labels
    joints_sd_mm: np.ndarray  # (F, 24) standard deviation of their positions
    residuals_before_px: np.ndarray  # (C, F, 33) with the given extrinsics; the test camera's against the final points
    residuals_px: np.ndarray  # (C, F, 33) after refinement
    swapped: np.ndarray  # (3, C, F) bool: the whole body, legs, arms


def undistorted(points_px: np.ndarray, cameras: Sequence[Camera]) -> np.ndarray:
    """Returns undistorted px (C, ...) of raw px (C, ...) in each camera's images."""
    return np.stack([undistort(px, camera.K, camera.distortion) for px, camera in zip(points_px, cameras, strict=True)])


def landmark_weights(visibility: np.ndarray) -> np.ndarray:
    """Returns the weights of landmarks from their visibility (..., 33): 0 if no person was found in the image."""
    found = (visibility > 0).any(-1, keepdims=True)
    return np.where(found, np.maximum(visibility, MIN_WEIGHT), 0.0)


def label(
    points_px: np.ndarray,
    weights: np.ndarray,
    cameras: Sequence[Camera],
    moments: Moments,
    test_camera: int | None = None,
    refined: Sequence[Camera] | None = None,
) -> Labelled:
    """Labels one person from undistorted px (C, F, 33, 2) and weights (C, F, 33).

    `test_camera` is an index into the cameras. `refined` are the others, where they are refined already.
    """
    others = [index for index in range(len(cameras)) if index != test_camera]
    given = [cameras[index] for index in others]
    early = moments.calibration
    if refined is None:
        refined = _refine(points_px[others][:, early], weights[others][:, early], given) if moments.refine else given
    before, _, _ = _triangulate(points_px[others], weights[others], given, moments)
    truth, swapped, seen = _triangulate(points_px[others], weights[others], refined, moments)
    sd_mm = point_sd_mm(truth.points_world, truth.residuals_px, seen, refined)
    shares = LANDMARKS_TO_SMPL24.astype(np.float64)
    found = Labelled(
        cameras=list(refined),
        landmarks_world=truth.points_world,
        joints_world=shares @ truth.points_world,
        joints_sd_mm=joint_sd_mm(sd_mm, shares, MAP_MM),
        residuals_before_px=before.residuals_px,
        residuals_px=truth.residuals_px,
        swapped=swapped,
    )
    return found if test_camera is None else _with_test_camera(found, points_px, weights, cameras, moments, test_camera)


def _with_test_camera(
    found: Labelled,
    points_px: np.ndarray,
    weights: np.ndarray,
    cameras: Sequence[Camera],
    moments: Moments,
    test_camera: int,
) -> Labelled:
    """Returns the labels of the other cameras with the test camera, resected, in its place among them."""
    given, own = cameras[test_camera], slice(test_camera, test_camera + 1)
    placed, view = _place(points_px[own], weights[own], given, found.landmarks_world, moments)
    before, after = (_residuals(found.landmarks_world, view, camera) for camera in (given, placed))
    return replace(
        found,
        cameras=[*found.cameras[:test_camera], placed, *found.cameras[test_camera:]],
        residuals_before_px=np.insert(found.residuals_before_px, test_camera, before, axis=0),
        residuals_px=np.insert(found.residuals_px, test_camera, after, axis=0),
        swapped=np.insert(found.swapped, test_camera, view.swapped[:, 0], axis=1),
    )


def _refine(points_px: np.ndarray, weights: np.ndarray, given: Sequence[Camera]) -> list[Camera]:
    """Returns the cameras with refined extrinsics; swaps are corrected with the cameras of the round before."""
    cameras = list(given)
    for _ in range(REFINE_ROUNDS):
        views = correct_by_rays(points_px, weights, cameras)
        cameras = refine_extrinsics(views.points_px, views.weights, given)
    return cameras


def _triangulate(
    points_px: np.ndarray, weights: np.ndarray, cameras: Sequence[Camera], moments: Moments
) -> tuple[Triangulation, np.ndarray, np.ndarray]:
    """Returns the points of all moments, the swaps (3, C, F), and the weights (C, F, 33) after swap correction."""
    results, swaps, seen = [], [], []
    for part in moments.parts:
        views = correct_by_rays(points_px[:, part], weights[:, part], cameras)
        results.append(triangulate(views.points_px, views.weights, cameras, jump_mm=moments.jump_mm))
        swaps.append(views.swapped)
        seen.append(views.weights)
    points = np.concatenate([result.points_world for result in results])
    residuals = np.concatenate([result.residuals_px for result in results], axis=1)
    return Triangulation(points, residuals), np.concatenate(swaps, axis=2), np.concatenate(seen, axis=1)


def _place(
    points_px: np.ndarray,
    weights: np.ndarray,
    given: Camera,
    points_world: np.ndarray,
    moments: Moments,
) -> tuple[Camera, CorrectedViews]:
    """Returns the test camera, resected on the calibration moments, and its view of all moments after swap correction."""
    early, camera = moments.calibration, given
    for _ in range(REFINE_ROUNDS):
        view = correct_by_points(points_px, weights, camera, points_world)
        if moments.refine:
            camera = resect(points_world[early], view.points_px[0, early], view.weights[0, early], given)
    return camera, view


def _residuals(points_world: np.ndarray, view: CorrectedViews, camera: Camera) -> np.ndarray:
    """Returns the reprojection errors (F, 33) px of one view; NaN for landmarks without weight."""
    residuals = np.linalg.norm(project(points_world, [camera])[0] - view.points_px, axis=-1)
    return np.asarray(np.where(view.weights > 0, residuals, np.nan)[0])
