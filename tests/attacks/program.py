"""A pickle that leaves a mark when it is read, for files that nobody should unpickle."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from modules.utils import UserError


class Program:
    """Makes the folder `mark` when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = str(mark)

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (self.mark,)


@contextmanager
def refused(path: Path | str, says: str, mark: Path | None = None) -> Iterator[None]:
    """Context manager: its block ends in one sentence that names the file and says so; nothing of the file has run."""
    with pytest.raises(UserError, match=says) as caught:
        yield
    assert str(path) in str(caught.value) and "\n" not in str(caught.value) and ";" in str(caught.value)
    assert mark is None or not mark.exists()
