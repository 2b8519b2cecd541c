"""Keeps two processes from writing the same folder at once."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from modules.utils import UserError


@contextlib.contextmanager
def only_writer(folder: Path, does: str) -> Iterator[None]:
    """Context manager: locks a folder, which exists; nothing is written, and the lock ends with the process.

    Raises UserError if another process, which `does` something such as "extracts into", holds the lock.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise UserError(f"{folder}: another process {does} this folder; wait until it ends, or stop it") from None
    finally:
        os.close(handle)
