"""Estimates by how many frames the recordings of several cameras are shifted, from the movement of the people in them.

Two views of the same moment lie on each other's epipolar lines; views of different moments do not, where something moves
across these lines. Correlating the joints' speeds instead was worse: of the demo's six pairs of cameras, four that look
from the front and from the side correlate best at a wrong shift of 23 to 47 frames.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modules.pose_utils import Camera
from modules.rig.epipolar import fundamental_matrix, pair_costs
from modules.rig.triangulation import KERNEL_PX

MAX_SHIFT_S = 5.0
MIN_OVERLAP = 0.5  # of the shorter recording, and at least MIN_FRAMES
MIN_FRAMES = 20  # in which both see somebody, too
FINE_S = 0.25  # around the first estimate, where the second is sought
SLOW_S = (
    0.5  # distances that last longer come from the calibration or the 2D model: the second estimate disregards them
)
VALLEY = 3  # frames on either side of the least cost that its parabola is fitted to
MIDDLE = 0.35  # farther than this from a whole frame, a shift may belong to either of its neighbours
MOST_FRAMES = 400  # that are compared per shift: those with the most movement


@dataclass(frozen=True)
class Track2D:
    """One camera's people on the common clock, frame after frame: undistorted px (F, P, N, 2) and weights (F, P, N)."""

    points_px: np.ndarray
    weights: np.ndarray


@dataclass(frozen=True)
class Shifts:
    """The estimated shifts of all C cameras against the first one, and the costs that they were chosen by."""

    frames: np.ndarray  # (C,) integers: frame f shows what the first camera's frame f + shift shows
    between_frames: np.ndarray  # (C,) the same before rounding
    lags: np.ndarray  # (L,) all shifts that were compared
    costs: np.ndarray  # (C, L) of each camera against all others, theirs as estimated; NaN without overlap
    contrast: np.ndarray  # (C,) how much dearer the best other shift, at least FINE_S away, is: 1 is no difference


def estimate_shifts(
    tracks: Sequence[Track2D], cameras: Sequence[Camera], mirror: Sequence[int], frames_per_second: float
) -> Shifts:
    """Estimates the shifts of C cameras whose frames have one rate.

    The first estimate is the shift with the least robust epipolar distance of all pairs. The second, near it, disregards
    distances that change slowly, because errors of the extrinsics cause them too. A camera's first frame lies at most
    MAX_SHIFT_S from the first camera's.
    """
    limit = max(
        1, min(round(MAX_SHIFT_S * frames_per_second), max(len(track.weights) for track in tracks) - MIN_FRAMES)
    )
    lags = np.arange(-limit, limit + 1)
    pairs = list(itertools.combinations(range(len(tracks)), 2))
    coarse = {pair: _table(tracks, cameras, mirror, pair, lags, None) for pair in pairs}
    shifts = _descend(coarse, lags, np.zeros(len(tracks), dtype=int), limit)
    reach, window = max(2, round(FINE_S * frames_per_second)), max(2, round(SLOW_S * frames_per_second))
    overview = np.stack([_total(coarse, lags, shifts, camera) for camera in range(len(tracks))])
    contrast = np.array([_contrast(lags, cost, shift, reach) for cost, shift in zip(overview, shifts, strict=True)])
    valleys = {}
    for a, b in pairs:
        near = int(shifts[a] - shifts[b])
        fine = _table(tracks, cameras, mirror, (a, b), near + np.arange(-reach, reach + 1), window)
        valleys[a, b] = _valley(near + np.arange(-reach, reach + 1), fine)
    between = _least_squares(valleys, shifts)
    return Shifts(whole_frames(between, shifts), between, lags, overview, contrast)


def whole_frames(between: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Returns the whole shifts (C,) nearest to those between frames; near the middle, the first estimate decides."""
    nearest = np.rint(between).astype(int)
    unclear = (np.abs(between - nearest) > MIDDLE) & (np.abs(between - first) < 1)
    return np.asarray(np.where(unclear, first, nearest))


def _table(
    tracks: Sequence[Track2D],
    cameras: Sequence[Camera],
    mirror: Sequence[int],
    pair: tuple[int, int],
    lags: np.ndarray,
    window: int | None,
) -> np.ndarray:
    """Returns the cost (L,) of each lag of a pair: frame f of the first against f + lag of the second; NaN if not compared."""
    one, other = tracks[pair[0]], tracks[pair[1]]
    F = fundamental_matrix(cameras[pair[0]], cameras[pair[1]])
    speeds = _speed(one), _speed(other)
    need = max(MIN_FRAMES, int(MIN_OVERLAP * min(len(one.weights), len(other.weights))))
    costs = np.full(len(lags), np.nan)
    seen = [np.asarray((track.weights > 0).any((1, 2))) for track in (one, other)]
    for index, lag in enumerate(lags):
        start, stop = max(0, -lag), min(len(one.weights), len(other.weights) - lag)
        together = seen[0][start:stop] & seen[1][start + lag : stop + lag]
        if stop - start < need or together.sum() < MIN_FRAMES:
            continue
        frames = _liveliest(np.arange(start, stop), speeds[0][start:stop].sum((1, 2)), window)
        people = [
            _person_cost((one, speeds[0], frames, person), (other, speeds[1], frames + lag), F, mirror, window)
            for person in range(one.weights.shape[1])
        ]
        moving, cost = (np.concatenate(values) for values in zip(*people, strict=True))
        costs[index] = (moving * cost).sum() / moving.sum() if moving.sum() > 0 else np.nan
    return costs


def _liveliest(frames: np.ndarray, speed: np.ndarray, window: int | None) -> np.ndarray:
    """Returns at most MOST_FRAMES of the frames: those with the most movement, or a lively stretch if a window is needed."""
    if len(frames) <= MOST_FRAMES:
        return frames
    if window is None:
        return np.sort(frames[np.argsort(-speed, kind="stable")[:MOST_FRAMES]])
    total = np.convolve(speed, np.ones(MOST_FRAMES), "valid")
    first = int(total.argmax())
    return frames[first : first + MOST_FRAMES]


def _speed(track: Track2D) -> np.ndarray:
    """Returns how fast each point moves: (F, P, N) px a frame, of points with weight, at most a kernel's width."""
    speed = np.zeros(track.weights.shape)
    if len(speed) > 1:
        step = np.linalg.norm(np.diff(track.points_px, axis=0), axis=-1)
        step = np.where((track.weights[1:] > 0) & (track.weights[:-1] > 0), step, 0.0)
        speed[1:] = np.minimum(step, KERNEL_PX)
    return speed


def _person_cost(
    person: tuple[Track2D, np.ndarray, np.ndarray, int],
    others: tuple[Track2D, np.ndarray, np.ndarray],
    F: np.ndarray,
    mirror: Sequence[int],
    window: int | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns how much a person moves (F,) and what they cost (F,) against who fits best in another view, sides swapped or not.

    `person` is a track, its speeds, frames, and a place in it; `others` a track, its speeds and the frames to compare. Whoever
    stands still fits at every shift, and so counts little.
    """
    (one, speed, frames, p), (other, other_speed, other_frames) = person, others
    mine, fits = (one.points_px[frames, p], one.weights[frames, p]), []
    for q in range(other.weights.shape[1]):
        yours = other.points_px[other_frames, q], other.weights[other_frames, q]
        fits.append(pair_costs(F, mine, yours, mirror, 2 * KERNEL_PX))
    cost, distance, weight = (np.concatenate(values) for values in zip(*fits, strict=True))
    best = cost.argmin(0)
    frame_cost = np.take_along_axis(cost, best[None], 0)[0]
    d, w = (np.take_along_axis(values, best[None, :, None], 0)[0] for values in (distance, weight))
    if window is not None:
        d = d - _running_mean(w * d, window) / np.maximum(_running_mean(w, window), 1e-9)
        frame_cost = (w * d**2 / (d**2 + KERNEL_PX**2)).sum(-1) / np.maximum(w.sum(-1), 1e-9)
    moving = speed[frames, p].max(-1) + other_speed[other_frames, best // 2].max(-1)
    return moving * (w.sum(-1) > 0), frame_cost


def _running_mean(values: np.ndarray, reach: int) -> np.ndarray:
    """Returns the mean of values (F, N) over the frames within `reach`."""
    total = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, 0)])
    places = np.arange(len(values))
    high, low = np.minimum(places + reach + 1, len(values)), np.maximum(places - reach, 0)
    return np.asarray((total[high] - total[low]) / (high - low)[:, None])


def _total(tables: dict[tuple[int, int], np.ndarray], lags: np.ndarray, shifts: np.ndarray, camera: int) -> np.ndarray:
    """Returns the mean cost (L,) of a camera against all others for each of its shifts; NaN where none is compared."""
    costs = []
    for (a, b), table in tables.items():
        if camera not in (a, b):
            continue
        wanted = lags - shifts[b] if camera == a else shifts[a] - lags  # the pair's lag: shift of a minus shift of b
        inside = np.abs(wanted) <= lags[-1]
        if np.isfinite(table).any():  # else one of them sees nobody
            costs.append(np.where(inside, table[np.clip(wanted + lags[-1], 0, len(lags) - 1)], np.nan))
    if not costs:
        return np.full(len(lags), np.nan)
    stacked = np.stack(costs)
    complete = np.isfinite(stacked).all(0)
    return np.where(complete, np.where(complete, stacked, 0.0).mean(0), np.nan)


def _descend(tables: dict[tuple[int, int], np.ndarray], lags: np.ndarray, start: np.ndarray, reach: int) -> np.ndarray:
    """Returns the shifts (C,) with the least cost, by coordinate descent from `start`; the first camera's stays 0."""
    shifts = start.copy()
    for _ in range(10):
        before = shifts.copy()
        for camera in range(1, len(shifts)):
            cost = np.where(np.abs(lags - start[camera]) <= reach, _total(tables, lags, shifts, camera), np.nan)
            if np.isfinite(cost).any():
                shifts[camera] = lags[np.nanargmin(cost)]
        if (shifts == before).all():
            break
    return shifts


def _valley(lags: np.ndarray, cost: np.ndarray) -> tuple[float, float]:
    """Returns where the parabola through the least cost and its VALLEY neighbours is least, and its curvature.

    The curvature is 0 if there is no such minimum among the lags.
    """
    if not np.isfinite(cost).any():
        return 0.0, 0.0
    least = int(np.nanargmin(cost))
    near = slice(max(least - VALLEY, 0), least + VALLEY + 1)
    x, y = lags[near] - lags[least], cost[near]
    if np.isfinite(y).sum() < 4 or not 0 < least < len(lags) - 1:
        return 0.0, 0.0
    bend, slope, _ = np.polyfit(x[np.isfinite(y)], y[np.isfinite(y)], 2)
    if bend <= 0:
        return 0.0, 0.0
    return float(lags[least] + np.clip(-slope / (2 * bend), -1, 1)), float(bend)


def _least_squares(valleys: dict[tuple[int, int], tuple[float, float]], start: np.ndarray) -> np.ndarray:
    """Returns the shifts (C,) between frames that fit the pairs' minima, weighted by curvature; the first camera's is 0.

    A weak pull towards `start` decides for cameras without a pair that has a minimum.
    """
    H, g = 1e-6 * np.eye(len(start)), 1e-6 * start.astype(float)
    for (a, b), (lag, bend) in valleys.items():
        row = np.zeros(len(start))
        row[a], row[b] = 1.0, -1.0
        H, g = H + bend * np.outer(row, row), g + bend * lag * row
    between = np.linalg.solve(H, g)
    return np.asarray(between - between[0])


def _contrast(lags: np.ndarray, cost: np.ndarray, shift: int, reach: int) -> float:
    """Returns the least cost at least `reach` frames away over the cost at the shift; NaN if there is none."""
    far = cost[np.abs(lags - shift) >= reach]
    here = cost[int(shift - lags[0])]
    return float(np.nanmin(far) / max(here, 1e-9)) if np.isfinite(far).any() and np.isfinite(here) else np.nan
