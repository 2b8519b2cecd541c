"""Small things that every floor needs: plain errors, atomic writes, safe names, digests, logging, seeds."""

from __future__ import annotations

import contextlib
import errno
import glob
import hashlib
import json
import logging
import os
import random
import reprlib
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

log = logging.getLogger("worldpose")
EXIT_BAD_INPUT = 2
EXIT_STOPPED = 130
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_CLOSED = frozenset({errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOTDIR, errno.EISDIR, errno.EEXIST})


class UserError(Exception):
    """What a user can mend: one plain sentence that names the file, the field and the mend."""


def os_error_sentence(error: OSError) -> str:
    """What the operating system refused, as a sentence that names the file and the mend."""
    what = str(error.strerror or error).partition("\n")[0]
    if error.errno in _FULL:
        mend = "free some space"
    elif error.errno in _CLOSED:
        mend = "set DATA.root, DATA.cache, RESULTS.root and TEST.output to where you may read and write"
    else:
        mend = "see that the disk and the path are in order"
    return f"{error.filename or 'a file'}: {what}; {mend} and start again, what was finished is saved"


def _is_alive(pid: int) -> bool:
    """Whether a process of this number runs on this machine."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


@contextlib.contextmanager
def _told_of(temporary: Path, path: Path) -> Iterator[None]:
    """Let an OSError name the file that was meant: writers know the temporary one, and a full disk names none."""
    try:
        yield
    except OSError as error:
        if error.filename is None or str(error.filename).startswith(str(temporary)):
            error.filename = str(path) + str(error.filename or "").removeprefix(str(temporary))
        raise


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`; renamed to it when the block ends well, removed when it does not.

    What a killed process left beside `path` is removed by the next one that writes it. An OSError names `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(f".{glob.escape(path.stem)}.*-*.tmp{glob.escape(path.suffix)}"):
        writer = leftover.name.removeprefix(f".{path.stem}.").split("-")[0]
        if writer.isdigit() and not _is_alive(int(writer)):
            leftover.unlink(missing_ok=True)
    # The suffix stays last: image and table writers choose their format by it.
    temporary = path.with_name(f".{path.stem}.{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp{path.suffix}")
    try:
        with _told_of(temporary, path):
            yield temporary
            with open(temporary, "rb") as handle:
                os.fsync(handle.fileno())
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """An empty folder beside `path` that takes its place when the block ends well; until then the old one stands."""
    temporary = path.with_name(f".{path.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        with _told_of(temporary, path):
            temporary.mkdir(parents=True)
            yield temporary
            shutil.rmtree(path, ignore_errors=True)
            os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old one or the new one, never a half."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text as `write_bytes` does."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any, indent: int | None = 1) -> None:
    """Write strict JSON atomically: NaN and infinity are refused."""
    write_text(path, json.dumps(value, indent=indent, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: Path, mend: str = "restore it") -> Any:
    """Parse a JSON file. UserError, which names the mend, where it is missing or no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: this file is missing; {mend}") from None
    except OSError as error:
        raise UserError(f"{path}: this file cannot be read ({error.strerror}); {mend}") from None
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path}: this is not readable JSON ({error}); {mend}") from None


def brief(value: Any) -> str:
    """A value of a user's file as one short line."""
    try:
        text = reprlib.repr(value)
    except ValueError:  # Python does not spell out thousands of digits
        return "a huge number"
    return text if len(text) <= 60 else text[:57] + "..."


def reason(error: Exception) -> str:
    """What an error says, on one short line, whatever a server or an archive has written into it."""
    inner = getattr(error, "reason", error)  # urllib wraps what the operating system said
    words = str(getattr(inner, "strerror", None) or inner).split()
    return "".join(c for c in " ".join(words) if c.isprintable())[:200] or type(inner).__name__


def sha256_file(path: Path) -> str:
    """The file's SHA-256 in hex."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def digest(value: Any) -> str:
    """A SHA-256 of any JSON value, independent of the order of its keys."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def is_safe_name(name: str) -> bool:
    """Whether a name taken from a table or a sample stays inside the folder it is joined to."""
    return bool(name) and name not in (".", "..") and not any(c in name for c in "/\\:\0\n\r")


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and, where it is loaded, torch."""
    random.seed(seed)
    np.random.seed(seed)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)


class _LogFile(logging.FileHandler):
    """A log file whose disk may run full: the error ends the script in a sentence, where logging would print a traceback."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802  (logging's own name)
        error = sys.exception()
        if isinstance(error, OSError):
            raise OSError(error.errno, error.strerror, self.baseFilename) from None
        super().handleError(record)


def start_logging(log_file: Path | None = None, quiet: bool = False) -> None:
    """Send the project's log to the console (warnings alone where it shall be quiet) and, where given, to a file.

    The file alone holds what is logged at level DEBUG.
    """
    log.setLevel(logging.DEBUG)
    log.propagate = False
    for handler in list(log.handlers):
        log.removeHandler(handler)
        handler.close()
    console = logging.StreamHandler(sys.stdout)
    console.setLevel(logging.WARNING if quiet else logging.INFO)
    console.setFormatter(logging.Formatter("%(message)s"))
    log.addHandler(console)
    if log_file is not None:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        to_file = _LogFile(log_file, encoding="utf-8")
        to_file.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
        log.addHandler(to_file)


def run_script(main: Callable[[], None]) -> None:
    """Run a script's main: a UserError is printed as its one sentence with exit code 2, never as a traceback."""
    try:
        main()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(EXIT_BAD_INPUT) from None
    except OSError as error:
        print(f"error: {os_error_sentence(error)}", file=sys.stderr)
        raise SystemExit(EXIT_BAD_INPUT) from None
    except KeyboardInterrupt as stopped:
        print(
            str(stopped) or "stopped; what was finished is saved, start the same command again to go on",
            file=sys.stderr,
        )
        raise SystemExit(EXIT_STOPPED) from None
