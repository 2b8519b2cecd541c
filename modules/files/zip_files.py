"""Reads zip files of any origin, .npz among them, without letting a small one fill the memory."""

from __future__ import annotations

import io
import math
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import IO, Any

import numpy as np

MOST_DIRECTORY_BYTES = 16 * 2**20  # what `zipfile` may read at once: the names of some 200,000 files


class LongDirectoryError(zipfile.BadZipFile):
    """A zip declares a directory that is longer than any that is needed."""


class _SmallReads:
    """A stream that refuses large reads: `zipfile` reads a directory of any declared length into memory at once."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream, self.has_limit = stream, True
        self.seek, self.tell, self.seekable, self.close = stream.seek, stream.tell, stream.seekable, stream.close

    def read(self, size: int = -1) -> bytes:
        """Reads bytes. Raises LongDirectoryError for more than a directory may need, as long as there is a limit."""
        if self.has_limit and size > MOST_DIRECTORY_BYTES:
            raise LongDirectoryError("its directory is too long")
        return self._stream.read(size)


def open_zip(stream: IO[bytes]) -> zipfile.ZipFile:
    """Returns an open zip file. Raises BadZipFile if it is none, or if its directory is longer than any that is needed."""
    limited: Any = _SmallReads(stream)
    package = zipfile.ZipFile(limited)
    limited.has_limit = False
    return package


def is_stored(path: Path) -> bool:
    """Returns whether a file is a zip whose parts are stored as they are, so that they hold no more bytes than it.

    torch and `numpy.savez` write such files. Raises OSError if it cannot be read.
    """
    try:
        with open(path, "rb") as stream, open_zip(stream) as package:
            return _holds_no_more(package, path)
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        return False
    except OSError as error:
        if error.filename is None:
            return False
        raise


def read_npz(path: Path, most_bytes: int = 0) -> dict[str, np.ndarray]:
    """Returns the arrays of a file that `numpy.savez` has written; also of a compressed one if they are at most `most_bytes`.

    Raises OSError if it cannot be read, and ValueError if it is damaged, is compressed and larger, or holds objects.
    """
    try:
        with open(path, "rb") as stream, open_zip(stream) as package:
            if not (_holds_no_more(package, path) or _is_small(package, most_bytes)):
                raise ValueError("it is compressed")
            return {info.filename.removesuffix(".npy"): _array(package, info) for info in package.infolist()}
    except (zipfile.BadZipFile, zlib.error, EOFError, KeyError, RuntimeError, MemoryError) as error:
        raise ValueError(str(error)) from None
    except OSError as error:
        if error.filename is None:  # a seek to before the file, which a damaged zip asks for
            raise ValueError("it is damaged") from None
        raise


def _holds_no_more(package: zipfile.ZipFile, path: Path) -> bool:
    infos = package.infolist()
    stored = all(info.compress_type == zipfile.ZIP_STORED for info in infos)
    return stored and sum(info.file_size for info in infos) <= path.stat().st_size


def _is_small(package: zipfile.ZipFile, most_bytes: int) -> bool:
    infos = package.infolist()
    known = all(info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for info in infos)
    return known and sum(info.file_size for info in infos) <= most_bytes


def _array(package: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    """Returns one array, whose declared shape must be that of its bytes; `numpy.load` would allocate it first."""
    with package.open(info) as packed:
        member = io.BytesIO(packed.read(info.file_size))  # without a length, any number of bytes would be unpacked
    version = np.lib.format.read_magic(member)
    read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in read_header:
        raise ValueError("an array is of an unknown version")
    try:
        shape, by_columns, dtype = read_header[version](member)
    except (
        tokenize.TokenError,
        RecursionError,
        MemoryError,
        TypeError,
    ):  # Python's, of brackets and signs in the header
        raise ValueError("a header of an array is damaged") from None
    if dtype.hasobject:
        raise ValueError("it holds objects, which could be programs")
    data = bytearray(member.getbuffer()[member.tell() :])
    if any(side < 0 for side in shape) or math.prod(shape) * dtype.itemsize != len(data):
        raise ValueError("an array has another shape than its bytes")
    return np.ndarray(shape, dtype, data, order="F" if by_columns else "C")
