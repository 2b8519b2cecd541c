"""Puts odd measures into words."""

from __future__ import annotations

from collections.abc import Sequence

from modules.checks.causes import Cause
from modules.checks.limits import Odd
from modules.checks.measures import fitting_floor
from modules.checks.views import View

MOST_NAMED = 2  # odd measures in one sentence

LEGAL = {
    "field_of_view_deg": "right for such a lens",
    "off_centre": "right for a crop",
    "picture_size": "right for a crop",
    "aspect": "right for pixels that are not square",
    "t_mm": "right if the world's origin is at the camera",
    "distance_mm": "right if people are that far away",
    "height_mm": "right if the camera is mounted there",
    "floor_over_size": "right if people are on a step or in the air, or much smaller or taller than most",
    "upright": "right if they lie, bend or are upside down",
}


def describe(odd: Odd, view: View) -> str:
    """Returns an odd measure in words, with its numbers."""
    x, longer = odd.value, max(view.image_size)
    texts = {
        "field_of_view_deg": f"the focal length is {number((view.K[0, 0] * view.K[1, 1]) ** 0.5 / longer)} times the "
        f"picture's longer side (a field of view of {number(x)} degrees)",
        "off_centre": f"the principal point ({view.K[0, 2]:.0f}, {view.K[1, 2]:.0f}) is {x * longer:.0f} px from the middle "
        f"of the picture of {view.image_size[0]}x{view.image_size[1]}",
        "picture_size": f"the principal point is the middle of a picture {number(x)} times as large",
        "aspect": f"fy is {x:.2f} times fx",
        "t_mm": f"t is {number(x)} mm long",
        "distance_mm": f"by their size people are {number(x / 1000)} m away",
        "height_mm": f"the camera stands {abs(x):.0f} mm {'over' if x > 0 else 'below'} its floor",
        "floor_over_size": f"by the floor people are {x:.2f} times as far away as by their size"
        if x > 0 else "by the floor people are behind the camera",
        "upright": f"people are not upright along world_up (cosine {x:.2f})",
    }  # fmt: skip
    return texts[odd.measure]


def note_sentence(odd: Sequence[Odd], view: View, causes: Sequence[Cause]) -> str:
    """Returns the sentence of a note: what is odd, for what it is right, and what else it may be."""
    other = f"otherwise {either(causes)}" if causes else f"otherwise check {_suspects(odd, view)}"
    return f"{_joined(odd, view)}; {LEGAL[odd[0].measure]}, {other}"


def _suspects(odd: Sequence[Odd], view: View) -> str:
    """Returns what to check where no cause is known."""
    if odd[0].measure != "floor_over_size":
        return "K, [R|t], world_up and floor_height_mm"
    floor = fitting_floor(view)
    return f"floor_height_mm (about {floor:.0f} would fit), K (of this zoom, this crop?), and the unit of t"


def problem_sentence(odd: Sequence[Odd], view: View, causes: Sequence[Cause]) -> str:
    """Returns the sentence of a problem: what is odd, its cause and fix."""
    fix = either(causes) if causes else (
        "none of the known mistakes explains it; check K (is it of pictures of this size, and of this zoom?), [R|t] "
        "(world to camera, in mm), world_up and floor_height_mm"
    )  # fmt: skip
    return f"{_joined(odd, view)}; {fix}"


def either(causes: Sequence[Cause]) -> str:
    """Returns the causes as one text; several are alternatives."""
    texts = list(dict.fromkeys(cause.sentence() for cause in causes))
    return texts[0] if len(texts) == 1 else "either " + ", or ".join(texts)


def _joined(odd: Sequence[Odd], view: View) -> str:
    """Returns the MOST_NAMED most telling of the odd measures as one text."""
    has_size = any(one.measure == "picture_size" for one in odd)
    own = [one for one in odd if not (has_size and one.measure == "off_centre")]
    own = sorted(own, key=lambda one: not one.is_severe)[:MOST_NAMED]
    return " and ".join(describe(one, view) for one in own)


def number(x: float) -> str:
    """Returns a number with two or three digits, without an exponent."""
    return f"{x:,.0f}" if abs(x) >= 100 else f"{x:.2g}"
