"""Moves a calibration to images that were cropped or resized since, and records it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from modules.pose_utils import Camera
from modules.utils import UserError

Size = tuple[int, int]


@dataclass(frozen=True)
class Picture:
    """How a user's images came from the calibrated picture: first cropped, then resized."""

    image_size: Size | None = None  # (width, height) px of the images; None: that of the file
    resized_from: Size | None = None  # their size before they were resized
    cropped_by: tuple[float, float] | None = None  # px of the calibrated picture: their left top corner in it

    def apply(self, path: Path, name: str, camera: Camera) -> Camera:
        """Returns the camera of the images. Raises UserError if a size is unknown or does not fit the calibrated picture."""
        calibrated, before = camera.image_size, self.resized_from or self.image_size
        if self.image_size is None and (self.resized_from or self.cropped_by or calibrated is None):
            which = "of your images" if calibrated is not None else f"of camera {name}, which the file lacks,"
            raise UserError(f"{path}: the size {which} is needed; add --image-size, such as --image-size 1920x1080")
        if calibrated is not None and before is not None and not self._fits(calibrated, before):
            shown, whole = (f"{width}x{height}" for width, height in (before, calibrated))
            fix = "correct --cropped-by, --resized-from or --image-size" if self.cropped_by else (
                f"add --resized-from {whole} if they were resized, or --cropped-by X,Y if they were cropped")  # fmt: skip
            raise UserError(f"{path}: images of {shown} px are not the calibrated {whole} px of camera {name}; {fix}")
        K = _moved(camera.K, (-self.cropped_by[0], -self.cropped_by[1])) if self.cropped_by else camera.K
        size = self.image_size or calibrated
        if self.resized_from is not None and size is not None:
            times = np.array(size) / self.resized_from
            if abs(times[0] / times[1] - 1) > 0.02:
                raise UserError(
                    f"{path}: --resized-from and --image-size differ in shape; name the sizes before and after"
                )
            K = np.diag([*times, 1.0]) @ K
            K = _moved(K, (times[0] / 2 - 0.5, times[1] / 2 - 0.5))  # pixel centres are at integers
        return replace(camera, K=K, image_size=size)

    def record(self) -> dict[str, Any]:
        """Returns what a camera file records of the change."""
        changes = {"resized_from": self.resized_from, "cropped_by": self.cropped_by}
        return {key: list(value) for key, value in changes.items() if value is not None}

    def _fits(self, calibrated: Size, before: Size) -> bool:
        if self.cropped_by is None:
            return calibrated == before
        corner = np.array(self.cropped_by)
        return bool((corner >= 0).all() and (corner + before <= np.array(calibrated) + 0.5).all())


def parse_corner(text: str) -> tuple[float, float]:
    """Returns (x, y) of `64,32`. Raises ValueError for anything else."""
    x, y = (float(part) for part in text.split(","))
    return x, y


def _moved(K: np.ndarray, by: tuple[float, float]) -> np.ndarray:
    moved = K.copy()
    moved[:2, 2] += by
    return moved
