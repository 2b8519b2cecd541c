"""Defines the columns of the cache, and its rows as arrays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import simplejpeg

from model.inputs import CROP_SIZE
from model.skeleton import NUM_JOINTS
from modules.pose_utils import Camera
from modules.utils import UserError

CROP_MARGIN = 1.25  # side of the crop over the longer side of the person box
J = NUM_JOINTS
TEXT_COLUMNS = (
    "file_name", "image_path", "pose", "person", "camera", "sequence", "extractor", "fingerprint", "choice",
)  # fmt: skip
# Shapes of the number columns. Null (nobody found, no label, not declared) is read as NaN.
NUMBER_COLUMNS: dict[str, tuple[int, ...]] = {
    "image_size": (2,),
    "box_xywh": (4,),  # undistorted px
    "score": (),
    "people": (),  # how many the extractor found, if known
    "person_index": (),  # which of them this is, by the rule in `choice`
    "joints_px": (J, 2),  # undistorted px
    "confidence": (J,),
    "joints_rel_mm": (J, 3),  # the extractor's own 3D: relative to the pelvis, camera axes
    "depth_root_mm": (),  # the extractor's pelvis; by least squares where it gives none
    "depth_rel_mm": (J,),
    "root_cam_mm": (3,),
    "K": (3, 3),
    "R": (3, 3),
    "t": (3,),
    "distortion": (5,),  # k1, k2, p1, p2, k3
    "distortion_more": (9,),  # k4, k5, k6, s1 to s4, tx, ty of a lens that has them
    "fisheye": (4,),  # k1 to k4 of a fisheye lens, which has no `distortion`
    "world_up": (3,),
    "floor_height_mm": (),
    "R_cam2crop": (3, 3),
    "K_crop": (3, 3),
    "crop_offset": (),
    "crop_bytes": (),
    "joints_world_mm": (J, 3),  # the label, and what is derived from it
    "label_sd_mm": (J,),  # the label's own uncertainty, if it tells it
    "true_joints_px": (J, 2),
    "true_depth_root_mm": (),
    "true_depth_rel_mm": (J,),
}
FITTED_ROWS = 32_768  # rows to which statistics are fitted and from which views are simulated, at most
VALIDATED_ROWS = 8_192  # rows that validate, at most: each epoch predicts them, and their errors are kept in memory
IS_EXTRA = "is_extra"  # whether a row is of an extra data set; in memory only
TRUTH_COLUMNS = ("joints_world_mm", "label_sd_mm", "true_joints_px", "true_depth_root_mm", "true_depth_rel_mm")


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


class ImageFields(Protocol):
    """The text columns of one image: of a data set (modules.files.layout.Frame) or of a prediction."""

    @property
    def file_name(self) -> str: ...  # different from that of every other image of its cache
    @property
    def image_from_root(self) -> str: ...
    @property
    def pose(self) -> str: ...
    @property
    def person(self) -> str: ...
    @property
    def camera(self) -> str: ...
    @property
    def sequence(self) -> str: ...


class TakenColumns(Mapping[str, np.ndarray]):
    """Some rows of columns; a column is copied when it is first used, so that rows without use take no memory."""

    def __init__(
        self, base: Mapping[str, np.ndarray], index: np.ndarray, changed: Mapping[str, np.ndarray] | None = None
    ) -> None:
        """`index` are places in the columns of `base`; `changed` are columns of these rows that replace or follow them."""
        self.base, self.index, self.changed = base, index, dict(changed or {})

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.changed:
            self.changed[name] = self.base[name][self.index]
        return self.changed[name]

    def at(self, name: str, which: np.ndarray) -> np.ndarray:
        """Returns a column at some of these rows, without copying the others."""
        values = self.changed[name][which] if name in self.changed else self.base[name][self.index[which]]
        return np.asarray(values)

    def __contains__(self, name: object) -> bool:  # a mapping would copy the column to see whether there is one
        return name in self.changed or name in self.base

    def __iter__(self) -> Iterator[str]:
        return iter({**dict.fromkeys(self.base), **dict.fromkeys(self.changed)})

    def __len__(self) -> int:
        return len(list(iter(self)))


@dataclass(frozen=True)
class Rows:
    """Rows of the cache as arrays: `rows["joints_px"]` is (rows, 24, 2). Missing numbers are NaN."""

    columns: Mapping[str, np.ndarray]
    crop_files: tuple[Path, ...]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    def __len__(self) -> int:
        return len(self.crop_files)

    def take(self, which: np.ndarray | Sequence[int]) -> Rows:
        """Returns the rows at these indices, or where this mask is true."""
        index = np.arange(len(self))[np.asarray(which)]
        files = tuple(np.asarray(self.crop_files, dtype=object)[index])
        if not isinstance(self.columns, TakenColumns):
            return Rows(TakenColumns(self.columns, index), files)
        taken = self.columns
        changed = {name: values[index] for name, values in taken.changed.items()}
        return Rows(TakenColumns(taken.base, taken.index[index], changed), files)

    def at(self, name: str, which: np.ndarray) -> np.ndarray:
        """Returns a column at these indices, without copying the other rows."""
        return self.columns.at(name, which) if isinstance(self.columns, TakenColumns) else self.columns[name][which]

    def with_columns(self, changed: Mapping[str, np.ndarray]) -> Rows:
        """Returns the rows with these columns replaced or added."""
        if isinstance(self.columns, TakenColumns):
            taken = self.columns
            return Rows(TakenColumns(taken.base, taken.index, {**taken.changed, **changed}), self.crop_files)
        return Rows({**self.columns, **changed}, self.crop_files)

    def sample(self, count: int) -> Rows:
        """Returns `count` of the rows at random, always the same ones and in order; all of them if there are no more."""
        if len(self) <= count:
            return self
        return self.take(np.sort(np.random.default_rng(0).choice(len(self), count, replace=False)))

    def with_extra(self, others: Sequence[Rows]) -> Rows:
        """Returns these rows followed by those of other caches; `primary` of the result returns the former."""
        if not others:
            return self.with_columns({IS_EXTRA: np.zeros(len(self), bool)})
        all_rows = (self, *others)
        columns = {name: np.concatenate([rows[name] for rows in all_rows]) for name in self.columns}
        columns[IS_EXTRA] = np.repeat([False, True], [len(self), sum(map(len, others))])
        return Rows(columns, tuple(path for rows in all_rows for path in rows.crop_files))

    @property
    def primary(self) -> Rows:
        """The rows that are not of an extra data set."""
        return self.take(~self[IS_EXTRA]) if IS_EXTRA in self.columns else self

    def without_truth(self) -> Rows:
        """Returns the rows without their labels, so that nothing downstream can use them."""
        blank = {
            name: np.broadcast_to(np.nan, (len(self), *NUMBER_COLUMNS[name])) for name in TRUTH_COLUMNS
        }  # takes no memory
        return self.with_columns({**blank, "labelled": np.zeros(len(self), bool)})

    def read_crop(self, row: int, side: int = CROP_SIZE) -> np.ndarray:
        """Returns the row's person crop: (side, side, 3) uint8 RGB. Raises UserError if it is damaged.

        With half of its side, it is decoded at that size, which averages pixels.
        """
        offset, size = (int(self.at(name, np.array([row]))[0]) for name in ("crop_offset", "crop_bytes"))
        try:
            with open(self.crop_files[row], "rb") as handle:
                handle.seek(offset)
                data = handle.read(size)
        except OSError:
            data = b""
        try:
            image: np.ndarray = simplejpeg.decode_jpeg(
                data if len(data) == size else b"", min_height=side, min_width=side
            )
        except ValueError:
            raise UserError(
                f"{self.crop_files[row]}: a crop is damaged or missing; delete this file and extract again"
            ) from None
        return image


def camera_of(rows: Rows, row: int) -> Camera:
    """Returns the camera of a row, with the size of its image in px."""
    optional = {name: rows[name][row] for name in ("world_up", "floor_height_mm")}
    declared: dict[str, Any] = {name: value for name, value in optional.items() if not np.isnan(value).any()}
    width, height = rows["image_size"][row].astype(int).tolist()
    return Camera(rows["K"][row], rows["R"][row], rows["t"][row], (width, height), lens_of(rows, row), **declared)


def lens_of(rows: Rows | Mapping[str, np.ndarray], row: int) -> np.ndarray | None:
    """Returns a row's distortion as modules.pose_utils.Camera holds it; None if none is declared."""
    five, more, fisheye = (np.asarray(rows[name][row]) for name in ("distortion", "distortion_more", "fisheye"))
    if not np.isnan(fisheye).any():
        return fisheye
    if np.isnan(five).any():
        return None
    return five if np.isnan(more).any() else np.append(five, more)


def lens_columns(distortion: np.ndarray | None) -> dict[str, np.ndarray]:
    """Returns the columns of a camera's distortion; `lens_of` is the inverse, with zeros behind a lens of 8 or 12 numbers."""
    if distortion is None:
        return {}
    if len(distortion) == 4:
        return {"fisheye": distortion}
    more = {"distortion_more": np.append(distortion[5:], np.zeros(14 - len(distortion)))} if len(distortion) > 5 else {}
    return {"distortion": distortion[:5], **more}


def to_row(frame: ImageFields, camera: Camera, values: Mapping[str, Any]) -> dict[str, Any]:
    """Returns one row of the table; number columns that are missing in `values` become null."""
    row: dict[str, Any] = {
        "file_name": frame.file_name, "image_path": frame.image_from_root,
        "pose": frame.pose, "person": frame.person, "camera": frame.camera, "sequence": frame.sequence,
        "K": camera.K, "R": camera.R, "t": camera.t, "world_up": camera.world_up,
        "floor_height_mm": camera.floor_height_mm, "choice": "", **lens_columns(camera.distortion), **values,
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
