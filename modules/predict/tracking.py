"""Follows people over the frames of one camera by where they stand in the world."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

MAX_SPEED_MM_S = 9000.0  # of a running person
SIDEWAYS_SHARE = 0.25  # of the expected error, across the line of sight; most of a single view's error is along it
LEAST_ERROR_MM = 60.0
GATE = 11.3  # squared Mahalanobis distance in 3D that 99 % of true positions are within
LONGEST_ABSENCE_S = 2.0  # after which somebody who reappears is another person


@dataclass
class _Track:
    number: int
    position_mm: np.ndarray  # (3,) when last seen
    velocity_mm_s: np.ndarray  # (3,)
    time_s: float
    covariance: np.ndarray = field(repr=False)  # (3, 3) of the position when last seen


@dataclass(frozen=True)
class Observed:
    """Positions of people in images, in the order of the images."""

    image: np.ndarray  # (P,)
    time_s: np.ndarray  # (P,)
    position_mm: np.ndarray  # (P, 3)
    error_mm: np.ndarray  # (P,) expected, NaN where unknown


def track(seen: Observed, centre_mm: np.ndarray) -> np.ndarray:
    """Returns the number (P,) of the person in each row, from 0 in the order of appearance.

    A position is that of the person who is nearest to it by their errors, if the distance is within GATE; people are assumed
    to go on at their velocity. `centre_mm` (3,) is the camera's, along whose rays the error is largest.
    """
    numbers = np.full(len(seen.image), -1)
    tracks: list[_Track] = []
    count = 0
    for index in dict.fromkeys(seen.image.tolist()):
        here = np.flatnonzero(seen.image == index)
        now, positions = float(seen.time_s[here[0]]), seen.position_mm[here]
        tracks = [one for one in tracks if now - one.time_s <= LONGEST_ABSENCE_S]
        covariances = [position_covariance(seen.position_mm[row], float(seen.error_mm[row]), centre_mm) for row in here]
        for row_at, track_at in _matches(tracks, positions, covariances, now):
            _move(tracks[track_at], positions[row_at], covariances[row_at], now)
            numbers[here[row_at]] = tracks[track_at].number
        for row, covariance in zip(here, covariances, strict=True):
            if numbers[row] < 0:
                numbers[row] = count
                tracks.append(_Track(count, seen.position_mm[row], np.zeros(3), now, covariance))
                count += 1
    return numbers


def position_covariance(position_mm: np.ndarray, error_mm: float, centre_mm: np.ndarray) -> np.ndarray:
    """Returns the covariance (3, 3) of a position that a camera sees, long along the line of sight."""
    ray = position_mm - centre_mm
    ray = ray / np.linalg.norm(ray)
    along = max(error_mm, LEAST_ERROR_MM) if np.isfinite(error_mm) else 4 * LEAST_ERROR_MM
    across = max(SIDEWAYS_SHARE * along, LEAST_ERROR_MM)
    return across**2 * np.eye(3) + (along**2 - across**2) * np.outer(ray, ray) * (along > across)


def squared_distance(
    position_mm: np.ndarray, covariance: np.ndarray, other_mm: np.ndarray, other: np.ndarray, seconds: float
) -> float:
    """Returns the squared Mahalanobis distance of two positions of one person, `seconds` apart."""
    drift = (0.5 * MAX_SPEED_MM_S * seconds / 3) ** 2  # three standard deviations are half the highest speed
    offset = position_mm - other_mm
    return float(offset @ np.linalg.solve(covariance + other + drift * np.eye(3), offset))


def _matches(
    tracks: list[_Track], position_mm: np.ndarray, covariances: list[np.ndarray], now: float
) -> list[tuple[int, int]]:
    """Returns pairs (row, track) with the least sum of distances, none of which is beyond the gate."""
    if not tracks or not len(position_mm):
        return []
    cost = np.empty((len(position_mm), len(tracks)))
    for j, one in enumerate(tracks):
        seconds = now - one.time_s
        expected = one.position_mm + one.velocity_mm_s * min(seconds, 0.5)
        for i, covariance in enumerate(covariances):
            cost[i, j] = squared_distance(position_mm[i], covariance, expected, one.covariance, seconds)
    # A pair beyond the gate costs as much as two gates, so that it is never preferred to a pair within.
    rows, columns = linear_sum_assignment(np.where(cost <= GATE, cost, 2 * GATE))
    return [(int(i), int(j)) for i, j in zip(rows, columns, strict=True) if cost[i, j] <= GATE]


def _move(one: _Track, position_mm: np.ndarray, covariance: np.ndarray, now: float) -> None:
    """Moves a track to where the person is seen; the velocity is averaged over about half a second."""
    seconds = max(now - one.time_s, 1e-3)
    share = min(seconds / 0.5, 1.0)
    observed = (position_mm - one.position_mm) / seconds
    one.velocity_mm_s = (1 - share) * one.velocity_mm_s + share * observed
    one.position_mm, one.covariance, one.time_s = position_mm, covariance, now
