"""Made-up shots: people of one recording before three cameras, seen and estimated with some error."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from benchmarks.trust.harms import Shot
from modules.pose_utils import cam2pixel, distort, world2cam
from tests.floor.crowd import CAMERAS, crowd

UP = np.array([0.0, 0.0, 1.0])
LENS = np.array([-0.05, 0.02, 0.0, 0.0, 0.0])


def shots(
    seed: int = 0, doing: str = "stand", images: int = 10, person: str = "A", raised_mm: float = 0.0
) -> list[Shot]:
    """Returns the three cameras of a recording with `images` moments each; sizes are 8 % too small, as an extractor's."""
    rng = np.random.default_rng(seed)
    joints = crowd(rng, [doing] * images) * [0.5, 0.5, 1] + [0, 0, raised_mm]
    found = []
    for index, camera in enumerate(CAMERAS):
        cam = world2cam(joints, camera.R, camera.t)
        px = cam2pixel(cam, camera.K) + rng.normal(0, 3, (images, 24, 2))
        rel = 0.92 * (cam - cam[:, :1]) + rng.normal(0, 15, cam.shape)
        found.append(Shot(
            f"1_{person}_{index + 1}", camera.K, camera.R, camera.t, (1920, 1080), LENS, UP, 0.0, distort(px, camera.K, LENS),
            rel - rel[:, :1], joints,
            {"_sequence": [str(i) for i in range(images)], "_confidence": np.full((images, 24), 0.9)},
        ))  # fmt: skip
    return found


def one_view(seed: int = 0, doing: str = "stand", images: int = 10) -> list[Shot]:
    """Returns the first camera alone."""
    return [replace(shots(seed, doing, images)[0])]
