"""The average of one person's landmarks over several crops."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from modules.extractors.blazepose.landmarks import Landmarks, person_box

AGREEMENT = 0.05  # of the person's size: crops whose median landmark is farther from the most certain one's are dropped
CERTAINTY_POWER = 4  # weights are certainty to this power


def merge_landmarks(crops: Sequence[Landmarks]) -> Landmarks:
    """Averages the crops that agree with the most certain one, weighted by certainty.

    Everything that is no array (score, certainty, squares) is the most certain crop's.
    """
    best = max(crops, key=lambda found: found.certainty)
    size = float(np.linalg.norm(np.ptp(best.landmarks_px, axis=0)))
    agreeing = [found for found in crops if _median_distance(found, best) <= AGREEMENT * size]
    weights = np.array([found.certainty**CERTAINTY_POWER for found in agreeing])
    weights /= weights.sum()

    def mean(values: Sequence[np.ndarray]) -> np.ndarray:
        return np.tensordot(weights, values, 1)

    landmarks_px, presence = mean([one.landmarks_px for one in agreeing]), mean([one.presence for one in agreeing])
    return replace(
        best,
        box_xywh=person_box(landmarks_px, presence),
        landmarks_px=landmarks_px,
        visibility=mean([one.visibility for one in agreeing]),
        presence=presence,
        world_landmarks_mm=mean([one.world_landmarks_mm for one in agreeing]),
    )


def _median_distance(found: Landmarks, other: Landmarks) -> float:
    return float(np.median(np.linalg.norm(found.landmarks_px - other.landmarks_px, axis=1)))
