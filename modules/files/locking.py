"""Keeps two processes from writing the same folder at once."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from modules.utils import UserError, log


@contextlib.contextmanager
def only_writer(folder: Path, does: str, with_others: bool = False) -> Iterator[None]:
    """Context manager: locks a folder, which exists; nothing is written, and the lock ends with the process.

    Processes that write `with_others` keep out all but each other. Raises UserError if another process, which `does`
    something such as "extracts into", holds the lock. File systems without locks, such as some network ones, are not locked.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, (fcntl.LOCK_SH if with_others else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        raise UserError(f"{folder}: another process {does} this folder; wait until it ends, or stop it") from None
    except OSError as error:
        log.debug("%s: not locked (%s)", folder, error.strerror)
    try:
        yield
    finally:
        os.close(handle)
