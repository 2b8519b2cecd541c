"""Checks an image file by its header and its end, without decoding its pixels."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import NamedTuple

from modules.files.exif import exif_orientation, is_jpeg, is_png, jpeg_segments
from modules.files.images import decode_image, is_truncated, size_problem, truncation_problem
from modules.utils import UserError

_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # a JPEG's SOF markers; these three are tables


def stored_size(data: bytes | mmap.mmap) -> tuple[int, int] | None:
    """Returns width and height in stored px from a JPEG's or PNG's header; None if they are not readable."""
    if is_jpeg(data):
        for marker, begin, _ in jpeg_segments(data):
            if marker in _FRAMES:
                return _sides(data[begin + 3 : begin + 5], data[begin + 1 : begin + 3])
    if is_png(data) and data[12:16] == b"IHDR":
        return _sides(data[16:20], data[20:24])
    return None


class Header(NamedTuple):
    """What is known of an image without decoding its pixels."""

    size: tuple[int, int]  # (width, height) in stored px
    orientation: int  # EXIF's, 1 to 8
    truncated: bool


def read_header(path: Path) -> Header:
    """Reads the header and the end of an image file. Raises UserError if it is missing or is no image.

    A file that is neither JPEG nor PNG, or has an unreadable header, is decoded.
    """
    size = None
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            size, orientation, truncated = stored_size(data), exif_orientation(data), is_truncated(data)
    except (OSError, ValueError):  # unreadable or empty: decoding raises the message
        pass
    if size is not None:
        return Header(size, orientation, truncated)
    image, orientation = decode_image(path)
    return Header((image.shape[1], image.shape[0]), orientation, False)


def header_problem(path: Path, image_size: tuple[int, int] | None) -> str | None:
    """Returns the message with which `read_image` would refuse this image, or None, without decoding a sound image."""
    try:
        header = read_header(path)
    except UserError as error:
        return str(error)
    if header.truncated:
        return truncation_problem(path)
    return size_problem(path, header.size, image_size, header.orientation)


def _sides(width: bytes, height: bytes) -> tuple[int, int] | None:
    """Returns big-endian width and height as integers; None if one is 0."""
    sides = int.from_bytes(width, "big"), int.from_bytes(height, "big")
    return sides if all(sides) else None
