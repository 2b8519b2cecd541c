"""Writes and reads poses as NumPy arrays, without pickle."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from model.skeleton import JOINT_NAMES
from modules.export.description import VERSION, describe
from modules.export.poses import Poses
from modules.files import zip_files
from modules.files.atomic import atomic_path
from modules.files.json_text import parse_json
from modules.utils import UserError, brief

NAME = "poses.npz"
# Kinds of the arrays' types, and what no number of them exceeds: a million km, 30 years, 2 ** 53 frames, a million people.
KINDS = {
    **dict.fromkeys(("joints_mm", "raw_joints_mm", "expected_error_mm", "time_s"), "f"),
    **dict.fromkeys(("frame_index", "person"), "iu"), "found": "b", "image": "U", "warnings": "U",
}  # fmt: skip
LIMITS = {
    "joints_mm": 1e12, "raw_joints_mm": 1e12, "expected_error_mm": 1e12, "time_s": 1e9, "frame_index": 2.0**53, "person": 1e6,
}  # fmt: skip
UP_TOLERANCE = 1e-3  # of the length of `up`
REQUIRED = ("joints_mm", "expected_error_mm", "frame_index", "time_s", "person", "found", "image", "about")


def write_npz(poses: Poses, folder: Path) -> Path:
    """Writes poses.npz: the fields of Poses, `joint_names`, and `about`, the description as JSON.

    Numbers of rows in which nobody was found are NaN. `raw_joints_mm` is there if the poses are smoothed.
    """
    found = np.asarray(poses.found, bool)
    blank = np.where(found, 0.0, np.nan)
    arrays: dict[str, Any] = {
        "joints_mm": poses.joints_mm + blank[:, None, None],
        "expected_error_mm": poses.expected_error_mm + blank[:, None],
        "frame_index": np.asarray(poses.frame_index, np.int64),
        "time_s": np.asarray(poses.time_s, np.float64),
        "person": np.asarray(poses.person, np.int64),
        "found": found,
        "image": np.array(poses.image, dtype=np.str_),
        "warnings": np.array(poses.warnings or [""] * len(poses), dtype=np.str_),
        "joint_names": np.array(JOINT_NAMES, dtype=np.str_),
        "about": np.array(json.dumps(describe(poses), ensure_ascii=False, allow_nan=False), dtype=np.str_),
    }
    if poses.raw_joints_mm is not None:
        arrays["raw_joints_mm"] = poses.raw_joints_mm + blank[:, None, None]
    path = folder / NAME
    with atomic_path(path) as temporary, open(temporary, "wb") as handle:
        np.savez(handle, **arrays)
    return path


def read_npz(path: Path) -> Poses:
    """Reads poses.npz. Raises UserError if it is damaged or not GroundPose's."""
    try:
        arrays: dict[str, Any] = dict(zip_files.read_npz(path))
        about = parse_json(str(arrays["about"]).encode())
        if not _is_whole(arrays, about):
            raise _not_ours(path)
        warnings = texts(arrays.get("warnings", []))
        poses = Poses(
            **{name: arrays[name] for name in REQUIRED[:6]},
            image=texts(arrays["image"]),
            raw_joints_mm=arrays.get("raw_joints_mm"),
            warnings=warnings if any(warnings) else [],
            **described(about),
        )
    except (OSError, TypeError, ValueError, KeyError):
        raise _not_ours(path) from None
    require_consistent(path, poses, about)
    return poses


def _is_whole(arrays: dict[str, np.ndarray], about: Any) -> bool:
    """Returns whether the arrays are those of N rows, with a description of this version."""
    if set(REQUIRED) - set(arrays) or not isinstance(about, dict) or about.get("version") != VERSION:
        return False
    rows, joints = arrays["joints_mm"].shape[:1], (len(JOINT_NAMES),)
    shapes = {
        "joints_mm": (*rows, *joints, 3),
        "raw_joints_mm": (*rows, *joints, 3),
        "expected_error_mm": (*rows, *joints),
    }
    arrays = {name: array for name, array in arrays.items() if name not in ("joint_names", "about")}
    return {"frame", "up", "floor_height_mm", "origin"} <= about.keys() and all(
        array.shape == shapes.get(name, rows) and array.dtype.kind in KINDS.get(name, array.dtype.kind)
        for name, array in arrays.items()
    )


def texts(values: Iterable[Any]) -> list[str]:
    """Returns values as texts. Raises ValueError for halves of characters, which no file can hold."""
    found = [str(value) for value in values]
    "".join(found).encode()
    return found


def described(about: dict[str, Any]) -> dict[str, Any]:
    """Returns the fields of Poses that a description holds. Raises TypeError or ValueError if one is of another kind."""
    up = None if about["up"] is None else np.array(about["up"], float)
    floor = None if about["floor_height_mm"] is None else float(about["floor_height_mm"])
    if up is not None and not (up.shape == (3,) and abs(math.hypot(*up) - 1) < UP_TOLERANCE):
        raise ValueError("up is no unit vector")
    if floor is not None and not abs(floor) <= LIMITS["joints_mm"]:
        raise ValueError("the floor has no height")
    if about["frame"] not in ("world", "camera") or not isinstance(about["origin"], dict):
        raise ValueError("another frame or origin")
    return {"frame": about["frame"], "up": up, "floor_height_mm": floor, "origin": about["origin"]}


def require_consistent(path: Path, poses: Poses, about: dict[str, Any]) -> None:
    """Raises UserError if a file that others may have changed would be read as another answer than it holds."""
    found = np.asarray(poses.found, bool)
    times = np.asarray(poses.time_s, float)[np.unique(poses.frame_index, return_index=True)[1]]
    known = np.isfinite(times)
    far = next((name for name, limit in LIMITS.items() if _goes_beyond(getattr(poses, name), limit)), None)
    problem = None
    if far is not None:
        problem = f"its {far} goes beyond {LIMITS[far]:.0e}; correct it"
    elif about.get("unit", "mm") != "mm":
        problem = f"its unit is {brief(about['unit'])}; write mm"
    elif about.get("joint_names", list(JOINT_NAMES)) != list(JOINT_NAMES):
        problem = f"its joint_names are not SMPL's in order; write {', '.join(JOINT_NAMES[:3])} and so on"
    elif not np.isfinite(poses.joints_mm[found]).all():
        problem = "a person who was found has joints without numbers; set found to false there"
    elif len({*zip(poses.frame_index.tolist(), poses.person.tolist(), strict=True)}) < len(poses):
        problem = "one person is in one frame twice; remove a row"
    elif known.any() and not (known.all() and (np.diff(times) > 0).all()):
        problem = "the times are missing in part, or do not increase with frame_index; correct them, or remove all"
    if problem is not None:
        raise UserError(f"{path}: {problem}")


def _goes_beyond(values: np.ndarray | None, limit: float) -> bool:
    """Whether a number is larger than the limit, either way; indices are not negative. NaN stands for unknown ones."""
    if values is None:
        return False
    return bool((np.abs(values) > limit).any() or (values.dtype.kind in "iu" and (values < 0).any()))


def _not_ours(path: Path) -> UserError:
    return UserError(f"{path}: these are no poses of this version of GroundPose, or the file is damaged; make it again")
