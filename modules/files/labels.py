"""Reads and writes label files and the list of validation images."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from model.skeleton import JOINT_NAMES, NUM_JOINTS
from modules.files.atomic import read_json, write_json
from modules.files.joint_names import joint_order
from modules.files.layout import Frame, split_folder
from modules.files.names import nfc
from modules.files.numbers import read_numbers, require_object
from modules.utils import UserError, brief, log

SD_FIELD = "3d_pos_sd_mm"  # of a label's annotations: the standard deviation of each joint's position, mm


def read_label(path: Path) -> np.ndarray:
    """Reads a label file: (24, 3) world mm in SMPL order. Raises UserError if it is missing or malformed."""
    return read_named_label(path)[0]


def read_named_label(path: Path) -> tuple[np.ndarray, bool]:
    """Reads a label file: (24, 3) world mm in SMPL order, and whether its joint names were recognised.

    Unrecognised names are taken to be in SMPL order. Raises UserError if the file is missing or malformed.
    """
    data = require_object(path, read_json(path, "restore it"))
    try:
        names, values = data["info"]["3d_pos"], data["annotations"]["3d_pos"]
    except (KeyError, TypeError):
        raise UserError(
            f"{path}: info.3d_pos (24 names) or annotations.3d_pos (24x3x1 mm) is missing; add it"
        ) from None
    if not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise UserError(f"{path}: info.3d_pos must be a list of joint names; write the 24 of SMPL")
    try:
        order, recognised = joint_order(names)
    except ValueError as error:
        raise UserError(f"{path}: info.3d_pos {error}; write each SMPL joint once") from None
    nested = isinstance(values, list) and values and isinstance(values[0], list) and values[0]
    column = bool(nested) and isinstance(values[0][0], list)
    shape = (NUM_JOINTS, 3, 1) if column else (NUM_JOINTS, 3)
    joints = read_numbers(path, "annotations.3d_pos", values, shape).reshape(NUM_JOINTS, 3)
    return joints[order], recognised


def read_label_sd(path: Path) -> np.ndarray | None:
    """Reads the standard deviations (24,) mm of a label's joints, in SMPL order; None if the file does not tell them.

    Raises UserError if they are not 24 positive numbers.
    """
    data = require_object(path, read_json(path, "restore it"))
    values = data["annotations"].get(SD_FIELD)
    if values is None:
        return None
    sd_mm = read_numbers(path, f"annotations.{SD_FIELD}", values, (NUM_JOINTS,))
    if not (sd_mm > 0).all():
        raise UserError(f"{path}: annotations.{SD_FIELD} must be positive, in mm; correct it, or remove the field")
    return sd_mm[joint_order(data["info"]["3d_pos"])[0]]


def read_labels(frames: Sequence[Frame]) -> dict[Path, np.ndarray]:
    """Reads the labels that exist, each (24, 3) world mm in SMPL order. Raises UserError for the first malformed one."""
    labels, unnamed = {}, []
    for path in dict.fromkeys(frame.label_path for frame in frames):
        if os.path.lexists(path):  # a dangling link is a broken label, not a missing one
            labels[path], recognised = read_named_label(path)
            unnamed += [] if recognised else [path]
    if unnamed:
        log.info("%s", unrecognised_names_note(unnamed))
    return labels


def unrecognised_names_note(paths: Sequence[Path]) -> str:
    """Returns one sentence for all label files whose joint names are not recognised."""
    return (
        f"{paths[0]}: none of its joint names is known, nor in {len(paths) - 1} more label files of this split, "
        "so their joints are taken in SMPL order; write SMPL's names if they are not"
    )


def write_label(path: Path, joints_world_mm: np.ndarray, extra: dict[str, Any] | None = None) -> None:
    """Writes a label file from (24, 3) world mm. `extra` is added to its annotations; `read_label` ignores it."""
    annotations = {"3d_pos": np.asarray(joints_world_mm, dtype=float)[..., None].tolist(), **(extra or {})}
    write_json(path, {"info": {"3d_pos": list(JOINT_NAMES)}, "annotations": annotations}, indent=None)


def validation_path(root: Path) -> Path:
    """Returns the path of a data set's list of validation images."""
    return split_folder(root, "train") / "validation.json"


def read_validation_list(root: Path) -> set[str] | None:
    """Reads the names of the validation images, in Unicode's composed form; None if the data set has no list.

    Raises UserError if it is malformed.
    """
    path = validation_path(root)
    if not os.path.lexists(path):  # a dangling link is a mistake, not a missing list
        return None
    fix = "restore it, or set DATA.validation to person, pose, sequence or camera"
    names = read_json(path, fix)
    if not (isinstance(names, list) and names and all(isinstance(name, str) for name in names)):
        raise UserError(f"{path}: this must be a non-empty JSON list of image names, but it is {brief(names)}; {fix}")
    return set(map(nfc, names))
