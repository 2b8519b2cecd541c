"""Computes cameras, labels and floor of one rotation of the demo: one test camera, three labelling cameras.

The three other cameras alone are refined, on frames 0-69 alone, and alone determine every label. The test camera is
then calibrated by resection: its own pixels of frames 0-69 against the others' points. This never changes a label, an
extrinsic of the others, or the floor. Frames from 70 on change no extrinsic and no floor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from data.demo.frames import Landmarks2D
from data.demo.plan import CALIBRATION_FRAMES, TRAIN_FRAMES
from data.demo.swap_correction import CorrectedViews, correct_by_points, correct_by_rays
from modules.extractors.blazepose.landmarks import LANDMARKS, LANDMARKS_TO_SMPL24
from modules.pose_utils import Camera, undistort
from modules.rig.refinement import refine_extrinsics, resect
from modules.rig.triangulation import Triangulation, project, triangulate
from modules.utils import UserError

REFINE_ROUNDS = 2  # of swap correction and refinement in turn
MIN_WEIGHT = 0.05  # of an occluded landmark: enough for a finite point, little compared with a visible one
JUMP_MM = 100.0  # at 60 frames/s: 6 m/s, faster than the hand of a person who walks
SOLE = tuple(LANDMARKS.index(f"{side}_{part}") for side in ("left", "right") for part in ("heel", "toe"))
SOLE_MM = 15.0
"""Height of BlazePose's heels and toes above the surface under the foot. Measured on this demo against the corners of
the beam's top, marked by hand in the images (`python -m benchmarks.scene_points`): 12 to 18 mm in the four rotations, by
the beam's ends 8 to 21 mm, so the floor is accurate to about 7 mm."""


@dataclass(frozen=True)
class Rotation:
    """The result for one test camera. Arrays are over all C cameras in their order and all F frames."""

    test_camera: int  # index
    cameras: list[Camera]  # refined; the test camera resected
    landmarks_world: np.ndarray  # (F, 33, 3) mm, from the other cameras
    joints_world: np.ndarray  # (F, 24, 3) mm: the labels
    residuals_before_px: np.ndarray  # (C, F, 33) with the given extrinsics; the test camera against the final points
    residuals_px: np.ndarray  # (C, F, 33) after refinement
    swapped: np.ndarray  # (3, C, F) bool: the whole body, legs, arms
    floor_height_mm: float


def build_rotation(landmarks: Landmarks2D, cameras: Sequence[Camera], test_camera: int) -> Rotation:
    """Refines the labelling cameras, triangulates the labels, and resects the test camera.

    `cameras` are as calibrated; `test_camera` is an index into them. Raises UserError if too few cameras see a
    landmark, and ValueError if the cameras have no `world_up`.
    """
    up = cameras[0].world_up
    if up is None:
        raise ValueError("the cameras must declare world_up")
    points_px = np.stack(
        [undistort(px, camera.K, camera.distortion) for px, camera in zip(landmarks.points_px, cameras, strict=True)]
    )
    weights = _weights(landmarks.visibility)
    others = [index for index in range(len(cameras)) if index != test_camera]
    given = [cameras[index] for index in others]
    early = slice(CALIBRATION_FRAMES.start, CALIBRATION_FRAMES.stop)

    refined = _refine(points_px[others][:, early], weights[others][:, early], given)
    before, _ = _label(points_px[others], weights[others], given)
    truth, swapped = _label(points_px[others], weights[others], refined)
    _require_finite(truth.points_world, len(others))
    floor = floor_height(truth.points_world[TRAIN_FRAMES.start : TRAIN_FRAMES.stop], up)
    own = slice(test_camera, test_camera + 1)
    placed, view = _place(points_px[own], weights[own], cameras[test_camera], truth.points_world)

    final = dict(zip(others, refined, strict=True)) | {test_camera: placed}
    own_before, own_after = (_residuals(truth.points_world, view, camera) for camera in (cameras[test_camera], placed))
    return Rotation(
        test_camera=test_camera,
        cameras=[replace(final[index], floor_height_mm=floor) for index in range(len(cameras))],
        landmarks_world=truth.points_world,
        joints_world=LANDMARKS_TO_SMPL24.astype(np.float64) @ truth.points_world,
        residuals_before_px=np.insert(before.residuals_px, test_camera, own_before, axis=0),
        residuals_px=np.insert(truth.residuals_px, test_camera, own_after, axis=0),
        swapped=np.insert(swapped, test_camera, view.swapped[:, 0], axis=1),
        floor_height_mm=floor,
    )


def floor_height(landmarks_world: np.ndarray, up: np.ndarray) -> float:
    """Returns the height (mm along `up`) of the surface under a walking person, from landmarks (F, 33, 3) world mm.

    One foot is on the ground in every frame: the lower one. The result is the median over frames of the mean height of
    its heel and toe, minus SOLE_MM.
    """
    heights = landmarks_world[:, list(SOLE)] @ up  # left heel, left toe, right heel, right toe
    return float(np.median(heights.reshape(-1, 2, 2).mean(-1).min(-1))) - SOLE_MM


def _weights(visibility: np.ndarray) -> np.ndarray:
    """Returns the weights of landmarks from their visibility (C, F, 33): 0 if no person was found in the image."""
    found = (visibility > 0).any(-1, keepdims=True)
    return np.where(found, np.maximum(visibility, MIN_WEIGHT), 0.0)


def _refine(points_px: np.ndarray, weights: np.ndarray, given: Sequence[Camera]) -> list[Camera]:
    """Returns the cameras with refined extrinsics; swaps are corrected with the cameras of the round before."""
    cameras = list(given)
    for _ in range(REFINE_ROUNDS):
        views = correct_by_rays(points_px, weights, cameras)
        cameras = refine_extrinsics(views.points_px, views.weights, given)
    return cameras


def _label(points_px: np.ndarray, weights: np.ndarray, cameras: Sequence[Camera]) -> tuple[Triangulation, np.ndarray]:
    """Returns the points of all frames and the swaps (3, C, F). Frames after CALIBRATION_FRAMES are labelled apart."""
    end = CALIBRATION_FRAMES.stop
    results, swaps = [], []
    for frames in (slice(0, end), slice(end, None)):
        views = correct_by_rays(points_px[:, frames], weights[:, frames], cameras)
        results.append(triangulate(views.points_px, views.weights, cameras, jump_mm=JUMP_MM))
        swaps.append(views.swapped)
    points = np.concatenate([result.points_world for result in results])
    residuals = np.concatenate([result.residuals_px for result in results], axis=1)
    return Triangulation(points, residuals), np.concatenate(swaps, axis=2)


def _place(
    points_px: np.ndarray, weights: np.ndarray, given: Camera, points_world: np.ndarray
) -> tuple[Camera, CorrectedViews]:
    """Returns the test camera, resected on the calibration frames, and its view of all frames after swap correction."""
    early = slice(CALIBRATION_FRAMES.start, CALIBRATION_FRAMES.stop)
    camera = given
    for _ in range(REFINE_ROUNDS):
        view = correct_by_points(points_px, weights, camera, points_world)
        camera = resect(points_world[early], view.points_px[0, early], view.weights[0, early], given)
    return camera, view


def _residuals(points_world: np.ndarray, view: CorrectedViews, camera: Camera) -> np.ndarray:
    """Returns the reprojection errors (F, 33) px of one view; NaN for landmarks without weight."""
    residuals = np.linalg.norm(project(points_world, [camera])[0] - view.points_px, axis=-1)
    return np.asarray(np.where(view.weights > 0, residuals, np.nan)[0])


def _require_finite(points_world: np.ndarray, views: int) -> None:
    """Raises UserError for the first frame with a landmark that could not be triangulated."""
    bad = np.flatnonzero(~np.isfinite(points_world).all((1, 2)))
    if bad.size:
        raise UserError(
            f"data/demo: frame {bad[0]} (and {bad.size - 1} more) has a landmark that fewer than two of the {views} "
            "labelling cameras see; remove data/demo/frames and data/demo/landmarks.npz to make both again"
        )
