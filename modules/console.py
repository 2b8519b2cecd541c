"""The console side of the scripts: arguments, logging, progress bars, exit codes and Ctrl-C."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import logging
import math
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

from tqdm import tqdm

from modules.utils import EXIT_BAD_INPUT, EXIT_STOPPED, UserError, log, os_error_sentence, printable

Item = TypeVar("Item")
SECONDS_PER_LINE = 10.0  # between two lines of progress if stderr is not a terminal
EXIT_CODES = (
    "exit codes: 0 done; 1 a bug in GroundPose, with a traceback; 2 something to fix, named in one sentence; "
    "130 stopped by Ctrl-C, after a line on what is saved and how to resume"
)


class _LogFile(logging.FileHandler):
    """A log file that raises when its disk is full, where logging itself would print a traceback and continue."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (logging's own name)
        error = sys.exception()
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, self.baseFilename) from None
        super().handleError(record)


class _Formatter(logging.Formatter):
    """Formats lines in which no file's name moves the cursor, changes a colour or the window's title, or begins a program."""

    def format(self, record: logging.LogRecord) -> str:
        """Returns the record's line, with escapes for what is not printable."""
        return printable(super().format(record))


def start_logging(log_file: Path | None = None, quiet: bool = False) -> None:
    """Sends the project's log to the console, and to `log_file` if there is one.

    The console shows level INFO and above, or WARNING and above if `quiet`. The file also has level DEBUG.
    """
    log.setLevel(logging.DEBUG)
    log.propagate = False
    for handler in list(log.handlers):
        log.removeHandler(handler)
        handler.close()
    console = logging.StreamHandler(sys.stdout)
    console.setLevel(logging.WARNING if quiet else logging.INFO)
    console.setFormatter(_Formatter("%(message)s"))
    log.addHandler(console)
    if log_file is not None:
        if log_file.is_symlink():
            raise UserError(f"{log_file}: this log is a link to another file; remove the link")
        log_file.parent.mkdir(parents=True, exist_ok=True)
        to_file = _LogFile(log_file, encoding="utf-8")
        to_file.setFormatter(_Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(to_file)


def run_script(main: Callable[[], None]) -> None:
    """Runs a script's main function. A UserError or OSError ends it with one sentence and exit code 2, without traceback.

    Ctrl-C ends it with exit code 130.
    """
    try:
        main()
    except UserError as error:
        print(f"error: {_one_sentence(str(error))}", file=sys.stderr)
        raise SystemExit(EXIT_BAD_INPUT) from None
    except OSError as error:
        print(f"error: {_one_sentence(os_error_sentence(error))}", file=sys.stderr)
        raise SystemExit(EXIT_BAD_INPUT) from None
    except KeyboardInterrupt as stopped:
        print(
            str(stopped) or "stopped; finished work is saved, start the same command again to resume",
            file=sys.stderr,
        )
        raise SystemExit(EXIT_STOPPED) from None


def _one_sentence(text: str) -> str:
    """Returns an error on one line, whatever the names in it hold."""
    return printable(text).replace("\n", "\\n")


def make_parser(description: str | None, **options: Any) -> argparse.ArgumentParser:
    """Returns a parser with the options of every script, `--quiet` and `--json`, and the exit codes in its help."""
    parser = argparse.ArgumentParser(description=description, epilog=EXIT_CODES, **options)
    parser.add_argument("--quiet", action="store_true", help="print only warnings and errors, without progress bars")
    parser.add_argument("--json", action="store_true", help="print a summary as one line of JSON at the end of stdout")
    return parser


def checked(parse: Callable[[str], Any], example: str) -> Callable[[str], Any]:
    """Returns `parse` as an argument's type, whose error shows an example."""

    def convert(text: str) -> Any:
        try:
            return parse(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r}: write {example}") from None

    return convert


def finite(text: str) -> float:
    """Returns a finite number. Raises ValueError for anything else."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def positive(text: str) -> float:
    """Returns a finite number above 0. Raises ValueError for anything else."""
    number = float(text)
    if not 0 < number < 1e6:
        raise ValueError(text)
    return number


def frame_rate(text: str) -> float:
    """Returns images per second, from 0.001 to 1000, which videos can have. Raises ValueError for anything else."""
    number = float(text)
    if not 0.001 <= number <= 1000:
        raise ValueError(text)
    return number


def start_console(arguments: argparse.Namespace, log_file: Path | None = None) -> None:
    """Starts logging with the parsed arguments of `make_parser`."""
    start_logging(log_file, arguments.quiet)


def print_summary(arguments: argparse.Namespace, **values: Any) -> None:
    """Prints a script's result as one line of JSON if `--json` is given. Paths become text."""
    if arguments.json:
        print(printable(json.dumps(values, default=str, allow_nan=False, ensure_ascii=False)), flush=True)


def is_quiet() -> bool:
    """Returns whether the console shows only warnings and errors."""
    consoles = [handler for handler in log.handlers if type(handler) is logging.StreamHandler]
    return bool(consoles) and all(handler.level > logging.INFO for handler in consoles)


class _Lines:
    """A stream for tqdm that writes each state of the bar to stderr as a new line."""

    def write(self, text: str) -> None:
        if text.strip():
            sys.stderr.write(f"{text.strip()}\n")

    def flush(self) -> None:
        sys.stderr.flush()


def progress_bar(total: int | None, what: str, unit: str, **options: Any) -> tqdm[Any]:
    """Returns a progress bar with rate and remaining time.

    If stderr is not a terminal, it writes a line every SECONDS_PER_LINE instead; if the console is quiet, nothing.
    """
    if not sys.stderr.isatty():
        line = "{desc}: {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}]"
        options |= {"file": _Lines(), "bar_format": line, "mininterval": SECONDS_PER_LINE}
    return tqdm(total=total, desc=what, unit=unit, disable=is_quiet(), **options)


def progress(items: Sequence[Item], what: str, unit: str) -> Iterator[Item]:
    """Yields `items` and advances a `progress_bar`."""
    with progress_bar(len(items), what, unit) as bar:
        for item in items:
            yield item
            bar.update()


def command_again(*extra: str, without: str) -> str:
    """Returns the command of this process without the option `without` and its value, and with `extra` at the end."""
    remaining = [
        part
        for before, part in itertools.pairwise(["", *sys.argv])
        if without not in (before, part) and not part.startswith(f"{without}=")
    ]
    return shlex.join(["python", *remaining, *extra])


def command_line(script: str, *options: str) -> str:
    """Returns the command of another script at the root, started from the same folder as this process's script."""
    return shlex.join(["python", str(Path(sys.argv[0]).with_name(script)), *options])


@contextlib.contextmanager
def interruptible() -> Iterator[Callable[[], bool]]:
    """Context manager: the first Ctrl-C only sets a flag; a second one raises KeyboardInterrupt.

    Yields a function that returns the flag, to be called where stopping is safe. Outside the main thread, Ctrl-C is
    not changed.
    """
    requested = False

    def handle(number: int, frame: FrameType | None) -> None:
        nonlocal requested
        if requested:
            raise KeyboardInterrupt
        requested = True
        os.write(2, b"stopping after this step; Ctrl-C again stops at once\n")  # a handler may interrupt a print

    try:
        before = signal.signal(signal.SIGINT, handle)
    except ValueError:
        yield lambda: False
        return
    try:
        yield lambda: requested
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def no_chatter() -> Iterator[None]:
    """Context manager: discards what native libraries write to stderr. Their errors still arrive as exceptions."""
    sys.stderr.flush()
    stderr, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(nowhere)
