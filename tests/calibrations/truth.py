"""The rig of the examples: three invented cameras and five points, with the points' exact pixels."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from modules.pose_utils import Camera, project_to_image

EXAMPLES = Path(__file__).parent / "examples"
TRUTH: dict[str, Any] = json.loads((EXAMPLES / "truth.json").read_text())
CAMERAS = {
    name: Camera(
        *(np.array(one[key]) for key in ("K", "R", "t")), image_size=tuple(one["image_size"]), distortion=np.array(one["dist"])
    )
    for name, one in TRUTH["cameras"].items()
}  # fmt: skip
POINTS_WORLD = np.array(TRUTH["points_world_mm"])
PIXELS = {name: np.array(pixels) for name, pixels in TRUTH["pixels_with_lens"].items()}


def misses_px(found: dict[str, Camera]) -> list[float]:
    """Returns the largest distance in px of each camera's points from the truth, the cameras matched in their order."""
    return [
        float(np.abs(project_to_image(POINTS_WORLD, camera) - PIXELS[name]).max())
        for name, camera in zip(CAMERAS, found.values(), strict=False)
    ]
