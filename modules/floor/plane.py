"""Fits planes to the lowest foot joints: the tilt of the ground, and its height along a known up direction."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modules.floor.people import lowest_feet

WINDOW_MM = 60.0  # feet on one floor are within this of each other; it is also the largest spread that is accepted
QUANTILE = 0.3  # of the feet are below the plane that the robust fit starts from: people who jump or sit are above
MIN_NOISE_MM = 10.0  # of a foot joint over the ground, however well a few of them agree
SAME_STEP = 4.0  # neighbouring moments of one step count as one: their errors are not independent
OUTSIDE_MM = 100.0  # people who stand at least this far from a floor stand on another one
SECOND_SHARE = 0.2  # of the people, at least three, who stand together elsewhere make a second floor; two may jump
_ROUNDS = 40


@dataclass(frozen=True)
class Tilt:
    """The plane through the feet."""

    normal: np.ndarray  # (3,) unit vector
    uncertainty_deg: float
    inliers: int


@dataclass(frozen=True)
class Level:
    """The height along up of the lowest foot joints of people on one floor."""

    height_mm: float
    error_mm: float  # standard error of the height
    spread_mm: float  # between the 10th and 90th percentile of the feet on it
    inliers: int


def fit_tilt(joints: np.ndarray, groups: np.ndarray, up: np.ndarray) -> Tilt | None:
    """Fits one normal to the lowest feet of people (N, 24, 3), with a height of its own for each group (N,).

    It starts from a quantile regression, which people above the floor cannot tilt, and ends with least squares on the
    feet within WINDOW_MM of the plane. Returns None if fewer than ten feet are on it.
    """
    normal = up
    for _ in range(3):  # which foot is the lowest depends on the normal
        right, forward = _tangents(normal)
        feet = lowest_feet(joints, normal)
        x, h = feet @ np.stack([right, forward], 1), feet @ normal
        slope, residual = _quantile_slope(x, h, groups)
        for _ in range(5):
            inside = np.abs(residual - _modes(residual, groups)) < WINDOW_MM / 2
            if inside.sum() < 10:
                return None
            slope, covariance = _least_squares(x[inside], h[inside], groups[inside])
            residual = h - x @ slope
        normal = _unit(normal - slope[0] * right - slope[1] * forward)
    return Tilt(normal, float(np.degrees(np.sqrt(np.linalg.eigvalsh(covariance)[-1]))), int(inside.sum()))


def find_level(heights: np.ndarray, share: float) -> Level | str:
    """Finds the floor in the heights (N,) mm of the lowest foot joints: the lowest level that enough of them agree on.

    At least two and `share` of them must be within WINDOW_MM. Returns a sentence if they are not.
    """
    need = max(2, int(np.ceil(share * len(heights))))
    if len(heights) < need:
        return f"only {len(heights)} {'person is' if len(heights) == 1 else 'people are'} on their feet"
    ordered = np.sort(heights)
    widths = ordered[need - 1 :] - ordered[: len(ordered) - need + 1]
    if widths.min() > WINDOW_MM:
        return f"the feet are on no common level: {share:.0%} of them are spread over {widths.min():.0f} mm"
    start = int(np.argmax(widths <= WINDOW_MM))
    centre = float(np.median(ordered[start : start + need]))
    for _ in range(10):
        inside = heights[np.abs(heights - centre) <= WINDOW_MM / 2]
        centre = float(np.median(inside))
    noise = max(MIN_NOISE_MM, float(np.std(inside)))
    spread = float(np.diff(np.percentile(inside, [10, 90]))[0])
    return Level(centre, noise / np.sqrt(max(1.0, len(inside) / SAME_STEP)), spread, len(inside))


def second_level(heights: np.ndarray, standing: np.ndarray, level_mm: float) -> float | None:
    """Returns another height in mm at which people stand together (a podium, another world's floor), or None.

    `heights` (N,) mm are those of the lowest foot joints, `standing` (N,) tells who stands.
    """
    outside = np.sort(heights[standing & (np.abs(heights - level_mm) > OUTSIDE_MM)])
    need = max(3, int(np.ceil(SECOND_SHARE * len(heights))))
    if len(outside) < need:
        return None
    widths = outside[need - 1 :] - outside[: len(outside) - need + 1]
    start = int(widths.argmin())
    return float(np.median(outside[start : start + need])) if widths[start] <= WINDOW_MM else None


def _quantile_slope(x: np.ndarray, h: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the slope (2,) of the quantile regression of h (N,) on x (N, 2) with an offset per group, and h - x slope.

    Iteratively reweighted least squares on the check function of Koenker and Bassett (1978).
    """
    weights, slope = np.ones(len(h)), np.zeros(2)
    for _ in range(_ROUNDS):
        x0, h0 = _centred(x, groups, weights), _centred(h[:, None], groups, weights)[:, 0]
        slope = np.linalg.solve((x0 * weights[:, None]).T @ x0 + 1e-6 * np.eye(2), (x0 * weights[:, None]).T @ h0)
        residual = h0 - x0 @ slope
        weights = np.where(residual > 0, QUANTILE, 1 - QUANTILE) / np.maximum(np.abs(residual), 5.0)
    return slope, h - x @ slope


def _least_squares(x: np.ndarray, h: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the slope (2,) with an offset per group, and its covariance (2, 2).

    A foot of each group may be wrong by MIN_NOISE_MM throughout, so feet along a line leave the slope across it unknown.
    """
    ones = np.ones(len(h))
    x0, h0 = _centred(x, groups, ones), _centred(h[:, None], groups, ones)[:, 0]
    inverse = np.linalg.inv(x0.T @ x0 + np.eye(2))
    slope = inverse @ x0.T @ h0
    noise = max(MIN_NOISE_MM, float(np.std(h0 - x0 @ slope)))
    systematic = MIN_NOISE_MM**2 * len(h) / len(np.unique(groups))
    return slope, (noise**2 * SAME_STEP + systematic) * inverse


def _modes(residual: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Returns for every residual (N,) where most residuals of its group are, within half a window."""
    out = np.empty_like(residual)
    for group in np.unique(groups):
        own = np.sort(residual[groups == group])
        ends = [np.searchsorted(own, own + side * WINDOW_MM / 2) for side in (-1, 1)]
        best = int((ends[1] - ends[0]).argmax())
        out[groups == group] = own[ends[0][best] : ends[1][best]].mean()
    return out


def _centred(values: np.ndarray, groups: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Subtracts from values (N, D) the weighted mean of their group (N,)."""
    total = np.bincount(groups, weights)
    means = np.stack([np.bincount(groups, weights * column) / np.maximum(total, 1e-12) for column in values.T], 1)
    return np.asarray(values - means[groups])


def _tangents(normal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns two unit vectors (3,) that span the plane with this normal."""
    axis = np.eye(3)[int(np.abs(normal).argmin())]
    right = _unit(np.cross(axis, normal))
    return right, np.cross(normal, right)


def _unit(vector: np.ndarray) -> np.ndarray:
    return np.asarray(vector / np.linalg.norm(vector))
