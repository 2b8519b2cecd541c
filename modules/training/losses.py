"""The loss functions of PoseNet, and the distances of TRAIN.loss_function."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from model.heatmaps import Axes, cell_centres
from model.model import PoseOutput
from model.pose_branch import BranchOutput, DepthDensity
from model.skeleton import NUM_JOINTS, ROOT
from modules.cache.crop_joints import from_uvd
from modules.cache.label_weights import WEIGHT

DEPTH_WEIGHT = 0.02  # of depth_loss, in nats, beside pose_loss, which is of order 0.1
MIN_PROBABILITY = 1e-6
Distance = Callable[..., Tensor]  # predicted, target, and optionally reduction="none"
DISTANCES: dict[str, Distance] = {
    "l1": functional.l1_loss,
    "smooth_l1": partial(functional.smooth_l1_loss, beta=0.05),
    "mse": functional.mse_loss,
}


def weighted(distance: Distance, predicted: Tensor, target: Tensor, weight: Tensor | None) -> Tensor:
    """Returns the mean distance; with weights (B, 24) of the joints, their weighted mean. Both tensors are (B, 24, ...)."""
    if weight is None:
        return distance(predicted, target)
    return weighted_mean(distance(predicted, target, reduction="none"), weight)


def weighted_mean(values: Tensor, weight: Tensor | None) -> Tensor:
    """Returns the mean of values (B, N, ...), weighted by weights (B, N) if there are any."""
    if weight is None:
        return values.mean()
    per_joint = values.flatten(2).mean(-1) if values.dim() > 2 else values
    return (per_joint * weight).sum() / weight.sum()


def normalised_loss(uvd: Tensor, root_mm: Tensor, batch: dict[str, Tensor], distance: Distance) -> Tensor:
    """Returns the distance in crop coordinates (u, v, depth over ±1) plus that of the log root depths."""
    weight = batch.get(WEIGHT)
    in_crop = weighted(distance, uvd, batch["target"], weight)
    of_root = None if weight is None else weight[:, ROOT]
    return in_crop + weighted(distance, torch.log(root_mm), torch.log(batch["target_root_mm"]), of_root)


def space_loss(uvd: Tensor, root_mm: Tensor, batch: dict[str, Tensor], distance: Distance) -> Tensor:
    """Returns the distance of the joints in 3D, in metres.

    It is measured along the axes of the crop's camera, so that a rotation of the world does not change it.
    """
    predicted = from_uvd(uvd, root_mm, batch["K_crop"]) / 1e3
    target = from_uvd(batch["target"], batch["target_root_mm"], batch["K_crop"]) / 1e3
    return weighted(distance, predicted, target, batch.get(WEIGHT))


def pose_loss(uvd: Tensor, root_mm: Tensor, batch: dict[str, Tensor], distance: Distance) -> Tensor:
    """Returns the sum of normalised_loss and space_loss for B poses; each is of order 0.1."""
    return torch.stack([loss(uvd, root_mm, batch, distance) for loss in (normalised_loss, space_loss)]).sum()


def depth_loss(depth: DepthDensity, batch: dict[str, Tensor]) -> Tensor:
    """Returns DEPTH_WEIGHT times the negative log-likelihood of the true relative depths.

    The probability is interpolated between the two nearest cells. The root, whose relative depth is 0, does not count.
    """
    cells, target = depth.cells, batch["target"][..., 2]
    last = cells.shape[-1] - 1
    position = (target - cells[..., 0]) / (cells[..., 1] - cells[..., 0])
    below = position.floor().clamp(0, last - 1).nan_to_num()  # a loss that is not finite ends the training
    share = (position - below).clamp(0, 1)
    lower, upper = (depth.probability.gather(-1, (below.long() + step).unsqueeze(-1)).squeeze(-1) for step in (0, 1))
    likelihood = lower * (1 - share) + upper * share
    is_root = torch.arange(NUM_JOINTS, device=target.device) == ROOT
    weight = batch.get(WEIGHT)
    logs = likelihood[:, ~is_root].clamp_min(MIN_PROBABILITY).log()
    return -DEPTH_WEIGHT * weighted_mean(logs, None if weight is None else weight[:, ~is_root])


def distances_mm(uvd: Tensor, root_mm: Tensor, batch: dict[str, Tensor]) -> Tensor:
    """Returns the Euclidean distance of each joint from its target: (B, 24) mm."""
    predicted = from_uvd(uvd, root_mm, batch["K_crop"])
    target = from_uvd(batch["target"], batch["target_root_mm"], batch["K_crop"])
    distances: Tensor = torch.linalg.vector_norm(predicted - target, dim=-1)
    return distances


def log_error_loss(output: BranchOutput | PoseOutput, batch: dict[str, Tensor]) -> Tensor:
    """Returns the L1 loss of the predicted log error, whose minimum is the median; the pose receives no gradient."""
    error = distances_mm(output.uvd.detach(), output.root_mm.detach(), batch)
    return weighted(functional.l1_loss, output.log_error, error.clamp_min(1.0).log(), batch.get(WEIGHT))


def heatmap_loss(heatmaps: Axes, target: Tensor, sigma: float, weight: Tensor | None = None) -> Tensor:
    """Returns the KL divergence of the heatmap marginals from a Gaussian about each target (B, 24, 3).

    It is the mean over images, joints and axes, with weights (B, 24) of the joints if there are any. `sigma` is the Gaussian's
    standard deviation in cells; it limits how confident the image branch becomes.
    """
    total = torch.zeros((), device=target.device)
    for axis, probability in enumerate(heatmaps):
        centres = cell_centres(probability.shape[-1], probability)
        offset = (centres - target[..., axis, None].clamp(-1, 1)) * (probability.shape[-1] / 2 / sigma)
        gaussian = (-0.5 * offset**2).softmax(-1)
        divergence = functional.kl_div(probability.clamp_min(1e-8).log(), gaussian, reduction="none").sum(-1)
        total = total + weighted_mean(divergence, weight)
    return total / len(heatmaps)
