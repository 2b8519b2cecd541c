"""Checks an image file by its header and its end, without decoding its pixels."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
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
    return _checked_header(path, image_size)[1]


def view_problems(paths: Sequence[Path], camera_path: Path, image_size: tuple[int, int] | None) -> dict[Path, str]:
    """Returns the message of each image of one camera that cannot be used.

    Without `image_size` the first readable image's size is the one of K, and images of other sizes cannot be used.
    """
    found: dict[Path, str] = {}
    first: tuple[Path, tuple[int, int]] | None = None
    for path in paths:
        size, problem = _checked_header(path, image_size)
        if problem is None and size is not None and image_size is None:
            first = first or (path, size)
            problem = second_size_problem(path, size, first, camera_path)
        if problem is not None:
            found[path] = problem
    return found


def second_size_problem(
    path: Path, size: tuple[int, int], first: tuple[Path, tuple[int, int]], camera_path: Path
) -> str | None:
    """Returns the message for an image of another size than its camera's first one, or None: at most one size fits K."""
    if size == first[1]:
        return None
    return (
        f"{path}: this image is {size[0]}x{size[1]} px, but {first[0].name} {first[1][0]}x{first[1][1]}, and K in "
        f"{camera_path} is of one size; add image_size to that file, and use images of that size alone"
    )


def _checked_header(path: Path, image_size: tuple[int, int] | None) -> tuple[tuple[int, int] | None, str | None]:
    """Returns an image's size, None if it is unreadable, and the message with which `read_image` would refuse it, or None."""
    try:
        header = read_header(path)
    except UserError as error:
        return None, str(error)
    return header.size, header.problem or size_problem(path, header.size, image_size, header.orientation)
