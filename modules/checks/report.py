"""Checks all cameras of a split's rows and gathers the findings of many camera files into one sentence each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from modules.checks.limits import LIMITS
from modules.checks.measures import Measures, measure
from modules.checks.recordings import Assessor, Finding
from modules.checks.views import View, by_recording, views_of_rows

FEWEST_RECORDINGS = 3  # others whose people stand on a floor, so that it is right for a recording too
MOST_STAND = 0.75  # of these


def check_rows(rows: Mapping[str, np.ndarray]) -> list[Finding]:
    """Returns what is wrong or odd with the cameras of cache rows (columns); labels are not read.

    Problems come first. Each sentence begins with the camera file that it is about.
    """
    return check_views(views_of_rows(rows))


def check_views(views: Sequence[View]) -> list[Finding]:
    """Returns what is wrong or odd with the cameras of views, problems first."""
    assessor, recordings = Assessor(), by_recording(views)
    measures = {view.name: measure(view) for view in views}
    stand = {name: _stands(own, measures) for name, own in recordings.items()}
    on_floor: dict[tuple[float, ...], list[bool]] = {}
    for name, own in recordings.items():
        on_floor.setdefault(_floor_of(own[0]), []).append(stand[name])
    findings = []
    for name, own in recordings.items():
        same = on_floor[_floor_of(own[0])]
        others, standing = len(same) - 1, sum(same) - stand[name]
        others_stand = bool(_floor_of(own[0])) and others >= FEWEST_RECORDINGS and standing >= MOST_STAND * others
        findings += assessor.assess(own, measures, others_stand)
    return gathered(findings)


def _stands(views: Sequence[View], measures: Mapping[str, Measures]) -> bool:
    """Returns whether people are upright along the up of every view of a recording."""
    return all(measures[view.name].upright >= LIMITS["upright"].expected[0] for view in views)


def _floor_of(view: View) -> tuple[float, ...]:
    """Returns a view's up, to a hundredth, and floor, to a millimetre; empty if either is unknown."""
    if view.world_up is None or view.floor_height_mm is None:
        return ()
    return *(view.world_up.round(2) + 0.0).tolist(), float(round(view.floor_height_mm))


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
