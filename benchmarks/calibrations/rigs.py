"""Made-up rigs: cameras that stand around a place of a room, that look past each other, and those of the renderer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from data.synthetic.scene.cameras import ViewProbabilities, look_at, sample_rig
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


def make_rig_past(rng: np.random.Generator, cameras: int) -> dict[str, Camera]:
    """Returns cameras on the walls of a room 5 to 12 m wide that look past the person by a metre, who is in all pictures.

    The lenses see 40 to 110 degrees. The person's middle may be at the border of a picture.
    """
    room = rng.uniform(2500, 6000, 2)
    person = np.array([*rng.uniform(-0.4, 0.4, 2) * room, rng.uniform(800, 1100)])
    rig: dict[str, Camera] = {}
    while len(rig) < cameras:
        angle = rng.uniform(0, 2 * np.pi)
        wall = np.array([np.cos(angle), np.sin(angle)])
        centre = np.array([*(wall * room / np.abs(wall).max()), rng.uniform(500, 3000)])
        size = SIZES[rng.integers(len(SIZES))]
        focal = rng.uniform(0.35, 1.4) * max(size)
        R = look_at(centre, person + rng.normal(0, 1, 3) * [1200, 1200, 300], rng.normal(0, 0.03))
        x, y, z = R @ (person - centre)
        if z > 2000 and (np.abs([x, y]) / z * focal < 0.95 * np.array(size) / 2).all():
            K = np.array([[focal, 0, (size[0] - 1) / 2], [0, focal, (size[1] - 1) / 2], [0, 0, 1]])
            rig[f"c{len(rig) + 1}"] = Camera(K, R, -R @ centre, size, np.zeros(5))
    return rig


def make_rendered_rig(rng: np.random.Generator, cameras: int) -> dict[str, Camera]:
    """Returns cameras of the renderer, which have a person of random size anywhere in their pictures."""
    high = np.array([*rng.uniform(250, 800, 2), rng.uniform(900, 1800)])
    joints_world = rng.uniform(high * [-1, -1, 0], high, (1, 24, 3)) + [*rng.uniform(-2000, 2000, 2), 0]
    views = sample_rig(rng, joints_world, 0.0, cameras, ViewProbabilities(truncated=0.0))
    return {
        f"c{index + 1}": replace(view.camera, world_up=None, floor_height_mm=None) for index, view in enumerate(views)
    }
