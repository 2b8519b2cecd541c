"""What training makes small."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from model.model import Axes, cell_centres
from modules.dataset import DEPTH_RANGE_MM, denormalise_px
from modules.pose_utils import pixel2cam

Distance = Callable[[Tensor, Tensor], Tensor]
DISTANCES: dict[str, Distance] = {
    "l1": functional.l1_loss,
    "smooth_l1": lambda predicted, target: functional.smooth_l1_loss(predicted, target, beta=0.05),
    "mse": functional.mse_loss,
}


def joints_crop_mm(uvd: Tensor, root_mm: Tensor, K_crop: Tensor) -> Tensor:
    """(B, 24, 3) u, v, depth over ±1 at root depths (B,) → (B, 24, 3) mm in the crop's camera."""
    depth = root_mm[:, None] + uvd[..., 2] * DEPTH_RANGE_MM
    return pixel2cam(denormalise_px(uvd[..., :2]), depth, K_crop)


def normalised_loss(uvd: Tensor, root_mm: Tensor, batch: dict[str, Tensor], distance: Distance) -> Tensor:
    """Two distances: crop coordinates teach where joints are, the log of the root's depth that in relative terms."""
    in_crop = distance(uvd, batch["target"])
    return in_crop + distance(torch.log(root_mm), torch.log(batch["target_root_mm"]))


def world_loss(uvd: Tensor, root_mm: Tensor, batch: dict[str, Tensor], distance: Distance) -> Tensor:
    """The distance of joints in space, in metres, which weighs all errors as the world sees them.

    It is measured along the axes of the crop's camera, a rotation away from the world's: how the world is turned must
    not change what is learned.
    """
    placed = joints_crop_mm(uvd, root_mm, batch["K_crop"]) / 1e3
    reference = joints_crop_mm(batch["target"], batch["target_root_mm"], batch["K_crop"]) / 1e3
    return distance(placed, reference)


SPACES = {"normalised": (normalised_loss,), "world": (world_loss,), "both": (normalised_loss, world_loss)}


def pose_loss(
    uvd: Tensor, root_mm: Tensor, batch: dict[str, Tensor], distance: Distance, space: str = "both"
) -> Tensor:
    """What is wrong with B poses, in the configured space(s); every distance is of order 0.1."""
    return torch.stack([loss(uvd, root_mm, batch, distance) for loss in SPACES[space]]).sum()


def distances_mm(uvd: Tensor, root_mm: Tensor, batch: dict[str, Tensor]) -> Tensor:
    """How far each joint is from its target in space: (B, 24) mm, as large in the crop's camera as in the world."""
    placed = joints_crop_mm(uvd, root_mm, batch["K_crop"])
    reference = joints_crop_mm(batch["target"], batch["target_root_mm"], batch["K_crop"])
    return torch.linalg.vector_norm(placed - reference, dim=-1)


def doubt_loss(doubt: Tensor, uvd: Tensor, root_mm: Tensor, batch: dict[str, Tensor]) -> Tensor:
    """How badly `doubt` (B, 24) tells the log of each joint's distance, of which it learns the median; nothing else learns."""
    off = distances_mm(uvd.detach(), root_mm.detach(), batch)
    return functional.l1_loss(doubt, off.clamp_min(1.0).log())


def heat_loss(evidence: Axes, target: Tensor, cells: float) -> Tensor:
    """How far the image branch's densities along u, v, depth are from a Gaussian about each target (B, 24, 3).

    Its standard deviation is `cells` of the volume: the image branch may not be surer than that of any joint.

    The Kullback-Leibler divergence, mean over images, joints and axes. A density that is wrong is punished by its
    sureness, so what it says of images it does not know is as wide as it has to be.
    """
    total = torch.zeros((), device=target.device)
    for axis, probability in enumerate(evidence):
        centres = cell_centres(probability.shape[-1], probability)
        away = (centres - target[..., axis, None].clamp(-1, 1)) * (probability.shape[-1] / 2 / cells)
        wanted = (-0.5 * away**2).softmax(-1)
        total = total + functional.kl_div(probability.clamp_min(1e-8).log(), wanted, reduction="none").sum(-1).mean()
    return total / len(evidence)
