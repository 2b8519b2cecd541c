"""Cameras that show only a person's part of a view, at a size as large as the pose models look at it."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from data.synthetic.scene.cameras import View, surroundings
from modules.pose_utils import project_to_image, resize_intrinsics

PERSON_PX = 320.0  # longer side of the person, in the moment in which it is largest; BlazePose sees about 200 px of it
MARGIN = 0.25  # at most, of the longer side, on each side


class CroppedView(NamedTuple):
    """A view of the person's part of an image."""

    view: View
    scale: float  # its px over those of the whole image; at most 1
    size_px: tuple[int, int]


def crop_view(view: View, joints_world: np.ndarray, rng: np.random.Generator) -> CroppedView:
    """Returns the part of a view that shows a person with joints (F, 24, 3) in world mm in all its moments.

    The camera keeps its place, direction and lens; the crop ends at the whole image's border.
    """
    camera = view.camera
    assert camera.image_size is not None
    end = np.array(camera.image_size) - 0.5
    points = np.clip(project_to_image(surroundings(joints_world), camera), -0.5, end)  # (F, N, 2)
    sides = (points.max(1) - points.min(1)).max(1)
    margins = rng.uniform(0, MARGIN, (2, 2)) * sides.max()
    scale = min(1.0, PERSON_PX / sides.max())
    low = np.floor((np.maximum(points.min((0, 1)) - margins[0], -0.5) + 0.5) * scale).astype(int)
    high = np.ceil((np.minimum(points.max((0, 1)) + margins[1], end) + 0.5) * scale).astype(int)
    K = resize_intrinsics(camera.K, scale)
    K[:2, 2] -= low
    width, height = (high - low).tolist()
    cropped = replace(camera, K=K, image_size=(width, height))
    return CroppedView(replace(view, camera=cropped), float(scale), (width, height))
