"""Unpacks the one SavedModel of an archive: nothing outside the target folder, no links, no more bytes than declared."""

from __future__ import annotations

import errno
import lzma
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

from modules.extractors.metrabs.weights import SAVED_MODEL
from modules.utils import UserError, brief, reason
from pre_models.archive_entries import CHUNK, Entry, RefusedError, open_entries

_DAMAGED = (
    zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error, EOFError,
    RuntimeError, ValueError, OverflowError, IndexError,
)  # fmt: skip
# An OSError that the archive causes, not the disk: gzip's own, a seek before the start, a name that no file can have.
_DAMAGED_ERRNO = (None, errno.EINVAL, errno.ENAMETOOLONG)


class DamagedArchiveError(UserError):
    """An archive is truncated or its checksums fail; fetched again, it may be whole."""


def unpack_model(archive: Path, folder: Path) -> None:
    """Unpacks the folder that holds saved_model.pb into `folder`, which is empty.

    The whole archive is listed and checked before the first byte is written. Raises UserError if it has a name that leads
    out of it, a link, a device, more than MAX_BYTES or MAX_FILES, or not exactly one model; DamagedArchiveError if it is
    damaged. The caller deletes what was written before an error: `folder` is a temporary one.
    """
    try:
        with open_entries(archive) as entries:
            root = _model_root(entries)
            for entry in entries:
                if entry.parts[: len(root)] == root:
                    _write(entry, folder.joinpath(*entry.parts[len(root) :]))
    except RefusedError as refused:
        raise UserError(f"{archive}: this archive {refused}; nothing of it is kept, use another one") from None
    except (*_DAMAGED, OSError) as error:
        if isinstance(error, OSError) and error.errno not in _DAMAGED_ERRNO:
            raise
        raise DamagedArchiveError(
            f"{archive}: this archive is damaged or truncated ({reason(error)}); fetch it again"
        ) from None


def _model_root(entries: list[Entry]) -> tuple[str, ...]:
    roots = {entry.parts[:-1] for entry in entries if entry.parts[-1:] == (SAVED_MODEL,) and not entry.is_folder}
    if not roots:
        raise RefusedError(f"holds no {SAVED_MODEL}")
    if len(roots) > 1:
        raise RefusedError(f"holds {len(roots)} files {SAVED_MODEL} instead of one")
    return roots.pop()


def _write(entry: Entry, path: Path) -> None:
    """Writes exactly the declared number of bytes, even if the archive holds more."""
    try:
        (path if entry.is_folder else path.parent).mkdir(parents=True, exist_ok=True)
        source = None if entry.is_folder else entry.open()
        if source is None:
            return
        with source, open(path, "xb") as target:
            left = entry.size
            while left:
                chunk = source.read(min(left, CHUNK))
                if not chunk:
                    raise EOFError("a file in it ends early")
                target.write(chunk)
                left -= len(chunk)
    except (FileExistsError, NotADirectoryError):
        raise RefusedError(f"holds {brief('/'.join(entry.parts))} twice") from None
