"""Reads the demo's Qualisys calibration (Calib.qca.txt) into cameras that fit the decoded videos."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from modules.calibrations.reading import ReadOptions, read_calibration
from modules.pose_utils import Camera

WORLD_UP = np.array([0.0, 0.0, 1.0])  # z is up


def read_demo_cameras(path: Path) -> dict[str, Camera]:
    """Returns the calibrated cameras by serial (`cam01`, …). Raises UserError if the file is missing or malformed."""
    return read_calibration(path, ReadOptions(format="qualisys", up=WORLD_UP)).cameras


def fit_to_video(camera: Camera, video_size: tuple[int, int]) -> Camera:
    """Returns the camera of a video (width, height) px that shows the calibrated image scaled to its width and centred.

    The videos of cam01 and cam02 are 1088x1920 images scaled by 1080/1088, with black bars above and below. The scaling
    goes into K, so that the distortion, which acts on normalised coordinates, stays the same. Raises ValueError if the
    camera has no image size.
    """
    if camera.image_size is None:
        raise ValueError("the calibrated image size is needed")
    if camera.image_size == video_size:
        return camera
    scale = video_size[0] / camera.image_size[0]
    # Pixel centres are at integers, so both images' centres lie at (size - 1) / 2.
    shift = [(new - 1) / 2 - scale * (old - 1) / 2 for new, old in zip(video_size, camera.image_size, strict=True)]
    A = np.array([[scale, 0, shift[0]], [0, scale, shift[1]], [0, 0, 1.0]])
    return replace(camera, K=A @ camera.K, image_size=video_size)
