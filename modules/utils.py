"""Defines the error that a user can fix, the logger, the exit codes, short texts for messages, and items made ahead."""

from __future__ import annotations

import errno
import logging
import re
import reprlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

Item = TypeVar("Item")
log = logging.getLogger("groundpose")
EXIT_BAD_INPUT = 2
EXIT_STOPPED = 130
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
# What a terminal obeys, what turns the direction of reading, and what no encoding can write.
_UNSAFE = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_END: Any = object()
_NO_ACCESS = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.EEXIST})


class UserError(Exception):
    """An error that the user can fix. Its message is one sentence that names the file, the field and the fix."""


def os_error_sentence(error: OSError) -> str:
    """Returns an operating system error as one sentence that names the file and the fix."""
    what = str(error.strerror or error).partition("\n")[0]
    if error.errno in _FULL:
        fix = "free some space"
    elif error.errno in _NO_ACCESS:
        fix = "set --out or --output, or DATA.root, DATA.cache, RESULTS.root and TEST.output, to where you may read and write"
    else:
        fix = "check the disk and the path"
    return f"{error.filename or 'a file'}: {what}; {fix} and start again, finished work is saved"


def brief(value: Any) -> str:
    """Returns a value of a user's file as one short line."""
    try:
        text = reprlib.repr(value)
    except ValueError:  # Python refuses to print integers of thousands of digits
        return "a huge number"
    return text if len(text) <= 60 else text[:57] + "..."


def one_line(text: str) -> str:
    """Returns the text, or its repr if it has invisible characters."""
    return text if text.isprintable() else repr(text)


def printable(text: str) -> str:
    """Returns the text with \\uXXXX, which is JSON's notation too, for each character that a terminal would obey."""
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def reason(error: Exception) -> str:
    """Returns an error's message as one short printable line, whatever a server or an archive has put into it."""
    inner = getattr(error, "reason", error)  # urllib wraps the operating system's error
    words = str(getattr(inner, "strerror", None) or inner).split()
    return "".join(c for c in " ".join(words) if c.isprintable())[:200] or type(inner).__name__


def ahead(items: Iterable[Item]) -> Iterator[Item]:
    """Yields the items; a thread makes the next one while the caller uses the last."""
    iterator = iter(items)  # here, since a DataLoader starts its processes now, best without another thread
    with ThreadPoolExecutor(1) as thread:
        following = thread.submit(next, iterator, _END)
        while (item := following.result()) is not _END:
            following = thread.submit(next, iterator, _END)
            yield item
