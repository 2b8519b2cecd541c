"""Computes the digest of a split's inputs, and remembers every file's hash beside the cache.

    <cache>/<extractor>-<weights>/<split>/inputs.parquet     one row per camera, label and image: name, stat, hash

A file is read again only if its size, modification time, change time or inode differs from the remembered one. The change
time is the kernel's own: a program that restores the modification time of a file that it has changed cannot set it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from modules.files.atomic import atomic_path
from modules.files.hashing import IMAGE_TAIL, digest, image_tail, tail_hash
from modules.files.layout import Frame
from modules.files.parquet import read_table, write_table
from modules.utils import UserError, log

SETTLED_NS = 2 * 10**9  # a file changed less than this ago may change again and keep its times: FAT stores them to 2 s
SCHEMA = pa.schema(
    [
        ("name", pa.string()),  # an image's file name; the path from the data root of a camera or label
        ("size", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("ctime_ns", pa.int64()),
        ("inode", pa.uint64()),
        ("hash", pa.string()),  # `tail_hash`: of an image, its last bytes; of another file, all
    ],
    metadata={"image_tail": f"{IMAGE_TAIL}, orientation"},
)


class Remembered(NamedTuple):
    """What is remembered of one file: its stat and its hash."""

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    hash: str


def remembered_path(folder: Path) -> Path:
    """Returns the file of the remembered hashes in a split's cache folder."""
    return folder / "inputs.parquet"


@dataclass(frozen=True)
class Inputs:
    """The inputs of a split, in digests."""

    digest: str  # of all of them
    frames: Sequence[Frame]
    marks: Sequence[tuple[int, str]]  # of each image
    hashes: Mapping[Path, str | None]  # of each camera and label; None: there is none

    def of_image(self, index: int) -> str:
        """Returns the digest of one image, its camera and its label."""
        frame = self.frames[index]
        return digest([*self.marks[index], self.hashes[frame.camera_path], self.hashes[frame.label_path]])


def inputs_digest(frames: Sequence[Frame], folder: Path | None = None) -> str:
    """Returns the digest of the inputs of a split, as `read_inputs` does."""
    return read_inputs(frames, folder).digest


def read_inputs(frames: Sequence[Frame], folder: Path | None = None) -> Inputs:
    """Returns the digests of the inputs of a split: cameras and labels whole, images by size and `tail_hash`.

    Files that are unchanged since they were remembered in the cache folder `folder` are not read; the others are, and are
    remembered. Without `folder`, every file is read. Raises UserError for an image that is missing, such as a dangling link.
    """
    reader = _Reader({} if folder is None else read_remembered(remembered_path(folder)))
    views = {frame.view: frame for frame in frames}.values()  # one frame per camera file
    moments = {(frame.recording, frame.sequence): frame for frame in frames}.values()  # one frame per label file
    root, hashes = frames[0].root, {}
    for path in [frame.camera_path for frame in views] + [frame.label_path for frame in moments]:
        name = str(path.relative_to(root))
        hashes[path] = reader.read(name, path, None).hash if path.is_file() else None
    split_folder = str(frames[0].folder)
    marks = [_image_mark(split_folder, frame, reader) for frame in frames]
    contents = {str(path.relative_to(root)): value for path, value in hashes.items()}
    value = digest([contents, [[frame.file_name, *mark] for frame, mark in zip(frames, marks, strict=True)]])
    if folder is not None and reader.found != reader.known:
        _write_remembered(remembered_path(folder), reader.found)
    return Inputs(value, frames, marks, hashes)


def _image_mark(split_folder: str, frame: Frame, reader: _Reader) -> tuple[int, str]:
    """Returns the size and the `tail_hash` of an image; raises UserError if the image cannot be read."""
    try:
        tail = image_tail(frame.file_name)
        read = reader.read(frame.file_name, f"{split_folder}/{frame.image_in_folder}", tail)
    except OSError as error:
        raise UserError(
            f"{frame.image_path}: this image is missing or cannot be read ({error.strerror}); restore it, or remove its name"
        ) from None
    return read.size, read.hash


class _Reader:
    """Hashes files whose hash is not known, and collects what may be remembered of all of them."""

    def __init__(self, known: Mapping[str, Remembered]) -> None:
        self.known = known
        self.found: dict[str, Remembered] = {}

    def read(self, name: str, path: Path | str, tail: int | None) -> Remembered:
        """Returns the stat and hash of a file, or of its last `tail` bytes; raises OSError if it cannot be read.

        It is not remembered if it was changed less than SETTLED_NS before, since a second change within the resolution of
        the file system's clock would leave its stat as it is.
        """
        known = self.known.get(name)
        if known is not None and known[:-1] == _stat_fields(os.stat(path)):
            self.found[name] = known
            return known
        with open(path, "rb") as handle:
            now = time.time_ns()
            size, mtime_ns, ctime_ns, inode = _stat_fields(os.fstat(handle.fileno()))
            read = Remembered(size, mtime_ns, ctime_ns, inode, tail_hash(handle, size, tail))
        if max(mtime_ns, ctime_ns) < now - SETTLED_NS:
            self.found[name] = read
        return read


def _stat_fields(stat: os.stat_result) -> tuple[int, int, int, int]:
    """Returns size, modification time, change time and inode."""
    return stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino


def read_remembered(path: Path) -> dict[str, Remembered]:
    """Returns what is remembered of every file, by its name in the table; empty if the table is missing or damaged."""
    try:
        table = read_table(path)
    except (OSError, ValueError, pa.ArrowException):
        return {}
    if not table.schema.equals(SCHEMA, check_metadata=True):
        return {}
    names, *fields = (column.to_pylist() for column in table.columns)
    return dict(zip(names, map(Remembered._make, zip(*fields, strict=True)), strict=True))


def _write_remembered(path: Path, found: Mapping[str, Remembered]) -> None:
    """Writes what is remembered of every file; nothing is remembered in a read-only folder or on a full disk."""
    columns = zip(*((name, *fields) for name, fields in found.items()), strict=True) if found else [[]] * len(SCHEMA)
    try:
        arrays = [pa.array(values, field.type) for values, field in zip(columns, SCHEMA, strict=True)]
        with atomic_path(path) as temporary:
            write_table(pa.Table.from_arrays(arrays, schema=SCHEMA), temporary)
    except (OSError, OverflowError, pa.ArrowException) as error:  # OverflowError: a date outside of 1677 to 2262
        log.debug("%s: the hashes of the inputs are not remembered (%s)", path, error)
