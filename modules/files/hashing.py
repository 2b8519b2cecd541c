"""Computes SHA-256 digests of files and of JSON values."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any


def sha256_file(path: Path) -> str:
    """Returns the SHA-256 of a file's content in hex."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def tail_mark(path: Path, tail_bytes: int = 16384) -> tuple[int, str]:
    """Returns the size of a file and the SHA-256 of its last bytes, which differ where an image or video has changed."""
    with open(path, "rb") as handle:
        size = handle.seek(0, 2)
        handle.seek(max(0, size - tail_bytes))
        return size, hashlib.sha256(handle.read()).hexdigest()


def digest(value: Any) -> str:
    """Returns the SHA-256 of a JSON value in hex. The order of dictionary keys does not matter."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
