"""Describes an exported file: units, axes, joint order, images without a person, and where the poses come from."""

from __future__ import annotations

import tomllib
from typing import Any

import numpy as np

from model.skeleton import JOINT_NAMES, PARENTS
from modules.config.paths import PROJECT_ROOT
from modules.export.poses import Poses
from modules.files.checkout import git_lines

FORMAT, VERSION = "groundpose-poses", 1
CAMERA_AXES = "the camera's: x right, y down, z forward"
Y_UP = "right-handed, y up: the source's axes, turned by the rotation `source_to_file`"
Z_UP = "right-handed, z up: the source's axes, turned by the rotation `source_to_file`"


def describe(poses: Poses, unit: str = "mm", rotation: np.ndarray | None = None, axes: str = "") -> dict[str, Any]:
    """Returns what a file says of itself, as plain values.

    `rotation` (3, 3) and `axes` are those of a file that does not keep the axes of the poses.
    """
    source = "those of the camera files' world" if poses.frame == "world" else CAMERA_AXES
    missing = np.asarray(poses.frame_index)[~np.asarray(poses.found, bool)]
    turned = {} if rotation is None else {"source_axes": source, "source_to_file": rotation.tolist()}
    return {
        "format": FORMAT,
        "version": VERSION,
        "unit": unit,
        "frame": poses.frame,
        "axes": axes or source,
        **turned,
        "up": None if poses.up is None else np.asarray(poses.up, float).tolist(),
        "floor_height_mm": None if poses.floor_height_mm is None else float(poses.floor_height_mm),
        "joint_names": list(JOINT_NAMES),
        "parents": list(PARENTS),
        "expected_error": "distance from the true joint that is to be expected, calibrated on validation people, mm",
        "smoothed": poses.raw_joints_mm is not None,
        "rows": len(poses),
        "frames_without_person": np.unique(missing).tolist(),
        "origin": poses.origin,
    }


def software() -> dict[str, Any]:
    """Returns the name, the version and the commit of GroundPose; the commit is None outside of a git clone."""
    project = tomllib.loads((PROJECT_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    commit = next(git_lines("rev-parse", "HEAD"), None)
    return {"software": "GroundPose", "version": project["version"], "commit": commit}
