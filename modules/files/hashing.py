"""Computes SHA-256 digests of files and of JSON values."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, BinaryIO

from modules.files.exif import is_jpeg
from modules.files.xmp import image_orientation

IMAGE_TAIL = 16384  # bytes at the end of an image; a million whole images would take an hour
METADATA_BEGINS, METADATA_ENDS = (
    2**12,
    2**17,
)  # bytes of a JPEG within which EXIF or XMP begins, and tells the orientation
METADATA_NAMES = (b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/\0")


def sha256_file(path: Path) -> str:
    """Returns the SHA-256 of a file's content in hex."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def image_tail(name: str) -> int | None:
    """Returns how many bytes at the end of an image file are hashed to notice a change; None: all of them.

    Entropy-coded data form one chain, so a changed image of the same size has other last bytes. BMP and TIFF store pixels
    or strips that do not depend on each other.
    """
    return None if name.lower().endswith((".bmp", ".tif", ".tiff")) else IMAGE_TAIL


def tail_mark(path: Path, tail_bytes: int | None) -> tuple[int, str]:
    """Returns the size of a file and the hash of its last bytes (None: of all), which differ where it has changed."""
    with open(path, "rb") as handle:
        size = handle.seek(0, 2)
        return size, tail_hash(handle, size, tail_bytes)


def tail_hash(handle: BinaryIO, size: int, tail_bytes: int | None) -> str:
    """Returns the SHA-256 of the last bytes (None: of all) of an open file.

    The orientation of a JPEG that is shown turned is hashed, too: programs change it in place, far from the end.
    """
    turned = b"" if tail_bytes is None else _orientation(handle)
    handle.seek(0 if tail_bytes is None else max(0, size - tail_bytes))
    return hashlib.sha256(handle.read() + turned).hexdigest()


def _orientation(handle: BinaryIO) -> bytes:
    """Returns the orientation that a JPEG's metadata state, as a digit; nothing if it is shown as stored."""
    handle.seek(0)
    head = handle.read(METADATA_BEGINS)
    if not is_jpeg(head) or not any(name in head for name in METADATA_NAMES):
        return b""
    orientation = image_orientation(head + handle.read(METADATA_ENDS - METADATA_BEGINS))
    return b"" if orientation == 1 else b"%d" % orientation


def digest(value: Any) -> str:
    """Returns the SHA-256 of a JSON value in hex. The order of dictionary keys does not matter."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
