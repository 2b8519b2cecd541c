"""Writes and reads Parquet files with a checksum of every page, so that a bit that has changed on the disk is noticed."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def write_table(table: pa.Table, path: Path) -> None:
    """Writes a table; the same table gives the same bytes. Raises OSError if it cannot be written."""
    pq.write_table(table, path, compression="zstd", write_page_checksum=True)


def read_table(path: Path, names: list[str] | None = None) -> pa.Table:
    """Reads a table, or only these columns of it. Raises OSError, ValueError or pa.ArrowException if it cannot be read."""
    # pq.read_table imports pandas, which takes half a second.
    with pq.ParquetFile(path, page_checksum_verification=True) as file:
        table = file.read(names)
    table.validate(full=True)
    return table
