"""Lifts PoseNet's crop coordinates and root depth to world millimetres."""

from __future__ import annotations

import numpy as np

from modules.cache.crop_joints import Columns, crop_to_cam, from_uvd
from modules.pose_utils import cam2world


def lift(uvd: np.ndarray, root_mm: np.ndarray, rows: Columns) -> np.ndarray:
    """Lifts u, v, depth over ±1 (B, 24, 3) at root depths (B,) mm by the crop's camera and [R|t]: (B, 24, 3) world mm."""
    joints_cam = crop_to_cam(from_uvd(uvd, root_mm, rows["K_crop"]), rows["R_cam2crop"])
    return np.asarray(cam2world(joints_cam, rows["R"], rows["t"]))
