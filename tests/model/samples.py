"""Batches of made-up samples for the networks, of the right shapes."""

import torch
from torch import nn

from model.model import PoseNetSpec
from model.pose_branch import PoseBranch

SMALL = PoseNetSpec()


def batch_of(size: int = 3, shape: int = 128, seed: int = 0) -> dict[str, torch.Tensor]:
    """Returns `size` samples with crops of `shape` px and a floor."""
    g = torch.Generator().manual_seed(seed)
    return {
        "image": torch.randint(0, 255, (size, 3, shape, shape), dtype=torch.uint8, generator=g),
        "joints": torch.rand(size, 24, 3, generator=g) - 0.5,
        "pose_features": torch.rand(size, 24, 5, generator=g),
        "has_floor": torch.ones(size, 1),
        "has_up": torch.ones(size, 1),
        "joints_level": torch.rand(size, 24, 7, generator=g) - 0.5,
        "camera": torch.rand(size, 6, generator=g),
        "up_crop": torch.tensor([0.0, -1.0, 0.0]).repeat(size, 1),
        "root_mm": 3000 + 1000 * torch.rand(size, generator=g),
        "K_crop": torch.eye(3).repeat(size, 1, 1) * 300,
    }


def randomise(*layers: nn.Linear | nn.Conv2d, std: float = 0.1) -> None:
    """Draws the weights of these layers, most of which are initialised to zero."""
    for layer in layers:
        nn.init.normal_(layer.weight, std=std)


def randomise_ensemble(branch: PoseBranch) -> None:
    """Draws the last layers of each ensemble member, so that members differ."""
    for member in (*branch.ensemble, *(branch.without_floor if branch.learns_root else ())):
        randomise(member.shift, member.root, member.error.layers[-1])
