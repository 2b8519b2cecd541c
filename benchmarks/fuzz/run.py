"""Feeds numbered files to a reader, within limits of time and memory."""

from __future__ import annotations

import contextlib
import resource
import signal
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from benchmarks.fuzz.corpus import read_corpus
from benchmarks.fuzz.mutations import broken
from benchmarks.fuzz.targets import Target
from modules.console import no_chatter
from modules.utils import UserError

MOST_SECONDS, MOST_BYTES = 2.0, 10**9  # processor time and memory, for one file


class _TooLongError(Exception):
    """A reader took longer than MOST_SECONDS."""


def failure_of(target: Target, number: int, folder: Path) -> str | None:
    """Returns what is wrong with how a reader takes the file of this number; None if it is read or refused as it should be."""
    path = folder / target.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(broken(number, read_corpus(target.corpus)))
    try:
        with no_chatter(), warnings.catch_warnings(), _limited_time():
            warnings.simplefilter("ignore")
            target.read(path)
    except UserError as error:
        sentence = str(error)
        named = path.parent if target.several_files else path
        whole = str(named) in sentence and "\n" not in sentence and any(mark in sentence for mark in ";?")
        return None if whole else f"no sentence: {sentence[:300]!r}"
    except OSError as error:  # scripts end with a sentence of it, as of a full disk
        return None if error.filename else f"{type(error).__name__}: {error}"
    except (Exception, MemoryError, RecursionError) as error:
        return f"{type(error).__name__}: {str(error)[:300]}"
    return None


@contextlib.contextmanager
def _limited_time() -> Iterator[None]:
    """Context manager: raises after MOST_SECONDS of processor time."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise _TooLongError(f"more than {MOST_SECONDS} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, MOST_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


@contextlib.contextmanager
def limited_memory() -> Iterator[None]:
    """Context manager: allocations fail from MOST_BYTES above what the process has mapped now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MOST_BYTES, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
