"""Asks git about the checkout of the project."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

from modules.config.paths import PROJECT_ROOT


def git_lines(*arguments: str) -> Iterator[str]:
    """Yields the lines of a git command in the project; none where it fails."""
    try:
        ended = subprocess.run(["git", *arguments], cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    except OSError:  # git is not installed
        return
    yield from ended.stdout.splitlines() if ended.returncode == 0 else ()
