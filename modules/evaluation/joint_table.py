"""Writes the answer as a table for people: a row per joint, which says what its numbers are and what made them."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from model.skeleton import JOINT_NAMES
from modules.files.atomic import atomic_path
from modules.files.checkout import git_lines

COLUMNS = (
    "file_name", "joint", "x_mm", "y_mm", "z_mm", "frame", "person", "expected_error_mm", "weights", "commit",
)  # fmt: skip


def joint_table_path(submission: Path) -> Path:
    """Returns the path of the table that belongs to a submission, in the same folder."""
    return submission.with_name(f"{submission.stem}.csv")


def write_joint_table(
    path: Path,
    names: Sequence[str],
    joints_world_mm: np.ndarray,
    found: np.ndarray,
    expected_mm: np.ndarray | None,
    weights: dict[str, Any],
) -> None:
    """Writes (images, 24, 3) world mm as CSV, a row per joint in the order of `names` and of SMPL.

    `found` (images,) says where a person was found; the others are the fallback. `expected_mm` (images, 24) may be NaN, and
    is None for weights that predict no error.
    """
    made_by = (_weights_name(weights), commit())
    errors = np.full(joints_world_mm.shape[:2], np.nan) if expected_mm is None else expected_mm
    with atomic_path(path) as temporary, open(temporary, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for index, name in enumerate(names):
            person = "found" if found[index] else "fallback"
            for joint, point, error in zip(JOINT_NAMES, joints_world_mm[index], errors[index], strict=True):
                shown = f"{error:.1f}" if np.isfinite(error) else ""
                writer.writerow([name, joint, *(f"{value:.4f}" for value in point), "world", person, shown, *made_by])


def commit() -> str:
    """Returns the short hash of the code's commit, followed by + if files have changed since; empty outside a repository."""
    hash_ = next(git_lines("rev-parse", "--short=12", "HEAD"), "")
    changed = next(git_lines("status", "--porcelain", "--untracked-files=no"), "") if hash_ else ""
    return f"{hash_}+" if changed else hash_


def _weights_name(weights: dict[str, Any]) -> str:
    """Returns the checkpoint's folder and file, or `released`."""
    path = Path(weights["path"])
    return "released" if weights["released"] else f"{path.parent.name}/{path.name}"
