"""The plainest writers of poses: a wide CSV table and a NumPy archive."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from model.skeleton import JOINT_NAMES
from modules.export.poses import Poses
from modules.files.atomic import atomic_path, write_text


def write_csv(poses: Poses, path: Path) -> Path:
    """Writes a wide table, one row per image and person, units in the names; empty where nobody was found."""
    table = pd.DataFrame(
        {
            "file_name": poses.image, "frame_index": poses.frame_index, "time_s": poses.time_s, "person": poses.person,
            "found": poses.found.astype(int),
            **{
                f"{name}_{axis}_mm": poses.joints_mm[:, joint, at]
                for joint, name in enumerate(JOINT_NAMES)
                for at, axis in enumerate("xyz")
            },
            **{f"{name}_error_mm": poses.expected_error_mm[:, joint] for joint, name in enumerate(JOINT_NAMES)},
            "doubts": poses.doubts or [""] * len(poses), "frame": poses.frame,
        }
    )  # fmt: skip
    write_text(path, table.to_csv(index=False, lineterminator="\n", float_format="%.3f"))
    return path


def write_npz(poses: Poses, path: Path) -> Path:
    """Writes all fields as arrays that load with allow_pickle=False; `origin` is JSON, unknown values are NaN."""
    floor = np.nan if poses.floor_height_mm is None else poses.floor_height_mm
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.savez_compressed(
            file, joints_mm=poses.joints_mm, expected_error_mm=poses.expected_error_mm, frame_index=poses.frame_index,
            time_s=poses.time_s, person=poses.person, found=poses.found, image=np.array(poses.image),
            frame=poses.frame, up=np.full(3, np.nan) if poses.up is None else poses.up, floor_height_mm=floor,
            doubts=np.array(poses.doubts or [""] * len(poses)), joint_names=np.array(JOINT_NAMES),
            origin=json.dumps(poses.origin, ensure_ascii=False),
            raw_joints_mm=poses.joints_mm if poses.raw_joints_mm is None else poses.raw_joints_mm,
        )  # fmt: skip
    return path


WRITERS: dict[str, Callable[[Poses, Path], Path]] = {"csv": write_csv, "npz": write_npz}
