"""How much each joint of a label weighs in training, by the label's own uncertainty."""

from __future__ import annotations

import numpy as np

from modules.cache.table import Rows

WEIGHT, SD = "weight", "label_sd_mm"  # of a sample, and the column of the cache
HALF_MM = 60.0  # a joint whose label is as uncertain as a network's own error weighs half
_BLOCK = 65_536  # rows that are looked at together, so that no copy of a large column is made


def label_weights(sd_mm: np.ndarray) -> np.ndarray:
    """Returns the weights (..., 24), 0 to 1, of joints with standard deviations (..., 24) mm; 1 where it is NaN: unknown."""
    return np.asarray(1 / (1 + (np.nan_to_num(sd_mm, nan=0.0) / HALF_MM) ** 2))


def uncertainty_columns(rows: Rows) -> tuple[str, ...]:
    """Returns the column of the labels' uncertainty if one of these rows tells it, else nothing: samples have no weights."""
    blocks = (np.arange(start, min(start + _BLOCK, len(rows))) for start in range(0, len(rows), _BLOCK))
    is_known = SD in rows.columns and any(np.isfinite(rows.at(SD, block)).any() for block in blocks)
    return (SD,) if is_known else ()
