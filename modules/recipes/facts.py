"""Computes the facts of the training labels that are stored with the weights."""

from __future__ import annotations

from typing import Any

import numpy as np

from model.skeleton import ROOT
from modules.cache.table import FITTED_ROWS, Rows
from modules.inference.baselines import floor_or_origin
from modules.inference.place import fit_place
from modules.inference.prediction import mean_crop_pose


def training_facts(rows: Rows) -> dict[str, Any]:
    """Returns the mean pose, the mean pelvis height and the place of the training labels, as plain numbers.

    The height is along world_up, over the floor, or over the world's origin if no row has a floor. Rows without a floor
    beside rows with one are left out of it. Rows of extra data sets are left out of height and place, since other people
    may have other heights and another world.
    """
    primary = rows.primary
    everybody = sorted({str(name) for name in np.unique(primary["person"])})
    rows, primary = rows.sample(FITTED_ROWS), primary.sample(FITTED_ROWS)
    heights = (primary["joints_world_mm"][:, ROOT] * primary["world_up"]).sum(-1) - floor_or_origin(primary.columns)
    heights = heights[np.isfinite(heights)]
    people = primary["person"].astype(str)
    root_log = np.log(primary["depth_root_mm"] / primary["true_depth_root_mm"])
    place = fit_place(primary["joints_world_mm"][:, ROOT], people).as_dict()
    return {
        "place": {
            **place,
            "people": everybody,
            "root_log_sd": float(np.sqrt((root_log**2).mean())),
        },
        "mean_pose_crop_mm": mean_crop_pose(rows).tolist(),
        "pelvis_height_mm": float(heights.mean()) if len(heights) else None,
    }
