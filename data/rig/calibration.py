"""Reads a rig's cameras and fits them to the size of its videos."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from modules.pose_utils import Camera
from modules.utils import UserError

SAME_SHAPE = 0.002  # relative difference of width over height up to which images are only resized


def fit_to_video(camera: Camera, video_size: tuple[int, int]) -> Camera:
    """Returns the camera of a video (width, height) px that shows the calibrated image scaled to its width and centred.

    Black bars above and below, or cut edges, leave the centre where it is. The scaling goes into K, so that the distortion,
    which acts on normalised coordinates, stays the same. Raises ValueError if the camera has no image size.
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


def camera_of_size(camera: Camera, size: tuple[int, int], where: object, fit_width: bool) -> Camera:
    """Returns a camera for images of a size: as calibrated, resized, or with `fit_width` scaled to their width and centred.

    Raises UserError, which begins with `where`, if the shape of the images is another and `fit_width` is not given.
    """
    if camera.image_size is None:
        return replace(camera, image_size=size)
    (old_width, old_height), (width, height) = camera.image_size, size
    same_shape = abs(width * old_height / (height * old_width) - 1) <= SAME_SHAPE
    if not (same_shape or fit_width):
        raise UserError(
            f"{where}: the images are {width}x{height} px, but the camera was calibrated at {old_width}x{old_height}; write "
            "--fit-width if they show the calibrated picture scaled to their width and centred, or calibrate at their size"
        )
    return fit_to_video(camera, size)
