"""The extractor's 2D error in mm: its distance in the image plane from the true joint, at the joint's true depth."""

from __future__ import annotations

import numpy as np

from modules.cache.crop_joints import Columns


def in_plane_errors_mm(
    joints_px: np.ndarray, true_px: np.ndarray, depth_mm: np.ndarray, focal_px: np.ndarray
) -> np.ndarray:
    """Returns the in-plane error (..., 24) mm of joints (..., 24, 2) px at true depths (..., 24) mm."""
    return np.asarray(np.linalg.norm(joints_px - true_px, axis=-1) * depth_mm / focal_px)


def errors_of_rows(rows: Columns) -> np.ndarray:
    """Returns the in-plane errors of the extractor's joints in labelled rows: (B, 24) mm."""
    depth_mm = rows["true_depth_root_mm"][:, None] + rows["true_depth_rel_mm"]
    return in_plane_errors_mm(rows["joints_px"], rows["true_joints_px"], depth_mm, rows["K"][:, 0, 0, None])
