"""Makes the image branch of a training a few thousand weights, so that its checkpoints are written in milliseconds.

Kills test how files are written and read; with ResNet18 each checkpoint has 200 MB, and a kill costs half a minute.
"""

from __future__ import annotations

from torch import nn

from model import image_branch

HEAD_CHANNELS = 8


def backbone(pretrained: bool = False) -> nn.Sequential:
    """Returns what stands for ResNet18: means of 32x32 px, mapped to the channels that HeadNet expects."""
    return nn.Sequential(nn.AvgPool2d(32), nn.Conv2d(3, image_branch.RESNET_CHANNELS, 1))


def use_small_network() -> None:
    """Replaces ResNet18, and the width of HeadNet, in this process."""
    image_branch.resnet18 = backbone
    image_branch.HeadNet.__init__.__defaults__ = (HEAD_CHANNELS,)
