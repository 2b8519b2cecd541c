"""Fits models of the extractor's errors to labelled training rows, and draws estimates with such errors.

Errors are measured after swap correction. Shapes: B images, 24 joints.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from model.skeleton import MIRROR, PARENTS, ROOT
from modules.cache.crop_joints import cached_joints_cam, root_relative
from modules.cache.table import Rows
from modules.metrics import are_swapped
from modules.pose_utils import cam2pixel, world2cam

LIMB_CORRELATION = 0.8  # of a joint's error with its parent's (measured: 0.77-0.84 along limbs, none between limbs)
SWAP_SHARE = 0.05  # share of simulated views with a left/right swap: about BlazePose's rate


class SimulatedEstimate(NamedTuple):
    """Simulated output of the extractor for B poses."""

    joints_px: np.ndarray  # (B, 24, 2)
    root_mm: np.ndarray  # (B,) depth of the pelvis
    depth_rel_mm: np.ndarray  # (B, 24)
    confidence: np.ndarray  # (B, 24)


class ErrorSampler(Protocol):
    """Draws an estimate with the extractor's errors for true poses."""

    def __call__(self, truth_cam: np.ndarray, K: np.ndarray, rng: np.random.Generator) -> SimulatedEstimate:
        """Returns an estimate with errors for true joints (B, 24, 3) camera mm and cameras K (B, 3, 3)."""
        ...


@dataclass(frozen=True)
class Errors:
    """The extractor's errors on B training rows, after swap correction."""

    lateral_mm: np.ndarray  # (B, 24, 2) across the optical axis
    depth_mm: np.ndarray  # (B, 24) root-relative depth minus depth_slope times the true one
    depth_slope: float  # estimated over true relative depth, by least squares
    root_log: np.ndarray  # (B,) log of the estimated root depth over the true one
    swapped: np.ndarray  # (B,) whether left and right were swapped


@dataclass(frozen=True)
class ErrorModel:
    """The fitted distribution of the errors."""

    lateral_sd_mm: np.ndarray  # (24,) across the optical axis, per axis
    depth_sd_mm: np.ndarray  # (24,) of Errors.depth_mm
    depth_slope: float  # of Errors
    root_log_mean: float  # of Errors.root_log
    root_log_sd: float
    swapped: np.ndarray  # (B,) whether left and right were swapped


def measure_errors(rows: Rows) -> Errors:
    """Measures the extractor's errors on labelled rows, image by image."""
    truth = world2cam(rows["joints_world_mm"], rows["R"], rows["t"])
    estimate = cached_joints_cam(rows.columns)
    swapped = are_swapped(estimate, truth)
    estimate = np.where(swapped[:, None, None], estimate[:, MIRROR], estimate)
    root, depth = root_relative(truth[..., 2])
    estimated_root, estimated_depth = root_relative(estimate[..., 2])
    slope = float((estimated_depth * depth).sum() / (depth**2).sum())
    lateral = estimate[..., :2] / estimate[..., 2:] * truth[..., 2:] - truth[..., :2]
    return Errors(lateral, estimated_depth - slope * depth, slope, np.log(estimated_root / root), swapped)


def fit_errors(rows: Rows) -> ErrorModel:
    """Fits the error model to labelled rows; left and right joints share their standard deviations."""
    errors = measure_errors(rows)
    lateral_sd = np.sqrt((errors.lateral_mm**2).mean((0, 2)))
    depth_sd = np.sqrt((errors.depth_mm**2).mean(0))
    return ErrorModel(
        _both_sides(lateral_sd), _both_sides(depth_sd), errors.depth_slope, float(errors.root_log.mean()),
        float(errors.root_log.std()), errors.swapped,
    )  # fmt: skip


def _both_sides(sd: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt((sd**2 + sd[list(MIRROR)] ** 2) / 2))


def correlated_noise(count: int, rng: np.random.Generator) -> np.ndarray:
    """Draws standard normal numbers (count, 24); the correlation of a joint with its parent is LIMB_CORRELATION."""
    noise = rng.standard_normal((len(PARENTS), count), np.float32)  # each joint in one piece
    own = np.float32(np.sqrt(1 - LIMB_CORRELATION**2))
    for child, parent in enumerate(PARENTS):
        if parent >= 0:
            noise[child] = LIMB_CORRELATION * noise[parent] + own * noise[child]
    return noise.T


class FittedErrors:
    """Draws errors from a fitted distribution, and the confidence from a random training image."""

    def __init__(self, rows: Rows, confidence: np.ndarray) -> None:
        """`confidence` (2 B, 24): that of the rows, then that of their mirrored scenes."""
        self.model, self.confidence = fit_errors(rows), confidence

    def __call__(self, truth_cam: np.ndarray, K: np.ndarray, rng: np.random.Generator) -> SimulatedEstimate:
        """See ErrorSampler."""
        count, model = len(truth_cam), self.model
        displaced = truth_cam.copy()
        for axis in (0, 1):
            displaced[..., axis] += model.lateral_sd_mm * correlated_noise(count, rng)
        pixels = cam2pixel(displaced, K)
        root, depth = root_relative(truth_cam[..., 2])
        noise = model.depth_sd_mm * correlated_noise(count, rng)
        relative = model.depth_slope * depth + noise - noise[:, ROOT : ROOT + 1]
        root = root * np.exp(rng.normal(model.root_log_mean, model.root_log_sd, count))
        confidence = self.confidence[rng.integers(len(self.confidence), size=count)]
        return swap_some(SimulatedEstimate(pixels, root, relative, confidence), rng)


class ResampledErrors:
    """Resamples the whole error and the confidence of a random training image, mirrored in half of the cases."""

    def __init__(self, rows: Rows, confidence: np.ndarray) -> None:
        """`confidence` (2 B, 24): that of the rows, then that of their mirrored scenes."""
        self.errors, self.confidence = measure_errors(rows), confidence

    def __call__(self, truth_cam: np.ndarray, K: np.ndarray, rng: np.random.Generator) -> SimulatedEstimate:
        """See ErrorSampler."""
        images = len(self.errors.root_log)
        chosen, mirrored = rng.integers(images, size=len(truth_cam)), rng.random(len(truth_cam)) < 0.5
        lateral, noise = self.errors.lateral_mm[chosen], self.errors.depth_mm[chosen]
        lateral[mirrored] = lateral[mirrored][:, MIRROR] * [-1.0, 1.0]
        noise[mirrored] = noise[mirrored][:, MIRROR]
        confidence = self.confidence[chosen + images * mirrored]
        pixels = cam2pixel(np.concatenate([truth_cam[..., :2] + lateral, truth_cam[..., 2:]], -1), K)
        root, depth = root_relative(truth_cam[..., 2])
        root = root * np.exp(self.errors.root_log[chosen])
        return swap_some(SimulatedEstimate(pixels, root, self.errors.depth_slope * depth + noise, confidence), rng)


def swap_some(estimate: SimulatedEstimate, rng: np.random.Generator, share: float | None = None) -> SimulatedEstimate:
    """Swaps left and right in a random share of the estimates (SWAP_SHARE by default), in place."""
    swapped = rng.random(len(estimate.root_mm)) < (SWAP_SHARE if share is None else share)
    for values in (estimate.joints_px, estimate.depth_rel_mm, estimate.confidence):
        values[swapped] = values[swapped][:, MIRROR]
    return estimate
