"""Wraps a network with its lifting, so that it takes cached numbers and returns joints in world mm."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from modules.cache.crop_joints import from_uvd
from modules.inference.uncertainty import Calibration
from modules.pose_utils import cam2world

UNITS = {
    "image": "image_rgb_0_to_255", "joints": "joints_u_v_depth", "pose_features": "pose_features_m",
    "has_floor": "has_floor_0_or_1", "has_up": "has_up_0_or_1", "joints_level": "joints_level_m", "camera": "camera_m",
    "root_mm": "root_depth_mm", "K_crop": "K_crop_px", "has_joint_features": "has_joint_features_0_or_1",
    "t": "t_world2cam_mm", "R": "R_world2cam",
}  # fmt: skip
"""Names of inputs in an exported network, by their names in a sample; others keep theirs (see modules.dataset)."""
CAMERA = ("R_cam2crop", "R", "t")
"""Columns of the cache that lifting needs beside the sample; float64, since a world's origin may be far away."""


def input_name(name: str) -> str:
    """Returns the name, with its unit, that an entry of a sample or a column of the cache has in an exported network."""
    prefix = "mirrored_" if name.startswith("mirrored_") else ""
    bare = name.removeprefix(prefix)
    return prefix + UNITS.get(bare, bare)


class WorldNetwork(nn.Module):
    """A PoseNet that returns joints (B, 24, 3) world mm and, if calibrated, their expected errors (B, 24) mm."""

    offset: Tensor
    spread: Tensor

    def __init__(self, network: nn.Module, calibration: Calibration | None) -> None:
        super().__init__()
        self.network, self.slope = network, None if calibration is None else calibration.slope
        if calibration is not None:
            self.register_buffer("offset", torch.tensor(calibration.offset))
            self.register_buffer("spread", torch.tensor(calibration.spread))

    def forward(self, inputs: dict[str, Tensor]) -> tuple[Tensor, ...]:
        """Returns the outputs for a batch of samples with the columns of CAMERA beside them."""
        output = self.network({name: value for name, value in inputs.items() if name not in CAMERA})
        joints_crop = from_uvd(output.uvd.double(), output.root_mm.double(), inputs["K_crop"].double())
        joints_world: Tensor = cam2world(joints_crop @ inputs["R_cam2crop"], inputs["R"], inputs["t"])
        if self.slope is None:
            return (joints_world,)
        log_median = self.offset + self.slope * output.log_error.double()
        return joints_world, torch.exp(log_median + self.spread**2 / 2)


def output_names(network: WorldNetwork) -> list[str]:
    """Returns the names of the outputs, with units."""
    return ["joints_world_mm"] if network.slope is None else ["joints_world_mm", "expected_error_mm"]
