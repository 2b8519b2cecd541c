"""Decodes the pixels of an image file as they are stored, and refuses those that the decoder finds damaged."""

from __future__ import annotations

import re

import cv2
import numpy as np
import simplejpeg

from modules.files.exif import is_jpeg, is_tiff
from modules.files.image_structure import has_16_bits

# What the decoder reports of files that are whole: some cameras pad the end, or are careless with the header.
_HARMLESS = re.compile(
    r"Corrupt JPEG data: [1-4] extraneous bytes before marker 0xd9|Invalid SOS parameters.*|Inconsistent progression.*"
    r"|Unknown Adobe.*|Warning: unknown JFIF.*"
)
_DEPTHS = (8, 10, 12, 14, 16)  # bits that sensors have
_NOT_READABLE = "this is not a readable image"


def decode_pixels(data: bytes, orientation: int) -> np.ndarray:
    """Returns the stored pixels as RGB (H, W, 3) uint8; `orientation` is the EXIF orientation, which is not applied.

    Pixels of 16 bits that hold 10, 12 or 14 are stretched. Raises ValueError, whose message has no fix, if the file is not an
    image, or if its pixel data are damaged as far as its format can tell.
    """
    if is_jpeg(data):
        return _decode_jpeg(data)
    flags = cv2.IMREAD_UNCHANGED if has_16_bits(data) else cv2.IMREAD_COLOR
    image = _decode(data, flags | cv2.IMREAD_IGNORE_ORIENTATION)
    if image.dtype == np.uint16:
        image = _to_8_bits(image)
    elif flags == cv2.IMREAD_UNCHANGED:
        image = _decode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
    rgb = cv2.cvtColor(image, cv2.COLOR_GRAY2RGB if image.ndim == 2 else cv2.COLOR_BGR2RGB)
    # OpenCV turns a TIFF whatever the flag says.
    return np.ascontiguousarray(_turned_back(rgb, orientation)) if is_tiff(data) else rgb


def _decode_jpeg(data: bytes) -> np.ndarray:
    """Returns a JPEG's pixels, bit for bit those of OpenCV, which does not report damage."""
    try:
        colours = simplejpeg.decode_jpeg_header(data)[2]
    except ValueError:
        raise ValueError(_NOT_READABLE) from None
    if colours in ("CMYK", "YCCK"):
        return cv2.cvtColor(_decode(data, cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION), cv2.COLOR_BGR2RGB)
    try:
        return np.asarray(simplejpeg.decode_jpeg(data, "RGB"))
    except ValueError as error:
        if not _HARMLESS.fullmatch(str(error)):
            raise ValueError(f"this image is damaged ({error})") from None
    return np.asarray(simplejpeg.decode_jpeg(data, "RGB", strict=False))


def _decode(data: bytes, flags: int) -> np.ndarray:
    """Returns what OpenCV decodes; raises ValueError if that is nothing."""
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    except cv2.error:
        image = None
    if image is None:
        raise ValueError(_NOT_READABLE)
    return image


def _to_8_bits(image: np.ndarray) -> np.ndarray:
    """Returns pixels of 16 bits as 8, by the smallest of the usual depths that holds the brightest of them."""
    image = image[..., :3] if image.ndim == 3 else image
    depth = next(bits for bits in _DEPTHS if int(image.max()) < 1 << bits)
    return (image >> (depth - 8)).astype(np.uint8)


def _turned_back(image: np.ndarray, orientation: int) -> np.ndarray:
    """Returns the stored pixels of an image that is shown by its EXIF orientation."""
    if orientation in (2, 3):
        image = image[:, ::-1]
    if orientation in (3, 4):
        image = image[::-1]
    if orientation in (5, 7):
        image = image.transpose(1, 0, 2)[:: -1 if orientation == 7 else 1, :: -1 if orientation == 7 else 1]
    return np.rot90(image, {6: 1, 8: -1}.get(orientation, 0))
