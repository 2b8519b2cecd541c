"""Keeps the columns of a cache's parts as arrays on disk, which are mapped into memory instead of read.

    <cache>/<extractor>-<weights>/<split>/columns/<column>.npy      all rows of one column of the table
    <cache>/<extractor>-<weights>/<split>/columns/made_of.json      which parts they are made of

They are made of the parts, one part after another, whenever they are missing or made of others, and replaced as a whole; the
same parts give the same bytes. Opening them takes no memory: the system reads what is used, and drops it again when memory is
short.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from modules.cache.table import NUMBER_COLUMNS, SCHEMA, TEXT_COLUMNS, Rows
from modules.files import parquet
from modules.files.atomic import atomic_folder, write_json
from modules.files.hashing import digest
from modules.utils import UserError, log

FORMAT = 1  # of the folder; another one is made anew
LENGTH = 8  # bytes at the end of a Parquet file: the length of its footer, and a magic word


def columns_folder(folder: Path) -> Path:
    """Returns the folder of the arrays in a split's cache folder."""
    return folder / "columns"


def part_paths(folder: Path, index: int) -> tuple[Path, Path]:
    """Returns the Parquet file and the crop file of a part."""
    return folder / "poses" / f"part-{index:05d}.parquet", folder / "crops" / f"part-{index:05d}.jpgs"


def read_table(folder: Path, index: int, names: list[str] | None = None) -> pa.Table:
    """Reads a part's table with these columns, or all of SCHEMA; what an older part lacks is null.

    Raises UserError if the part is damaged or missing.
    """
    path = part_paths(folder, index)[0]
    try:
        if not set(pq.read_schema(path).names) <= set(SCHEMA.names):
            raise ValueError("a column of another name")  # a changed bit: its values would be missing
        table = parquet.read_table(path, names)
        for field in SCHEMA if names is None else ():
            if field.name not in table.schema.names:
                table = table.append_column(field, pa.nulls(table.num_rows, field.type))
        return table if names is not None else table.select(SCHEMA.names).cast(SCHEMA)
    except (OSError, ValueError, pa.ArrowException):
        raise UserError(f"{path}: this part is damaged or missing; delete {folder} and extract again") from None


def arrays_of(table: pa.Table) -> dict[str, np.ndarray]:
    """Returns the columns of a part's table: texts, booleans, and numbers with NaN where they are null."""
    columns = {name: np.array(table[name].to_pylist(), dtype=str) for name in TEXT_COLUMNS}
    columns |= {name: np.array(table[name].to_pylist(), dtype=bool) for name in ("found", "labelled")}
    return columns | {name: _to_numbers(table[name], shape) for name, shape in NUMBER_COLUMNS.items()}


def _to_numbers(column: pa.ChunkedArray, shape: tuple[int, ...]) -> np.ndarray:
    """Returns a column of numbers as (rows, *shape), straight from Arrow's buffers."""
    values = column.combine_chunks()
    valid = np.array(pc.is_valid(values).to_pylist(), dtype=bool)
    out = np.full((len(values), *shape), np.nan)
    known = values.drop_null()
    flat = known if shape == () else known.flatten()
    numbers = np.frombuffer(flat.buffers()[1] or b"", np.float64)[flat.offset : flat.offset + len(flat)]
    out[valid] = numbers.reshape(-1, *shape)
    return out


def mapped_rows(folder: Path, parts: int) -> Rows:
    """Returns the rows of the first `parts` parts, mapped into memory; the arrays are made first if they are not current.

    Where nothing can be written, the rows are read into memory. Raises UserError if a part is damaged or missing.
    """
    rows = current_rows(folder, parts)
    if rows is not None:
        return rows
    try:
        write_columns(folder, parts)
    except OSError as error:
        log.debug("%s: the columns are not kept (%s)", columns_folder(folder), error)
    return current_rows(folder, parts) or rows_in_memory(folder, parts)


def rows_in_memory(folder: Path, parts: int) -> Rows:
    """Reads the rows of the first `parts` parts. Raises UserError if one is damaged or missing."""
    return read_parts(folder, list(range(parts)))


def read_parts(folder: Path, indices: list[int]) -> Rows:
    """Reads these parts of a cache. Raises UserError if one is damaged or missing."""
    tables = [arrays_of(read_table(folder, index)) for index in indices]
    columns = {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}
    return Rows(columns, _crop_files(folder, indices, [len(table["found"]) for table in tables]))


def current_rows(folder: Path, parts: int) -> Rows | None:
    """Returns the mapped rows if their arrays are made of the parts as they are; else None."""
    where = columns_folder(folder)
    try:
        made_of = json.loads((where / "made_of.json").read_bytes())
        if made_of["parts"] != _parts_digest(folder, parts):
            return None
        columns = {name: np.asarray(np.load(where / f"{name}.npy", mmap_mode="c")) for name in SCHEMA.names}
        rows = [int(count) for count in made_of["rows"]]
    except (OSError, EOFError, ValueError, KeyError, TypeError):
        return None
    if len(rows) != parts or any(len(values) != sum(rows) for values in columns.values()):
        return None
    return Rows(columns, _crop_files(folder, list(range(parts)), rows))


def write_columns(folder: Path, parts: int) -> None:
    """Makes the arrays of the first `parts` parts. Raises OSError if they cannot be written, UserError as `read_table` does."""
    parts_digest, counts, widths = _parts_digest(folder, parts), [], dict.fromkeys(TEXT_COLUMNS, 1)
    for index in range(parts):
        texts = read_table(folder, index, list(TEXT_COLUMNS))
        counts.append(texts.num_rows)
        for name in TEXT_COLUMNS:
            widths[name] = max(widths[name], pc.max(pc.utf8_length(texts[name])).as_py() or 0)
    kinds: dict[str, tuple[Any, tuple[int, ...]]] = {name: (f"<U{width}", ()) for name, width in widths.items()}
    kinds |= {name: ("?", ()) for name in ("found", "labelled")}
    kinds |= {name: ("<f8", shape) for name, shape in NUMBER_COLUMNS.items()}
    with atomic_folder(columns_folder(folder)) as new:
        files = {name: open(new / f"{name}.npy", "wb") for name in kinds}  # noqa: SIM115
        try:
            for name, (kind, shape) in kinds.items():
                header = {"descr": kind, "fortran_order": False, "shape": (sum(counts), *shape)}
                np.lib.format.write_array_header_1_0(files[name], header)
            for index in range(parts):
                for name, values in arrays_of(read_table(folder, index)).items():
                    files[name].write(np.ascontiguousarray(values, np.dtype(kinds[name][0])).tobytes())
        finally:
            for file in files.values():
                file.close()
        write_json(new / "made_of.json", {"parts": parts_digest, "rows": counts}, indent=None)


def _parts_digest(folder: Path, parts: int) -> str:
    """Returns the digest of the sizes and footers of the parts' tables. Raises UserError if one is missing."""
    try:
        return digest([FORMAT, [_footer(part_paths(folder, index)[0]) for index in range(parts)]])
    except OSError as error:
        raise UserError(
            f"{error.filename}: this part is damaged or missing; delete {folder} and extract again"
        ) from None


def _footer(path: Path) -> tuple[int, str]:
    """Returns the size and the hash of the footer of a Parquet file: the keys of its rows, sizes and ranges of its columns."""
    with open(path, "rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - LENGTH))
        length = int.from_bytes(file.read(4), "little")
        file.seek(max(0, size - LENGTH - length))
        return size, hashlib.sha256(file.read()).hexdigest()


def _crop_files(folder: Path, indices: list[int], counts: list[int]) -> tuple[Path, ...]:
    """Returns the crop file of each row; the rows of a part share one path."""
    files = (part_paths(folder, index)[1] for index in indices)
    return tuple(file for file, count in zip(files, counts, strict=True) for _ in range(count))
