"""Runs a network over samples, and places the fallback pose in images without a person."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, Protocol

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader

from modules.cache.crop_joints import cam_to_crop
from modules.cache.table import Rows
from modules.dataset import Batches, PoseDataset, Sample
from modules.pose_utils import cam2world, world2cam
from modules.utils import ahead

BATCH_SIZE = 32  # images per forward pass


class Device(Protocol):
    """Where a network runs, and in which precision: Lightning's Fabric in training, a PredictionDevice without it."""

    @property
    def device(self) -> torch.device: ...

    def autocast(self) -> AbstractContextManager[Any]: ...


@torch.no_grad()
def predict_outputs(network: nn.Module, loader: DataLoader[Sample], on: Device) -> list[Any]:
    """Returns the network's outputs, one per batch, on this device and in its precision."""
    network.eval()
    outputs = []
    for batch in ahead(loader):
        with on.autocast():
            outputs.append(network({name: value.to(on.device) for name, value in batch.items()}))
    return outputs


def prediction_loader(rows: Rows, samples: Callable[[Rows], PoseDataset], num_workers: int = 0) -> DataLoader[Sample]:
    """Returns a loader of the rows' samples, in order and without augmentation."""
    return DataLoader(Batches(samples(rows), BATCH_SIZE), batch_size=None, num_workers=num_workers)


def mean_crop_pose(rows: Rows) -> np.ndarray:
    """Returns the mean training pose in the crops' cameras, straight ahead of the camera: (24, 3) mm."""
    joints_cam = world2cam(rows["joints_world_mm"], rows["R"], rows["t"])
    return np.asarray(cam_to_crop(joints_cam, rows["R_cam2crop"]).joints_mm.mean(0))


def fallback_world(mean_pose_crop: np.ndarray, R: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Returns the mean training pose straight ahead of each camera, for images without a person: (B, 24, 3) world mm."""
    return np.asarray(cam2world(np.broadcast_to(mean_pose_crop, (len(R), *mean_pose_crop.shape)), R, t))
