"""Warns of cameras that cannot be right before they predict, and says what the expected error holds for."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from modules.checks.camera_files import check_camera_files
from modules.checks.error_effects import ErrorEffects, apart_sentence, effects_of, floor_over_size
from modules.checks.report import check_rows
from modules.evaluation.task import Task
from modules.files.layout import Frame
from modules.files.off_floor import off_floor_path
from modules.inference.uncertainty_file import Expected
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


def warn_of_cameras(task: Task, warned: frozenset[str] = frozenset()) -> ErrorEffects:
    """Warns of the task's cameras that cannot be right, and notes the odd ones and people who seem to be off the floor.

    Returns what that implies for the expected errors. Kinds in `warned` are not repeated.
    """
    findings = check_rows(task.rows.columns)
    for one in findings:
        if one.is_problem and one.kind not in warned:
            log.warning("warning: %s", one.sentence)
        elif not one.is_problem:
            log.info("note: %s", one.sentence)
    effects = effects_of(task.rows.columns, findings)
    _note_off_floor(task, effects)
    return effects


def _note_off_floor(task: Task, effects: ErrorEffects) -> None:
    """Notes the images in which floor and size disagree, but not those of cameras that cannot be right."""
    right = np.array([why is None for why in effects.withheld], bool)
    names = [name for name, is_right in zip(task.names, right, strict=True) if is_right]
    ratio = floor_over_size(task.rows.columns)[right]
    sentence = apart_sentence(names, ratio, off_floor_path(task.frames[0].root)) if names else None
    if sentence:
        log.info("note: %s", sentence)


def summarise_expected(expected: Expected) -> str:
    """Returns one line on the expected error: its median, how many images are above LARGE_MM, and what it holds for."""
    per_image = expected.mean_mm.mean(1)
    known = np.isfinite(per_image)
    if not known.any():
        return "the expected error is withheld for all images, whose cameras cannot be right or which show no person"
    without = f"; it is withheld for {(~known).sum()} images" if not known.all() else ""
    return (
        f"expected error of a joint: {np.median(per_image[known]):.0f} mm in the median image, above {LARGE_MM:.0f} mm in "
        f"{(per_image[known] > LARGE_MM).sum()} of {known.sum()} images{without}; it holds for cameras as exact as those of "
        "the training, and knows nothing of a wrong calibration"
    )
