"""Computes heights over the floor and level axes of cache rows from their cameras."""

from __future__ import annotations

import numpy as np

from modules.cache.crop_joints import Columns


def floor_heights(joints_crop_mm: np.ndarray, rows: Columns) -> np.ndarray:
    """Returns heights over the declared floor of points (B, N, 3) crop camera mm: (B, N) mm, NaN if none is declared.

    Only the camera's height, tilt and roll enter, so a yaw or shift of the world together with its floor changes nothing.
    """
    return np.asarray(np.einsum("bi,bni->bn", up_in_crop(rows), joints_crop_mm) + camera_heights(rows)[:, None])


def up_in_crop(rows: Columns) -> np.ndarray:
    """Returns world_up in the axes of the crops' cameras: (B, 3), NaN where it is unknown."""
    up_cam = rows["R"] @ rows["world_up"][..., None]
    return np.asarray((rows["R_cam2crop"] @ up_cam)[..., 0])


def level_frame(rows: Columns) -> np.ndarray:
    """Returns the rotations from the crop's camera to level axes (right, forward, up): (B, 3, 3).

    Up is world_up, or the image's up where it is unknown; forward is the horizontal component of the crop's optical axis.
    """
    up_cam = np.einsum("bij,bj->bi", rows["R"], rows["world_up"])
    up_cam = np.where(np.isfinite(up_cam), up_cam, [0.0, -1.0, 0.0])
    up = np.einsum("bij,bj->bi", rows["R_cam2crop"], up_cam)
    forward = np.array([0.0, 0.0, 1.0]) - up * up[:, 2:]
    length = np.linalg.norm(forward, axis=1, keepdims=True)
    straight_down = np.cross(up, np.array([1.0, 0.0, 0.0]))  # forward of a vertical axis: the image's up
    forward = np.where(length > 1e-3, forward / np.maximum(length, 1e-3), straight_down)
    return np.stack([np.cross(forward, up), forward, up], 1)


def camera_heights(rows: Columns) -> np.ndarray:
    """Returns the height of each camera over the declared floor: (B,) mm, NaN if none is declared."""
    centre = -np.einsum("bji,bj->bi", rows["R"], rows["t"])
    return np.asarray((rows["world_up"] * centre).sum(-1) - rows["floor_height_mm"])
