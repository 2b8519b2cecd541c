"""From pixels and depths to world millimetres, and the placements that need no learning.

Shapes: B images, 24 joints. Crop quantities live in the virtual camera of `pose_utils.crop_camera`; its depths run
along its own axis. Nothing here sees a label.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from modules.cache import root_relative
from modules.pose_utils import cam2pixel, cam2world, least_squares_root, pixel2cam, pixel2ray, world2cam
from modules.skeleton import FEET, ROOT

Columns = Mapping[str, np.ndarray]
BELIEVED = (0.7, 1.4)


@dataclass(frozen=True)
class CropPose:
    """A pose as seen by the crop's camera."""

    joints_px: np.ndarray  # (B, 24, 2) crop px
    depth_root_mm: np.ndarray  # (B,)
    depth_rel_mm: np.ndarray  # (B, 24)


def cam_to_crop(joints_cam_mm: np.ndarray, R_cam2crop: np.ndarray, K_crop: np.ndarray) -> CropPose:
    """(B, 24, 3) camera mm → the pose in the crop's camera."""
    joints_crop = joints_cam_mm @ R_cam2crop.swapaxes(-1, -2)
    root, relative = root_relative(joints_crop[..., 2])
    return CropPose(cam2pixel(joints_crop, K_crop), root, relative)


def crop_to_cam(pose: CropPose, R_cam2crop: np.ndarray, K_crop: np.ndarray) -> np.ndarray:
    """The pose in the crop's camera → (B, 24, 3) camera mm. Inverse of `cam_to_crop`."""
    depth = pose.depth_root_mm[..., None] + pose.depth_rel_mm
    return pixel2cam(pose.joints_px, depth, K_crop) @ R_cam2crop


def cached_joints_cam(rows: Columns) -> np.ndarray:
    """The extractor's 2D rays at its own depths: (B, 24, 3) camera mm."""
    return pixel2cam(rows["joints_px"], rows["depth_root_mm"][:, None] + rows["depth_rel_mm"], rows["K"])


def cached_crop_pose(rows: Columns) -> CropPose:
    """The extractor's 2D and depths in the crop's camera."""
    return cam_to_crop(cached_joints_cam(rows), rows["R_cam2crop"], rows["K_crop"])


def lift(pose: CropPose, rows: Columns) -> np.ndarray:
    """The network's pose → (B, 24, 3) world mm, through the crop, K and [R|t]."""
    return cam2world(crop_to_cam(pose, rows["R_cam2crop"], rows["K_crop"]), rows["R"], rows["t"])


def place_own(rows: Columns) -> np.ndarray:
    """The extractor's own 3D where it stands by itself (by least squares, where it places no root): (B, 24, 3) world mm."""
    return cam2world(rows["root_cam_mm"][:, None] + rows["joints_rel_mm"], rows["R"], rows["t"])


def place_least_squares(rows: Columns) -> np.ndarray:
    """The extractor's own 3D laid on its own 2D rays by weighted least squares: (B, 24, 3) world mm."""
    weights = np.maximum(rows["confidence"], 1e-3)
    root = least_squares_root(rows["joints_rel_mm"], pixel2ray(rows["joints_px"], rows["K"]), weights)
    return cam2world(rows["joints_rel_mm"] + root[:, None], rows["R"], rows["t"])


def place_at_height(rows: Columns, pelvis_height_mm: float) -> np.ndarray:
    """The extractor's own 3D with its pelvis where the pelvis ray meets a height along world_up: (B, 24, 3) world mm.

    The height is over the floor where one is declared, else over the world's zero. By least squares stands a row without
    world_up, and one whose ray never reaches that height, or only at a depth that is not `believed`: a ray that runs nearly
    level meets any height somewhere.
    """
    placed = place_least_squares(rows)
    up, centre = rows["world_up"], -np.einsum("bji,bj->bi", rows["R"], rows["t"])
    ray_world = pixel2ray(rows["joints_px"][:, ROOT : ROOT + 1], rows["K"])[:, 0]
    ray_world = np.einsum("bji,bj->bi", rows["R"], ray_world)
    with np.errstate(divide="ignore", invalid="ignore"):
        height = pelvis_height_mm + np.nan_to_num(rows["floor_height_mm"])
        depth = (height - (up * centre).sum(-1)) / (up * ray_world).sum(-1)
    scale = depth / world2cam(placed[:, ROOT : ROOT + 1], rows["R"], rows["t"])[:, 0, 2]
    at_height = (centre + depth[:, None] * ray_world)[:, None] + rows["joints_rel_mm"] @ rows["R"]
    return np.where(believed(scale)[:, None, None], at_height, placed)


def place_on_floor(rows: Columns) -> np.ndarray:
    """Placed by least squares, then enlarged from the camera's centre until the lowest foot meets the declared floor.

    Whose scale would not be `believed` (a foot nearly as high as the camera), or who has no floor, stays: (B, 24, 3) world mm.
    """
    world = place_least_squares(rows)
    centre = -np.einsum("bji,bj->bi", rows["R"], rows["t"])
    drop = np.einsum("bni,bi->bn", centre[:, None] - world[:, FEET], rows["world_up"]).max(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        scale = camera_heights(rows) / drop
    scale = np.where(believed(scale), scale, 1.0)
    return centre[:, None] + scale[:, None, None] * (world - centre[:, None])


def believed(scale: np.ndarray) -> np.ndarray:
    """Whether somebody may be this much farther away, or larger, than least squares has it."""
    return (scale > BELIEVED[0]) & (scale < BELIEVED[1])


def true_depth_bound(rows: Columns, true_depth_mm: np.ndarray) -> np.ndarray:
    """What perfect depths would reach: the extractor's 2D at the reference's depth of every joint: (B, 24, 3) world mm."""
    return cam2world(pixel2cam(rows["joints_px"], true_depth_mm, rows["K"]), rows["R"], rows["t"])


def floor_heights(joints_crop_mm: np.ndarray, rows: Columns) -> np.ndarray:
    """How high crop-frame points (B, N, 3) mm stand over the declared floor: (B, N) mm, NaN where none is declared.

    Only the camera's own height and tilt enter, so yawing or shifting the world, its floor with it, changes nothing.
    """
    up_crop = np.einsum("bij,bjk,bk->bi", rows["R_cam2crop"], rows["R"], rows["world_up"])
    return np.einsum("bi,bni->bn", up_crop, joints_crop_mm) + camera_heights(rows)[:, None]


def level_frame(rows: Columns) -> np.ndarray:
    """The rotation from the crop's camera to its level axes, right, forward and up: (B, 3, 3), NaN without world_up.

    Up is against gravity; forward is where the crop's axis points over the ground.
    """
    up = np.einsum("bij,bjk,bk->bi", rows["R_cam2crop"], rows["R"], rows["world_up"])
    forward = np.array([0.0, 0.0, 1.0]) - up * up[:, 2:]
    length = np.linalg.norm(forward, axis=1, keepdims=True)
    straight_down = np.cross(up, np.array([1.0, 0.0, 0.0]))  # the image's up is forward then
    forward = np.where(length > 1e-3, forward / np.maximum(length, 1e-3), straight_down)
    return np.stack([np.cross(forward, up), forward, up], 1)


def camera_heights(rows: Columns) -> np.ndarray:
    """How high each camera stands over the declared floor: (B,) mm, NaN where none is declared."""
    centre = -np.einsum("bji,bj->bi", rows["R"], rows["t"])
    return (rows["world_up"] * centre).sum(-1) - rows["floor_height_mm"]
