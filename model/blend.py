"""A trained network blended with the released one: the weighted mean of what both predict for the same images."""

from __future__ import annotations

from typing import NamedTuple

from torch import nn

from model.model import PoseOutput
from model.pose_branch import Batch


class Shares(NamedTuple):
    """The released network's shares of a blend, each 0 to 1."""

    pose: float  # of u, v, relative depth and log error
    root: float  # of the log of the root's depth


def blend(own: PoseOutput, released: PoseOutput, shares: Shares) -> PoseOutput:
    """Returns the weighted mean of two outputs for the same images; root depths are averaged as logs."""
    root_log = own.root_mm.log().lerp(released.root_mm.log().to(own.root_mm.dtype), shares.root)
    return own._replace(
        uvd=own.uvd.lerp(released.uvd.to(own.uvd.dtype), shares.pose),
        root_mm=root_log.exp(),
        log_error=own.log_error.lerp(released.log_error.to(own.log_error.dtype), shares.pose),
    )


class BlendedNet(nn.Module):
    """Both networks and the shares of the released one; the samples have what both need."""

    def __init__(self, own: nn.Module, released: nn.Module, shares: Shares) -> None:
        super().__init__()
        self.own, self.released, self.shares = own, released, shares

    def forward(self, batch: Batch) -> PoseOutput:
        """Returns the blended output for a batch of samples (see modules.dataset)."""
        return blend(self.own(batch), self.released(batch), self.shares)
