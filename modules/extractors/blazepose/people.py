"""All people that BlazePose finds in one image: one rule says who is another person, to count and to estimate them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from modules.config.sections import TestTimeAugmentation
from modules.extractors.blazepose.detector import BlazePose, person_extent
from modules.extractors.blazepose.landmarks import Landmarks

MOST_PEOPLE = 8  # squares of the detector that are looked at
SAME_PERSON = 0.5  # of the smaller of two boxes: what they have in common, from which on they show one person


def detect_people(model: BlazePose, image_rgb: np.ndarray, tta: TestTimeAugmentation) -> list[Landmarks]:
    """Returns the people of a raw RGB image; the first is the one that `model` returns for a single person."""
    first = model.detect(image_rgb, tta)
    if first is None:
        return []
    others = other_people(model, image_rgb, first)
    return [first, *(model.averaged(image_rgb, [one], tta) for one in others)]


def followed_people(model: BlazePose, image_rgb: np.ndarray, before: Sequence[Landmarks]) -> list[Landmarks]:
    """Returns the people of a video's frame, one crop each: those of `detect_people`, then those who are still where they were.

    `before` are the people of the frame before. Of people close to each other, the detector often finds one alone.
    """
    people = detect_people(model, image_rgb, False)
    for person in before:
        if not _are_apart(person.box_xywh, people):
            continue
        still = model.estimate_landmarks(image_rgb, person.next_square)
        if still is not None and _are_apart(still.box_xywh, people):
            people.append(still)
    return people[:MOST_PEOPLE]


def _are_apart(box_xywh: np.ndarray, people: Sequence[Landmarks]) -> bool:
    return not people or _overlap_of_smaller(box_xywh, [one.box_xywh for one in people]) < SAME_PERSON


def other_people(model: BlazePose, image_rgb: np.ndarray, found: Landmarks) -> list[Landmarks]:
    """Returns the people beside `found` whom both networks see elsewhere, in the order of the detector's confidence.

    They are searched in the upright image alone, one crop each.
    """
    boxes, others = [found.box_xywh], []
    for square in model.detect_squares(image_rgb)[:MOST_PEOPLE]:
        if _overlap_of_smaller(person_extent(square), boxes) < SAME_PERSON:
            other = model.estimate_landmarks(image_rgb, square)
            if other is not None and _overlap_of_smaller(other.box_xywh, boxes) < SAME_PERSON:
                boxes.append(other.box_xywh)
                others.append(other)
    return others


def _overlap_of_smaller(box_xywh: np.ndarray, others: Sequence[np.ndarray]) -> float:
    """Returns the largest share of the smaller of two boxes (4,) that the box has in common with one of the others."""
    shares = []
    for other in others:
        low = np.maximum(box_xywh[:2], other[:2])
        high = np.minimum(box_xywh[:2] + box_xywh[2:], other[:2] + other[2:])
        smaller = min(box_xywh[2:].prod(), other[2:].prod())
        shares.append(float(np.clip(high - low, 0, None).prod() / smaller))
    return max(shares)
