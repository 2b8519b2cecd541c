"""Decodes image files without applying an orientation of EXIF or XMP, and resamples them for a crop's virtual camera."""

from __future__ import annotations

from mmap import mmap
from pathlib import Path

import cv2
import numpy as np

from modules.files.exif import exif_orientation
from modules.files.image_structure import has_several_pictures, is_truncated, stored_size
from modules.files.pixels import decode_pixels
from modules.files.xmp import image_orientation
from modules.pose_utils import Camera, cam2pixel, distort, pixel2ray
from modules.utils import UserError

MOST_PIXELS = 2**28  # 0.8 GB once decoded; beyond it, a typing error in a header is likelier than a picture
_GRID_PX = 4  # crop's pixels between the points at which a crop's map is computed
_MOST_DETAIL = 3  # image px per crop px above which the image is halved first


def read_image(path: Path, image_size: tuple[int, int] | None = None) -> np.ndarray:
    """Decodes an image to RGB (H, W, 3) uint8, with pixels as stored: an orientation in EXIF or XMP is never applied.

    A camera is calibrated either for the stored pixels or for the turned pixels, and only its `image_size`
    (width, height) can tell which. An image with an orientation is therefore read only if `image_size` is the
    stored size and differs from the turned size.

    Raises UserError if the file is missing, broken, of another size than `image_size`, or turned ambiguously.
    """
    image, orientation = decode_image(path)
    problem = size_problem(path, (image.shape[1], image.shape[0]), image_size, orientation)
    if problem:
        raise UserError(problem)
    return image


def decode_image(path: Path) -> tuple[np.ndarray, int]:
    """Returns the stored pixels as RGB (H, W, 3) uint8, and the orientation in EXIF or XMP that was not applied (1: none).

    Raises UserError if the file is missing, truncated, damaged, too large or not an image.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: this image is missing or cannot be read ({error.strerror}); restore it") from None
    size = stored_size(data)
    problem = structure_problem(path, data) or (None if size is None else pixels_problem(path, size))
    if problem:
        raise UserError(problem)
    try:
        return decode_pixels(data, exif_orientation(data)), image_orientation(data)
    except ValueError as error:
        raise UserError(f"{path}: {error}; replace the file") from None


def pixels_problem(path: Path, size: tuple[int, int]) -> str | None:
    """Returns a message if an image of this size (width, height) is too large to be decoded, else None."""
    if size[0] * size[1] <= MOST_PIXELS:
        return None
    return (
        f"{path}: the image is {size[0]}x{size[1]} px, more than the {MOST_PIXELS} that are read; scale it down, and "
        "intrinsics and image_size with it"
    )


def structure_problem(path: Path, data: bytes | mmap) -> str | None:
    """Returns a message if the bytes of an image file end too early, or hold more than one picture, else None."""
    if is_truncated(data):
        return f"{path}: this image is truncated; replace the file"
    if has_several_pictures(data):
        return f"{path}: this file holds several pictures, of which only the first would be used; write each to its own file"
    return None


def size_problem(
    path: Path, size: tuple[int, int], image_size: tuple[int, int] | None, orientation: int = 1
) -> str | None:
    """Returns a message if the stored size (width, height) does not fit the camera's `image_size`, else None.

    With an orientation other than 1, the sizes must also tell whether the camera is calibrated for stored pixels.
    """
    width, height = size
    shown = (height, width) if orientation >= 5 else (width, height)
    if orientation != 1 and image_size in (None, shown):
        return _orientation_problem(path, (width, height), orientation, image_size)
    if image_size is None or image_size == (width, height):
        return None
    return (
        f"{path}: the image is {width}x{height} px, but its camera's image_size is {image_size[0]}x{image_size[1]}; "
        f"use the image size that was calibrated{_size_hint((width, height), image_size)}"
    )


def _size_hint(size: tuple[int, int], image_size: tuple[int, int]) -> str:
    """Returns what probably happened to an image of another size, and the keys that spare the arithmetic."""
    if size == image_size[::-1]:
        return (
            ": width and height are swapped, so the image is turned by a quarter against the calibration; turn it back"
        )
    factors = size[0] / image_size[0], size[1] / image_size[1]
    if min(abs(image_size[1] * factors[0] - size[1]), abs(image_size[0] * factors[1] - size[0])) <= 1:
        return (
            f": it was resized by {factors[0]:.4g}; write image_size {list(size)} and calibrated_size {list(image_size)}, "
            "if intrinsics are of the latter"
        )
    if size[0] <= image_size[0] and size[1] <= image_size[1]:
        keys = f"image_size {list(size)}, calibrated_size {list(image_size)} and crop_offset"
        return f", or, if it is a crop of that, write {keys}"
    return ""


def _orientation_problem(
    path: Path, stored: tuple[int, int], orientation: int, image_size: tuple[int, int] | None
) -> str:
    """Returns the message for an orientation that cannot be reconciled with the calibration."""
    if image_size is None:
        why = "its camera declares no image_size that says which way it was calibrated"
    elif image_size != stored:
        why = f"its camera's image_size is the turned {image_size[0]}x{image_size[1]}"
    else:
        why = "image_size is the same both ways, so that it cannot say which way the camera was calibrated"
    return (
        f"{path}: EXIF or XMP orientation {orientation} turns this image of {stored[0]}x{stored[1]} stored px, and {why}; "
        "bake the turn into the pixels, or calibrate for the stored ones, and drop the tag"
    )


def warp_crop(
    image: np.ndarray, camera: Camera, R_cam2crop: np.ndarray, K_crop: np.ndarray, size_px: int
) -> np.ndarray:
    """Resamples an image as a crop's virtual camera sees it: (size_px, size_px, 3) uint8, without lens distortion.

    Pixels outside the image are black. An image with more detail than the crop can show is halved as long as it has three
    times the crop's resolution, then sampled at up to three times the crop's resolution and averaged.
    """
    # The middles of the crop's cells of _GRID_PX pixels, and one more cell on each side, for interpolation at the border.
    grid = _GRID_PX * np.arange(-1.0, -(-size_px // _GRID_PX) + 1) + (_GRID_PX - 1) / 2
    rays_cam = pixel2ray(np.stack(np.meshgrid(grid, grid), -1).reshape(-1, 2), K_crop) @ R_cam2crop
    # In Fortran's order, since BLAS multiplies by a transposed 3x3 matrix in threads, which takes a hundred times as long.
    source = distort(cam2pixel(rays_cam, np.asfortranarray(camera.K)), camera.K, camera.distortion)
    detail = camera.K[0, 0] / K_crop[0, 0]  # image px per crop px
    while detail >= _MOST_DETAIL:
        image, source, detail = _halved(image), (source - 0.5) / 2, detail / 2
    fine = max(1, round(detail))
    maps, cell = source.reshape(len(grid), len(grid), 2).astype(np.float32), _GRID_PX * fine
    # The map is smooth: within a cell it is linear to a hundredth of a crop's pixel.
    maps = cv2.resize(maps, None, fx=cell, fy=cell, interpolation=cv2.INTER_LINEAR)
    maps = maps[cell : cell + fine * size_px, cell : cell + fine * size_px]
    nothing = np.empty(0)  # instead of maps of each axis, which would have to be copied
    warped = cv2.remap(image, maps, nothing, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return cv2.resize(warped, (size_px, size_px), interpolation=cv2.INTER_AREA) if fine > 1 else warped


def _halved(image: np.ndarray) -> np.ndarray:
    """Returns the mean of every 2x2 pixels; an odd last row or column is repeated."""
    height, width = image.shape[:2]
    if height % 2 or width % 2:
        image = cv2.copyMakeBorder(image, 0, height % 2, 0, width % 2, cv2.BORDER_REPLICATE)
    return cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
