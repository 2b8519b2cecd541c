"""Says what a calibration leaves open: what its file does not hold, and which mistakes its numbers cannot show."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from modules.calibrations.base import FileRig
from modules.calibrations.misreadings import SUSPECT, Checks, better_reading, open_misreadings, possible_factors
from modules.calibrations.plausibility import apart_mm, level_axis
from modules.pose_utils import Camera

UNCHECKED = "not checked"  # these sentences begin so
_POINT = "check it by a point that you know in a picture (docs/cameras.md)"


def open_questions(title: str, rig: FileRig, unit: str, cameras: Mapping[str, Camera], checks: Checks) -> list[str]:
    """Returns sentences on what is open about the cameras, in mm, of a file in the format `title` whose lengths are in `unit`.

    A mistake that the numbers rule out is not mentioned.
    """
    is_up_known = any(camera.world_up is not None for camera in cameras.values())
    found = [] if is_up_known else [_up(rig, cameras)]
    better = better_reading(cameras, checks, SUSPECT)
    if better is not None:
        found.append(f"cameras would look at one place and stand level far better if {better.what}; check it")
    possible = [one.name for one in open_misreadings(cameras, checks) if one is not better]
    if possible:
        found.append(
            f"{UNCHECKED}: the direction of the cameras, which {_reason(rig, cameras)}: it could be {_either(possible)}; taken "
            f"to hold is the rule of {title}, that {rig.rule}; {_POINT}{'' if is_up_known else ', or add --up'}"
        )
    factors = possible_factors(cameras, checks) if rig.moves or apart_mm(cameras) > 0 else []
    if factors:
        found.append(
            f"{UNCHECKED}: the unit of lengths: {_either([f'{factor:g} times' for factor in factors])} as large they would be "
            f"plausible as well; taken to hold is {unit}; check it by a distance that you know, and correct it by --unit or "
            "--scale"
        )
    if any(camera.image_size is None for camera in cameras.values()):
        found.append(
            f"{UNCHECKED}: whether K is of another size than your images, since the file does not hold the size of all images; "
            f"taken to hold is that they have the calibrated size; add --image-size, and {_POINT}"
        )
    return [*found, _invisible(title, cameras)]


def _up(rig: FileRig, cameras: Mapping[str, Camera]) -> str:
    level = None if rig.moves else level_axis(cameras)
    why = "--up names the axis that points up"
    if level or rig.usual_up:
        axis, reason = (level, "the cameras stand level if") if level else (rig.usual_up, "by custom of this format")
        why = f"{reason} {axis} is up: --up={axis}"
    return f"up and floor are not in the file; {why}"


def _reason(rig: FileRig, cameras: Mapping[str, Camera]) -> str:
    if rig.moves:
        return "the places of one moving camera do not show"
    return {1: "one camera alone does not show", 2: "two cameras alone do not show"}.get(
        len(cameras), "these cameras do not show"
    )


def _either(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _invisible(title: str, cameras: Mapping[str, Camera]) -> str:
    """Returns the sentence on what no number can show."""
    has_lens = any(camera.distortion is not None and np.any(camera.distortion) for camera in cameras.values())
    what, lines = "half a pixel", ""
    if has_lens:
        what, lines = "half a pixel, and order and signs of the lens", ", and lenses by straight lines near the border"
    return f"{UNCHECKED}, since no number shows it: {what}; taken to hold is the rule of {title}; {_POINT}{lines}"
