"""The cache: the whole interface between extraction, training and testing.

    <cache>/<extractor>-<weights>/<split>/poses/part-00000.parquet   one row per image: pandas.read_parquet(".../poses")
    <cache>/<extractor>-<weights>/<split>/crops/part-00000.jpgs      the person crops, JPEG after JPEG
    <cache>/<extractor>-<weights>/<split>/cache.json                 written last: what made it, and that it is complete

(<weights>-several, where the extractor estimates several crops of each image.)

A part appears only when it is whole, so a killed extraction goes on with the first part that is missing.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from modules.config import Config
from modules.layout import Frame
from modules.pose_utils import Camera
from modules.skeleton import NUM_JOINTS, ROOT
from modules.utils import UserError, atomic_path, digest, read_json, sha256_file, write_json

CACHE_VERSION = 2
IMAGE_TAIL = 16384  # bytes of every image that a stale cache is known by
CROP_SIZE = 256  # px; smaller inputs are resized from it
CROP_MARGIN = 1.25  # the crop shows this much of the person box
J = NUM_JOINTS

TEXT_COLUMNS = (
    "file_name", "image_path", "pose", "person", "camera", "sequence", "extractor", "fingerprint", "choice",
)  # fmt: skip
# Shapes of the number columns; a row's null (nobody found, no label, not declared) reads as NaN.
NUMBER_COLUMNS: dict[str, tuple[int, ...]] = {
    "image_size": (2,),
    "box_xywh": (4,),  # undistorted px
    "score": (),
    "people": (),  # how many the extractor saw, where it tells
    "person_index": (),  # which of them this is, by the rule in `choice`
    "joints_px": (J, 2),  # undistorted px
    "confidence": (J,),
    "joints_rel_mm": (J, 3),  # the extractor's own 3D: relative to the pelvis, camera axes
    "depth_root_mm": (),  # the extractor's pelvis, placed by least squares where it does not place it itself
    "depth_rel_mm": (J,),
    "root_cam_mm": (3,),
    "K": (3, 3),
    "R": (3, 3),
    "t": (3,),
    "distortion": (5,),
    "world_up": (3,),
    "floor_height_mm": (),
    "R_cam2crop": (3, 3),
    "K_crop": (3, 3),
    "crop_offset": (),
    "crop_bytes": (),
    "joints_world_mm": (J, 3),  # the label, and what follows from it
    "true_joints_px": (J, 2),
    "true_depth_root_mm": (),
    "true_depth_rel_mm": (J,),
}
FOREIGN = "foreign"  # whether a row is of a further data set: in memory alone
TRUTH_COLUMNS = ("joints_world_mm", "true_joints_px", "true_depth_root_mm", "true_depth_rel_mm")


def _arrow_type(shape: tuple[int, ...]) -> pa.DataType:
    return pa.float64() if shape == () else pa.list_(pa.float64(), int(np.prod(shape)))


SCHEMA = pa.schema(
    [
        *(pa.field(name, pa.string(), nullable=False) for name in TEXT_COLUMNS),
        pa.field("found", pa.bool_(), nullable=False),
        pa.field("labelled", pa.bool_(), nullable=False),
        *(pa.field(name, _arrow_type(shape)) for name, shape in NUMBER_COLUMNS.items()),
    ]
)


@dataclass(frozen=True)
class Rows:
    """Rows of the cache as arrays: `rows["joints_px"]` is (rows, 24, 2). Numbers that a row lacks are NaN."""

    columns: Mapping[str, np.ndarray]
    crop_files: tuple[Path, ...]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    def __len__(self) -> int:
        return len(self.columns["file_name"])

    def take(self, which: np.ndarray | Sequence[int]) -> Rows:
        """The rows at these indices, or where this mask is true."""
        index = np.asarray(which)
        return Rows(
            {name: values[index] for name, values in self.columns.items()}, tuple(np.asarray(self.crop_files)[index])
        )

    def beside(self, others: Sequence[Rows]) -> Rows:
        """These rows, and behind them those of other caches, of which they still are told apart by `own`."""
        all_rows = (self, *others)
        columns = {name: np.concatenate([rows[name] for rows in all_rows]) for name in self.columns}
        columns[FOREIGN] = np.repeat([False, True], [len(self), sum(map(len, others))])
        return Rows(columns, tuple(path for rows in all_rows for path in rows.crop_files))

    @property
    def own(self) -> Rows:
        """The rows that `beside` was asked of; all of them where it was not asked."""
        return self.take(~self[FOREIGN]) if FOREIGN in self.columns else self

    def without_truth(self) -> Rows:
        """The same rows as if no label existed, so that nothing downstream can look."""
        blank = {name: np.full_like(self[name], np.nan) for name in TRUTH_COLUMNS}
        return Rows({**self.columns, **blank, "labelled": np.zeros(len(self), bool)}, self.crop_files)

    def read_crop(self, row: int) -> np.ndarray:
        """The row's person crop: (256, 256, 3) uint8 RGB. UserError where it is damaged."""
        offset, size = int(self["crop_offset"][row]), int(self["crop_bytes"][row])
        try:
            with open(self.crop_files[row], "rb") as handle:
                handle.seek(offset)
                data = handle.read(size)
        except OSError:
            data = b""
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if len(data) == size > 0 else None
        if image is None:
            raise UserError(
                f"{self.crop_files[row]}: a crop is damaged or missing; delete this folder and extract again"
            )
        return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def cache_folder(config: Config, split: str) -> Path:
    """Where the cache of a split lies for the configured extractor, weights and crops."""
    extract = config.EXTRACT
    crops = f"-{extract.crops}" if extract.takes_several else ""
    return config.cache_root / f"{extract.extractor}-{Path(extract.weights).name}{crops}" / split


def inputs_digest(frames: Sequence[Frame]) -> str:
    """What the rows depend on outside the extractor: images by size and last bytes, cameras and labels whole.

    UserError for an image that is listed and not there: a link to nothing.
    """
    cameras = {str(f.camera_path.relative_to(f.root)): f.camera_path for f in frames}
    labels = {str(f.label_path.relative_to(f.root)): f.label_path for f in frames}
    contents = {name: sha256_file(path) if path.is_file() else None for name, path in {**cameras, **labels}.items()}
    return digest([contents, [[f.file_name, *_image_mark(f.image_path)] for f in frames]])


def _image_mark(path: Path) -> tuple[int, str]:
    """The size and a hash of the last bytes: to read a million images whole at every start would take an hour.

    The code of a compressed image is one chain, so a changed picture of the same size ends in other bytes.
    """
    try:
        with open(path, "rb") as handle:
            size = handle.seek(0, os.SEEK_END)
            handle.seek(max(0, size - IMAGE_TAIL))
            return size, hashlib.sha256(handle.read()).hexdigest()
    except OSError as error:
        raise UserError(
            f"{path}: this image is missing or cannot be read ({error.strerror}); restore it, or remove its name"
        ) from None


def cache_options() -> dict[str, Any]:
    """The options of the cache itself; another value makes another cache."""
    return {"version": CACHE_VERSION, "crop_size": CROP_SIZE, "crop_margin": CROP_MARGIN}


def to_row(frame: Frame, camera: Camera, values: Mapping[str, Any]) -> dict[str, Any]:
    """One row from what is known of a frame; number columns that `values` lacks become null."""
    row: dict[str, Any] = {
        "file_name": frame.file_name, "image_path": frame.image_path.relative_to(frame.root).as_posix(),
        "pose": frame.pose, "person": frame.person, "camera": frame.camera, "sequence": frame.sequence,
        "K": camera.K, "R": camera.R, "t": camera.t, "distortion": camera.distortion, "world_up": camera.world_up,
        "floor_height_mm": camera.floor_height_mm, "choice": "", **values,
    }  # fmt: skip
    for name, shape in NUMBER_COLUMNS.items():
        value = row.get(name)
        if value is None:
            row[name] = None
            continue
        array = np.asarray(value, dtype=np.float64)
        if array.shape != shape or not np.isfinite(array).all():
            raise ValueError(f"{frame.file_name}: the column {name} needs finite numbers of shape {shape}")
        row[name] = float(array) if shape == () else array.ravel().tolist()
    return row


def part_paths(folder: Path, index: int) -> tuple[Path, Path]:
    """The Parquet file and the crop file of a part."""
    return folder / "poses" / f"part-{index:05d}.parquet", folder / "crops" / f"part-{index:05d}.jpgs"


def write_part(folder: Path, index: int, rows: list[dict[str, Any]], crops: Sequence[bytes], key: str) -> None:
    """Write one part: the crops, then the table, whose presence says that the part is whole; or neither, on a full disk."""
    poses, packed = part_paths(folder, index)
    table = pa.Table.from_pylist(rows, schema=SCHEMA.with_metadata({"worldpose_key": key}))
    with atomic_path(poses) as new_poses:
        pq.write_table(table, new_poses, compression="zstd")
        with atomic_path(packed) as new_packed:
            new_packed.write_bytes(b"".join(crops))
            manifest_path(folder).unlink(missing_ok=True)  # the parts of an older cache are no longer one
            poses.unlink(missing_ok=True)  # and their tables must not stand beside newer crops


def part_stands(folder: Path, index: int, names: Sequence[str], key: str) -> bool:
    """Whether this part is whole, made by `key`, and holds exactly these images."""
    poses, packed = part_paths(folder, index)
    if not (poses.is_file() and packed.is_file()):
        return False
    try:
        table = pq.read_table(poses, columns=["file_name"])
    except (OSError, pa.ArrowException):
        return False
    same_key = (table.schema.metadata or {}).get(b"worldpose_key") == key.encode()
    return same_key and table["file_name"].to_pylist() == list(names)


def drop_parts_from(folder: Path, count: int) -> None:
    """Remove parts numbered `count` and above: left by an extraction of more images that never finished."""
    for path in (*folder.glob("poses/part-*.parquet"), *folder.glob("crops/part-*.jpgs")):
        if int(path.stem.removeprefix("part-")) >= count:
            path.unlink()


def manifest_path(folder: Path) -> Path:
    """The file that says what made a cache, and that it is complete."""
    return folder / "cache.json"


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Declare a cache complete."""
    write_json(manifest_path(folder), manifest)


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """The manifest of a complete cache, or None."""
    path = manifest_path(folder)
    if not path.exists():
        return None
    mend = f"delete {folder} and extract again"
    manifest = read_json(path, mend)
    if not (isinstance(manifest, dict) and isinstance(manifest.get("parts"), int)):
        raise UserError(f"{path}: this is not what says what made a cache; {mend}")
    return manifest


def open_cache(config: Config, split: str, frames: Sequence[Frame]) -> tuple[Rows, dict[str, Any]]:
    """The rows of a split in the frames' order, and the manifest. UserError where it is missing or stale."""
    folder = cache_folder(config, split)
    mend = f"run python extract_train_info.py --split {split}"
    manifest = read_manifest(folder)
    if manifest is None:
        raise UserError(f"{folder}: there is no complete cache of the {split} images; {mend}")
    if manifest.get("options") != cache_options():
        raise UserError(f"{manifest_path(folder)}: the cache is of another version or crop size; {mend}")
    if manifest.get("inputs") != inputs_digest(frames):
        raise UserError(f"{manifest_path(folder)}: images, cameras or labels have changed since extraction; {mend}")
    return _read_rows(folder, int(manifest["parts"])), manifest


def _read_rows(folder: Path, parts: int) -> Rows:
    tables, crop_files = [], []
    for index in range(parts):
        poses, packed = part_paths(folder, index)
        try:
            tables.append(pq.read_table(poses, schema=SCHEMA))
        except (OSError, pa.ArrowException):
            raise UserError(f"{poses}: this part is damaged or missing; delete {folder} and extract again") from None
        crop_files += [packed] * tables[-1].num_rows
    table = pa.concat_tables(tables)
    columns: dict[str, np.ndarray] = {name: np.array(table[name].to_pylist(), dtype=object) for name in TEXT_COLUMNS}
    columns |= {name: table[name].to_numpy() for name in ("found", "labelled")}
    columns |= {name: _to_numbers(table[name], shape) for name, shape in NUMBER_COLUMNS.items()}
    return Rows(columns, tuple(crop_files))


def _to_numbers(column: pa.ChunkedArray, shape: tuple[int, ...]) -> np.ndarray:
    values = column.combine_chunks()
    out = np.full((len(values), *shape), np.nan)
    valid = np.asarray(values.is_valid())
    if shape == ():
        out[valid] = values.drop_null().to_numpy(zero_copy_only=False)
    else:
        out[valid] = values.drop_null().flatten().to_numpy(zero_copy_only=False).reshape(-1, *shape)
    return out


def root_relative(depth_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(..., 24) camera depths → the root's (...), and each joint's relative to it (..., 24)."""
    return depth_mm[..., ROOT], depth_mm - depth_mm[..., ROOT, None]
