"""Lens distortion: a pinhole image that contains all rays, and its resampling into the distorted image."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from scipy.interpolate import RectBivariateSpline

from modules.pose_utils import Camera, undistort
from modules.utils import UserError

STEP = 16  # px between traced rays; in between the lens is a cubic spline, accurate to about 1e-4 px
EDGE = 2  # px beyond the outermost ray, for the cubic kernel


@dataclass(frozen=True)
class Lens:
    """How a distorted image is made: render `pinhole`, then sample it at every pixel's undistorted position."""

    pinhole: Camera
    map_x: np.ndarray | None = None  # (H, W) float32 px of the pinhole image; None: no distortion
    map_y: np.ndarray | None = None

    def distort(self, picture: np.ndarray) -> np.ndarray:
        """Returns the colours of a pinhole image as seen through the lens, interpolated."""
        return np.maximum(self._remap(picture, cv2.INTER_CUBIC), 0)

    def sample_nearest(self, picture: np.ndarray) -> np.ndarray:
        """Returns values that must not be interpolated, such as depths, from the nearest pixel."""
        return self._remap(picture, cv2.INTER_NEAREST)

    def _remap(self, picture: np.ndarray, how: int) -> np.ndarray:
        if self.map_x is None or self.map_y is None:
            return picture
        return np.asarray(cv2.remap(picture, self.map_x, self.map_y, how, borderMode=cv2.BORDER_REPLICATE))


def make_lens(camera: Camera) -> Lens:
    """Returns the lens of a camera with an image size. Raises UserError if the distortion folds within the image."""
    if camera.image_size is None:
        raise UserError("the camera has no image_size, which rendering needs.")
    if camera.distortion is None or not np.any(camera.distortion):
        return Lens(replace(camera, distortion=None))
    width, height = camera.image_size
    columns, rows = _nodes(width), _nodes(height)
    grid = np.stack(np.meshgrid(columns, rows), -1).reshape(-1, 2)
    straight = undistort(grid, camera.K, camera.distortion, iterations=12).reshape(len(rows), len(columns), 2)
    if not np.isfinite(straight).all():
        raise UserError("the camera's distortion folds the image over within its borders; give it milder coefficients.")
    map_x, map_y = (
        RectBivariateSpline(rows, columns, straight[..., axis], s=0)(np.arange(height), np.arange(width))
        for axis in (0, 1)
    )
    left, top = (int(np.floor(m.min())) - EDGE for m in (map_x, map_y))
    right, bottom = (int(np.ceil(m.max())) + EDGE for m in (map_x, map_y))
    K = camera.K - np.array([[0, 0, left], [0, 0, top], [0, 0, 0.0]])
    pinhole = replace(camera, K=K, image_size=(right - left + 1, bottom - top + 1), distortion=None)
    return Lens(pinhole, (map_x - left).astype(np.float32), (map_y - top).astype(np.float32))


def _nodes(length: int) -> np.ndarray:
    """Returns pixels from the first to the last, both included, at most STEP apart."""
    return np.linspace(0, length - 1, max((length - 2) // STEP + 2, 4))
