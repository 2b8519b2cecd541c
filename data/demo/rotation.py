"""One rotation of the demo, as pure functions: which camera is tested, and what the other three say of the truth.

Honest in time and in view. The three other cameras alone are refined, on frames 0-69 alone, and alone give every
label. The test camera is then told where it stands by its own pixels of frames 0-69 against the others' points: that
calibrates it, and never reaches a label, an extrinsic of the others or the floor. Frames from 70 on reach no extrinsic
and no floor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
JUMP_MM = 100.0  # at 60 frames/s: 6 m/s, faster than a hand of someone who walks
SOLE = tuple(LANDMARKS.index(f"{side}_{part}") for side in ("left", "right") for part in ("heel", "toe"))
SOLE_MM = 15.0
"""How far BlazePose's heels and toes lie above what the foot stands on. Measured on this demo against the corners of
the beam's top, marked by hand in the images (`python -m benchmarks.scene_points`): 12 to 18 mm in the four rotations, by
the beam's ends 8 to 21 mm, so the floor is right to some 7 mm."""


def _twin(landmark: str) -> str:
    for side, other in (("left", "right"), ("right", "left")):
        if side in landmark:
            return landmark.replace(side, other)
    return landmark


MIRROR = tuple(LANDMARKS.index(_twin(name)) for name in LANDMARKS)
_ARM, _LEG = ("elbow", "wrist", "pinky", "index", "thumb"), ("knee", "ankle", "heel", "toe")
PARTS = (  # what the model exchanges as a whole: the body in a quarter of one camera's frames, legs or arms in a few
    list(range(len(LANDMARKS))),
    [index for index, name in enumerate(LANDMARKS) if name.endswith(_LEG)],
    [index for index, name in enumerate(LANDMARKS) if name.endswith(_ARM)],
)


@dataclass(frozen=True)
class Rotation:
    """What one choice of the test camera gives. Arrays are over all C cameras in their order, and all F frames."""

    test_camera: int  # index
    cameras: list[Camera]  # refined; the test camera resected
    landmarks_world: np.ndarray  # (F, 33, 3) mm, from the other cameras
    joints_world: np.ndarray  # (F, 24, 3) mm: the labels
    residuals_before_px: np.ndarray  # (C, F, 33) with the given extrinsics; the test camera against the final points
    residuals_px: np.ndarray  # (C, F, 33) after
    swapped: np.ndarray  # (3, C, F) bool: the whole body, legs, arms
    floor_height_mm: float


@dataclass(frozen=True)
class _Views:
    """Undistorted landmarks of some cameras with their sides put right."""

    points_px: np.ndarray  # (C, F, 33, 2)
    weights: np.ndarray  # (C, F, 33)
    swapped: np.ndarray  # (3, C, F)


def _weights(visibility: np.ndarray) -> np.ndarray:
    seen = (visibility > 0).any(-1, keepdims=True)  # a person was found at all
    return np.where(seen, np.maximum(visibility, MIN_WEIGHT), 0.0)


def _mend(
    points_px: np.ndarray,
    weights: np.ndarray,
    decide: Callable[[np.ndarray, np.ndarray, list[int], list[int]], np.ndarray],
) -> _Views:
    """Put left and right in their places, part by part; `decide` answers (C, F) for a part's px, weights and twins."""
    points_px, weights, swaps = points_px.copy(), weights.copy(), []
    for part in PARTS:
        twins = [part.index(MIRROR[index]) for index in part]
        px, w = points_px[:, :, part], weights[:, :, part]
        swaps.append(decide(px, w, twins, part))
        points_px[:, :, part], weights[:, :, part] = swap_sides(px, swaps[-1], twins), swap_sides(w, swaps[-1], twins)
    return _Views(points_px, weights, np.stack(swaps))


def _mend_by_rays(points_px: np.ndarray, weights: np.ndarray, cameras: Sequence[Camera]) -> _Views:
    return _mend(points_px, weights, lambda px, w, twins, part: repair_swaps(px, w, cameras, twins))


def _mend_by_points(points_px: np.ndarray, weights: np.ndarray, camera: Camera, points_world: np.ndarray) -> _Views:
    def decide(px: np.ndarray, w: np.ndarray, twins: list[int], part: list[int]) -> np.ndarray:
        return match_sides(points_world[:, part], px[0], w[0], camera, twins)[None]

    return _mend(points_px, weights, decide)


def _refine(points_px: np.ndarray, weights: np.ndarray, given: Sequence[Camera]) -> list[Camera]:
    cameras = list(given)
    for _ in range(REFINE_ROUNDS):
        views = _mend_by_rays(points_px, weights, cameras)
        cameras = refine_extrinsics(views.points_px, views.weights, given)
    return cameras


def _label(points_px: np.ndarray, weights: np.ndarray, cameras: Sequence[Camera]) -> tuple[Triangulation, np.ndarray]:
    """The points of all frames and the swaps (3, C, F). What lies after the calibration frames is labelled apart."""
    end = CALIBRATION_FRAMES.stop
    results, swaps = [], []
    for frames in (slice(0, end), slice(end, None)):
        views = _mend_by_rays(points_px[:, frames], weights[:, frames], cameras)
        results.append(triangulate(views.points_px, views.weights, cameras, jump_mm=JUMP_MM))
        swaps.append(views.swapped)
    points = np.concatenate([result.points_world for result in results])
    residuals = np.concatenate([result.residuals_px for result in results], axis=1)
    return Triangulation(points, residuals), np.concatenate(swaps, axis=2)


def floor_height(landmarks_world: np.ndarray, up: np.ndarray) -> float:
    """The height (mm along `up`) of the surface that the person stands on, from landmarks (F, 33, 3).

    Someone who walks has a foot down in every frame: the lower one. The median over the frames of the mean height of
    its heel and toe, less SOLE_MM.
    """
    heights = landmarks_world[:, list(SOLE)] @ up  # left heel, left toe, right heel, right toe
    return float(np.median(heights.reshape(-1, 2, 2).mean(-1).min(-1))) - SOLE_MM


def build_rotation(landmarks: Landmarks2D, cameras: Sequence[Camera], test_camera: int) -> Rotation:
    """Refine, label and calibrate with camera `test_camera` (an index) kept out; `cameras` as calibrated."""
    up = cameras[0].world_up
    if up is None:
        raise ValueError("the cameras must say where the world's up is")
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


def _place(
    points_px: np.ndarray, weights: np.ndarray, given: Camera, points_world: np.ndarray
) -> tuple[Camera, _Views]:
    """The test camera resected on the calibration frames, and its view with the sides put right, of all frames."""
    early = slice(CALIBRATION_FRAMES.start, CALIBRATION_FRAMES.stop)
    camera = given
    for _ in range(REFINE_ROUNDS):
        view = _mend_by_points(points_px, weights, camera, points_world)
        camera = resect(points_world[early], view.points_px[0, early], view.weights[0, early], given)
    return camera, view


def _residuals(points_world: np.ndarray, view: _Views, camera: Camera) -> np.ndarray:
    residuals = np.linalg.norm(project(points_world, [camera])[0] - view.points_px, axis=-1)
    return np.where(view.weights > 0, residuals, np.nan)[0]


def _require_finite(points_world: np.ndarray, views: int) -> None:
    bad = np.flatnonzero(~np.isfinite(points_world).all((1, 2)))
    if bad.size:
        raise UserError(
            f"data/demo: frame {bad[0]} (and {bad.size - 1} more) has a landmark that fewer than two of the {views} "
            "labelling cameras see; remove data/demo/frames and data/demo/landmarks.npz to make both again"
        )
