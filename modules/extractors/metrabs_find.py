"""Who is in an image, for MeTRAbs: a region is looked at, with one threshold after the other, and one person taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from modules.config import Metrabs
from modules.extractors.blazepose import BlazePose
from modules.extractors.metrabs_base import People
from modules.pose_utils import Camera
from modules.skeleton import NUM_JOINTS


class Finder(Protocol):
    """What finds people: a MeTRAbs model with a detector, or BlazePose."""

    thresholds: tuple[float, ...]

    def detect(
        self, images: Sequence[np.ndarray], cameras: Sequence[Camera], threshold: float, options: Metrabs
    ) -> list[People]:
        """Everybody in each RGB image (H, W, 3) uint8; all images are of one size."""
        ...


class BlazePoseFinder:
    """BlazePose as the detector of models that have none. It finds one person, with a threshold of its own."""

    thresholds: tuple[float, ...] = (0.5,)

    def __init__(self, weights: str) -> None:
        self._model = BlazePose(weights)

    def detect(
        self, images: Sequence[np.ndarray], cameras: Sequence[Camera], threshold: float, options: Metrabs
    ) -> list[People]:
        return [self._detect(image) for image in images]

    def _detect(self, image: np.ndarray) -> People:
        found = self._model.detect(np.ascontiguousarray(image))
        boxes = np.zeros((0, 5)) if found is None else np.append(found.box_xywh, found.score)[None].astype(np.float64)
        unknown = np.full((len(boxes), NUM_JOINTS, 3), np.nan)
        return People(boxes, unknown[..., :2], unknown)


def region_px(region: Sequence[float], image: np.ndarray) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of a region, given as shares of the image's sides; at least a pixel is in it."""
    height, width = image.shape[:2]
    left, top = min(round(region[0] * width), width - 1), min(round(region[1] * height), height - 1)
    return left, top, max(round(region[2] * width), left + 1), max(round(region[3] * height), top + 1)


def look(finder: Finder, images: Sequence[np.ndarray], cameras: Sequence[Camera], options: Metrabs) -> list[People]:
    """Everybody in the configured region of each image, in the whole image's px.

    Where a threshold finds nobody, the next one is tried. All images are of one size.
    """
    left, top, right, bottom = region_px(options.region, images[0])
    parts = [image[top:bottom, left:right] for image in images]
    views = [
        replace(camera, K=camera.K - _shift(left, top), image_size=(right - left, bottom - top)) for camera in cameras
    ]
    found: list[People | None] = [None] * len(images)
    for threshold in options.detector_thresholds or finder.thresholds:
        empty = [index for index, people in enumerate(found) if not people]
        if not empty:
            break
        answers = finder.detect([parts[i] for i in empty], [views[i] for i in empty], threshold, options)
        for index, people in zip(empty, answers, strict=True):
            found[index] = people
    return [real(people.shifted(np.array([left, top], dtype=np.float64))) for people in found if people is not None]


def _shift(left: int, top: int) -> np.ndarray:
    return np.array([[0, 0, left], [0, 0, top], [0, 0, 0]], dtype=np.float64)


def real(people: People) -> People:
    """Those of the people whose boxes are finite and have an area."""
    kept = np.isfinite(people.boxes).all(-1) & (people.boxes[:, 2:4] > 0).all(-1)
    return People(people.boxes[kept], people.joints_px[kept], people.joints_cam_mm[kept])


def choose(boxes: np.ndarray, rule: str, centre_px: np.ndarray) -> int:
    """Which of the boxes (N, 5) is taken: the most confident, the largest, or the one nearest to `centre_px` (2,)."""
    if rule == "largest":
        return int((boxes[:, 2] * boxes[:, 3]).argmax())
    if rule == "nearest":
        return int(np.linalg.norm(boxes[:, :2] + boxes[:, 2:4] / 2 - centre_px, axis=-1).argmin())
    return int(boxes[:, 4].argmax())
