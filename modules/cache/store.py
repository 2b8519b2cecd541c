"""Reads and writes the cache on disk.

    <cache>/<extractor>-<weights>/<split>/poses/part-00000.parquet   one row per image: pandas.read_parquet(".../poses")
    <cache>/<extractor>-<weights>/<split>/crops/part-00000.jpgs      the person crops, JPEG after JPEG
    <cache>/<extractor>-<weights>/<split>/cache.json                 written last: what made it, and that it is complete
    <cache>/<extractor>-<weights>/<split>/inputs.parquet             hashes of the inputs: modules/cache/inputs.py
    <cache>/<extractor>-<weights>/<split>/columns/                   the rows as mapped arrays: modules/cache/columns.py

With test-time augmentation, <weights> is followed by -tta, or by -adaptive; in bfloat16, then by -bf16. Parts are written
atomically, so that a killed extraction resumes with the first missing part. Caches of WorldPose, the project's former name, are
read too: only the name of the key differs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from model.inputs import CROP_SIZE
from modules.cache import worlds
from modules.cache.columns import current_rows, mapped_rows, part_paths, read_table, rows_in_memory
from modules.cache.inputs import inputs_digest
from modules.cache.table import CROP_MARGIN, SCHEMA, Rows
from modules.cache.upright import turned_rows
from modules.config.schema import Config
from modules.files.atomic import atomic_path, read_json, write_json
from modules.files.hashing import digest
from modules.files.json_text import parse_json
from modules.files.layout import Frame
from modules.files.off_floor import read_off_floor
from modules.files.parquet import write_table
from modules.files.person_boxes import read_person_boxes
from modules.utils import UserError, log

CACHE_VERSION = 2
KEYS = (b"groundpose_key", b"worldpose_key")  # names of the key in a part's metadata: current, former
HINTS, TURNED = "person_box", "turned"  # the manifest's keys
ROW_KEYS = b"groundpose_row_keys"  # name of the keys of its rows; caches of earlier versions have none


def cache_folder(config: Config, split: str) -> Path:
    """Returns the cache folder of a split for the configured extraction."""
    return config.cache_root / _extraction_name(config, "tta") / split


def _extraction_name(config: Config, tta: str) -> str:
    extract = config.EXTRACT
    ending = "" if not extract.tta else "-adaptive" if extract.tta == "adaptive" else f"-{tta}"
    precision = "-bf16" if extract.chosen_engine == "openvino-bf16" else ""
    return f"{extract.extractor}-{Path(extract.weights).name}{ending}{precision}"


def adopt_old_cache(config: Config) -> None:
    """Renames a cache folder of WorldPose, whose name ends in -several, so that nothing is extracted again.

    It is of all crops, and is renamed with the adaptive test-time augmentation, too.
    """
    all_crops = config.with_tta(True) if config.EXTRACT.tta else config
    old, new = (config.cache_root / _extraction_name(all_crops, tta) for tta in ("several", "tta"))
    if old != new and old.is_dir() and not new.exists():
        old.rename(new)
        log.info("%s: this cache of WorldPose is now %s", old, new)


def other_crops(config: Config, split: str) -> tuple[Path, str] | None:
    """Returns the complete cache of a split with the other test-time augmentation, full or adaptive, and its assignment.

    None without such a cache, and for one crop.
    """
    if not config.EXTRACT.tta:
        return None
    other = config.with_tta(True if config.EXTRACT.tta == "adaptive" else "adaptive")
    folder, value = cache_folder(other, split), str(other.EXTRACT.test_time_augmentation).lower()
    return (folder, f"EXTRACT.test_time_augmentation={value}") if manifest_path(folder).exists() else None


def cache_options() -> dict[str, Any]:
    """Returns the options of the cache itself; a change makes it stale."""
    return {"version": CACHE_VERSION, "crop_size": CROP_SIZE, "crop_margin": CROP_MARGIN}


def hints_entry(hints: Mapping[str, np.ndarray]) -> dict[str, str]:
    """Returns the manifest's entry for the list of person boxes; none without a list, so that older caches stay valid."""
    return {HINTS: digest({name: hint.tolist() for name, hint in hints.items()})} if hints else {}


def turned_entry(turned: Mapping[str, int]) -> dict[str, str]:
    """Returns the manifest's entry for views whose pictures are turned; none without any, so that older caches stay valid."""
    return {TURNED: digest(dict(sorted(turned.items())))} if turned else {}


def write_part(
    folder: Path, index: int, rows: list[dict[str, Any]], crops: Sequence[bytes], key: str, row_keys: Sequence[str] = ()
) -> None:
    """Writes one part: first the crops, then the table, which marks the part as complete. A full disk leaves neither.

    `row_keys` say what each row was made of, so that a later extraction of other inputs can keep those that stay the same.
    """
    poses, packed = part_paths(folder, index)
    metadata = {KEYS[0]: key, ROW_KEYS: json.dumps(list(row_keys))}
    table = pa.Table.from_pylist(rows, schema=SCHEMA.with_metadata(metadata))
    with atomic_path(poses) as new_poses:
        write_table(table, new_poses)
        with atomic_path(packed) as new_packed:
            new_packed.write_bytes(b"".join(crops))
            manifest_path(folder).unlink(missing_ok=True)  # it describes the parts of an older cache
            poses.unlink(missing_ok=True)  # an old table must not refer to new crops


def rows_to_keep(folder: Path, index: int, wanted: Mapping[str, str]) -> dict[str, tuple[dict[str, Any], bytes]]:
    """Returns the rows of a part whose key is the wanted one of their image, each with its crop, by file name."""
    rows = rows_with_keys(folder, index)
    return {name: (row, crop) for name, (row, crop, key) in rows.items() if wanted.get(name) == key}


def rows_with_keys(folder: Path, index: int) -> dict[str, tuple[dict[str, Any], bytes, str]]:
    """Returns the rows of a part, each with its crop and its key, by file name; none if it is damaged or has no keys."""
    packed = part_paths(folder, index)[1]
    try:
        table, crops = read_table(folder, index, SCHEMA.names), packed.read_bytes()
    except (OSError, UserError):
        return {}
    keys = _row_keys_in(table.schema)
    if len(keys) != table.num_rows or table.schema.names != SCHEMA.names:
        return {}
    found = {}
    for row, key in zip(table.to_pylist(), keys, strict=True):
        start, size = int(row["crop_offset"] or 0), int(row["crop_bytes"] or 0)
        if start + size <= len(crops):
            found[row["file_name"]] = (row, crops[start : start + size], key)
    return found


def _row_keys_in(schema: pa.Schema) -> list[Any]:
    """Returns the keys of a part's rows; none if they are missing or damaged."""
    try:
        keys = parse_json((schema.metadata or {}).get(ROW_KEYS, b"[]"))
    except ValueError:
        return []
    return keys if isinstance(keys, list) else []


def part_exists(folder: Path, index: int, names: Sequence[str], key: str | None) -> bool:
    """Whether this part is complete, was made with `key` (None: any), and holds exactly these images, in one row or several."""
    return part_problem(folder, index, names, key) is None


def part_problem(folder: Path, index: int, names: Sequence[str], key: str | None) -> str | None:
    """Returns why a part cannot be used as it is, in the terms of `part_exists`; None if it can."""
    poses, packed = part_paths(folder, index)
    if not (poses.is_file() and packed.is_file()):
        return "missing"
    try:
        table = read_table(folder, index, ["file_name"])
    except UserError:
        return "damaged"
    if list(dict.fromkeys(table["file_name"].to_pylist())) != list(names):
        return "of other images"
    return None if key in (None, _key_in(table.schema)) else "of changed images, cameras, labels, weights or options"


def part_key(table_path: Path) -> str:
    """Returns the key of a part's table, empty if it has none. Raises OSError or ArrowException if it cannot be read."""
    return _key_in(pq.read_schema(table_path))


def _key_in(schema: pa.Schema) -> str:
    metadata = schema.metadata or {}
    return next((metadata[key].decode() for key in KEYS if key in metadata), "")


def drop_parts_from(folder: Path, count: int) -> None:
    """Removes parts numbered `count` and above, left by an unfinished extraction of more images."""
    for path in (*folder.glob("poses/part-*.parquet"), *folder.glob("crops/part-*.jpgs")):
        if is_part_from(path, count):
            path.unlink()


def is_part_from(path: Path, count: int) -> bool:
    """Whether a file is a part numbered `count` or above, and not another program's copy of one."""
    number = path.stem.removeprefix("part-")
    return number.isdecimal() and number.isascii() and int(number) >= count


def manifest_path(folder: Path) -> Path:
    """Returns the path of the manifest, which exists if a cache is complete."""
    return folder / "cache.json"


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Writes the manifest, which marks a cache as complete."""
    write_json(manifest_path(folder), manifest)


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Returns the manifest of a complete cache, or None."""
    path = manifest_path(folder)
    if not path.exists():
        return None
    fix = f"delete {folder} and extract again"
    manifest = read_json(path, fix)
    if not (isinstance(manifest, dict) and isinstance(manifest.get("parts"), int) and manifest["parts"] > 0):
        raise UserError(f"{path}: this is not a manifest of a cache; {fix}")
    return manifest


def open_cache(config: Config, split: str, frames: Sequence[Frame]) -> tuple[Rows, dict[str, Any]]:
    """Returns the rows of a split in the frames' order, with up and floor as DATA.floor says, and the manifest.

    The manifest's key is that of these rows. Raises UserError if the cache is missing or stale.
    """
    folder = cache_folder(config, split)
    fix = f"run python extract_train_info.py --split {split}"
    manifest = read_manifest(folder)
    if manifest is None:
        other = other_crops(config, split)
        instead = "" if other is None else f", or use {other[0]} with --set {other[1]}"
        raise UserError(f"{folder}: there is no complete cache of the {split} images; {fix}{instead}")
    if manifest.get("options") != cache_options():
        raise UserError(f"{manifest_path(folder)}: the cache is of another version or crop size; {fix}")
    if manifest.get("inputs") != inputs_digest(frames, folder):
        raise UserError(f"{manifest_path(folder)}: images, cameras or labels have changed since extraction; {fix}")
    if manifest.get(HINTS) != hints_entry(read_person_boxes(config.data_root, frames)).get(HINTS):
        raise UserError(f"{manifest_path(folder)}: the list of person boxes has changed since extraction; {fix}")
    rows = mapped_rows(folder, int(manifest["parts"]))
    if manifest.get(TURNED) != turned_entry(turned_rows(rows)).get(TURNED):
        raise UserError(
            f"{manifest_path(folder)}: pictures of cameras that are not upright were not turned in this cache; {fix}"
        )
    rows = worlds.complete_rows(config, split, rows, manifest, manifest_path(folder))
    key, off_floor = worlds.rows_key(config, manifest), read_off_floor(config.data_root, frames)
    if off_floor:
        rows, key = _without_floor(rows, off_floor), digest([key, off_floor])
    return rows, {**manifest, "key": key}


def _without_floor(rows: Rows, names: Sequence[str]) -> Rows:
    """Returns the rows without the floor of these images, so that the person's size decides the distance."""
    is_off = np.isin(rows["file_name"], names)
    return rows.with_columns({"floor_height_mm": np.where(is_off, np.nan, rows["floor_height_mm"])})


def read_rows(folder: Path, parts: int) -> Rows:
    """Returns the rows of the first `parts` parts of a cache, mapped into memory if their arrays are kept and current.

    Raises UserError if a part is damaged or missing.
    """
    return current_rows(folder, parts) or rows_in_memory(folder, parts)
