"""Baselines without a trained network, which put PoseNet's errors into proportion.

Each maps rows in which a person was found, and numbers fitted on training rows, to joints (B, 24, 3) world mm.
The two that use a part of the truth say so in their names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from modules.cache.crop_joints import cached_crop_pose, cam_to_crop, to_uvd
from modules.cache.table import Rows
from modules.inference.baselines import (
    place_at_height,
    place_at_place,
    place_least_squares,
    place_on_floor,
    true_depth_bound,
)
from modules.inference.lifting import lift
from modules.inference.place import Place
from modules.metrics import world_mpjpe
from modules.pose_utils import world2cam
from modules.recipes.facts import training_facts
from modules.simulation.pose_inputs import pose_inputs

PENALTIES = (1.0, 10.0, 100.0, 1e3, 1e4, 1e5)  # of the ridge regression; the validation people choose


@dataclass(frozen=True)
class LinearMap:
    """A linear map from standardised features to the correction of the cached pose (72) and of its log root depth (1)."""

    mean: np.ndarray  # (F,)
    std: np.ndarray  # (F,)
    weights: np.ndarray  # (F, 73)
    offset: np.ndarray  # (73,)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        return (features - self.mean) / self.std @ self.weights + self.offset


@dataclass(frozen=True)
class Fits:
    """All numbers that the baselines take from training and validation people."""

    facts: dict[str, Any]  # of the training rows
    linear: LinearMap


def fit(train: Rows, validation: Rows) -> Fits:
    """Fits the baselines on training rows; the validation rows choose the penalty of the linear map."""
    maps = [fit_linear(train, penalty) for penalty in PENALTIES]
    reference = validation["joints_world_mm"]
    errors = [world_mpjpe(place_linear(validation, linear), reference) for linear in maps]
    return Fits(training_facts(train), maps[int(np.argmin(errors))])


def place_with_true_root(rows: Rows) -> np.ndarray:
    """Returns the extractor's 2D at its own relative depth about the **true** root depth."""
    return true_depth_bound(rows.columns, rows["true_depth_root_mm"][:, None] + rows["depth_rel_mm"])


def place_bound(rows: Rows) -> np.ndarray:
    """Returns the extractor's 2D at every joint's **true** depth."""
    depth_mm = rows["true_depth_root_mm"][:, None] + rows["true_depth_rel_mm"]
    return true_depth_bound(rows.columns, depth_mm)


def linear_features(rows: Rows) -> np.ndarray:
    """Returns the pose branch's inputs as plain numbers: (B, 193)."""
    pose = cached_crop_pose(rows.columns)
    inputs = pose_inputs(pose, rows.columns)
    flat = [inputs[name].reshape(len(rows), -1) for name in ("joints", "pose_features", "has_floor")]
    return np.concatenate(flat, axis=1).astype(np.float64)


def fit_linear(train: Rows, penalty: float) -> LinearMap:
    """Fits, by ridge regression, the errors of the cached pose (u, v, depth over ±1) and of the log of its root depth."""
    pose = cached_crop_pose(train.columns)
    joints_cam = world2cam(train["joints_world_mm"], train["R"], train["t"])
    truth, K_crop = cam_to_crop(joints_cam, train["R_cam2crop"]), train["K_crop"]
    error = (to_uvd(truth, K_crop) - to_uvd(pose, K_crop)).reshape(len(train), -1)
    target = np.column_stack([error, np.log(truth.root_mm / pose.root_mm)])
    features = linear_features(train)
    mean, std = features.mean(0), np.maximum(features.std(0), 1e-6)
    standardised, offset = (features - mean) / std, target.mean(0)
    gram = standardised.T @ standardised + penalty * np.eye(standardised.shape[1])
    return LinearMap(mean, std, np.linalg.solve(gram, standardised.T @ (target - offset)), offset)


def place_linear(rows: Rows, linear: LinearMap) -> np.ndarray:
    """Returns the cached pose corrected by the linear map and lifted like PoseNet's."""
    pose = cached_crop_pose(rows.columns)
    correction = linear(linear_features(rows))
    uvd = to_uvd(pose, rows["K_crop"]) + correction[:, :-1].reshape(len(rows), -1, 3)
    root_mm = pose.root_mm * np.exp(np.clip(correction[:, -1], -1, 1))
    return lift(uvd, root_mm, rows.columns)


BASELINES: dict[str, Callable[[Rows, Fits], np.ndarray]] = {
    "least_squares": lambda rows, fits: place_least_squares(rows.columns),
    "pelvis_height": lambda rows, fits: (
        place_least_squares(rows.columns)
        if fits.facts["pelvis_height_mm"] is None
        else place_at_height(rows.columns, fits.facts["pelvis_height_mm"])
    ),
    "place": lambda rows, fits: place_at_place(
        rows.columns, Place.of(fits.facts["place"]), fits.facts["place"]["root_log_sd"]
    ),
    "on_floor": lambda rows, fits: place_on_floor(rows.columns),
    "linear": lambda rows, fits: place_linear(rows, fits.linear),
    "true_root": lambda rows, fits: place_with_true_root(rows),
    "bound": lambda rows, fits: place_bound(rows),
}
