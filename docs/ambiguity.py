"""Poses and placements that one view cannot distinguish, for the figures and numbers of docs/background.md.

Units are camera or world millimetres and undistorted pixels. One pose is (24, 3), without a batch axis.
"""

from __future__ import annotations

import numpy as np

from model.skeleton import EDGES, PARENTS, ROOT
from modules.pose_utils import Camera, cam2pixel, cam2world, pixel2ray, world2cam


def bone_lengths(joints: np.ndarray) -> np.ndarray:
    """Returns the length of every bone: (23,) mm, in the order of EDGES."""
    return np.array([np.linalg.norm(joints[child] - joints[parent]) for parent, child in EDGES])


def projected(joints_cam: np.ndarray, camera: Camera) -> np.ndarray:
    """Returns the image of camera-frame joints: (24, 2) undistorted px."""
    return cam2pixel(joints_cam, camera.K)


def further_away(joints_cam: np.ndarray, factor: float) -> np.ndarray:
    """Returns a person `factor` times as tall and `factor` times as far away, in the same pixels."""
    return joints_cam * factor


def other_pose(joints_cam: np.ndarray, camera: Camera) -> np.ndarray:
    """Returns another pose with the same pelvis, bone lengths and pixels: the one farthest from `joints_cam`.

    Given its parent, a joint lies on its own ray and on a sphere around the parent, which leaves two places (Lee and
    Chen 1985). Every choice is tried down the tree; one that leaves a later joint without a real place is dropped.
    """
    rays = pixel2ray(projected(joints_cam, camera), camera.K)
    lengths = dict(zip((child for _, child in EDGES), bone_lengths(joints_cam), strict=True))

    def best(joint: int, place: np.ndarray) -> tuple[float, dict[int, np.ndarray]] | None:
        """Returns the farthest places of `joint`, put at `place`, and of its descendants; None if there are none."""
        total, places = float(np.linalg.norm(place - joints_cam[joint])), {joint: place}
        for child in (j for j, parent in enumerate(PARENTS) if parent == joint):
            found = [best(child, p) for p in two_places(place, rays[child], lengths[child])]
            real = [f for f in found if f is not None]
            if not real:
                return None
            score, chosen = max(real, key=lambda f: f[0])
            total, places = total + score, places | chosen
        return total, places

    found = best(ROOT, joints_cam[ROOT])
    if found is None:
        raise ValueError("the pose itself must be one of the choices")
    return np.stack([found[1][joint] for joint in range(len(PARENTS))])


def two_places(parent: np.ndarray, ray: np.ndarray, length: float) -> list[np.ndarray]:
    """Returns where a ray from the camera meets a sphere around `parent`, in front of the camera: at most two places."""
    a, b, c = ray @ ray, ray @ parent, parent @ parent - length**2
    root = b**2 - a * c
    if root < -1e-6 * b**2:
        return []
    spread = np.sqrt(max(root, 0.0))
    return [ray * depth for depth in ((b - spread) / a, (b + spread) / a) if depth > 0]


def without_rotation(joints_cam: np.ndarray, camera: Camera) -> np.ndarray:
    """Returns the world joints as if the camera were level, at the same place and with the same heading."""
    up = np.array([0.0, 0, 1]) if camera.world_up is None else camera.world_up
    forward = camera.R[2] - (camera.R[2] @ up) * up
    forward /= np.linalg.norm(forward)
    level = np.stack([np.cross(-up, forward), -up, forward])
    return cam2world(joints_cam, level, -level @ camera.centre_world)


def tilt_degrees(camera: Camera) -> float:
    """Returns the angle between the camera's y axis and straight down."""
    up = np.array([0.0, 0, 1]) if camera.world_up is None else camera.world_up
    return float(np.degrees(np.arccos(np.clip(-camera.R[1] @ up, -1, 1))))


def moved_along_ray(joints_cam: np.ndarray, joint: int, distance_mm: float) -> np.ndarray:
    """Returns the joints with one of them moved away from the camera along its own ray."""
    moved = joints_cam.copy()
    moved[joint] *= 1 + distance_mm / np.linalg.norm(joints_cam[joint])
    return moved


def moved_across_ray(joints_cam: np.ndarray, joint: int, distance_mm: float) -> np.ndarray:
    """Returns the joints with one of them moved perpendicular to its own ray, along the image's x axis."""
    away = joints_cam[joint] / np.linalg.norm(joints_cam[joint])
    aside = np.cross([0.0, 1.0, 0.0], away)
    moved = joints_cam.copy()
    moved[joint] += distance_mm * aside / np.linalg.norm(aside)
    return moved


def whole_body_away(joints_cam: np.ndarray, distance_mm: float) -> np.ndarray:
    """Returns the whole person moved away along the pelvis's ray, in the same pose."""
    return joints_cam + distance_mm * joints_cam[ROOT] / np.linalg.norm(joints_cam[ROOT])


def pixel_shift(before: np.ndarray, after: np.ndarray, camera: Camera) -> np.ndarray:
    """Returns how far each joint moves in the image between two poses in the camera's frame: (24,) px."""
    return np.linalg.norm(projected(after, camera) - projected(before, camera), axis=-1)


def pixel_shift_elsewhere(before: np.ndarray, after: np.ndarray, seen_by: Camera, other: Camera) -> np.ndarray:
    """Returns how far each joint moves in the image of another camera of the rig: (24,) px."""
    first, second = (world2cam(cam2world(joints, seen_by.R, seen_by.t), other.R, other.t) for joints in (before, after))
    return pixel_shift(first, second, other)
