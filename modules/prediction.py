"""Running a network over samples, and lifting what it says to the world."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import nn
from torch.utils.data import DataLoader

from model.model import Answer
from modules.cache import Rows
from modules.dataset import PoseDataset, Sample, from_uvd
from modules.lifting import lift
from modules.pose_utils import cam2world, world2cam
from modules.recipes import Recipe


@torch.no_grad()
def predict_answers(network: nn.Module, loader: DataLoader[Sample], fabric: Fabric) -> list[Any]:
    """The network's answers, batch after batch, on Fabric's device and in its precision."""
    network.eval()
    answers = []
    for batch in loader:
        with fabric.autocast():
            answers.append(network({name: value.to(fabric.device) for name, value in batch.items()}))
    return answers


def predict_world(
    recipe: Recipe, network: nn.Module, loader: DataLoader[Sample], rows: Rows, fabric: Fabric
) -> np.ndarray:
    """(B, 24, 3) world mm; the loader must walk the rows in order."""
    return recipe.lift(predict_answers(network, loader, fabric), rows)


def lift_answers(answers: Sequence[Answer], rows: Rows) -> np.ndarray:
    """PoseNet's answers, batch after batch, for rows in their order: (B, 24, 3) world mm."""
    uvd = torch.cat([answer.uvd for answer in answers]).double().cpu().numpy()
    root_mm = torch.cat([answer.root_mm for answer in answers]).double().cpu().numpy()
    return lift(from_uvd(uvd, root_mm), rows.columns)


def prediction_loader(
    rows: Rows, samples: Callable[[Rows], PoseDataset], batch_size: int, num_workers: int = 0
) -> DataLoader[Sample]:
    """Samples in the rows' order, without augmentation."""
    return DataLoader(samples(rows), batch_size=batch_size, num_workers=num_workers)


def mean_crop_pose(rows: Rows) -> np.ndarray:
    """The training people's mean pose in their crops' cameras: (24, 3) mm, straight ahead of the camera."""
    joints_cam = world2cam(rows["joints_world_mm"], rows["R"], rows["t"])
    return (joints_cam @ rows["R_cam2crop"].swapaxes(-1, -2)).mean(0)


def fallback_world(mean_pose_crop: np.ndarray, R: np.ndarray, t: np.ndarray) -> np.ndarray:
    """The documented answer where nobody was found: the training mean, straight ahead of this camera: (B, 24, 3)."""
    return cam2world(np.broadcast_to(mean_pose_crop, (len(R), *mean_pose_crop.shape)), R, t)
