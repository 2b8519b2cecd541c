"""Checks all cameras of a split's rows and gathers the findings of many camera files into one sentence each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from modules.checks.limits import LIMITS
from modules.checks.measures import measure
from modules.checks.recordings import Assessor, Finding
from modules.checks.views import View, by_recording, views_of_rows

FEWEST_RECORDINGS, MOST_STAND = (
    3,
    0.75,
)  # whose people stand upright on one floor, so that it is right for the others too
SAME_UP, SAME_FLOOR_MM = 0.9999, 1.0  # cosine of two ups


def check_rows(rows: Mapping[str, np.ndarray]) -> list[Finding]:
    """Returns what is wrong or odd with the cameras of cache rows (columns); labels are not read.

    Problems come first. Each sentence begins with the camera file that it is about.
    """
    return check_views(views_of_rows(rows))


def check_views(views: Sequence[View]) -> list[Finding]:
    """Returns what is wrong or odd with the cameras of views, problems first."""
    assessor, recordings = Assessor(), by_recording(views)
    stand = {name: _stands(own) for name, own in recordings.items()}
    findings = []
    for name, own in recordings.items():
        same = [
            stand[other] for other, views in recordings.items() if other != name and _is_one_floor(own[0], views[0])
        ]
        findings += assessor.assess(own, len(same) >= FEWEST_RECORDINGS and float(np.mean(same)) >= MOST_STAND)
    return gathered(findings)


def _stands(views: Sequence[View]) -> bool:
    """Returns whether people are upright along the up of every view of a recording."""
    return all(measure(view).upright >= LIMITS["upright"].expected[0] for view in views)


def _is_one_floor(one: View, other: View) -> bool:
    """Returns whether two views have the same up and floor, which both must know."""
    if one.world_up is None or other.world_up is None or one.floor_height_mm is None or other.floor_height_mm is None:
        return False
    return (
        bool(one.world_up @ other.world_up > SAME_UP)
        and abs(one.floor_height_mm - other.floor_height_mm) < SAME_FLOOR_MM
    )


def gathered(findings: Sequence[Finding]) -> list[Finding]:
    """Returns one finding for all of one kind, problems first."""
    problems = {one.kind for one in findings if one.is_problem}
    kinds: dict[tuple[bool, str], list[Finding]] = {}
    for one in sorted(findings, key=lambda one: not one.is_problem):
        kinds.setdefault((one.kind in problems, one.kind), []).append(one)  # one cause: a problem of all its files
    result = []
    for own in kinds.values():
        names = tuple(dict.fromkeys(name for one in own for name in one.views))
        more = f" and {len(names) - 1} more camera files" if len(names) > 1 else ""
        sentence = f"camera/{names[0]}.json{more}: {own[0].sentence}"
        off = max(one.off_mm for one in own), max(one.off_share for one in own)
        result.append(Finding(names, sentence, own[0].is_problem, own[0].kind, *off))
    return result
