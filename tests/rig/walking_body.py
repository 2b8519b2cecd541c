"""Makes a synthetic rig of three cameras and a walking body for the tests of this folder."""

from __future__ import annotations

import numpy as np

from modules.pose_utils import Camera
from modules.rig.triangulation import project

MIRROR = [0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9]  # a trunk point and five pairs
CENTRES = [(1460, -1909, 1896), (2582, 706, 1690), (-3216, 2231, 2088), (-3758, -1415, 1881)]


def look_at(centre: tuple[float, float, float]) -> Camera:
    """A camera that looks at (0, 0, 1000), its x axis level."""
    forward = np.array([0, 0, 1000.0]) - centre
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    R = np.stack([right, np.cross(forward, right), forward])
    return Camera(K=np.array([[1680, 0, 540], [0, 1680, 960], [0, 0, 1.0]]), R=R, t=-R @ np.array(centre))


CAMERAS = [look_at(centre) for centre in CENTRES[:3]]


def walk(frames: int = 40, seed: int = 0) -> np.ndarray:
    """A body (F, 11, 3) mm that drifts."""
    rng = np.random.default_rng(seed)
    body = np.array([0, 0, 1000.0]) + rng.normal(0, 300, (len(MIRROR), 3))
    return body + np.cumsum(rng.normal(0, 10, (frames, 1, 3)), 0) + rng.normal(0, 5, (frames, len(MIRROR), 3))


def views(points: np.ndarray, cameras: list[Camera] = CAMERAS, noise: float = 0) -> tuple[np.ndarray, np.ndarray]:
    px = project(points, cameras)[0]
    return px + np.random.default_rng(1).normal(0, noise, px.shape) if noise else px, np.ones(px.shape[:3])
