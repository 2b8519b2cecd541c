"""Converts intrinsics of the picture that was calibrated to those of the images: cropped from it, or resized."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from modules.files.numbers import read_numbers
from modules.utils import UserError


def of_picture(
    path: Path, data: dict[str, Any], intrinsics: np.ndarray, scale: float, image_size: tuple[int, int] | None
) -> np.ndarray:
    """Returns intrinsics (3, 3) of the images, from those of the calibrated picture, both divided by `scale`.

    `crop_offset` is the images' left top corner in the calibrated picture, px. `calibrated_size` is that picture's size:
    without `crop_offset`, the images are the whole of it, resized to `image_size`. Raises UserError if a field is
    malformed, or if `image_size` is missing or does not fit.
    """
    offset, calibrated = data.get("crop_offset"), data.get("calibrated_size")
    if offset is None and calibrated is None:
        return intrinsics
    if image_size is None:
        raise UserError(
            f"{path}: crop_offset and calibrated_size need image_size beside them; add the images' [width, height]"
        )
    change = np.eye(3)
    if offset is not None:
        change[:2, 2] = -read_numbers(path, "crop_offset", offset, (2,))
    if calibrated is not None:
        sides = read_numbers(path, "calibrated_size", calibrated, (2,))
        if not (sides >= 1).all():
            raise UserError(
                f"{path}: calibrated_size must be the calibrated picture's [width, height] in px; write both"
            )
        if offset is None:
            times = np.array(image_size) / sides
            change = np.diag([*times, 1.0])
            change[:2, 2] = (times - 1) / 2  # pixel centres are at integers: u' = (u + 1/2) times - 1/2
        elif (np.array(image_size) - change[:2, 2] > sides + 0.5).any() or (change[:2, 2] > 0.5).any():
            raise UserError(
                f"{path}: a crop of image_size at crop_offset is not inside calibrated_size; correct one of them"
            )
    units = np.diag([scale, scale, 1.0])
    return np.asarray(np.linalg.inv(units) @ change @ units @ intrinsics)
