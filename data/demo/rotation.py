"""Computes cameras, labels and floor of one rotation of the demo: one test camera, three labelling cameras.

Cameras and labels are those of `data.rig.labelling`. Extrinsics are refined on frames 0-69; frames from 70 on change no
extrinsic, no floor and no earlier label.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from data.demo.plan import CALIBRATION_FRAMES, FRAMES_PER_SECOND, TRAIN_FRAMES
from data.rig.labelling import Labelled, Moments, label, landmark_weights, undistorted
from modules.extractors.blazepose.landmarks import LANDMARKS
from modules.pose_utils import Camera
from modules.utils import UserError

SOLE = tuple(LANDMARKS.index(f"{side}_{part}") for side in ("left", "right") for part in ("heel", "toe"))
SOLE_MM = 15.0
"""Height of BlazePose's heels and toes above the surface under the foot. Measured on this demo against the corners of
the beam's top, marked by hand in the images (`python -m benchmarks.scene_points`): 12 to 18 mm in the four rotations, by
the beam's ends 8 to 21 mm, so the floor is accurate to about 7 mm."""


@dataclass(frozen=True)
class Rotation(Labelled):
    """The labels of one test camera, an index, and the height of the floor."""

    test_camera: int
    floor_height_mm: float


def build_rotation(
    points_px: np.ndarray, visibility: np.ndarray, cameras: Sequence[Camera], test_camera: int
) -> Rotation:
    """Refines the labelling cameras, triangulates the labels, and resects the test camera.

    `points_px` are (C, F, 33, 2) px of the raw images, `visibility` (C, F, 33); `cameras` are as calibrated, and
    `test_camera` is an index into them. Raises UserError if too few cameras see a landmark, and ValueError if the cameras
    have no `world_up`.
    """
    up = cameras[0].world_up
    if up is None:
        raise ValueError("the cameras must declare world_up")
    early = slice(CALIBRATION_FRAMES.start, CALIBRATION_FRAMES.stop)
    moments = Moments(early, (slice(0, early.stop), slice(early.stop, None)), FRAMES_PER_SECOND)
    found = label(undistorted(points_px, cameras), landmark_weights(visibility), cameras, moments, test_camera)
    _require_finite(found.landmarks_world, len(cameras) - 1)
    floor = floor_height(found.landmarks_world[TRAIN_FRAMES.start : TRAIN_FRAMES.stop], up)
    values = {field.name: getattr(found, field.name) for field in fields(found)}
    values["cameras"] = [replace(camera, floor_height_mm=floor) for camera in found.cameras]
    return Rotation(**values, test_camera=test_camera, floor_height_mm=floor)


def floor_height(landmarks_world: np.ndarray, up: np.ndarray) -> float:
    """Returns the height (mm along `up`) of the surface under a walking person, from landmarks (F, 33, 3) world mm.

    One foot is on the ground in every frame: the lower one. The result is the median over frames of the mean height of
    its heel and toe, minus SOLE_MM.
    """
    heights = landmarks_world[:, list(SOLE)] @ up  # left heel, left toe, right heel, right toe
    return float(np.median(heights.reshape(-1, 2, 2).mean(-1).min(-1))) - SOLE_MM


def _require_finite(points_world: np.ndarray, views: int) -> None:
    """Raises UserError for the first frame with a landmark that could not be triangulated."""
    bad = np.flatnonzero(~np.isfinite(points_world).all((1, 2)))
    if bad.size:
        raise UserError(
            f"data/demo: frame {bad[0]} (and {bad.size - 1} more) has a landmark that fewer than two of the {views} "
            "labelling cameras see; remove data/demo/frames and data/demo/landmarks to make both again"
        )
