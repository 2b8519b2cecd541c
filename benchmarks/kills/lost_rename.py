"""Loses a rename, as a file system may at a power failure: the process dies before the next rename, and this one is undone.

What was written before is on the disk, since contents are synced before they are renamed; folders are not synced.
"""

from __future__ import annotations

import atexit
import os
import signal
import tempfile
from collections.abc import Callable
from pathlib import Path


def lose_rename(number: int, folder: str) -> None:
    """Loses this rename of the calling process, counted from 1, below a folder; with fewer renames nothing happens."""
    real: Callable[..., None] = os.replace
    found: list[tuple[Path, Path, Path | None]] = []
    count = 0
    root = Path(folder).resolve()
    aside = Path(tempfile.mkdtemp(prefix=".lost-", dir=root.parent))

    def undo_and_die() -> None:
        if found:
            source, target, before = found[0]
            real(target, source)
            if before is not None:
                real(before, target)
            os.killpg(0, signal.SIGKILL)

    def replace(source: str | Path, target: str | Path) -> None:
        nonlocal count
        if not Path(target).resolve().is_relative_to(root):
            return real(source, target)
        undo_and_die()
        count += 1
        if count == number:
            before = aside / "before" if Path(target).is_file() else None
            if before is not None:
                os.link(target, before)
            found.append((Path(source).resolve(), Path(target).resolve(), before))
        real(source, target)

    os.replace = replace  # type: ignore[assignment]  # as all of our code calls it
    atexit.register(undo_and_die)
