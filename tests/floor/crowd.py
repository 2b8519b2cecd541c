"""Makes people who stand, bend, sit, jump, lie or stand on their hands, and cameras around them, on a floor at z = 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from model.skeleton import JOINT_NAMES, MIRROR, ROOT
from modules.floor.people import Recording
from modules.pose_utils import Camera
from tests.conftest import standing_person

SOLE_MM = 30.0  # of the lowest foot joint of `standing_person`
NOISE_MM = 6.0
_UPPER = [index for index, name in enumerate(JOINT_NAMES) if not name.endswith(("hip", "knee", "ankle", "foot"))]
_BODY = np.mean([standing_person(np.random.default_rng(seed)) for seed in range(400)], 0).round()
BODY = (_BODY + (_BODY * [-1, 1, 1])[list(MIRROR)]) / 2


def _turned(joints: np.ndarray, axis: str, degrees: float, centre: np.ndarray) -> np.ndarray:
    """Turns joints (N, 3) about a horizontal or vertical axis through a point."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    R = np.array({"x": [[1, 0, 0], [0, c, -s], [0, s, c]], "z": [[c, -s, 0], [s, c, 0], [0, 0, 1]]}[axis])
    return (joints - centre) @ R.T + centre


def person(rng: np.random.Generator, doing: str = "stand") -> np.ndarray:
    """Returns the joints (24, 3) mm of somebody somewhere within 2 m of the origin."""
    joints = BODY.copy()
    if doing == "bend":
        joints[_UPPER] = _turned(joints[_UPPER], "x", -45, joints[ROOT])
    if doing == "sit":
        hips, knees = joints[1], joints[4]
        joints[[4, 5, 7, 8, 10, 11]] += [0, float((hips - knees)[2]), float((hips - knees)[2])]
    if doing == "lie":
        joints = _turned(joints, "x", 90, np.zeros(3))
        joints[:, 2] += 120 - joints[:, 2].min()
    if doing == "handstand":
        joints = _turned(joints, "x", 180, np.array([0, 0, 1000.0]))
    if doing == "jump":
        joints[:, 2] += rng.uniform(100, 500)
    joints = _turned(joints, "z", rng.uniform(0, 360), np.zeros(3))
    sway = np.array([*rng.normal(0, 0.03, 2), 0.0])
    joints[_UPPER] += sway * joints[_UPPER, 2:]
    return np.asarray(joints + [*rng.uniform(-2000, 2000, 2), 0] + rng.normal(0, NOISE_MM, (24, 3)))


def crowd(rng: np.random.Generator, doing: Sequence[str]) -> np.ndarray:
    """Returns one person for each of `doing`: (N, 24, 3) mm."""
    return np.stack([person(rng, one) for one in doing])


def camera(x: float, y: float, z: float, fields: dict[str, object] | None = None) -> Camera:
    """A camera at this place that looks at (0, 0, 900) and declares nothing, unless `fields` do."""
    centre = np.array([x, y, z])
    forward = np.array([0, 0, 900.0]) - centre
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    R = np.stack([right, np.cross(forward, right), forward])
    bare = Camera(np.array([[1500.0, 0, 960], [0, 1500, 540], [0, 0, 1]]), R, -R @ centre, (1920, 1080))
    return replace(bare, **(fields or {}))  # type: ignore[arg-type]


CAMERAS = [camera(4000, 0, 1600), camera(-2000, 3500, 1800), camera(-2000, -3500, 1700)]


def recording(name: str, joints: np.ndarray, cameras: Sequence[Camera] = CAMERAS) -> Recording:
    return Recording(name, joints, list(cameras))


def moved(one: Recording, R: np.ndarray, t: np.ndarray) -> Recording:
    """Returns the recording in another world frame: x → R x + t."""
    cameras = [replace(c, R=c.R @ R.T, t=c.t - c.R @ R.T @ t) for c in one.cameras]
    return Recording(one.name, one.joints_world @ R.T + t, cameras)
