"""Answers that need no learning, or almost none: what a learned model has to beat before its numbers mean anything.

Each takes rows in which a person was found, and what was fitted on training rows; each answers (B, 24, 3) world mm.
Those that are given a part of the truth say so in their name.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar

from modules.cache import Rows
from modules.dataset import from_uvd, pose_inputs, to_uvd
from modules.lifting import (
    BELIEVED,
    cached_crop_pose,
    cam_to_crop,
    lift,
    place_at_height,
    place_least_squares,
    place_on_floor,
    true_depth_bound,
)
from modules.metrics import world_mpjpe
from modules.pose_utils import world2cam
from modules.trainer import training_facts

PENALTIES = (1.0, 10.0, 100.0, 1e3, 1e4, 1e5)  # of the linear map; the validation people choose


@dataclass(frozen=True)
class LinearMap:
    """Standardised features → what is to be added to the cached pose (72) and to the log of its root depth (1)."""

    mean: np.ndarray  # (F,)
    spread: np.ndarray  # (F,)
    weights: np.ndarray  # (F, 73)
    offset: np.ndarray  # (73,)

    def __call__(self, features: np.ndarray) -> np.ndarray:
        return (features - self.mean) / self.spread @ self.weights + self.offset


@dataclass(frozen=True)
class Fits:
    """All that these answers take from training and validation people."""

    pelvis_height_mm: float | None
    limb_scale: float
    linear: LinearMap


def fit(train: Rows, validation: Rows) -> Fits:
    """Fit the numbers on training rows; the validation rows choose how far the linear map is held back."""
    maps = [fit_linear(train, penalty) for penalty in PENALTIES]
    reference = validation["joints_world_mm"]
    errors = [world_mpjpe(place_linear(validation, linear), reference) for linear in maps]
    return Fits(training_facts(train)["pelvis_height_mm"], fit_limb_scale(train), maps[int(np.argmin(errors))])


def with_limb_scale(rows: Rows, scale: float) -> Rows:
    """The rows as if the extractor's people were this much larger."""
    return Rows({**rows.columns, "joints_rel_mm": rows["joints_rel_mm"] * scale}, rows.crop_files)


def fit_limb_scale(train: Rows) -> float:
    """The one factor on the extractor's people that brings them, placed by least squares, nearest to the truth."""

    def error(scale: float) -> float:
        return world_mpjpe(place_least_squares(with_limb_scale(train, scale).columns), train["joints_world_mm"])

    return float(minimize_scalar(error, bounds=BELIEVED, method="bounded", options={"xatol": 1e-3}).x)


def place_with_true_root(rows: Rows) -> np.ndarray:
    """The extractor's 2D at its own relative depth, about the **true** root depth."""
    return true_depth_bound(rows.columns, rows["true_depth_root_mm"][:, None] + rows["depth_rel_mm"])


def linear_features(rows: Rows) -> np.ndarray:
    """(B, 193) what the pose branch of PoseNet sees, as plain numbers."""
    pose = cached_crop_pose(rows.columns)
    inputs = pose_inputs(pose, dict(rows.columns))
    flat = [inputs[name].reshape(len(rows), -1) for name in ("joints", "features", "floor")]
    return np.concatenate(flat, axis=1).astype(np.float64)


def fit_linear(train: Rows, penalty: float) -> LinearMap:
    """Ridge regression of what is wrong with the cached pose (u, v, depth over ±1) and with the log of its root depth."""
    pose = cached_crop_pose(train.columns)
    joints_cam = world2cam(train["joints_world_mm"], train["R"], train["t"])
    truth = cam_to_crop(joints_cam, train["R_cam2crop"], train["K_crop"])
    wrong = (to_uvd(truth) - to_uvd(pose)).reshape(len(train), -1)
    wanted = np.column_stack([wrong, np.log(truth.depth_root_mm / pose.depth_root_mm)])
    features = linear_features(train)
    mean, spread = features.mean(0), np.maximum(features.std(0), 1e-6)
    normal, offset = (features - mean) / spread, wanted.mean(0)
    gram = normal.T @ normal + penalty * np.eye(normal.shape[1])
    return LinearMap(mean, spread, np.linalg.solve(gram, normal.T @ (wanted - offset)), offset)


def place_linear(rows: Rows, linear: LinearMap) -> np.ndarray:
    """The cached pose after the linear map, lifted like PoseNet's."""
    pose = cached_crop_pose(rows.columns)
    added = linear(linear_features(rows))
    uvd = to_uvd(pose) + added[:, :-1].reshape(len(rows), -1, 3)
    return lift(from_uvd(uvd, pose.depth_root_mm * np.exp(np.clip(added[:, -1], -1, 1))), rows.columns)


def place_bound(rows: Rows) -> np.ndarray:
    """The extractor's 2D at every joint's **true** depth."""
    depth_mm = rows["true_depth_root_mm"][:, None] + rows["true_depth_rel_mm"]
    return true_depth_bound(rows.columns, depth_mm)


PLACEMENTS: dict[str, Callable[[Rows, Fits], np.ndarray]] = {
    "least_squares": lambda rows, fits: place_least_squares(rows.columns),
    "limb_scale": lambda rows, fits: place_least_squares(with_limb_scale(rows, fits.limb_scale).columns),
    "pelvis_height": lambda rows, fits: (
        place_least_squares(rows.columns)
        if fits.pelvis_height_mm is None
        else place_at_height(rows.columns, fits.pelvis_height_mm)
    ),
    "on_floor": lambda rows, fits: place_on_floor(rows.columns),
    "linear": lambda rows, fits: place_linear(rows, fits.linear),
    "true_root": lambda rows, fits: place_with_true_root(rows),
    "bound": lambda rows, fits: place_bound(rows),
}
