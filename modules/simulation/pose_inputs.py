"""Computes the inputs of the pose branch from joints in the crop's camera and the camera's pose over the floor."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from model.inputs import CROP_SIZE
from model.skeleton import ROOT
from modules.cache.crop_joints import Columns, CropPose, to_uvd
from modules.cache.floor import camera_heights, floor_heights, level_frame

NEAR_MM = 50.0  # joints and floor count as at least this far below the camera, so that the ratio of depths is finite


def pose_inputs(pose: CropPose, row: Columns) -> dict[str, np.ndarray]:
    """Returns the inputs of the pose branch for B poses.

    joints (B, 24, 3) u, v, depth; pose_features (B, 24, 5); has_floor and has_up (B, 1); K_crop (B, 3, 3); root_mm (B,);
    and in the level frame joints_level (B, 24, 7) and camera (B, 6). What needs a floor is zero for rows without one;
    without world_up the image's up is used. modules.dataset describes the content. A yaw or shift of the world changes
    none of them.
    """
    joints_crop = pose.joints_mm
    camera_height = camera_heights(row)
    heights = floor_heights(joints_crop, row)
    to_camera = heights - camera_height[:, None]  # negative below the camera
    lateral = (joints_crop - joints_crop[:, ROOT : ROOT + 1])[..., :2]
    vertical = np.nan_to_num(np.stack([heights, to_camera], -1))
    pose_features = np.concatenate([row["confidence"][..., None], lateral / 1e3, vertical / 1e3], -1)

    frame = level_frame(row)
    joints_level = np.einsum("bij,bnj->bni", frame, joints_crop)
    to_floor = np.log(np.maximum(camera_height, NEAR_MM)[:, None] / np.maximum(-to_camera, NEAR_MM))
    ray = joints_level / np.linalg.norm(joints_level, axis=-1, keepdims=True)
    offset = (joints_level - joints_level[:, ROOT : ROOT + 1]) / 1e3
    level = np.concatenate([offset, np.clip(to_floor, -1, 1)[..., None], ray], -1)
    over_ground = np.linalg.norm(joints_level[:, ROOT, :2], axis=-1)
    metres = np.stack([pose.root_mm, over_ground, camera_height], -1) / 1e3
    focal = np.log(row["K_crop"][:, 0, 0] / CROP_SIZE)
    camera = np.column_stack([metres, frame[:, 2, [2, 0]], focal])
    return {
        "joints": to_uvd(pose, row["K_crop"]), "pose_features": pose_features,
        "has_floor": np.isfinite(camera_height)[:, None], "has_up": np.isfinite(row["world_up"]).all(1, keepdims=True),
        "K_crop": row["K_crop"], "root_mm": pose.root_mm, "joints_level": np.nan_to_num(level),
        "camera": np.nan_to_num(camera),
    }  # fmt: skip


def joint_feature_inputs(row: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the joint features of B crops, not mirrored: joint_features (B, 24, 48), has_joint_features (B, 1).

    The result is empty for rows without joint features.
    """
    if "joint_features" not in row:
        return {}
    features = row["joint_features"]
    return {"joint_features": features[:, 0], "has_joint_features": np.ones((len(features), 1))}
