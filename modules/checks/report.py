"""Checks all cameras of a split's rows and gathers the findings of many camera files into one sentence each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from modules.checks.recordings import Assessor, Finding
from modules.checks.views import View, by_recording, views_of_rows


def check_rows(rows: Mapping[str, np.ndarray]) -> list[Finding]:
    """Returns what is wrong or odd with the cameras of cache rows (columns); labels are not read.

    Problems come first. Each sentence begins with the camera file that it is about.
    """
    return check_views(views_of_rows(rows))


def check_views(views: Sequence[View]) -> list[Finding]:
    """Returns what is wrong or odd with the cameras of views, problems first."""
    assessor = Assessor()
    return gathered([one for own in by_recording(views).values() for one in assessor.assess(own)])


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
