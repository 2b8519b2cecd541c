"""What a picture file tells without a pixel being decoded: its size, how it is turned, whether its end is there."""

from __future__ import annotations

import mmap
from pathlib import Path

from modules.exif import exif_orientation, is_jpeg, is_png, jpeg_segments
from modules.images import decode_image, is_cut_off, refusal, truncated_sentence
from modules.utils import UserError

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # a JPEG's SOF markers; these three are tables


def stored_size(data: bytes | mmap.mmap) -> tuple[int, int] | None:
    """Width and height in stored px, as a JPEG's or PNG's header says; None where it says nothing."""
    if is_jpeg(data):
        for marker, begin, _ in jpeg_segments(data):
            if marker in _FRAMES:
                return _sides(data[begin + 3 : begin + 5], data[begin + 1 : begin + 3])
    if is_png(data) and data[12:16] == b"IHDR":
        return _sides(data[16:20], data[20:24])
    return None


def _sides(width: bytes, height: bytes) -> tuple[int, int] | None:
    sides = int.from_bytes(width, "big"), int.from_bytes(height, "big")
    return sides if all(sides) else None


def header_refusal(path: Path, image_size: tuple[int, int] | None) -> str | None:
    """The sentence with which `read_image` would refuse this image, as far as its header and its end tell.

    What is neither JPEG nor PNG, or has an illegible header, is decoded.
    """
    size = None
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            size, orientation, cut_off = stored_size(data), exif_orientation(data), is_cut_off(data)
    except (OSError, ValueError):  # cannot be opened, or is empty: decoding says it
        pass
    if size is None:
        try:
            image, orientation = decode_image(path)
        except UserError as error:
            return str(error)
        size, cut_off = (image.shape[1], image.shape[0]), False
    return truncated_sentence(path) if cut_off else refusal(path, size, image_size, orientation)
