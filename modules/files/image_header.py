"""Checks an image file by its header and its end, without decoding its pixels."""

from __future__ import annotations

import mmap
from pathlib import Path
from typing import NamedTuple

from modules.files.image_structure import stored_size
from modules.files.images import decode_image, pixels_problem, size_problem, structure_problem
from modules.files.xmp import image_orientation
from modules.utils import UserError


class Header(NamedTuple):
    """What is known of an image without decoding its pixels."""

    size: tuple[int, int]  # (width, height) in stored px
    orientation: int  # of EXIF or XMP, 1 to 8
    problem: str | None  # with which `read_image` would refuse it, whatever its size


def read_header(path: Path) -> Header:
    """Reads the header and the end of an image file. Raises UserError if it is missing or is no image.

    A file of unknown kind, or with an unreadable header, is decoded.
    """
    size = None
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            size, orientation, problem = stored_size(data), image_orientation(data), structure_problem(path, data)
    except (OSError, ValueError):  # unreadable or empty: decoding raises the message
        pass
    if size is not None:
        return Header(size, orientation, problem or pixels_problem(path, size))
    image, orientation = decode_image(path)
    return Header((image.shape[1], image.shape[0]), orientation, None)


def header_problem(path: Path, image_size: tuple[int, int] | None) -> str | None:
    """Returns the message with which `read_image` would refuse this image, or None, without decoding a sound image."""
    try:
        header = read_header(path)
    except UserError as error:
        return str(error)
    return header.problem or size_problem(path, header.size, image_size, header.orientation)
