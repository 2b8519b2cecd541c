"""Writes poses as one wide table, a row per image and person: CSV and Parquet."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from model.skeleton import JOINT_NAMES
from modules.export.description import describe
from modules.export.poses import Poses
from modules.export.tracks import about_path
from modules.files.atomic import atomic_path, write_json
from modules.files.parquet import write_table

DECIMALS = 3  # of mm
METADATA = b"groundpose"  # key of the description in a Parquet file


def to_table(poses: Poses) -> pd.DataFrame:
    """Returns the wide table: image, times, person, found, then x, y, z and the expected error of each joint.

    Names carry units: pelvis_x_mm, pelvis_error_mm; pelvis_raw_x_mm is the joint before smoothing. Numbers of rows in which
    nobody was found are NaN.
    """
    columns: dict[str, np.ndarray | list[str] | str] = {
        "image": list(poses.image),
        "frame_index": np.asarray(poses.frame_index, np.int64),
        "time_s": np.round(np.asarray(poses.time_s, np.float64), 6),
        "person": np.asarray(poses.person, np.int64),
        "found": np.asarray(poses.found, np.int64),
        "warning": list(poses.warnings) or [""] * len(poses),
        "axes": [poses.frame] * len(poses),
    }
    numbers = _coordinates(poses, poses.joints_mm, "")
    for joint, name in enumerate(JOINT_NAMES):
        numbers[f"{name}_error_mm"] = _seen(poses, poses.expected_error_mm[:, joint])
    if poses.raw_joints_mm is not None:
        numbers |= _coordinates(poses, poses.raw_joints_mm, "raw_")
    return pd.DataFrame({**columns, **numbers})


def _coordinates(poses: Poses, joints_mm: np.ndarray, prefix: str) -> dict[str, np.ndarray]:
    return {
        f"{name}_{prefix}{axis}_mm": _seen(poses, joints_mm[:, joint, i])
        for joint, name in enumerate(JOINT_NAMES)
        for i, axis in enumerate("xyz")
    }


def _seen(poses: Poses, values: np.ndarray) -> np.ndarray:
    """Returns the values (N,), rounded, NaN where nobody was found."""
    return np.asarray(np.where(poses.found, np.round(values.astype(np.float64), DECIMALS), np.nan))


def write_csv(poses: Poses, folder: Path) -> Path:
    """Writes poses.csv (UTF-8, decimal points, blank where there is no number) and its description, poses.csv.json."""
    path = folder / "poses.csv"
    with atomic_path(path) as temporary:
        to_table(poses).to_csv(temporary, index=False, lineterminator="\n", encoding="utf-8")
    write_json(about_path(path), describe(poses))
    return path


def write_parquet(poses: Poses, folder: Path) -> Path:
    """Writes poses.parquet, with the description as JSON in its metadata."""
    path = folder / "poses.parquet"
    table = pa.Table.from_pandas(to_table(poses), preserve_index=False)
    about = json.dumps(describe(poses), ensure_ascii=False, allow_nan=False).encode()
    table = table.replace_schema_metadata({**(table.schema.metadata or {}), METADATA: about})
    with atomic_path(path) as temporary:
        write_table(table, temporary)
    return path
