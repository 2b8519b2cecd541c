"""Computes the facts of the training labels that are stored with the weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from model.skeleton import ROOT
from modules.cache.table import Rows
from modules.inference.prediction import mean_crop_pose


def training_facts(rows: Rows) -> dict[str, Any]:
    """Returns the mean pose and the mean pelvis height of the training labels, as plain numbers.

    The height is along world_up, over the floor in the rows that have one; if none has, over the world's origin. Rows of
    extra data sets are left out of it, since other people may have other heights.
    """
    primary = rows.primary
    along_up = (primary["joints_world_mm"][:, ROOT] * primary["world_up"]).sum(-1)
    over_floor = along_up - primary["floor_height_mm"]
    heights = over_floor if np.isfinite(over_floor).any() else along_up
    heights = heights[np.isfinite(heights)]
    return {
        "mean_pose_crop_mm": mean_crop_pose(rows).tolist(),
        "pelvis_height_mm": float(heights.mean()) if len(heights) else None,
    }
