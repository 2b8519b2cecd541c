"""Assessors measures: what is odd about a camera, and how odd."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modules.checks.measures import USUAL_RATIO, Measures
from modules.checks.views import View


@dataclass(frozen=True)
class Limit:
    """The usual range of a measure. Outside `expected` it is noted; outside `possible` it is a problem by itself."""

    usual: float
    spread: float  # standard deviation, of the logarithm if `is_ratio`
    expected: tuple[float, float]
    possible: tuple[float, float]
    is_ratio: bool

    def distance(self, value: float) -> float:
        """Returns the distance from the usual value in standard deviations; 0 if it is unknown, 20 if impossible."""
        if np.isnan(value):
            return 0.0
        if not self.is_ratio:
            return min(20.0, abs(value - self.usual) / self.spread)
        return min(20.0, abs(float(np.log(value / self.usual))) / self.spread) if value > 0 else 20.0


NEVER = (-np.inf, np.inf)
LIMITS = {
    "field_of_view_deg": Limit(60.0, 0.4, (12.0, 125.0), (4.0, 150.0), True),
    "off_centre": Limit(0.0, 0.06, (-1.0, 0.18), (-1.0, 1.0), False),
    "picture_size": Limit(1.0, 0.04, (0.9, 1.1), NEVER, True),
    "aspect": Limit(1.0, 0.02, (0.96, 1.04), (0.8, 1.25), True),
    "t_mm": Limit(4000.0, 1.2, (30.0, 200e3), NEVER, True),
    "distance_mm": Limit(3500.0, 0.6, (500.0, 40e3), (150.0, 200e3), True),
    "height_mm": Limit(1700.0, 0.4, (350.0, 12e3), (100.0, 200e3), True),
    "floor_over_size": Limit(USUAL_RATIO, 0.1, (0.82, 1.38), (0.55, 1.9), True),
    "upright": Limit(1.0, 0.25, (0.4, 2.0), NEVER, False),
}


MANY_IMAGES, UPSIDE_DOWN = 10, -0.3
UNKNOWN_SHARE = 0.25  # of the distance, for measures that imply no number: the median of such mistakes in docs/trust.md
LYING = (0.62, 1.75)  # floor over size of people who lie, whose feet say less about the floor


@dataclass(frozen=True)
class Odd:
    """A measure outside its usual range."""

    measure: str
    value: float
    is_severe: bool


def odd_measures(measures: Measures) -> list[Odd]:
    """Returns the measures outside of the expected range, in the order of the limits."""
    found = []
    lies = measures.upright < LIMITS["upright"].expected[0]
    for name, limit in LIMITS.items():
        value = float(getattr(measures, name))
        usual = LYING if lies and name == "floor_over_size" else limit.expected
        if not np.isnan(value) and not usual[0] <= value <= usual[1]:
            is_severe = not limit.possible[0] <= value <= limit.possible[1] or (
                name == "upright" and _is_upside_down(measures)
            )
            found.append(Odd(name, value, is_severe))
    return found


def without_floor_of_lying(odd: list[Odd], measures: Measures) -> list[Odd]:
    """Returns the odd measures without the floor's, if people are not upright in fewer than MANY_IMAGES images.

    Where people lie, it says nothing: their lowest foot joint may be in the air, and they may be seen along the floor.
    """
    lies = any(one.measure == "upright" for one in odd) and measures.images < MANY_IMAGES
    return [one for one in odd if not (lies and one.measure == "floor_over_size")]


def off_share(odd: Odd, view: View) -> float:
    """Returns by which share of their distance people are misplaced if an odd measure is a mistake of the camera."""
    x = odd.value
    if odd.measure == "floor_over_size":
        return min(abs(1 - USUAL_RATIO / x), abs(1 - x / USUAL_RATIO)) if x > 0 else 1.0
    if odd.measure in ("picture_size", "aspect"):
        return min(abs(1 - 1 / x), 1.0)
    if odd.measure == "off_centre":  # the ray through the middle of the picture is off by this
        return float(min(x * max(view.image_size) / np.sqrt(view.K[0, 0] * view.K[1, 1]), 1.0))
    return UNKNOWN_SHARE


def _is_upside_down(measures: Measures) -> bool:
    """Whether people are upside down in so many images that no gymnast can be the reason."""
    return measures.images >= MANY_IMAGES and measures.upright < UPSIDE_DOWN


def is_problem(odd: list[Odd]) -> bool:
    """Whether these findings are a problem: two that are independent, or one that no sound camera shows."""
    kinds = {"off_centre" if one.measure == "picture_size" else one.measure for one in odd}
    return len(kinds) > 1 or any(one.is_severe for one in odd)


def surprise(measures: Measures) -> float:
    """Returns the summed squared distance of all measures from the usual, each at most 50."""
    return float(sum(min(50.0, limit.distance(getattr(measures, name)) ** 2) for name, limit in LIMITS.items()))
