"""How every script speaks: arguments they share, one JSON line for programs, progress for people, stopping by Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import logging
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from tqdm import tqdm

from modules.utils import log, start_logging

Item = TypeVar("Item")
SECONDS_PER_LINE = 10.0  # of progress, where stderr is no terminal
EXIT_CODES = (
    "exit codes: 0 done; 1 a fault of WorldPose itself, with its traceback; 2 something to mend, said in one sentence; "
    "130 stopped by Ctrl-C, after saying what is saved and how to go on"
)


def make_parser(description: str | None, **options: Any) -> argparse.ArgumentParser:
    """A parser with what every script takes, `--quiet` and `--json`, and the exit codes below its help."""
    parser = argparse.ArgumentParser(description=description, epilog=EXIT_CODES, **options)
    parser.add_argument("--quiet", action="store_true", help="say nothing but warnings and errors; no progress bar")
    parser.add_argument("--json", action="store_true", help="print a summary as one line of JSON, the last of stdout")
    return parser


def start_console(arguments: argparse.Namespace, log_file: Path | None = None) -> None:
    """Start logging as the arguments of `make_parser` ask."""
    start_logging(log_file, arguments.quiet)


def print_summary(arguments: argparse.Namespace, **values: Any) -> None:
    """The script's result as one line of JSON on stdout, where `--json` asks for it; paths become text."""
    if arguments.json:
        print(json.dumps(values, default=str, allow_nan=False, ensure_ascii=False), flush=True)


def is_quiet() -> bool:
    """Whether the console was asked to be quiet."""
    consoles = [handler for handler in log.handlers if type(handler) is logging.StreamHandler]
    return bool(consoles) and all(handler.level > logging.INFO for handler in consoles)


class _Lines:
    """stderr for a progress bar that nobody watches: each of its states is a line of its own, written over none."""

    def write(self, text: str) -> None:
        if text.strip():
            sys.stderr.write(f"{text.strip()}\n")

    def flush(self) -> None:
        sys.stderr.flush()


def progress_bar(total: int | None, what: str, unit: str, **options: Any) -> tqdm[Any]:
    """A bar with the rate and the time left; in a file or pipe a line every few seconds instead, and none where it is quiet."""
    if not sys.stderr.isatty():
        line = "{desc}: {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}]"
        options |= {"file": _Lines(), "bar_format": line, "mininterval": SECONDS_PER_LINE}
    return tqdm(total=total, desc=what, unit=unit, disable=is_quiet(), **options)


def progress(items: Sequence[Item], what: str, unit: str) -> Iterator[Item]:
    """Walk `items` under a `progress_bar`."""
    with progress_bar(len(items), what, unit) as bar:
        for item in items:
            yield item
            bar.update()


def command_again(*extra: str, without: str) -> str:
    """The command that this process was started with, without one option and its value and with others instead."""
    kept = [
        part
        for before, part in itertools.pairwise(["", *sys.argv])
        if without not in (before, part) and not part.startswith(f"{without}=")
    ]
    return shlex.join(["python", *kept, *extra])


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Within the block the first Ctrl-C only raises a flag, to be looked at where stopping is safe; a second one stops.

    Yields a function that answers whether it was raised. Elsewhere than in the main thread Ctrl-C stays as it is.
    """
    asked = False

    def ask(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True
        os.write(2, b"stopping after this step; Ctrl-C again stops at once\n")  # a handler may interrupt a print

    try:
        before = signal.signal(signal.SIGINT, ask)
    except ValueError:
        yield lambda: False
        return
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def no_chatter() -> Iterator[None]:
    """Keep native libraries, which write to the console past Python, from announcing devices; their errors are exceptions."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
