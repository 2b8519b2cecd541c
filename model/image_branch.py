"""The image branch: ResNet18 and HeadNet map a person crop to one heatmap volume per joint.

crop (B, 3, S, S) ─ ResNet18 ─ (B, 512, S/32, S/32) ─ HeadNet ─ heatmap volumes (B, 24, D, S/4, S/4)
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model.distributed import SyncBatchNorm2d
from model.skeleton import NUM_JOINTS

RESNET_CHANNELS = 512  # of ResNet18's last stage
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # RGB


class PretrainedWeightsError(Exception):
    """The ImageNet weights could not be downloaded; the message is the reason."""


def resnet18(pretrained: bool) -> nn.Sequential:
    """Returns a ResNet18 without pooling and classifier: (B, 3, S, S) → (B, 512, S/32, S/32).

    `pretrained` downloads ImageNet weights. Raises PretrainedWeightsError if that fails.
    """
    import torchvision  # noqa: PLC0415  (its import takes as long as torch's, and networks without image do not need it)

    weights = torchvision.models.ResNet18_Weights.IMAGENET1K_V1 if pretrained else None
    try:
        net = torchvision.models.resnet18(weights=weights, norm_layer=SyncBatchNorm2d)
    except (OSError, RuntimeError) as error:
        raise PretrainedWeightsError(str(error)) from None
    return nn.Sequential(*list(net.children())[:-2])


class HeadNet(nn.Sequential):
    """Three transposed convolutions and a 1x1 convolution: (B, 512, s, s) → (B, 24 * depth, 8 s, 8 s)."""

    def __init__(self, output_depth: int, channels: int = 256) -> None:
        layers: list[nn.Module] = []
        for inputs in (RESNET_CHANNELS, channels, channels):
            deconvolution = nn.ConvTranspose2d(inputs, channels, 4, stride=2, padding=1, bias=False)
            layers += [deconvolution, SyncBatchNorm2d(channels), nn.ReLU(inplace=True)]
        last = nn.Conv2d(channels, NUM_JOINTS * output_depth, 1)
        nn.init.normal_(last.weight, std=1e-3)
        last.bias = nn.Parameter(torch.zeros(NUM_JOINTS * output_depth))
        super().__init__(*layers, last)


class ImageBranch(nn.Module):
    """ResNet18 backbone and HeadNet; the crop is normalised with ImageNet's mean and standard deviation."""

    image_mean: Tensor
    image_std: Tensor

    def __init__(self, output_depth: int, pretrained: bool = False) -> None:
        super().__init__()
        self.output_depth = output_depth
        self.register_buffer("image_mean", torch.tensor(IMAGENET_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("image_std", torch.tensor(IMAGENET_STD).view(3, 1, 1), persistent=False)
        self.backbone = resnet18(pretrained)
        self.head = HeadNet(output_depth)

    def features(self, image: Tensor) -> Tensor:
        """Returns the features of crops (B, 3, S, S) uint8 RGB: (B, 512, S/32, S/32)."""
        normalised = (image.to(self.image_mean.dtype) / 255 - self.image_mean) / self.image_std
        features: Tensor = self.backbone(normalised.contiguous(memory_format=torch.channels_last))
        return features

    def volumes(self, features: Tensor) -> Tensor:
        """Returns the heatmap volumes of features (B, 512, s, s): logits (B, 24, D, 8 s, 8 s) in the network's precision."""
        volumes: Tensor = self.head(features).unflatten(1, (NUM_JOINTS, self.output_depth))
        return volumes

    def forward(self, image: Tensor) -> Tensor:
        """Returns the heatmap volumes of crops (B, 3, S, S) uint8 RGB: logits (B, 24, D, S/4, S/4)."""
        return self.volumes(self.features(image))
