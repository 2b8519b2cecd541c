"""Warns of a camera that cannot be right, by its numbers and by the people it sees, as test.py does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from modules.checks.camera_files import nobody
from modules.checks.error_effects import ErrorEffects, effects_of
from modules.checks.measures import measure
from modules.checks.recordings import Assessor, Finding
from modules.checks.views import View, views_of_rows
from modules.pose_utils import Camera
from modules.utils import log


@dataclass
class CameraChecks:
    """The findings about one camera; each is logged once, a problem as a warning, an oddity as a note."""

    path: Path  # of the camera file
    sentences: list[str] = field(default_factory=list)
    _kinds: set[str] = field(default_factory=set)

    def check_numbers(self, camera: Camera, size: tuple[int, int]) -> None:
        """Checks the camera of images of this (width, height) before any is extracted."""
        people = nobody()
        view = View(
            "", "", size, camera.K, camera.R, camera.t, camera.distortion, camera.world_up, camera.floor_height_mm, (),
            people["joints_px"], people["confidence"], people["joints_rel_mm"],
        )  # fmt: skip
        self._log([one for one in Assessor().assess([view], {view.name: measure(view)}) if one.is_problem])

    def check_people(self, rows: Mapping[str, np.ndarray]) -> ErrorEffects:
        """Checks the camera by the people of cache rows (columns); returns what that implies for the expected errors."""
        own = np.isclose(rows["K"], rows["K"][:1]).all((1, 2))  # of images of one size
        views = views_of_rows({name: values[own] for name, values in rows.items()})
        findings = Assessor().assess(views, {view.name: measure(view) for view in views})
        self._log(findings)
        return effects_of(rows, findings)

    def _log(self, findings: list[Finding]) -> None:
        for one in findings:
            if one.kind not in self._kinds:
                sentence = f"{self.path}: {one.sentence}"
                (log.warning if one.is_problem else log.info)(
                    "%s: %s", "warning" if one.is_problem else "note", sentence
                )
                self.sentences.append(sentence)
                self._kinds.add(one.kind)


def no_effects(people: int) -> ErrorEffects:
    """Returns the effects of no finding on the expected errors of so many people."""
    return ErrorEffects([None] * people, np.zeros(people), [None] * people)


def with_effects(errors_mm: np.ndarray, effects: ErrorEffects) -> np.ndarray:
    """Returns expected errors (P, 24) mm with the effects: raised by an independent error, or NaN where withheld."""
    withheld = np.array([why is not None for why in effects.withheld], bool)
    return np.where(withheld[:, None], np.nan, np.hypot(errors_mm, effects.raised_mm[:, None]))


def reasons_of(effects: ErrorEffects) -> list[list[str]]:
    """Returns why each row needs a look for its camera or its distance."""
    reasons = []
    for withheld, by in zip(effects.withheld, effects.raised_by, strict=True):
        why = "its camera cannot be right" if withheld is not None else by
        reasons.append([] if why is None else [why])
    return reasons
