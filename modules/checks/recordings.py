"""Assessors the cameras of one recording: each by itself, and all beside each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from modules.checks.agreement import ROUGH, SIZE, Pair, disagrees, pairs_of, size_of, worst
from modules.checks.causes import Cause, explains, find_causes
from modules.checks.company import Stranger, identical, stranger, swapped_files
from modules.checks.limits import Odd, is_problem, odd_measures, off_share, without_floor_of_lying
from modules.checks.measures import Measures
from modules.checks.views import View
from modules.checks.wording import either, note_sentence, problem_sentence

MOST_SEARCHES = 8
PERSON_MM = 1700.0  # a standing person's height
IDENTICAL, ONE_CAMERA = "identical", "identical calibration"  # kinds of findings
POSTURE = ("floor_over_size", "upright", "height_mm")  # depend on people: by themselves they point to no single cause


@dataclass(frozen=True)
class Finding:
    """A sentence about views: a problem, or only a note. `kind` gathers those of many views.

    If a note is a mistake after all, answers are off by `off_mm`, and by `off_share` of the people's distance.
    """

    views: tuple[str, ...]
    sentence: str
    is_problem: bool
    kind: str
    off_mm: float = 0.0
    off_share: float = 0.0


@dataclass
class Assessor:
    """Assessors recordings one after another; causes that explained one are tried first on the next."""

    known: list[Cause] = field(default_factory=list)
    searches: int = MOST_SEARCHES  # left: each takes a second, and the first ones find what many files share

    def assess(
        self, views: Sequence[View], measures: Mapping[str, Measures], others_stand: bool = False
    ) -> list[Finding]:
        """Returns what is wrong or odd with the cameras of one recording, whose views have these measures by name.

        `others_stand`: people of other recordings stand upright on the same floor, so that somebody who does not, in a few
        images in which the views agree, lies.
        """
        odd = {view.name: odd_measures(measures[view.name]) for view in views}
        pairs = pairs_of(views)
        size = size_of(pairs)
        contradicts = worst(pairs) > ROUGH or bool(np.isfinite(size) and not SIZE[0] < size < SIZE[1])
        if others_stand and pairs and not contradicts:
            odd = {name: without_floor_of_lying(own, measures[name]) for name, own in odd.items()}
        found = self._together(views, pairs, odd) if contradicts else []
        if not any(one.kind == IDENTICAL for one in found) and len(same := identical(views, calibration=True)) > 1:
            found.append(_one_camera(same))
        explained = {name for one in found if one.is_problem for name in one.views}
        for view in views:
            if view.name not in explained and odd[view.name]:
                found.append(self._alone(view, views, odd[view.name], contradicts))
        return found

    def _alone(self, view: View, views: Sequence[View], odd: list[Odd], contradicts: bool) -> Finding:
        """Returns the finding about a view that is odd by itself."""
        others = [one for one in views if one.name != view.name]
        agrees = bool(others) and not contradicts
        is_severe = is_problem(odd)
        causes = self._causes([view], others, may_search=is_severe or not (agrees or odd[0].measure in POSTURE))
        kind = either(causes) if causes else " ".join([str(is_severe), *(one.measure for one in odd)])
        sentence = (problem_sentence if is_severe else note_sentence)(odd, view, causes)
        return Finding((view.name,), sentence, is_severe, kind, off_share=max(off_share(one, view) for one in odd))

    def _causes(self, odd: Sequence[View], sound: Sequence[View], may_search: bool = True) -> list[Cause]:
        for cause in self.known:
            if explains(cause, odd, sound):
                return [cause]
        if not may_search or self.searches == 0:
            return []
        self.searches -= 1
        causes = find_causes(odd, sound)
        self.known += causes if len(causes) == 1 and not causes[0].is_floor else []
        return causes

    def _together(self, views: Sequence[View], pairs: Sequence[Pair], odd: dict[str, list[Odd]]) -> list[Finding]:
        """Returns the finding about cameras that contradict each other, or a world of another size."""
        if disagrees(pairs) and len(same := identical(views)) > 1:
            return [_identical(same)]
        wrong = [view for view in views if is_problem(odd[view.name])]
        one = stranger(views, pairs)
        suspects: list[tuple[Sequence[View], Sequence[View]]] = [(views, [])]
        if one:
            suspects.insert(0, ([one.view], [view for view in views if view is not one.view]))
        if wrong and len(wrong) < len(views):
            suspects.insert(0, (wrong, [view for view in views if view not in wrong]))
        for may_search in (False, True):
            if may_search and (order := swapped_files(views, pairs)):
                return [_swapped(order, pairs)]
            for guilty, others in suspects:
                causes = self._causes(
                    guilty, others, may_search and (disagrees(pairs) or bool(wrong) or worst(pairs) < ROUGH)
                )
                if causes:
                    return [_explained(guilty, odd[guilty[0].name], pairs, causes)]
        if one is not None:
            return [_strange(one)]
        return [_unexplained(views, pairs)]


def _explained(guilty: Sequence[View], odd: Sequence[Odd], pairs: Sequence[Pair], causes: Sequence[Cause]) -> Finding:
    sentence = problem_sentence(odd, guilty[0], causes) if odd else f"{_disagreement(pairs)}; {either(causes)}"
    return Finding(tuple(view.name for view in guilty), sentence, True, either(causes))


def _unexplained(views: Sequence[View], pairs: Sequence[Pair]) -> Finding:
    """Returns the finding about views that contradict each other for no known reason; it only a note if by little."""
    is_severe = disagrees(pairs) or worst(pairs) < ROUGH
    names = tuple(view.name for view in views)
    if not is_severe:
        names = tuple(sorted({name for pair in pairs if pair.miss > ROUGH for name in pair.names}))
    other = CHECK if is_severe else f"right if the images are not of exactly one moment, otherwise {CHECK}"
    off_mm = PERSON_MM * worst(pairs)
    return Finding(names, f"{_disagreement(pairs)}; {other}", is_severe, f"disagreement {is_severe}", off_mm)


CHECK = "check that these camera files, images and moments belong together, and calibrate again if they do"


def _disagreement(pairs: Sequence[Pair]) -> str:
    if worst(pairs) < ROUGH:
        return f"people triangulated from its views are {size_of(pairs):.2g} times as large as by the extractor"
    most = max(pairs, key=lambda pair: pair.miss)
    files = " and ".join(f"camera/{name}.json" for name in most.names)
    return f"views of one moment disagree: rays of one joint through {files} miss each other by {_miss(most)}"


def _miss(pair: Pair) -> str:
    if pair.miss >= 9:
        return "more than the person's height, or meet behind a camera"
    return f"{pair.miss:.2f} of the person's height"


def _identical(same: Sequence[View]) -> Finding:
    sentence = f"{_files(same)} hold the same [R|t], but their images show people from different sides; write each camera's own"
    return Finding(tuple(view.name for view in same), sentence, True, IDENTICAL)


def _one_camera(same: Sequence[View]) -> Finding:
    """Returns the note about views with the same calibration whose images do not contradict it."""
    sentence = (
        f"{_files(same)} hold the same K and [R|t]; right if one camera took these images, otherwise write each "
        "camera's own"
    )
    return Finding(tuple(view.name for view in same), sentence, False, ONE_CAMERA)


def _files(views: Sequence[View]) -> str:
    return ", ".join(view.file for view in views)


def _swapped(order: Sequence[tuple[View, View]], pairs: Sequence[Pair]) -> Finding:
    texts = ", ".join(f"{view.file} fits the images of {right.camera}" for right, view in order)
    sentence = f"{_disagreement(pairs)}; camera files are swapped ({texts}): rename them"
    return Finding(tuple(view.name for view, _ in order), sentence, True, "swapped")


def _strange(one: Stranger) -> Finding:
    moved = "check that it belongs to these images"
    if one.turned_deg is not None and one.moved_mm is not None:
        moved = (
            f"turned by about {one.turned_deg:.1f} degrees and moved by about {one.moved_mm:.0f} mm it would agree; "
            "calibrate it again if it was touched, else check that the file belongs to these images"
        )
    is_severe = one.is_severe
    legal = "" if is_severe else "right if its images are not of exactly the same moments, otherwise "
    sentence = (
        f"the other views of the recording agree with each other, but not with it (by {one.miss_most:.2f} of a person's "
        f"height); {legal}{moved}"
    )
    return Finding((one.view.name,), sentence, is_severe, f"stranger {is_severe}", PERSON_MM * one.miss_most)
