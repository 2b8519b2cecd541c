"""Made-up rigs: cameras that stand around a place of a room, at the heights, distances and sizes that rigs have."""

from __future__ import annotations

import numpy as np

from modules.pose_utils import Camera

SIZES = ((1920, 1080), (1080, 1920), (1280, 720), (3840, 2160), (1000, 1002))


def make_rig(rng: np.random.Generator, cameras: int) -> dict[str, Camera]:
    """Returns cameras c1, c2, … of one rig, z up; its middle is up to 2 m from the world's origin.

    They stand 2 to 8 m from the place, 0.5 to 3 m high, at angles that differ by 20 degrees or more, and look past it by up
    to 0.4 m; every fifth hangs on its side.
    """
    place = np.array([*rng.uniform(-2000, 2000, 2), 1000.0])
    gap = min(np.radians(120), 2 * np.pi / cameras)
    around = rng.uniform(0, 2 * np.pi) + gap * np.arange(cameras) + rng.uniform(-0.35, 0.35, cameras) * gap
    return {f"c{index + 1}": _camera(rng, place, angle) for index, angle in enumerate(around)}


def _camera(rng: np.random.Generator, place: np.ndarray, angle: float) -> Camera:
    distance, height = rng.uniform(2000, 8000), rng.uniform(500, 3000)
    centre = np.array([place[0] + distance * np.cos(angle), place[1] + distance * np.sin(angle), height])
    forward = place + rng.uniform(-400, 400, 3) - centre
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    roll = rng.normal(0, 0.03) + (np.pi / 2 if rng.random() < 0.2 else 0)
    down = np.cross(forward, right)
    R = np.stack([np.cos(roll) * right + np.sin(roll) * down, np.cos(roll) * down - np.sin(roll) * right, forward])
    width, height_px = SIZES[rng.integers(len(SIZES))]
    focal = rng.uniform(0.6, 1.3) * max(width, height_px)
    cx, cy = np.array([width - 1, height_px - 1]) / 2 + rng.normal(0, 0.01, 2) * max(width, height_px)
    K = np.array([[focal, 0, cx], [0, focal * rng.uniform(0.995, 1.005), cy], [0, 0, 1]])
    lens = np.array([rng.uniform(-0.15, 0.05), rng.uniform(-0.05, 0.1), *rng.normal(0, 5e-4, 2), 0.0])
    return Camera(K, R, -R @ centre, (width, height_px), lens)
