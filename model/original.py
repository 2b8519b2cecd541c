"""OriginalPoseNet, the network of the original recipe: a box crop and a cached pose in, joints in box coordinates out.

    image+pose:  crop ─ ResNet18 ─ features + embedding ─ HeadNet ─ heatmap volumes ─ soft-argmax → x, y, depth
                                       pose ─ MLP ──┘
    image:       the same without the embedding
    pose:        pose ─ MLP → x, y, depth

Coordinates: x, y over 0..1 of the person box, depth over 0..1 for the world origin's depth ± depth_max (see
modules.recipes.original).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.heatmaps import soft_argmax
from model.image_branch import RESNET_CHANNELS, ImageBranch
from model.model import PoseNetSpec
from model.skeleton import NUM_JOINTS

INPUTS = NUM_JOINTS * 3


@dataclass(frozen=True)
class OriginalSpec(PoseNetSpec):
    """The architecture; `model` distinguishes its checkpoints from PoseNet's."""

    model: str = "OriginalPoseNet"


class OriginalPoseNet(nn.Module):
    """The network drawn above; a branch that spec.model_type leaves out is None."""

    scale: Tensor  # (3,) unit of the loss: px of the crop and cells of depth, or 0..1 for the MLP alone

    def __init__(self, spec: PoseNetSpec, pretrained: bool = False) -> None:
        super().__init__()
        self.spec = spec
        self.image = ImageBranch(spec.output_depth, pretrained) if "image" in spec.model_type else None
        self.embed = pose_mlp(alone=self.image is None) if "pose" in spec.model_type else None
        scale = [1, 1, 1] if self.image is None else [spec.input_shape, spec.input_shape, spec.output_depth]
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32), persistent=False)
        self.to(memory_format=torch.channels_last)  # a third faster or more, with the same results

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """Returns the joints of a batch of samples (see modules.recipes.original): (B, 24, 3) x, y, depth over 0..1."""
        if self.image is None:
            joints: Tensor = self._embed(batch).unflatten(1, (NUM_JOINTS, 3))
            return joints
        features = self.image.features(batch["image"])
        if self.embed is not None:
            features = features + self._embed(batch)[:, :, None, None]
        return (soft_argmax(self.image.volumes(features)) + 1) / 2

    def _embed(self, batch: dict[str, Tensor]) -> Tensor:
        """Returns the output of the MLP on the pose: (B, 512), or (B, 72) without an image branch."""
        assert self.embed is not None
        pose = batch["joints"].flatten(1)
        with torch.autocast(pose.device.type, enabled=False):  # half precision would cost millimetres and save no time
            embedding: Tensor = self.embed(pose)
        return embedding


def pose_mlp(alone: bool) -> nn.Sequential:
    """Returns the MLP on the cached pose; it outputs joints (72) if `alone`, else an embedding (512) of the features' size."""
    hidden = [nn.Linear(INPUTS, RESNET_CHANNELS), nn.ReLU(), nn.Linear(RESNET_CHANNELS, RESNET_CHANNELS)]
    output = [nn.ReLU(), nn.Linear(RESNET_CHANNELS, INPUTS)] if alone else []
    return nn.Sequential(*hidden, *output)
