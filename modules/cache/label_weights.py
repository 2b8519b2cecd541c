"""How much each joint of a label weighs in training, by the label's own uncertainty."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

WEIGHT, SD = "weight", "label_sd_mm"  # of a sample, and the column of the cache
HALF_MM = 60.0  # a joint whose label is as uncertain as a network's own error weighs half


def label_weights(sd_mm: np.ndarray) -> np.ndarray:
    """Returns the weights (..., 24), 0 to 1, of joints with standard deviations (..., 24) mm; 1 where it is NaN: unknown."""
    return np.asarray(1 / (1 + (np.nan_to_num(sd_mm, nan=0.0) / HALF_MM) ** 2))


def has_uncertainty(columns: Mapping[str, np.ndarray]) -> bool:
    """Returns whether a label of these rows tells its uncertainty; if none does, samples have no weights."""
    return SD in columns and bool(np.isfinite(columns[SD]).any())
