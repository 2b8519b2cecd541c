"""Computes the joints of every method in the result tables: baselines, prediction and bound."""

from __future__ import annotations

from typing import Any

import numpy as np

from modules.cache.table import Rows
from modules.cache.upright import upright_rows
from modules.inference.baselines import (
    place_at_height,
    place_at_place,
    place_extractor,
    place_least_squares,
    place_on_floor,
    true_depth_bound,
)
from modules.inference.place import Place
from modules.inference.prediction import fallback_world
from modules.pose_utils import world2cam

OURS = "PoseNet"
OWN = "extractor, its own 3D"
LEAST_SQUARES = "extractor, least squares"
AT_HEIGHT = "extractor, training pelvis height"
AT_PLACE = "extractor, training people's place"
ON_FLOOR = "extractor, lowest foot on the floor"
BOUND = "2D + true depth (bound)"


def compare(rows: Rows, predicted: np.ndarray, facts: dict[str, Any], ours: str = OURS) -> dict[str, np.ndarray]:
    """Returns every method's joints (B, 24, 3) world mm for labelled rows; `ours` names the prediction."""
    found = rows["found"].astype(bool)
    upright = upright_rows(rows)
    fallback = fallback_world(np.array(facts["mean_pose_crop_mm"]), upright["R"], upright["t"])
    found_rows = rows.take(found).columns

    def complete(joints: np.ndarray) -> np.ndarray:
        """Returns the joints of the found rows, and the fallback for the others."""
        out = fallback.copy()
        out[found] = joints
        return out

    own, least_squares = place_extractor(found_rows), place_least_squares(found_rows)
    # Both are equal if the extractor estimates no root.
    methods = {} if np.allclose(own, least_squares, atol=1e-3) else {OWN: complete(own)}
    methods[LEAST_SQUARES] = complete(least_squares)
    if np.isfinite(found_rows["world_up"]).any() and facts["pelvis_height_mm"] is not None:
        methods[AT_HEIGHT] = complete(place_at_height(found_rows, facts["pelvis_height_mm"]))
    if "place" in facts:
        place, root_log_sd = Place.of(facts["place"]), facts["place"]["root_log_sd"]
        methods[AT_PLACE] = complete(place_at_place(found_rows, place, root_log_sd))
    if np.isfinite(found_rows["floor_height_mm"]).any():
        methods[ON_FLOOR] = complete(place_on_floor(found_rows))
    true_depth = world2cam(found_rows["joints_world_mm"], found_rows["R"], found_rows["t"])[..., 2]
    return {**methods, ours: predicted, BOUND: complete(true_depth_bound(found_rows, true_depth))}
