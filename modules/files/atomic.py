"""Writes files atomically, and reads and writes JSON."""

from __future__ import annotations

import contextlib
import glob
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from modules.files.json_text import parse_json
from modules.files.locking import only_writer
from modules.utils import UserError


def _is_alive(pid: int) -> bool:
    """Returns whether a process with this id runs on this machine, and is not a zombie, which nobody has waited for."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0] != "Z"
        )
    except (OSError, IndexError):  # a system without /proc
        return True


@contextlib.contextmanager
def _errors_name(path: Path, temporary: Path) -> Iterator[None]:
    """Context manager: an OSError names `path` instead of the temporary file, or instead of no file (full disk)."""
    try:
        yield
    except OSError as error:
        if error.filename is None or str(error.filename).startswith(str(temporary)):
            name = str(path) + str(error.filename or "").removeprefix(str(temporary))
            try:
                error.filename = name
            except AttributeError:  # FFmpeg's errors keep theirs
                raise OSError(error.errno, error.strerror, name) from None
        raise


@contextlib.contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Context manager: a temporary file name beside `path` that is renamed to `path` when the block succeeds.

    The temporary file is removed when the block raises. Temporary files of killed processes are removed by the next
    process that writes `path`. An OSError names `path`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for leftover in path.parent.glob(f".{glob.escape(path.stem)}.*-*.tmp{glob.escape(path.suffix)}"):
        writer = leftover.name.removeprefix(f".{path.stem}.").split("-")[0]
        if writer.isdigit() and not _is_alive(int(writer)):
            leftover.unlink(missing_ok=True)
    # The suffix stays last: image and table writers choose their format by it.
    temporary = path.with_name(f".{path.stem}.{os.getpid()}-{uuid.uuid4().hex[:8]}.tmp{path.suffix}")
    try:
        with _errors_name(path, temporary):
            yield temporary
            _sync(temporary)
            os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    """Waits until a file's content is on the disk, so that a power failure after its rename cannot leave it empty."""
    with open(path, "rb") as handle:
        os.fsync(handle.fileno())


def require_writable(folder: Path, key: str) -> None:
    """Makes a folder and a file in it that is removed again. Raises UserError, which names the config's `key`, if it cannot."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(
            f"{folder}: nothing can be written here ({error.strerror}); set {key} to where you may write"
        ) from None


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Context manager: an empty temporary folder that replaces the folder `path` when the block succeeds.

    Raises UserError if another process is writing it.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    with _errors_name(path, temporary):
        temporary.mkdir(parents=True, exist_ok=not temporary.is_symlink())
    with only_writer(temporary, "writes"), _errors_name(path, temporary):
        try:
            for leftover in temporary.iterdir():
                shutil.rmtree(leftover) if leftover.is_dir() and not leftover.is_symlink() else leftover.unlink()
            yield temporary
            for file in temporary.rglob("*"):
                if file.is_file():
                    _sync(file)
            shutil.rmtree(path, ignore_errors=True)
            os.replace(temporary, path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Writes a file atomically: readers see the old content or the new one, never a part of it."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Writes UTF-8 text atomically; bytes of a file name that are no UTF-8 become \\uXXXX, which is JSON's notation too."""
    write_bytes(path, text.encode("utf-8", "backslashreplace"))


def write_json(path: Path, value: Any, indent: int | None = 1) -> None:
    """Writes strict JSON atomically. Raises ValueError for NaN and infinity."""
    write_text(path, json.dumps(value, indent=indent, allow_nan=False, ensure_ascii=False) + "\n")


def read_json(path: Path, fix: str = "restore it") -> Any:
    """Reads a JSON file. Raises UserError if it is missing or empty, which ends with `fix`, or if it is not JSON."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise UserError(f"{path}: this file is missing; {fix}") from None
    except OSError as error:
        raise UserError(f"{path}: this file cannot be read ({error.strerror}); {fix}") from None
    if not data.strip():
        raise UserError(f"{path}: this file is empty; {fix}")
    try:
        return parse_json(data)
    except ValueError as error:
        raise UserError(f"{path}: this is not readable JSON: {error}") from None
