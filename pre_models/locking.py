"""A lock file that keeps two processes from fetching the same model."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from modules.utils import UserError


@contextlib.contextmanager
def exclusive(lock: Path) -> Iterator[None]:
    """Context manager: holds the lock, which the system releases when the process ends. Raises UserError if it is held."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with open(lock, "w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"{lock}: another process is fetching these weights; wait until it ends") from None
        yield
