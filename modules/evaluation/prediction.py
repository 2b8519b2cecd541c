"""Predicts cache rows with a checkpoint. Their labels are removed first, so that no prediction can use them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from modules.cache.table import Rows
from modules.cache.upright import upright_rows
from modules.config.schema import Config
from modules.inference.prediction import fallback_world, predict_outputs, prediction_loader
from modules.inference.uncertainty import Calibration
from modules.recipes import recipe_of
from modules.runs.checkpoints import facts_for, restore_network
from modules.training.devices import prediction_device


class Prediction(NamedTuple):
    """A network's prediction for B images."""

    world: np.ndarray  # (B, 24, 3) world mm; the fallback where nobody was found
    log_error: np.ndarray | None  # (B, 24) mm, before calibration, NaN where nobody was found; None if not predicted


def predict_world(config: Config, checkpoint: dict[str, Any], path: Path, rows: Rows) -> np.ndarray:
    """Returns the checkpoint's joints for every row: (B, 24, 3) world mm; the fallback where nobody was found."""
    return predict_rows(config, checkpoint, path, rows).world


def predict_rows(config: Config, checkpoint: dict[str, Any], path: Path, rows: Rows) -> Prediction:
    """Returns the checkpoint's joints and log errors for every row; `path` names the checkpoint in errors."""
    rows = upright_rows(rows)
    world = fallback_world(np.array(checkpoint["facts"]["mean_pose_crop_mm"]), rows["R"], rows["t"]).copy()
    found = rows["found"].astype(bool)
    if not found.any():
        return Prediction(world, None)
    on = prediction_device(config.TRAIN)
    recipe = recipe_of({**checkpoint, "facts": facts_for(checkpoint, config)})
    network = restore_network(checkpoint, path).to(on.device)
    unlabelled = rows.without_truth().take(found)
    outputs = predict_outputs(network, prediction_loader(unlabelled, recipe.dataset), on)
    world[found] = recipe.lift(outputs, unlabelled)
    predicted = recipe.log_errors(outputs)
    if predicted is None:
        return Prediction(world, None)
    log_error = np.full(world.shape[:2], np.nan)
    log_error[found] = predicted
    return Prediction(world, log_error)


def calibration_of(checkpoint: dict[str, Any]) -> Calibration | None:
    """Returns the checkpoint's calibration of the log error, fitted to validation people; None if it has none."""
    numbers = checkpoint["facts"].get("uncertainty")
    return None if numbers is None else Calibration.of(numbers)
