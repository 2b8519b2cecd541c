"""The ray map: what each pixel of a crop sees of the camera's place over the floor, as channels beside the picture.

A crop shows a tall person from far away like a short one from nearby. The height of each pixel's ray over the floor tells them
apart: where the feet stand, the ray's distance to the floor is the person's.
"""

from __future__ import annotations

import torch
from torch import Tensor

from model.inputs import CROP_SIZE
from model.skeleton import ROOT

CHANNELS = 5
FARTHEST_M = 20.0  # distance to the floor of rays that meet it farther away, or never


def ray_map(batch: dict[str, Tensor], size: int) -> Tensor:
    """Returns the ray map of crops of `size` px: (B, 5, size, size), zero for rows without a floor.

    The channels are each pixel's unit ray in level axes (right, forward, up), the log of the distance in m at which it meets
    the floor, and one. Read are K_crop, up_crop, has_floor, and the pelvis's heights over floor and camera in pose_features.
    """
    up, has_floor = batch["up_crop"], batch["has_floor"]
    pixels = (torch.arange(size, device=up.device, dtype=up.dtype) + 0.5) * (CROP_SIZE / size) - 0.5
    focal, centre = torch.diagonal(batch["K_crop"], dim1=-2, dim2=-1)[:, :2], batch["K_crop"][:, :2, 2]
    x, y = ((pixels - centre[:, axis, None]) / focal[:, axis, None] for axis in (0, 1))
    rays = torch.stack([x[:, None, :].expand(-1, size, -1), y[:, :, None].expand(-1, -1, size)], 1)
    rays = torch.cat([rays, torch.ones_like(rays[:, :1])], 1)
    rays = rays / rays.norm(dim=1, keepdim=True)
    level = torch.einsum("bki,bihw->bkhw", _level_axes(up), rays)
    camera_height_m = (batch["pose_features"][:, ROOT, 3] - batch["pose_features"][:, ROOT, 4])[:, None, None]
    falls = -level[:, 2]
    to_floor = (camera_height_m / falls.clamp_min(1e-6)).clamp(0.1, FARTHEST_M)
    to_floor = torch.where(falls > 0, to_floor, FARTHEST_M).log()[:, None]
    return torch.cat([level, to_floor, torch.ones_like(to_floor)], 1) * has_floor[..., None, None]


def _level_axes(up: Tensor) -> Tensor:
    """Returns the rotations (B, 3, 3) from the crop's camera to right, forward and up; zero where up (B, 3) is."""
    optical = up.new_tensor([0.0, 0.0, 1.0]).expand_as(up)
    forward = optical - up * up[:, 2:]
    forward = forward / forward.norm(dim=1, keepdim=True).clamp_min(1e-6)
    return torch.stack([torch.linalg.cross(forward, up), forward * (up.norm(dim=1, keepdim=True) > 0), up], 1)
