"""Small things that every floor needs: plain errors, atomic writes, safe names, digests, logging, seeds."""

from __future__ import annotations

import contextlib
import glob
import hashlib
import json
import logging
import os
import random
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

log = logging.getLogger("worldpose")
EXIT_BAD_INPUT = 2


class UserError(Exception):
    """What a user can mend: one plain sentence that names the file, the field and the mend."""


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
def atomic_path(path: Path) -> Iterator[Path]:
    """A temporary name beside `path`; renamed to it when the block ends well, removed when it does not.

    What a killed process left beside `path` is removed by the next one that writes it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(f".{glob.escape(path.stem)}.*-*.tmp{glob.escape(path.suffix)}"):
        writer = leftover.name.removeprefix(f".{path.stem}.").split("-")[0]
        if writer.isdigit() and not _is_alive(int(writer)):
            leftover.unlink(missing_ok=True)
    # The suffix stays last: image and table writers choose their format by it.
    temporary = path.with_name(f".{path.stem}.{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp{path.suffix}")
    try:
        yield temporary
        with open(temporary, "rb") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text so that a reader sees the old file or the new one, never a half."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any, indent: int | None = 1) -> None:
    """Write strict JSON atomically: NaN and infinity are refused."""
    write_text(path, json.dumps(value, indent=indent, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: Path) -> Any:
    """Parse a JSON file. UserError where it is missing or no JSON."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: this file is missing") from None
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path}: this is not readable JSON ({error})") from None


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


def start_logging(log_file: Path | None = None) -> None:
    """Send the project's log to the console and, where given, to a file."""
    log.setLevel(logging.INFO)
    log.propagate = False
    for handler in list(log.handlers):
        log.removeHandler(handler)
        handler.close()
    console = logging.StreamHandler(sys.stdout)
    console.setFormatter(logging.Formatter("%(message)s"))
    log.addHandler(console)
    if log_file is not None:
        log_file.parent.mkdir(parents=True, exist_ok=True)
        to_file = logging.FileHandler(log_file, encoding="utf-8")
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
        print(
            f"error: {error.filename or 'a file'}: {error.strerror or error}; what was finished is saved",
            file=sys.stderr,
        )
        raise SystemExit(EXIT_BAD_INPUT) from None
    except KeyboardInterrupt:
        print("stopped; what was finished is saved, start the same command again to go on", file=sys.stderr)
        raise SystemExit(130) from None
