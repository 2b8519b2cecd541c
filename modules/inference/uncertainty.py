"""Calibrates the predicted log error on validation people, and measures its quality.

A joint's distance from the truth is modelled as log-normal: the log is Gaussian about a linear function of the predicted log
error, with a standard deviation per joint. A slope of zero gives the same uncertainty to every image.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import erf, erfinv

MIN_DISTANCE_MM = 1.0  # smaller distances are raised to this, since references are no more accurate
MIN_SPREAD = 0.05  # of the log; a smaller one would be an effect of few validation images


def _log_mm(distance_mm: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(np.maximum(distance_mm, MIN_DISTANCE_MM)))


@dataclass(frozen=True)
class Calibration:
    """log distance (mm) ~ Gaussian(offset + slope * log_error, spread), per joint."""

    offset: np.ndarray  # (24,)
    slope: float  # shared by all joints, never negative
    spread: np.ndarray  # (24,) standard deviations

    @classmethod
    def fit(cls, log_error: np.ndarray, distance_mm: np.ndarray, constant: bool = False) -> Calibration:
        """Fits (B, 24) log errors to (B, 24) distances of validation images by least squares; `constant`: slope zero."""
        log_mm = _log_mm(distance_mm)
        centred = log_error - log_error.mean(0)
        variance = float((centred**2).sum())
        slope = float((centred * (log_mm - log_mm.mean(0))).sum()) / variance if variance > 0 and not constant else 0.0
        slope = max(slope, 0.0)
        offset = log_mm.mean(0) - slope * log_error.mean(0)
        spread = np.sqrt(((log_mm - offset - slope * log_error) ** 2).mean(0))
        return cls(offset, slope, np.maximum(spread, MIN_SPREAD))

    def centre(self, log_error: np.ndarray) -> np.ndarray:
        """Returns the log of the median distance: (B, 24)."""
        return self.offset + self.slope * log_error

    def expected_mm(self, log_error: np.ndarray) -> np.ndarray:
        """Returns the mean distance: (B, 24)."""
        return np.asarray(np.exp(self.centre(log_error) + self.spread**2 / 2))

    def quantile_mm(self, log_error: np.ndarray, share: float) -> np.ndarray:
        """Returns the quantile of the distance: (B, 24)."""
        return np.asarray(np.exp(self.centre(log_error) + self.spread * np.sqrt(2) * erfinv(2 * share - 1)))

    def cdf(self, log_error: np.ndarray, distance_mm: np.ndarray) -> np.ndarray:
        """Returns the predictive CDF at the observed distances, the PIT: (B, 24), uniform over 0..1 if calibrated."""
        return np.asarray(0.5 + 0.5 * erf(self._z(log_error, distance_mm) / np.sqrt(2)))

    def nll(self, log_error: np.ndarray, distance_mm: np.ndarray) -> float:
        """Returns the mean negative log-likelihood of the log distances, in nats per joint."""
        z = self._z(log_error, distance_mm)
        return float((0.5 * z**2 + np.log(self.spread) + 0.5 * np.log(2 * np.pi)).mean())

    def _z(self, log_error: np.ndarray, distance_mm: np.ndarray) -> np.ndarray:
        """Returns the standard score of the log distances: (B, 24)."""
        return np.asarray((_log_mm(distance_mm) - self.centre(log_error)) / self.spread)

    def as_dict(self) -> dict[str, Any]:
        """Returns plain numbers, for a checkpoint."""
        return {name: np.asarray(value).tolist() for name, value in asdict(self).items()}

    @classmethod
    def of(cls, numbers: dict[str, Any]) -> Calibration:
        """Inverts `as_dict`."""
        return cls(np.array(numbers["offset"]), float(numbers["slope"]), np.array(numbers["spread"]))


def sparsification(distance_mm: np.ndarray, uncertainty: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Returns the mean distance of the joints that remain without these shares of the most uncertain: (shares,) mm.

    Distances and uncertainties are (B, 24). At least one joint remains.
    """
    order = np.argsort(uncertainty.ravel(), kind="stable")
    sorted_mm = distance_mm.ravel()[order]
    kept = np.maximum(1, np.round((1 - shares) * len(sorted_mm)).astype(int))
    return np.asarray(sorted_mm.cumsum()[kept - 1] / kept)
