"""One rotation of the demo, as pure functions: which camera is tested, and what the other three say of the truth.

Honest in time and in view. The three other cameras alone are refined, on frames 0-69 alone, and alone give every
label. The test camera is then told where it stands by its own pixels of frames 0-69 against the others' points: that
calibrates it, and never reaches a label, an extrinsic of the others or the floor. Frames from 70 on reach neither.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from data.demo.frames import Landmarks2D
from data.demo.plan import CALIBRATION_FRAMES, TRAIN_FRAMES
from modules.extractors.blazepose import LANDMARKS, LANDMARKS_TO_SMPL24
from modules.pose_utils import Camera, undistort
from modules.rig import Triangulation, project, triangulate
from modules.rig_refine import refine_extrinsics, resect
from modules.rig_sides import match_sides, repair_swaps, swap_sides
from modules.utils import UserError

REFINE_ROUNDS = 2  # sides are repaired, cameras refined, and both again
MIN_WEIGHT = 0.05  # of a landmark that the model believes to be hidden: enough to be finite, little against a seen one
SOLE = tuple(LANDMARKS.index(f"{side}_{part}") for side in ("left", "right") for part in ("heel", "toe"))


def _twin(landmark: str) -> str:
    for side, other in (("left", "right"), ("right", "left")):
        if side in landmark:
            return landmark.replace(side, other)
    return landmark


MIRROR = tuple(LANDMARKS.index(_twin(name)) for name in LANDMARKS)


@dataclass(frozen=True)
class Rotation:
    """What one choice of the test camera gives. Arrays are over all C cameras in their order, and all F frames."""

    test_camera: int  # index
    cameras: list[Camera]  # refined; the test camera resected
    landmarks_world: np.ndarray  # (F, 33, 3) mm, from the other cameras
    joints_world: np.ndarray  # (F, 24, 3) mm: the labels
    residuals_before_px: np.ndarray  # (C, F, 33) with the given extrinsics; the test camera against the others' points
    residuals_px: np.ndarray  # (C, F, 33) after
    swapped: np.ndarray  # (C, F) bool
    floor_height_mm: float


def _weights(visibility: np.ndarray) -> np.ndarray:
    seen = (visibility > 0).any(-1, keepdims=True)  # a person was found at all
    return np.where(seen, np.maximum(visibility, MIN_WEIGHT), 0.0)


def _mended(points_px: np.ndarray, weights: np.ndarray, swapped: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return swap_sides(points_px, swapped, MIRROR), swap_sides(weights, swapped, MIRROR)


def _refine(points_px: np.ndarray, weights: np.ndarray, given: Sequence[Camera]) -> list[Camera]:
    cameras = list(given)
    for _ in range(REFINE_ROUNDS):
        px, w = _mended(points_px, weights, repair_swaps(points_px, weights, cameras, MIRROR))
        cameras = refine_extrinsics(px, w, given)
    return cameras


def _label(points_px: np.ndarray, weights: np.ndarray, cameras: Sequence[Camera]) -> tuple[Triangulation, np.ndarray]:
    """The points of all frames and the swaps (C, F); those of later frames are decided apart from the earlier."""
    end = CALIBRATION_FRAMES.stop
    parts = [repair_swaps(points_px[:, p], weights[:, p], cameras, MIRROR) for p in (slice(0, end), slice(end, None))]
    swapped = np.concatenate(parts, axis=1)
    px, w = _mended(points_px, weights, swapped)
    return triangulate(px, w, cameras), swapped


def floor_height(landmarks_world: np.ndarray, up: np.ndarray) -> float:
    """The height (mm along `up`) of what the person stands on, from (F, 33, 3): the median of the lower sole.

    Heels and toes are landmarks on the skin at the sole, so that no offset is assumed. Someone who walks has at least
    one foot down in every frame; its height is the mean of that foot's heel and toe.
    """
    heights = landmarks_world[:, list(SOLE)] @ up  # left heel, left toe, right heel, right toe
    return float(np.median(heights.reshape(-1, 2, 2).mean(-1).min(-1)))


def build_rotation(landmarks: Landmarks2D, cameras: Sequence[Camera], test_camera: int) -> Rotation:
    """Refine, label and calibrate with camera `test_camera` (an index) kept out; `cameras` as calibrated."""
    points_px = np.stack(
        [undistort(px, camera.K, camera.distortion) for px, camera in zip(landmarks.points_px, cameras, strict=True)]
    )
    weights = _weights(landmarks.visibility)
    others = [index for index in range(len(cameras)) if index != test_camera]
    given = [cameras[index] for index in others]
    early = slice(CALIBRATION_FRAMES.start, CALIBRATION_FRAMES.stop)

    refined = _refine(points_px[others][:, early], weights[others][:, early], given)
    truth, swapped = _label(points_px[others], weights[others], refined)
    before, _ = _label(points_px[others], weights[others], given)
    _require_finite(truth.points_world, len(others))
    up = given[0].world_up
    if up is None:
        raise ValueError("the cameras must say where the world's up is")
    floor = floor_height(truth.points_world[TRAIN_FRAMES.start : TRAIN_FRAMES.stop], up)

    test_px, test_weights = points_px[test_camera], weights[test_camera]
    test_swapped = match_sides(truth.points_world, test_px, test_weights, cameras[test_camera], MIRROR)
    test_px, test_weights = _mended(test_px, test_weights, test_swapped)
    placed = resect(truth.points_world[early], test_px[early], test_weights[early], cameras[test_camera])

    def against_truth(camera: Camera) -> np.ndarray:
        residuals = np.linalg.norm(project(truth.points_world, [camera])[0][0] - test_px, axis=-1)
        return np.where(test_weights > 0, residuals, np.nan)

    final = dict(zip(others, refined, strict=True)) | {test_camera: placed}
    return Rotation(
        test_camera=test_camera,
        cameras=[replace(final[index], floor_height_mm=floor) for index in range(len(cameras))],
        landmarks_world=truth.points_world,
        joints_world=LANDMARKS_TO_SMPL24.astype(np.float64) @ truth.points_world,
        residuals_before_px=np.insert(before.residuals_px, test_camera, against_truth(cameras[test_camera]), axis=0),
        residuals_px=np.insert(truth.residuals_px, test_camera, against_truth(placed), axis=0),
        swapped=np.insert(swapped, test_camera, test_swapped, axis=0),
        floor_height_mm=floor,
    )


def _require_finite(points_world: np.ndarray, views: int) -> None:
    bad = np.flatnonzero(~np.isfinite(points_world).all((1, 2)))
    if bad.size:
        raise UserError(
            f"data/demo: frame {bad[0]} (and {bad.size - 1} more) has a landmark that fewer than two of the {views} "
            "labelling cameras see; remove data/demo/frames and data/demo/landmarks.npz to make both again"
        )
