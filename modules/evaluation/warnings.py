"""Warns of cameras that cannot be right before they predict, and says what the expected error holds for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from modules.checks.camera_files import check_camera_files
from modules.checks.recordings import Finding
from modules.checks.report import check_rows
from modules.evaluation.task import Task
from modules.files.layout import Frame
from modules.inference.uncertainty import Calibration
from modules.utils import log

LARGE_MM = 200.0  # an expected error above it is counted


def warn_of_camera_files(frames: Iterable[Frame]) -> frozenset[str]:
    """Warns of camera files that cannot be right by their numbers alone, before anything is extracted.

    Returns the kinds of what it has warned of.
    """
    findings = [one for one in check_camera_files(frames) if one.is_problem]
    for one in findings:
        log.warning("warning: %s", one.sentence)
    return frozenset(one.kind for one in findings)


def warn_of_cameras(task: Task, warned: frozenset[str] = frozenset()) -> Mapping[str, str]:
    """Warns of the task's cameras that cannot be right, and notes the odd ones; returns the sentences of the former.

    They are by view. An expected error says nothing about such a camera. Kinds in `warned` are not repeated.
    """
    findings = check_rows(task.rows.columns)
    for one in findings:
        if one.is_problem and one.kind not in warned:
            log.warning("warning: %s", one.sentence)
        elif not one.is_problem:
            log.info("%s", one.sentence)
    return _by_view(findings)


def _by_view(findings: Sequence[Finding]) -> dict[str, str]:
    return {name: one.sentence for one in findings if one.is_problem for name in one.views}


def withheld(task: Task, wrong: Mapping[str, str]) -> list[str | None]:
    """Returns for each image why its expected error is withheld, or None."""
    return [wrong.get(frame.view) for frame in task.frames]


def summarise_expected(log_error: np.ndarray, calibration: Calibration, reasons: Sequence[str | None]) -> str:
    """Returns one line on the expected error: its median, how many images are above LARGE_MM, and what it holds for."""
    known = np.isfinite(log_error).all(1) & np.array([reason is None for reason in reasons])
    if not known.any():
        return "the expected error is withheld for all images, whose cameras cannot be right or which show no person"
    per_image = calibration.expected_mm(log_error[known]).mean(1)
    without = f"; it is withheld for {(~known).sum()} images" if not known.all() else ""
    return (
        f"expected error of a joint: {np.median(per_image):.0f} mm in the median image, above {LARGE_MM:.0f} mm in "
        f"{(per_image > LARGE_MM).sum()} of {known.sum()} images{without}; it holds for cameras as exact as those of the "
        "training, and knows nothing of a wrong calibration"
    )
