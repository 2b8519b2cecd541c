"""OriginalPoseNet, the network of the original recipe: a box crop and a cached pose in, joints in box coordinates out.

    image+pose:  crop ─ ResNet18 ─ features + embedding ─ HeadNet ─ heat volumes ─ soft-argmax → x, y, depth
                                       pose ─ MLP ──┘
    image:       the same without the embedding
    pose:        pose ─ MLP → x, y, depth

The pose enters once, as an embedding that is added to every place of the image's features; the head decides alone.
Coordinates: x, y over 0..1 of the person box, depth over 0..1 for the world origin's ± depth_max (see modules.original).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from model.model import CropNetwork, PoseNetSpec, soft_argmax
from modules.skeleton import NUM_JOINTS

FEATURES = 512  # channels of the backbone's last stage
INPUTS = NUM_JOINTS * 3


@dataclass(frozen=True)
class OriginalSpec(PoseNetSpec):
    """What shapes the network; `model` tells its checkpoints from PoseNet's."""

    model: str = "OriginalPoseNet"


class OriginalPoseNet(CropNetwork):
    """The network of the module's drawing."""

    scale: Tensor

    def __init__(self, spec: PoseNetSpec, pretrained: bool = False) -> None:
        super().__init__(spec, pretrained)
        # What the loss measures in: px of the crop and cells of depth for heat volumes, 0..1 for the bare MLP.
        scale = [spec.input_shape, spec.input_shape, spec.output_depth] if self.sees_image else [1, 1, 1]
        self.register_buffer("scale", torch.tensor(scale, dtype=torch.float32), persistent=False)
        if self.sees_pose:
            hidden = [nn.Linear(INPUTS, FEATURES), nn.ReLU(), nn.Linear(FEATURES, FEATURES)]
            answer = [] if self.sees_image else [nn.ReLU(), nn.Linear(FEATURES, INPUTS)]
            self.embed = nn.Sequential(*hidden, *answer)
        self.to(memory_format=torch.channels_last)  # the same numbers, a third faster or more

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """A batch of samples (see modules.original) → (B, 24, 3) x, y, depth over 0..1."""
        if not self.sees_image:
            return self._embed(batch).unflatten(1, (NUM_JOINTS, 3))
        features = self.features(batch["image"])
        if self.sees_pose:
            features = features + self._embed(batch)[:, :, None, None]
        return (soft_argmax(self.volumes(features)) + 1) / 2

    def _embed(self, batch: dict[str, Tensor]) -> Tensor:
        """The MLP on the pose: (B, 512), or (B, 72) where it is all there is."""
        pose = batch["joints"].flatten(1)
        with torch.autocast(pose.device.type, enabled=False):  # half precision would cost millimetres and gain no time
            embedding: Tensor = self.embed(pose)
        return embedding
