"""Computes the inputs of the pose branch from joints in the crop's camera and the camera's pose over the floor."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from model.inputs import CROP_SIZE
from model.skeleton import ROOT
from modules.cache.crop_joints import Columns, CropPose, to_uvd
from modules.cache.floor import camera_heights, level_frame, up_in_crop

NEAR_MM = 50.0  # joints and floor count as at least this far below the camera, so that the ratio of depths is finite


def pose_inputs(pose: CropPose, row: Columns) -> dict[str, np.ndarray]:
    """Returns the inputs of the pose branch for B poses.

    joints (B, 24, 3) u, v, depth; pose_features (B, 24, 5); has_floor and has_up (B, 1); up_crop (B, 3); K_crop (B, 3, 3);
    root_mm (B,); and in the level frame joints_level (B, 24, 7) and camera (B, 6). What needs a floor is zero for rows without
    one; without world_up the image's up is used. modules.dataset describes the content. A yaw or shift of the world changes
    none of them. Joints are computed with in float32, which is good to a thousandth of a millimetre at ten metres.
    """
    joints = np.moveaxis(pose.joints_mm, -1, 0).astype(np.float32, order="C")  # (3, B, 24): each axis in one piece
    camera_height, up, frame = camera_heights(row), up_in_crop(row), level_frame(row)
    has_floor = np.isfinite(camera_height)
    lens_height = np.where(has_floor, camera_height, 0).astype(np.float32)[:, None]
    drop = _along(np.where(has_floor[:, None], up, 0), joints)  # negative below the camera
    pose_features = np.empty((*drop.shape, 5), np.float32)
    pose_features[..., 0] = row["confidence"]
    for axis in (0, 1):
        pose_features[..., 1 + axis] = (joints[axis] - joints[axis, :, ROOT, None]) / 1e3
    pose_features[..., 3] = (drop + lens_height) / 1e3
    pose_features[..., 4] = drop / 1e3

    level = np.stack([_along(frame[:, axis], joints) for axis in range(3)])  # right, forward, up
    joints_level = np.empty((*drop.shape, 7), np.float32)
    to_floor = np.log(np.maximum(lens_height, NEAR_MM) / np.maximum(-drop, NEAR_MM))
    joints_level[..., 3] = np.where(has_floor[:, None], np.clip(to_floor, -1, 1), 0)
    length = np.sqrt((level**2).sum(0))
    for axis in range(3):
        joints_level[..., axis] = (level[axis] - level[axis, :, ROOT, None]) / 1e3
        joints_level[..., 4 + axis] = level[axis] / length
    over_ground = np.hypot(level[0, :, ROOT], level[1, :, ROOT])
    metres = np.stack([pose.root_mm, over_ground, lens_height[:, 0]], -1) / 1e3
    focal = np.log(row["K_crop"][:, 0, 0] / CROP_SIZE)
    return {
        "joints": to_uvd(pose, row["K_crop"]), "pose_features": pose_features,
        "has_floor": has_floor[:, None], "has_up": np.isfinite(row["world_up"]).all(1, keepdims=True),
        "up_crop": np.where(has_floor[:, None], up, 0), "K_crop": row["K_crop"], "root_mm": pose.root_mm,
        "joints_level": joints_level,
        "camera": np.column_stack([metres, frame[:, 2, [2, 0]], focal]),
    }  # fmt: skip


def _along(direction: np.ndarray, joints: np.ndarray) -> np.ndarray:
    """Returns the components (B, 24) of joints (3, B, 24) along directions (B, 3), in float32."""
    x, y, z = direction.T.astype(np.float32)[..., None]
    return np.asarray(x * joints[0] + y * joints[1] + z * joints[2])


def joint_feature_inputs(row: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the joint features of B crops, not mirrored: joint_features (B, 24, 48), has_joint_features (B, 1).

    The result is empty for rows without joint features.
    """
    if "joint_features" not in row:
        return {}
    features = row["joint_features"]
    return {"joint_features": features[:, 0], "has_joint_features": np.ones((len(features), 1))}
