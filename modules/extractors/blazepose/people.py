"""All people that BlazePose finds in one image."""

from __future__ import annotations

import numpy as np

from modules.extractors.blazepose.detector import BlazePose
from modules.extractors.blazepose.landmarks import Landmarks

SAME_PERSON = 0.2  # of the person's size: crops whose median landmark is moved by less show the same person
MIN_OTHER_CERTAINTY = 0.5  # of further people, below which the landmark network mostly sees things or parts of people


def detect_people(model: BlazePose, image_rgb: np.ndarray, test_time_augmentation: bool) -> list[Landmarks]:
    """Returns the people of a raw RGB image; the first is the one that `model` returns for a single person.

    Further people are searched in the upright image alone, in the order of the detector's confidence.
    """
    first = model.detect_with_tta(image_rgb) if test_time_augmentation else model.detect(image_rgb)
    if first is None:
        return []
    people = [first]
    for square in model.detect_squares(image_rgb):
        if float(np.linalg.norm(square.centre - first.square.centre)) < SAME_PERSON * first.square.side / 2:
            continue
        found = model.estimate_landmarks(image_rgb, square)
        if found is None or found.certainty < MIN_OTHER_CERTAINTY or any(_is_same(found, one) for one in people):
            continue
        people.append(model.averaged(image_rgb, [found]) if test_time_augmentation else found)
    return people


def _is_same(found: Landmarks, other: Landmarks) -> bool:
    """Returns whether two crops show the same person: their median landmark is at nearly the same place."""
    size = float(np.linalg.norm(np.ptp(other.landmarks_px, axis=0)))
    distance = np.median(np.linalg.norm(found.landmarks_px - other.landmarks_px, axis=1))
    return bool(distance < SAME_PERSON * size)
