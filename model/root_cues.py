"""The root's depth from what the training people's bodies and a known floor imply, for networks that do not learn it.

Three estimates are averaged as logs, weighted by inverse variance: the extractor's; the depth at which the pelvis's ray reaches
the training people's mean pelvis height; and the depth at which the lowest foot stands on the floor. The last one needs
the joints' relative depths, so the pose helps the root.
Shapes: B poses. Log-ratios are of the root's depth over the extractor's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from model.inputs import CROP_SIZE, DEPTH_RANGE_MM
from model.skeleton import FEET, ROOT

MIN_DROP_M = 0.05  # height differences between pelvis and camera below this are replaced by it
MIN_SLOPE = 0.02  # of a foot's ray, downwards per depth; a flatter one tells nothing
PLAUSIBLE = (0.5, 2.0)  # of the root's depth over the extractor's
UNKNOWN = 1e6  # an error in m or mm that leaves a cue without weight


class RootEstimate(NamedTuple):
    """An estimate of the root's depth."""

    log_ratio: Tensor  # (B,)
    variance: Tensor  # (B,)


def fused(estimates: Sequence[RootEstimate]) -> RootEstimate:
    """Returns the mean of estimates with independent errors, weighted by inverse variance."""
    precisions = torch.stack([1 / estimate.variance for estimate in estimates])
    log_ratios = torch.stack([estimate.log_ratio for estimate in estimates])
    total = precisions.sum(0)
    return RootEstimate((precisions * log_ratios).sum(0) / total, 1 / total)


def by_pelvis_height(pose_features: Tensor, cues: Tensor) -> RootEstimate:
    """Fuses the extractor's root depth with that at which its pelvis's ray reaches the mean pelvis height.

    `cues` (3,) are the mean pelvis height over the floor and its error, m, and the relative error of the extractor's depth. The
    error of a depth by height grows as the ray approaches the horizontal.
    """
    mean_height, height_error, depth_error = cues
    # The extractor's pelvis: its height over the floor, and relative to the camera (negative below it), m.
    height, to_camera = pose_features[:, ROOT, 3], pose_features[:, ROOT, 4]
    to_camera = torch.where(to_camera.abs() < MIN_DROP_M, torch.full_like(to_camera, MIN_DROP_M), to_camera)
    log_ratio = torch.log(((mean_height - (height - to_camera)) / to_camera).clamp(*PLAUSIBLE))
    of_height = RootEstimate(log_ratio, (height_error / to_camera.abs()) ** 2)
    of_extractor = RootEstimate(torch.zeros_like(log_ratio), (depth_error**2).clamp_min(1e-12).expand_as(log_ratio))
    return fused([of_extractor, of_height])


def by_lowest_foot(uvd: Tensor, batch: dict[str, Tensor], depth_sd_mm: Tensor, contact: Tensor) -> RootEstimate:
    """Returns the root's depth at which the lowest foot of poses (B, 24, 3) stands on the floor.

    `contact` (5,) mm: the heights of the joints of FEET over the floor that carries them, and their error; `depth_sd_mm`
    (B, 4) is the error of these joints' relative depths. Rows without a floor have an infinite variance.
    """
    rays, relative_mm = crop_rays(uvd[:, FEET, :2], batch["K_crop"]), uvd[:, FEET, 2] * DEPTH_RANGE_MM
    camera_height_mm = (batch["pose_features"][:, ROOT, 3] - batch["pose_features"][:, ROOT, 4]) * 1e3
    slope = -(rays @ batch["up_crop"].unsqueeze(-1)).squeeze(-1)  # how far a ray falls per depth
    falls = slope > MIN_SLOPE
    depth_mm = (camera_height_mm[:, None] - contact[:4]) / slope.clamp_min(MIN_SLOPE) - relative_mm
    nearest, lowest = torch.where(falls, depth_mm, torch.inf).min(1)
    ratio = nearest / batch["root_mm"]
    error_mm = torch.hypot(contact[4] / slope.clamp_min(MIN_SLOPE), depth_sd_mm).gather(1, lowest[:, None]).squeeze(1)
    known = (batch["has_floor"].squeeze(1) > 0) & (ratio > PLAUSIBLE[0]) & (ratio < PLAUSIBLE[1])
    variance = torch.where(known, (error_mm / nearest) ** 2, torch.inf)
    return RootEstimate(torch.where(known, ratio, 1.0).log(), variance)


def crop_rays(uv: Tensor, K_crop: Tensor) -> Tensor:
    """Returns the rays (B, N, 3) with z = 1 in the crop's camera, of u, v (B, N, 2) over ±1."""
    pixels = (uv + 1) * (CROP_SIZE / 2) - 0.5
    focal, centre = torch.diagonal(K_crop, dim1=-2, dim2=-1)[:, None, :2], K_crop[:, None, :2, 2]
    return nn.functional.pad((pixels - centre) / focal, (0, 1), value=1.0)
