"""Finds the known mistakes under which odd cameras are usual again, and their views agree."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from modules.checks.agreement import SIZE, USUAL, Pair, disagrees, pairs_of, size_of
from modules.checks.limits import is_problem, odd_measures, surprise
from modules.checks.measures import fitting_floor, lens_measures, measure, picture_size
from modules.checks.mistakes import (
    EXTRINSICS,
    INTRINSICS,
    RATIOS,
    SIZES,
    T_UNITS,
    Mistake,
    corrected_scene,
    in_px,
    of_another_size,
)
from modules.checks.views import View, placed
from modules.files.cameras import IMAGE_SCALE

PER_MISTAKE = 6.0  # of surprise: a further mistake must explain more than this
FLOOR = 14.0  # likewise for the floor, which can be chosen to fit nearly everything
FLOOR_IS_OFF = "floor_height_mm is off"
CLOSE = 5.0  # causes whose surprise differs by less are named together
FEW_IMAGES = 8  # of a view; enough to compare causes
MOST_VIEWS = 4
MOST_MISTAKES = 3
SAME_SIZE = 0.03  # of the logarithm of a ratio of sizes
MOST_NAMED = 2  # with more, nothing is known about the cause
USUAL_SIZE = 1.1
SIZE_SPREAD = 0.12  # of the logarithm of people's size by two views over the extractor's
AXES = tuple(tuple(float(x) for x in axis) for axis in itertools.chain(np.eye(3), -np.eye(3)))


@dataclass(frozen=True)
class Cause:
    """Mistakes that together explain odd cameras, and an up to write instead of the declared one."""

    mistakes: tuple[Mistake, ...] = ()
    world_up: tuple[float, ...] | None = None
    is_floor: bool = False  # the declared floor is wrong

    @property
    def count(self) -> int:
        """The number of mistakes."""
        return len(self.mistakes) + (self.world_up is not None) + self.is_floor

    def sentence(self) -> str:
        """Returns what is wrong and its fix."""
        parts = [f"{mistake.what}: {mistake.fix}" for mistake in self.mistakes]
        if self.world_up is not None:
            up = ", ".join(f"{x + 0.0:.0f}" for x in self.world_up)
            parts.append(f"people and camera are upright along another axis: write world_up ({up})")
        if self.is_floor:
            parts.append(f"{FLOOR_IS_OFF}: measure it, or leave it out so that it is measured on labels or views")
        return "; ".join(parts)

    def applied(self, view: View) -> View:
        """Returns the view with these mistakes corrected."""
        corrected = view.under(corrected_scene(view.evidence, self.mistakes)) if self.mistakes else view
        if self.world_up is not None:
            corrected = replace(corrected, world_up=np.array(self.world_up))
        return replace(corrected, floor_height_mm=fitting_floor(corrected)) if self.is_floor else corrected


def find_causes(odd: Sequence[View], sound: Sequence[View] = ()) -> list[Cause]:
    """Returns the causes under which all odd views are usual and agree with the sound ones of their recording.

    The likeliest is first; there are several if they cannot be told apart, and none if no cause or too many explain it.
    """
    odd, sound = [_thinned(view) for view in odd[:MOST_VIEWS]], [_thinned(view) for view in sound[:MOST_VIEWS]]
    scored = []
    for intrinsics in _intrinsics(odd[0]):
        lens = [Cause(intrinsics).applied(view) for view in odd]
        if any(_impossible_lens(view) for view in lens):
            continue
        people = [placed(view) for view in lens]
        for world in _worlds(odd[0], MOST_MISTAKES - len(intrinsics)):
            cause = Cause((*intrinsics, *world.mistakes), world.world_up)
            score = _score([world.applied(view) for view in lens], people, sound)
            scored.append((score + PER_MISTAKE * cause.count, cause))
    floor = Cause(is_floor=True)
    if all(view.floor_height_mm is not None and view.world_up is not None for view in odd) and explains(
        floor, odd, sound
    ):
        views = [floor.applied(view) for view in odd]
        scored.append((_score(views, [placed(view) for view in views], sound) + FLOOR, floor))
    best = min((score for score, _ in scored), default=np.inf)
    if not np.isfinite(best):
        return []
    close = [cause for score, cause in sorted(scored, key=lambda one: one[0]) if score < best + CLOSE]
    return close if len(close) <= MOST_NAMED and close[0].count else []


def _score(views: Sequence[View], people: Sequence[np.ndarray], sound: Sequence[View]) -> float:
    """Returns the surprise that is left; inf if a view is still odd or two views still disagree."""
    total = 0.0
    for view, own in zip(views, people, strict=True):
        measures = measure(view, own)
        if is_problem(odd_measures(measures)):
            return np.inf
        total += surprise(measures)
    pairs = pairs_of([*views, *sound])
    size = size_of(pairs)
    if disagrees(pairs) or not (np.isnan(size) or SIZE[0] < size < SIZE[1]):
        return np.inf
    return total / len(views) + _disagreement(pairs)


def _disagreement(pairs: Sequence[Pair]) -> float:
    """Returns how surprising misses and sizes of pairs of views are, in squared standard deviations."""
    if not pairs:
        return 0.0
    miss = float(np.mean([min(50.0, (pair.miss / (3 * USUAL)) ** 2) for pair in pairs]))
    size = size_of(pairs)
    return miss if np.isnan(size) else miss + min(50.0, float(np.log(size / USUAL_SIZE) / SIZE_SPREAD) ** 2)


def _intrinsics(view: View) -> Iterator[tuple[Mistake, ...]]:
    """Yields no mistake, those of K, and the size of picture at whose middle the principal point is."""
    yield ()
    for mistake in (*INTRINSICS, *SIZES):
        yield (mistake,)
    times = picture_size(view.K, view.image_size)
    usual = np.array([1.0, *(float(ratio) for ratio in RATIOS)])
    if 0.1 < times < 10 and np.abs(np.log(times / usual)).min() > SAME_SIZE:
        near = Fraction(times).limit_denominator(8)
        exact = abs(float(near) / times - 1) < SAME_SIZE / 3
        yield (of_another_size(near if exact else Fraction(times).limit_denominator(50)),)
    if times > 30 and abs(np.log(times / IMAGE_SCALE)) > 2 * SAME_SIZE:  # INTRINSICS has px divided by the usual scale
        yield (in_px(times),)


def _worlds(view: View, most: int) -> Iterator[Cause]:
    """Yields causes of up to `most` mistakes of extrinsics, their unit, and up."""
    ups = [None, *(axis for axis in AXES if view.world_up is not None and np.dot(axis, view.world_up) < 0.9)]
    choices = itertools.product([(), *((m,) for m in EXTRINSICS)], [(), *((m,) for m in T_UNITS)], ups)
    for extrinsics, unit, up in choices:
        cause = Cause((*extrinsics, *unit), up)
        if cause.count <= most and not (up is not None and extrinsics):
            yield cause


def _impossible_lens(view: View) -> bool:
    field, off, aspect = lens_measures(view.K, view.image_size)
    return not (np.isfinite(view.K).all() and 4 < field < 150 and off < 0.6 and 0.8 < aspect < 1.25)


def _thinned(view: View) -> View:
    count = len(view.sequences)
    return view.take(np.unique(np.linspace(0, count - 1, min(count, FEW_IMAGES)).astype(int)))


def explains(cause: Cause, odd: Sequence[View], sound: Sequence[View]) -> bool:
    """Whether all odd views are usual under the cause, and agree with the sound ones."""
    views = [cause.applied(_thinned(view)) for view in odd]
    if any(_impossible_lens(view) for view in views):
        return False
    return bool(np.isfinite(_score(views, [placed(view) for view in views], [_thinned(view) for view in sound])))
