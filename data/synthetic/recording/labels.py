"""What a synthetic label contains beside the joints: their visibility in each view, and attributes of the view."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from data.synthetic.scene.cameras import View, is_inside
from model.skeleton import JOINT_NAMES, ROOT
from modules.pose_utils import Camera, project_to_image, world2cam

SEEN, HIDDEN_BY_BODY, HIDDEN_BY_THING, OUTSIDE = "seen", "self", "object", "outside"
DEPTH_MM = 170.0
"""How far behind the visible surface a joint may lie and count as seen: joints lie inside the body, hips deepest."""


def joint_visibility(
    joints_world: np.ndarray, camera: Camera, depth_mm: np.ndarray, of_person: np.ndarray
) -> list[str]:
    """Returns the visibility of joints (24, 3) in world mm: seen, hidden by the body or by an object, or outside.

    `depth_mm` (H, W) and `of_person` (H, W) bool describe the surface that each pixel shows.
    """
    height, width = depth_mm.shape
    joints_px = project_to_image(joints_world, camera)
    inside = is_inside(joints_px, (width, height))
    u, v = np.clip(joints_px.round().astype(int), 0, [width - 1, height - 1]).T
    behind = world2cam(joints_world, camera.R, camera.t)[:, 2] - depth_mm[v, u]
    hidden = np.where(of_person[v, u], behind > DEPTH_MM, behind > 0)
    cause = np.where(of_person[v, u], HIDDEN_BY_BODY, HIDDEN_BY_THING)
    return [str(word) for word in np.where(~inside, OUTSIDE, np.where(hidden, cause, SEEN))]


def facing_degrees(joints_world: np.ndarray, camera: Camera) -> float:
    """Returns the body's yaw relative to the camera, -180 to 180: 0 faces it, 90 shows its left side, +-180 its back.

    It follows from the line through the hips and assumes an upright body: an upside-down pelvis reads as reversed.
    """
    hips = joints_world[JOINT_NAMES.index("left_hip")] - joints_world[JOINT_NAMES.index("right_hip")]
    forward = np.cross(hips, [0.0, 0.0, 1.0])[:2]
    towards = (camera.centre_world - joints_world[ROOT])[:2]
    turn = np.arctan2(forward[0] * towards[1] - forward[1] * towards[0], forward @ towards)
    return float(np.rad2deg(turn))


def view_facts(view: View, joints_world: np.ndarray, visibility: Sequence[str]) -> dict[str, Any]:
    """Returns the attributes of one camera's view of one moment."""
    centre = view.camera.centre_world
    words = list(visibility)
    return {
        "visibility": words,
        "truncated": words.count(OUTSIDE),
        "occluded": words.count(HIDDEN_BY_THING),
        "distance_mm": round(float(np.linalg.norm(centre - joints_world[ROOT])), 1),
        "camera_height_mm": round(float(centre[2] - (view.camera.floor_height_mm or 0.0)), 1),
        "facing_degrees": round(facing_degrees(joints_world, view.camera), 1),
    }
