"""Writes the uncertainty file that accompanies a submission."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from modules.files.atomic import write_json
from modules.inference.uncertainty import Calibration

HOLDS = "holds for a camera as exact as those of the training"
NOBODY = "no person found"


def write_uncertainty(
    path: Path, names: Sequence[str], log_error: np.ndarray, calibration: Calibration, withheld: Sequence[str | None]
) -> None:
    """Writes each joint's expected error and its 90 % quantile, mm, for every image, and a note on what they hold for.

    `log_error` (images, 24) is NaN for images without a person, whose values are null. So are those of images that
    `withheld` gives a reason for.
    """
    columns = {
        "expected_error_mm": calibration.expected_mm(log_error),
        "error_90_mm": calibration.quantile_mm(log_error, 0.9),
    }
    entries = []
    for index, name in enumerate(names):
        note = withheld[index] or (HOLDS if np.isfinite(log_error[index]).all() else NOBODY)
        values = {
            key: np.round(column[index], 1).tolist() if note == HOLDS else None for key, column in columns.items()
        }
        entries.append({"file_name": name, **values, "note": note})
    write_json(path, entries, indent=None)
