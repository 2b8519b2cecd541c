"""How far off each joint may be: what the network says of it, made true on validation people.

A joint's distance from the truth is taken to be log-normal: its log is Gaussian about the network's `doubt`, shifted per
joint, scaled, and as wide per joint as validation people show it. Constant widths are the same model with a scale of zero.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.special import erf, erfinv

CLOSEST_MM = 1.0  # distances below it count as it: references are no better
NARROWEST = 0.05  # log; a spread below it would come from too few validation images


def _log_mm(distance_mm: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(distance_mm, CLOSEST_MM))


@dataclass(frozen=True)
class Calibration:
    """log distance (mm) ~ Gaussian(offset + slope * doubt, spread), per joint."""

    offset: np.ndarray  # (24,)
    slope: float
    spread: np.ndarray  # (24,)

    @classmethod
    def fit(cls, doubt: np.ndarray, distance_mm: np.ndarray, constant: bool = False) -> Calibration:
        """Fit to (B, 24) log mm and (B, 24) mm of validation images by least squares; `constant`: slope zero.

        The slope is shared by all joints and never negative.
        """
        log_mm = _log_mm(distance_mm)
        centred = doubt - doubt.mean(0)
        variance = float((centred**2).sum())
        slope = float((centred * (log_mm - log_mm.mean(0))).sum()) / variance if variance > 0 and not constant else 0.0
        slope = max(slope, 0.0)
        offset = log_mm.mean(0) - slope * doubt.mean(0)
        spread = np.sqrt(((log_mm - offset - slope * doubt) ** 2).mean(0))
        return cls(offset, slope, np.maximum(spread, NARROWEST))

    def centre(self, doubt: np.ndarray) -> np.ndarray:
        """(B, 24) the log of the median distance."""
        return self.offset + self.slope * doubt

    def expected_mm(self, doubt: np.ndarray) -> np.ndarray:
        """(B, 24) the mean distance."""
        return np.exp(self.centre(doubt) + self.spread**2 / 2)

    def quantile_mm(self, doubt: np.ndarray, share: float) -> np.ndarray:
        """(B, 24) the distance that this share of such joints stays below."""
        return np.exp(self.centre(doubt) + self.spread * np.sqrt(2) * erfinv(2 * share - 1))

    def rank(self, doubt: np.ndarray, distance_mm: np.ndarray) -> np.ndarray:
        """(B, 24) which share of such joints is told to be closer than this: uniform over 0..1 where all is true."""
        return np.asarray(0.5 + 0.5 * erf(self._spreads_off(doubt, distance_mm) / np.sqrt(2)))

    def nll(self, doubt: np.ndarray, distance_mm: np.ndarray) -> float:
        """The mean negative log-likelihood of the distances, in nats per joint, per log mm."""
        z = self._spreads_off(doubt, distance_mm)
        return float((0.5 * z**2 + np.log(self.spread) + 0.5 * np.log(2 * np.pi)).mean())

    def _spreads_off(self, doubt: np.ndarray, distance_mm: np.ndarray) -> np.ndarray:
        """(B, 24) how many spreads the log of a distance lies above its centre."""
        return (_log_mm(distance_mm) - self.centre(doubt)) / self.spread

    def as_dict(self) -> dict[str, Any]:
        """As plain numbers, for a checkpoint."""
        return {name: np.asarray(value).tolist() for name, value in asdict(self).items()}

    @classmethod
    def of(cls, numbers: dict[str, Any]) -> Calibration:
        """Inverse of `as_dict`."""
        return cls(np.array(numbers["offset"]), float(numbers["slope"]), np.array(numbers["spread"]))


def sparsification(distance_mm: np.ndarray, doubtful: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """The mean distance of the joints that are left when these shares of the most doubtful ones are dropped: (shares,) mm.

    Both (B, 24). A share of 0 drops nothing; at least one joint is left.
    """
    order = np.argsort(doubtful.ravel(), kind="stable")
    sorted_mm = distance_mm.ravel()[order]
    kept = np.maximum(1, np.round((1 - shares) * len(sorted_mm)).astype(int))
    return np.asarray(sorted_mm.cumsum()[kept - 1] / kept)
