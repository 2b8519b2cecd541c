"""The scene that people are shown in: level axes seen from the camera, and the floor beneath them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.skeleton import ROOT
from modules.export.poses import Poses
from modules.pose_utils import Camera

GRID_STEP_MM = 500.0
LEAST_REACH_MM, MOST_REACH_MM = 1500.0, 10_000.0


@dataclass(frozen=True)
class Scene:
    """Axes and place of a drawing, in the frame of the poses."""

    axes: np.ndarray  # (3, 3) rows: right and forward as the camera looks, up
    origin: np.ndarray  # (3,) mm, beneath the middle of where people are: on the floor, or at the lowest foot
    has_floor: bool
    reach_mm: float  # of the square around the origin in which people are

    def local(self, points: np.ndarray) -> np.ndarray:
        """Returns points (..., 3) as right, forward, up from the origin, mm."""
        return np.asarray((points - self.origin) @ self.axes.T)

    def grid_lines(self, parts: int = 40) -> np.ndarray:
        """Returns the lines of a grid on the floor as (lines, parts + 1, 3) points in the frame of the poses."""
        count = int(np.ceil(self.reach_mm / GRID_STEP_MM))
        at = np.arange(-count, count + 1) * GRID_STEP_MM
        along = np.linspace(-count * GRID_STEP_MM, count * GRID_STEP_MM, parts + 1)
        across, down = np.meshgrid(at, along, indexing="ij")
        flat = np.stack([across, down, 0 * down], -1)
        both = np.concatenate([flat, flat[..., [1, 0, 2]]])
        return np.asarray(both @ self.axes + self.origin)


def level_axes(camera: Camera) -> np.ndarray:
    """Returns right, forward and up as rows (3, 3); up is the image's where the camera's world_up is unknown."""
    up = -camera.R[1] if camera.world_up is None else camera.world_up
    forward = camera.R[2] - up * (camera.R[2] @ up)
    if np.linalg.norm(forward) < 1e-3:  # the camera looks straight down or up: forward is the image's up
        forward = -camera.R[1] - up * (-camera.R[1] @ up)
    forward = forward / np.linalg.norm(forward)
    return np.stack([np.cross(forward, up), forward, up])


def scene_of(poses: Poses, camera: Camera) -> Scene:
    """Returns the scene of poses that a camera has seen; around the point 4 m in front of it if nobody was found."""
    axes = level_axes(camera)
    joints = poses.joints_mm[poses.found]
    if not len(joints):
        joints = np.broadcast_to(camera.centre_world + 4000 * axes[1], (1, 24, 3))
    local = joints @ axes.T
    low, high = np.percentile(local[:, ROOT, :2], [2, 98], axis=0)
    has_floor = poses.floor_height_mm is not None
    height = (
        poses.floor_height_mm if poses.floor_height_mm is not None else float(np.percentile(local[..., 2].min(1), 10))
    )
    reach = float(np.clip((high - low).max() / 2 + 1000, LEAST_REACH_MM, MOST_REACH_MM))
    return Scene(axes, np.array([*(low + high) / 2, height]) @ axes, has_floor, reach)
