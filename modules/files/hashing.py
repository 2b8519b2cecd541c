"""Computes SHA-256 digests of files and of JSON values."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

IMAGE_TAIL = 16384  # bytes at the end of an image; a million whole images would take an hour


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
    """Returns the size of a file and the SHA-256 of its last bytes (None: of all), which differ where it has changed."""
    with open(path, "rb") as handle:
        size = handle.seek(0, 2)
        handle.seek(0 if tail_bytes is None else max(0, size - tail_bytes))
        return size, hashlib.sha256(handle.read()).hexdigest()


def digest(value: Any) -> str:
    """Returns the SHA-256 of a JSON value in hex. The order of dictionary keys does not matter."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
