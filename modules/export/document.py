"""Writes and reads poses as a JSON document, whose schema is poses.schema.json beside this file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from model.skeleton import NUM_JOINTS
from modules.export.arrays import described, require_consistent, texts
from modules.export.description import FORMAT, VERSION, describe
from modules.export.poses import Poses
from modules.files.atomic import read_json, write_json
from modules.utils import UserError

NAME = "poses.json"
SCHEMA = Path(__file__).with_name("poses.schema.json")
DECIMALS = 3  # of mm


def write_document(poses: Poses, folder: Path) -> Path:
    """Writes poses.json: the description, and `poses`, an object per row. What is unknown or not found is null."""
    path = folder / NAME
    rows = [_entry(poses, row) for row in range(len(poses))]
    write_json(path, {**describe(poses), "poses": rows}, indent=None)
    return path


def _entry(poses: Poses, row: int) -> dict[str, Any]:
    found, time = bool(poses.found[row]), float(poses.time_s[row])
    error = np.asarray(poses.expected_error_mm[row], np.float64)
    entry: dict[str, Any] = {
        "image": poses.image[row],
        "frame_index": int(poses.frame_index[row]),
        "time_s": round(time, 6) if np.isfinite(time) else None,
        "person": int(poses.person[row]),
        "found": found,
        "warning": poses.warnings[row] if poses.warnings else "",
        "joints_mm": _rounded(poses.joints_mm[row]) if found else None,
        "expected_error_mm": _rounded(error) if found and np.isfinite(error).all() else None,
    }
    if poses.raw_joints_mm is not None:
        entry["raw_joints_mm"] = _rounded(poses.raw_joints_mm[row]) if found else None
    return entry


def _rounded(values: np.ndarray) -> Any:
    return np.round(values.astype(np.float64), DECIMALS).tolist()


def read_document(path: Path) -> Poses:
    """Reads poses.json. Raises UserError if it is damaged, or not GroundPose's of this version."""
    document = read_json(path, "make it again")
    broken = UserError(
        f"{path}: these are no poses of this version of GroundPose, or the file is damaged; make it again"
    )
    if not isinstance(document, dict) or (document.get("format"), document.get("version")) != (FORMAT, VERSION):
        raise broken
    try:
        rows = document["poses"]
        smoothed = bool(document["smoothed"])
        warnings = texts(row["warning"] for row in rows)
        poses = Poses(
            joints_mm=_filled([row["joints_mm"] for row in rows], (NUM_JOINTS, 3)),
            expected_error_mm=_filled([row["expected_error_mm"] for row in rows], (NUM_JOINTS,)),
            frame_index=np.array([row["frame_index"] for row in rows], np.int64),
            time_s=_filled([row["time_s"] for row in rows], ()),
            person=np.array([row["person"] for row in rows], np.int64),
            found=_flags([row["found"] for row in rows]),
            image=texts(row["image"] for row in rows),
            raw_joints_mm=_filled([row["raw_joints_mm"] for row in rows], (NUM_JOINTS, 3)) if smoothed else None,
            warnings=warnings if any(warnings) else [],
            **described(document),
        )
    except (KeyError, OverflowError, TypeError, ValueError):
        raise broken from None
    require_consistent(path, poses, document)
    return poses


def _flags(values: list[Any]) -> np.ndarray:
    """Returns true and false as an array. Raises TypeError for anything else."""
    if not all(isinstance(value, bool) for value in values):
        raise TypeError
    return np.array(values, bool)


def _filled(values: list[Any], shape: tuple[int, ...]) -> np.ndarray:
    """Returns (N, *shape) with NaN for None."""
    return np.array([np.full(shape, np.nan) if value is None else np.array(value, float) for value in values]).reshape(
        len(values), *shape
    )
