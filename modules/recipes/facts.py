"""Computes the facts of the training labels that are stored with the weights."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from model.skeleton import ROOT
from modules.cache.table import Rows
from modules.inference.prediction import mean_crop_pose


def training_facts(rows: Rows) -> dict[str, Any]:
    """Returns the mean pose and the mean pelvis height of the training labels, as plain numbers.

    The height is along world_up, over the floor where one is declared, else over the world's origin. Rows of extra data
    sets are left out of it, since other people may have other heights.
    """
    primary = rows.primary
    floor = np.nan_to_num(primary["floor_height_mm"])
    height = float(((primary["joints_world_mm"][:, ROOT] * primary["world_up"]).sum(-1) - floor).mean())
    return {
        "mean_pose_crop_mm": mean_crop_pose(rows).tolist(),
        "pelvis_height_mm": height if math.isfinite(height) else None,
    }
