"""Makes poses to write: one image, 300 frames of somebody who walks, two people, and nobody."""

from __future__ import annotations

import numpy as np

from modules.export.poses import Poses
from tests.conftest import standing_person

FPS = 30.0


def walking(frames: int, seed: int = 0) -> np.ndarray:
    """Somebody who walks, turns and bends knees and elbows: (frames, 24, 3) world mm, z up, with noise of some mm."""
    rng = np.random.default_rng(seed)
    joints = np.repeat(standing_person(rng)[None], frames, 0)
    phase = np.arange(frames) / FPS * 2 * np.pi
    for side, (knee, ankle, foot, elbow, wrist, hand) in enumerate([(4, 7, 10, 18, 20, 22), (5, 8, 11, 19, 21, 23)]):
        swing = np.sin(phase + np.pi * side)
        for joint, size in ((knee, 150), (ankle, 250), (foot, 250), (elbow, -80), (wrist, -160), (hand, -190)):
            joints[:, joint, 1] += size * swing
        for joint, lift in ((knee, 60), (ankle, 120), (foot, 120), (wrist, 130), (hand, 190)):
            joints[:, joint, 2] += lift * (1.2 + swing)
        joints[:, [wrist, hand], 1] += 120
    yaw = 0.4 * phase
    turn = np.stack([np.cos(yaw), -np.sin(yaw), 0 * yaw, np.sin(yaw), np.cos(yaw), 0 * yaw], -1).reshape(-1, 2, 3)
    level = joints[..., :2] @ turn[..., :2].swapaxes(-1, -2) + np.stack([40 * phase, 15 * phase], -1)[:, None]
    return np.concatenate([level, joints[..., 2:]], -1) + rng.normal(scale=3, size=joints.shape)


def make_poses(
    frames: int = 300, people: int = 1, missing: tuple[int, ...] = (40, 41, 42), timed: bool = True
) -> Poses:
    """Poses of a video in which nobody is found in the frames `missing`; of images without times unless `timed`."""
    rng = np.random.default_rng(3)
    bodies = [walking(frames, seed) + [1500.0 * seed, 0, 0] for seed in range(people)]
    rows = [(frame, person) for frame in range(frames) for person in range(1 if frame in missing else people)]
    found = np.array([frame not in missing for frame, _ in rows])
    joints = np.array([bodies[person][frame] for frame, person in rows])
    joints[~found] = np.nan
    error = np.where(found[:, None], rng.uniform(10, 300, (len(rows), 24)), np.nan)
    index = np.array([frame for frame, _ in rows])
    return Poses(
        joints, error, index, index / FPS if timed else np.full(len(rows), np.nan),
        np.array([person for _, person in rows]), found, ["걷기 ,1.mp4"] * len(rows), up=np.array([0.0, 0, 1]),
        floor_height_mm=12.5, origin={"source": "걷기 ,1.mp4", "weights": "posenet.safetensors", "commit": "abc"},
    )  # fmt: skip


ONE_IMAGE = make_poses(1, missing=(), timed=False)
VIDEO = make_poses()
TWO_PEOPLE = make_poses(20, people=2, missing=(3,))
NOBODY = make_poses(4, missing=(0, 1, 2, 3))
ALL = {"one image": ONE_IMAGE, "300 frames": VIDEO, "two people": TWO_PEOPLE, "nobody": NOBODY}
