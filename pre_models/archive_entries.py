"""Lists the entries of a .zip, .tar or .tar.gz, and refuses archives that are unsafe to unpack."""

from __future__ import annotations

import contextlib
import gzip
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO, Any

from modules.files.zip_files import LongDirectoryError, open_zip
from modules.utils import brief

MAX_BYTES = 20 * 10**9
MAX_FILES = 100_000
MAX_GROWTH, SMALL_BYTES = 100, 2**26  # an archive may unpack to so many times its size, and any to so much
CHUNK = 1 << 20


class RefusedError(Exception):
    """An archive has something that it must not have. The message continues the sentence "this archive ..."."""


@dataclass(frozen=True)
class Entry:
    """A checked file or folder of an archive."""

    parts: tuple[str, ...]  # its path, relative to the target folder
    size: int  # bytes, as declared
    is_folder: bool
    open: Callable[[], IO[bytes] | None]


def archive_kind(path: Path) -> str | None:
    """Returns `zip`, `tar.gz` or `tar` by a file's first bytes; None if it is no archive."""
    with open(path, "rb") as file:
        head = file.read(512)
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        return "zip"
    if head.startswith(b"\x1f\x8b"):
        return "tar.gz"
    return "tar" if head[257:262] == b"ustar" else None


@contextlib.contextmanager
def open_entries(archive: Path) -> Iterator[list[Entry]]:
    """Context manager: the entries of an open archive, all of them checked.

    Raises RefusedError if the archive is unsafe, and zipfile's and tarfile's errors if it is damaged.
    """
    kind = archive_kind(archive)
    if kind is None:
        raise RefusedError("is no .zip, .tar or .tar.gz")
    if kind == "zip":
        with open(archive, "rb") as file, _open_zip(file) as package:
            yield list(_limited(_zip_entries(package), archive))
        return
    with open(archive, "rb") as file, gzip.open(file) if kind == "tar.gz" else file as stream:
        limited: Any = _LimitedReads(stream)
        with tarfile.open(fileobj=limited, mode="r:") as package:
            entries = list(_limited(_tar_entries(package), archive))
            _check_end(limited, package.offset)
            yield entries


def _open_zip(file: IO[bytes]) -> zipfile.ZipFile:
    try:
        return open_zip(file)
    except LongDirectoryError:
        raise RefusedError(f"holds more than {MAX_FILES} files") from None


def _limited(entries: Iterator[Entry], archive: Path) -> Iterator[Entry]:
    size, most = 0, max(MAX_GROWTH * archive.stat().st_size, SMALL_BYTES)
    for count, entry in enumerate(entries, 1):
        size += entry.size
        if size > MAX_BYTES:
            raise RefusedError(f"would unpack to more than {MAX_BYTES / 1e9:.0f} GB")
        if size > most:
            raise RefusedError(f"would unpack to more than {MAX_GROWTH} times its size, as no model does")
        if count > MAX_FILES:
            raise RefusedError(f"holds more than {MAX_FILES} files")
        yield entry


def _zip_entries(package: zipfile.ZipFile) -> Iterator[Entry]:
    for info in package.infolist():
        is_folder = info.filename.endswith("/")
        parts = _parts(info.filename, is_folder)
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFDIR if is_folder else stat.S_IFREG):
            raise RefusedError(f"holds {brief(info.filename)}, which is a link or a device")
        if info.flag_bits & 1:
            raise RefusedError("is encrypted")
        yield Entry(parts, info.file_size, is_folder, partial(package.open, info))


def _tar_entries(package: tarfile.TarFile) -> Iterator[Entry]:
    for info in package:
        if not (info.isdir() or info.isreg()) or info.issparse():
            raise RefusedError(f"holds {brief(info.name)}, which is a link or a device")
        if info.size < 0:
            raise tarfile.ReadError("a negative size")
        yield Entry(_parts(info.name, info.isdir()), info.size, info.isdir(), partial(package.extractfile, info))


def _parts(name: str, is_folder: bool) -> tuple[str, ...]:
    """Returns a name as steps below the target folder. Backslashes separate folders elsewhere, and no model has them."""
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if name.startswith("/") or ".." in parts or "\\" in name or "\0" in name or not (parts or is_folder):
        raise RefusedError(f"holds {brief(name)}, which leads out of its folder")
    return parts


def _check_end(stream: Any, offset: int) -> None:
    """Checks that a tar ends with a block of zeros. `tarfile` takes garbage, or a clean cut, for the end as well."""
    stream.seek(offset)
    if stream.read(512) != bytes(512):
        raise tarfile.ReadError("unexpected end of data")
    for _ in range(CHUNK // 512):  # gzip checks its checksum only once the padding is read
        if not stream.read(512):
            return
    raise tarfile.ReadError("data after its end")


class _LimitedReads:
    """A stream that refuses large reads: `tarfile` reads a header of any declared length into memory at once."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.tell = stream.tell

    def seek(self, offset: int) -> None:
        """Seeks to an offset. Raises ReadError if it is negative."""
        if offset < 0:
            raise tarfile.ReadError("a negative size")
        self._stream.seek(offset)

    def read(self, size: int = -1) -> bytes:
        """Reads at most `size` bytes. Raises ReadError if that is more than a header may need."""
        if not 0 <= size <= 2 * CHUNK:
            raise tarfile.ReadError("a header of it is too long")
        data: bytes = self._stream.read(size)
        return data
