"""Writes the uncertainty file that accompanies a submission."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from modules.files.atomic import write_json
from modules.inference.uncertainty import Calibration


def write_uncertainty(path: Path, names: Sequence[str], log_error: np.ndarray, calibration: Calibration) -> None:
    """Writes each joint's expected error and its 90 % quantile, mm, for every image.

    `log_error` (images, 24) is NaN for images without a person, whose values are null.
    """
    columns = {
        "expected_error_mm": calibration.expected_mm(log_error),
        "error_90_mm": calibration.quantile_mm(log_error, 0.9),
    }
    entries = []
    for index, name in enumerate(names):
        found = bool(np.isfinite(log_error[index]).all())
        values = {key: np.round(column[index], 1).tolist() if found else None for key, column in columns.items()}
        entries.append({"file_name": name, **values})
    write_json(path, entries, indent=None)
