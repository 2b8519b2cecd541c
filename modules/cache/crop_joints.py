"""Transforms joints between the camera, the crop's virtual camera (`modules.pose_utils.crop_camera`), and network inputs.

Shapes: B images, 24 joints. `joints_crop` are (B, 24, 3) mm in the axes of the crop's camera. `uvd` are u, v over ±1
between the crop's outer edges, and the depth relative to the root over ±1 for ± 1000 mm.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from model.inputs import CROP_SIZE, DEPTH_RANGE_MM
from model.skeleton import ROOT
from modules.pose_utils import Array, cam2pixel, pixel2cam

Columns = Mapping[str, np.ndarray]


def root_relative(depth_mm: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Splits camera depths (..., 24) into the root's depth (...) and each joint's depth relative to it (..., 24)."""
    return depth_mm[..., ROOT], depth_mm - depth_mm[..., ROOT, None]


class CropPose(NamedTuple):
    """Poses in the crop's camera."""

    joints_mm: np.ndarray  # (B, 24, 3)
    root_mm: np.ndarray  # (B,) the depth that relative depths refer to: the pelvis's, unless it is jittered


def cam_to_crop(joints_cam: np.ndarray, R_cam2crop: np.ndarray) -> CropPose:
    """Rotates joints (B, 24, 3) camera mm into the crop's camera."""
    joints_crop = joints_cam @ R_cam2crop.swapaxes(-1, -2)
    return CropPose(joints_crop, joints_crop[..., ROOT, 2])


def crop_to_cam(joints_crop: np.ndarray, R_cam2crop: np.ndarray) -> np.ndarray:
    """Rotates points (B, N, 3) crop camera mm into the camera: (B, N, 3) camera mm."""
    return np.asarray(joints_crop @ R_cam2crop)


def cached_joints_cam(rows: Columns) -> np.ndarray:
    """Returns the extractor's 2D joints, back-projected to its depths: (B, 24, 3) camera mm."""
    return np.asarray(pixel2cam(rows["joints_px"], rows["depth_root_mm"][:, None] + rows["depth_rel_mm"], rows["K"]))


def cached_crop_pose(rows: Columns) -> CropPose:
    """Returns the extractor's pose in the crop's camera."""
    return cam_to_crop(cached_joints_cam(rows), rows["R_cam2crop"])


def normalise_px(points_px: Array) -> Array:
    """Maps px of the 256 px crop to ±1 between the crop's outer edges; pixel centres are at integers."""
    return (points_px + 0.5) * (2 / CROP_SIZE) - 1


def denormalise_px(points: Array) -> Array:
    """Inverts `normalise_px`."""
    return (points + 1) * (CROP_SIZE / 2) - 0.5


def to_uvd(pose: CropPose, K_crop: np.ndarray) -> np.ndarray:
    """Returns poses as u, v, depth over ±1: (B, 24, 3)."""
    depth_rel_mm = pose.joints_mm[..., 2:] - pose.root_mm[..., None, None]
    return np.concatenate([normalise_px(cam2pixel(pose.joints_mm, K_crop)), depth_rel_mm / DEPTH_RANGE_MM], -1)


def from_uvd(uvd: Array, root_mm: Array, K_crop: Array) -> Array:
    """Returns joints as u, v, depth over ±1 (B, 24, 3), at root depths (B,) mm, in crop camera mm; arrays or tensors."""
    depth_mm = root_mm[:, None] + uvd[..., 2] * DEPTH_RANGE_MM
    return pixel2cam(denormalise_px(uvd[..., :2]), depth_mm, K_crop)
