"""Unpack the one SavedModel that an archive holds: nothing outside the target, no links, no more than is declared."""

from __future__ import annotations

import contextlib
import errno
import gzip
import lzma
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from modules.utils import UserError, brief, reason
from pre_models.known import SAVED_MODEL

MAX_BYTES = 20 * 10**9
MAX_FILES = 100_000
CHUNK = 1 << 20
_BROKEN = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error, EOFError,
    RuntimeError, ValueError, OverflowError, IndexError,
)  # fmt: skip


# An OSError that a disk has no part in: a gzip's, a seek to before the start, a name that no file can have.
_OF_THE_ARCHIVE = (None, errno.EINVAL, errno.ENAMETOOLONG)


class DamagedArchiveError(UserError):
    """An archive that is cut off, or whose checksums fail: the same file, fetched again, may be whole."""


class _RefusedError(Exception):
    """What an archive has that it must not have, to be said behind its name."""


@dataclass(frozen=True)
class _Entry:
    """A file or folder of an archive, checked: its path in there, its declared size, and how to read it."""

    parts: tuple[str, ...]
    size: int
    is_folder: bool
    open: Callable[[], Any]


def is_archive(path: Path) -> bool:
    """Whether a file begins as a .zip, .tar or .tar.gz does."""
    return _kind(path) is not None


def _kind(path: Path) -> str | None:
    with open(path, "rb") as file:
        head = file.read(512)
    if head.startswith((b"PK\3\4", b"PK\5\6")):
        return "zip"
    if head.startswith(b"\x1f\x8b"):
        return "tar.gz"
    return "tar" if head[257:262] == b"ustar" else None


def unpack_model(archive: Path, folder: Path) -> None:
    """Put the content of the one folder of the archive that holds saved_model.pb into `folder`, which is empty.

    The whole archive is listed and checked before its first byte is written. UserError where it has a name that leads
    out of it, a link, a device, more than MAX_BYTES or MAX_FILES, or not exactly one model; DamagedArchiveError where
    it is damaged. What was written until then is left to the caller, whose folder is a temporary one.
    """
    try:
        with _opened(archive) as entries:
            root = _model_root(entries)
            for entry in entries:
                if entry.parts[: len(root)] == root:
                    _write(entry, folder.joinpath(*entry.parts[len(root) :]))
    except _RefusedError as refused:
        raise UserError(f"{archive}: this archive {refused}; nothing of it is kept, take another one") from None
    except (*_BROKEN, OSError) as error:
        if isinstance(error, OSError) and error.errno not in _OF_THE_ARCHIVE:
            raise
        raise DamagedArchiveError(
            f"{archive}: this archive is damaged or cut off ({reason(error)}); fetch it again"
        ) from None


@contextlib.contextmanager
def _opened(archive: Path) -> Iterator[list[_Entry]]:
    kind = _kind(archive)
    if kind is None:
        raise _RefusedError("is no .zip, .tar or .tar.gz")
    if kind == "zip":
        with zipfile.ZipFile(archive) as package:
            yield list(_bounded(_zip_entries(package)))
        return
    with open(archive, "rb") as file, gzip.open(file) if kind == "tar.gz" else file as stream:
        small: Any = _SmallReads(stream)
        with tarfile.open(fileobj=small, mode="r:") as package:
            entries = list(_bounded(_tar_entries(package)))
            _check_end(small, package.offset)
            yield entries


def _bounded(entries: Iterator[_Entry]) -> Iterator[_Entry]:
    size = 0
    for count, entry in enumerate(entries, 1):
        size += entry.size
        if size > MAX_BYTES:
            raise _RefusedError(f"would unpack to more than {MAX_BYTES / 1e9:.0f} GB")
        if count > MAX_FILES:
            raise _RefusedError(f"holds more than {MAX_FILES} files")
        yield entry


def _zip_entries(package: zipfile.ZipFile) -> Iterator[_Entry]:
    for info in package.infolist():
        is_folder = info.filename.endswith("/")
        parts = _parts(info.filename, is_folder)
        if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFDIR if is_folder else stat.S_IFREG):
            raise _RefusedError(f"holds {brief(info.filename)}, which is a link or a device")
        if info.flag_bits & 1:
            raise _RefusedError("is encrypted")
        yield _Entry(parts, info.file_size, is_folder, partial(package.open, info))


def _tar_entries(package: tarfile.TarFile) -> Iterator[_Entry]:
    for info in package:
        if not (info.isdir() or info.isreg()) or info.issparse():
            raise _RefusedError(f"holds {brief(info.name)}, which is a link or a device")
        if info.size < 0:
            raise tarfile.ReadError("a negative size")
        yield _Entry(_parts(info.name, info.isdir()), info.size, info.isdir(), partial(package.extractfile, info))


def _parts(name: str, is_folder: bool) -> tuple[str, ...]:
    """The name as steps down from the target. A backslash is a separator elsewhere, and no model needs one."""
    parts = tuple(part for part in name.split("/") if part not in ("", "."))
    if name.startswith("/") or ".." in parts or "\\" in name or "\0" in name or not (parts or is_folder):
        raise _RefusedError(f"holds {brief(name)}, which leads out of its folder")
    return parts


def _model_root(entries: list[_Entry]) -> tuple[str, ...]:
    roots = {entry.parts[:-1] for entry in entries if entry.parts[-1:] == (SAVED_MODEL,) and not entry.is_folder}
    if not roots:
        raise _RefusedError(f"holds no {SAVED_MODEL}")
    if len(roots) > 1:
        raise _RefusedError(f"holds {len(roots)} files {SAVED_MODEL}, and one is wanted")
    return roots.pop()


def _write(entry: _Entry, path: Path) -> None:
    """Write exactly the bytes that were declared, however many an archive goes on to hold."""
    try:
        (path if entry.is_folder else path.parent).mkdir(parents=True, exist_ok=True)
        if entry.is_folder:
            return
        with entry.open() as source, open(path, "xb") as target:
            left = entry.size
            while left:
                chunk = source.read(min(left, CHUNK))
                if not chunk:
                    raise EOFError("a file in it ends early")
                target.write(chunk)
                left -= len(chunk)
    except (FileExistsError, NotADirectoryError):
        raise _RefusedError(f"holds {brief('/'.join(entry.parts))} twice") from None


def _check_end(stream: Any, offset: int) -> None:
    """A tar ends with a block of zeros. `tarfile` takes any rubble, and a clean cut, for the end as well."""
    stream.seek(offset)
    if stream.read(512) != bytes(512):
        raise tarfile.ReadError("unexpected end of data")
    for _ in range(CHUNK // 512):  # a gzip's checksum is looked at behind the padding
        if not stream.read(512):
            return
    raise tarfile.ReadError("data after its end")


class _SmallReads:
    """A stream that refuses to read much at once: `tarfile` reads a header into memory, as long as it claims to be."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream
        self.tell = stream.tell

    def seek(self, offset: int) -> None:
        if offset < 0:
            raise tarfile.ReadError("a negative size")
        self._stream.seek(offset)

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= 2 * CHUNK:
            raise tarfile.ReadError("a header of it is too long")
        data: bytes = self._stream.read(size)
        return data
