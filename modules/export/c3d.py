"""Writes .c3d files, the binary format of motion capture laboratories: millimetres, z up, all people in one file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from modules.export.axes import need_up, to_z_up
from modules.export.c3d_parameters import MOST_TEXTS, Groups, encode_head
from modules.export.description import Z_UP, describe
from modules.export.markers import markers
from modules.export.poses import Poses
from modules.export.tracks import Sequence, evenly_timed
from modules.files.atomic import write_bytes
from modules.utils import UserError

MOST_FRAMES = 65_534  # a header counts frames from 1 in 16 bits, and readers overflow at its last number
LARGEST_RESIDUAL = 255  # a residual is a byte, times the absolute value of POINT:SCALE
TEXT_LENGTH = 120  # characters of a text in GROUNDPOSE:ABOUT


def write_c3d(poses: Poses, folder: Path, names: str = "smpl") -> Path:
    """Writes poses.c3d. The residual of a point is the joint's expected error, -1 where the person is missing.

    `names` is smpl or halpe26; with several people, person0:pelvis and so on. The description is JSON in the texts of
    GROUNDPOSE:ABOUT. Raises UserError if up is not known, or the file would have too many frames or points.
    """
    rotation = to_z_up(need_up(poses, "c3d"))
    sequence = evenly_timed(poses, "c3d")
    joints, labels = markers(names)
    _check_size(len(sequence), len(sequence.tracks) * len(joints))
    points = np.concatenate([track.joints_mm[:, joints] @ rotation.T for track in sequence.tracks], 1)
    error = np.concatenate([track.expected_error_mm[:, joints] for track in sequence.tracks], 1)
    step_mm = max(1, int(np.ceil(np.nanmax(error, initial=0.0) / LARGEST_RESIDUAL)))
    about = {
        **describe(poses, "mm", rotation, Z_UP),
        "names": names,
        "residual": f"expected error in steps of {step_mm} mm",
    }
    del about["frames_without_person"]  # the residuals say so, and a parameter has no room for many numbers
    head = encode_head(_groups(sequence, labels, step_mm, about), points.shape[1], len(sequence), sequence.rate_hz)
    path = folder / "poses.c3d"
    write_bytes(path, head + _data(points, error, step_mm))
    return path


def _check_size(frames: int, points: int) -> None:
    if frames > MOST_FRAMES:
        raise UserError(
            f"--save c3d: a C3D file holds at most {MOST_FRAMES:,} frames, but these are {frames:,}; leave c3d out"
        )
    if points > MOST_TEXTS:
        raise UserError(
            f"--save c3d: a C3D file names at most {MOST_TEXTS} points, but these are {points}; leave c3d out"
        )


def _data(points: np.ndarray, error: np.ndarray, step_mm: int) -> bytes:
    """Returns x, y, z and the fourth word of every point (T, N), as floats.

    The fourth word is the residual's byte in steps of `step_mm`, at least one; 0 where no error is known; -1 for a missing
    point. Its high byte, which cameras saw the point, is 0.
    """
    steps = np.clip(np.round(np.nan_to_num(error) / step_mm), 1, LARGEST_RESIDUAL)
    word = np.where(np.isnan(error), 0, steps)
    missing = np.isnan(points).any(-1)
    values = np.concatenate([points, word[..., None]], -1)
    values[missing] = [0, 0, 0, -1]
    return values.astype("<f4").tobytes()


def _groups(sequence: Sequence, labels: list[str], step_mm: int, about: dict[str, Any]) -> Groups:
    """Returns the parameters of the file, by group."""
    several = len(sequence.tracks) > 1
    prefixes = [f"person{track.person}:" if several else "" for track in sequence.tracks]
    all_labels = [prefix + label for prefix in prefixes for label in labels]
    text = json.dumps(about, allow_nan=False)  # ASCII: a character is a byte
    frames = len(sequence)
    return {
        "POINT": {
            "USED": len(all_labels), "SCALE": -float(step_mm), "RATE": sequence.rate_hz, "FRAMES": frames, "UNITS": "mm",
            "LABELS": all_labels, "DESCRIPTIONS": all_labels, "X_SCREEN": "+X", "Y_SCREEN": "+Z",
        },
        "ANALOG": {"USED": 0, "GEN_SCALE": 1.0, "RATE": 0.0},
        "FORCE_PLATFORM": {"USED": 0},
        "TRIAL": {"ACTUAL_START_FIELD": [1, 0], "ACTUAL_END_FIELD": [frames, 0], "CAMERA_RATE": sequence.rate_hz},
        "SUBJECTS": {
            "IS_STATIC": 0, "USED": len(prefixes), "USES_PREFIXES": int(several),
            "NAMES": [f"person{track.person}" for track in sequence.tracks], "LABEL_PREFIXES": prefixes,
        },
        "MANUFACTURER": {"COMPANY": "GroundPose", "SOFTWARE": "GroundPose"},
        "GROUNDPOSE": {"ABOUT": [text[i : i + TEXT_LENGTH] for i in range(0, len(text), TEXT_LENGTH)]},
    }  # fmt: skip
