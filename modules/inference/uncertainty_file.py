"""The error to expect at each joint of an answer, and the file of it that accompanies a submission."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from modules.files.atomic import write_json
from modules.inference.uncertainty import Calibration

HOLDS = "holds for a camera as exact as those of the training"
NOBODY = "no person found"


@dataclass(frozen=True)
class Expected:
    """The expected error of each joint and its 90 % quantile, mm: (B, 24), NaN where it is not known; and what it holds for."""

    mean_mm: np.ndarray
    quantile_90_mm: np.ndarray
    notes: list[str]  # (B,)


def expected_errors(
    calibration: Calibration,
    log_error: np.ndarray,
    withheld: Sequence[str | None],
    raised_mm: np.ndarray,
    raised_by: Sequence[str | None],
) -> Expected:
    """Returns the calibrated errors of (B, 24) log errors, which are NaN for images without a person.

    They are withheld for images that `withheld` gives a reason for. `raised_mm` (B,), an independent error of the whole
    person, is added in squares; the quantile grows by the same factor.
    """
    mean = calibration.expected_mm(log_error)
    raised = np.hypot(mean, raised_mm[:, None])
    quantile = calibration.quantile_mm(log_error, 0.9) * raised / mean
    known = np.isfinite(log_error).all(1)
    notes = [
        why or (NOBODY if not is_known else HOLDS if by is None else f"raised by a note: {by}")
        for why, is_known, by in zip(withheld, known, raised_by, strict=True)
    ]
    is_given = known & np.array([why is None for why in withheld], bool)
    given = is_given[:, None]
    return Expected(np.where(given, raised, np.nan), np.where(given, quantile, np.nan), notes)


def write_uncertainty(path: Path, names: Sequence[str], expected: Expected) -> None:
    """Writes each joint's expected error and its 90 % quantile, mm, for every image, with its note; null where not known."""
    columns = {"expected_error_mm": expected.mean_mm, "error_90_mm": expected.quantile_90_mm}
    entries = []
    for index, name in enumerate(names):
        values = {
            key: np.round(column[index], 1).tolist() if np.isfinite(column[index]).all() else None
            for key, column in columns.items()
        }
        entries.append({"file_name": name, **values, "note": expected.notes[index]})
    write_json(path, entries, indent=None)
