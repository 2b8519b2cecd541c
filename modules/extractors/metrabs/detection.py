"""Detects the people in a region of each image and selects one of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from modules.config.sections import Metrabs
from modules.extractors.metrabs.people import People
from modules.pose_utils import Camera


class Detector(Protocol):
    """A person detector: a MeTRAbs model that has one, or BlazePose."""

    thresholds: tuple[float, ...]

    def detect(
        self, images: Sequence[np.ndarray], cameras: Sequence[Camera], threshold: float, options: Metrabs
    ) -> list[People]:
        """Returns the people in each RGB image (H, W, 3) uint8; all images have the same size."""
        ...


def detect_people(
    detector: Detector, images: Sequence[np.ndarray], cameras: Sequence[Camera], options: Metrabs
) -> list[People]:
    """Returns the people in the configured region of each image, in px of the whole image.

    If nobody is detected with one threshold, the next one is tried. All images have the same size.
    """
    left, top, right, bottom = region_px(options.region, images[0])
    parts = [image[top:bottom, left:right] for image in images]
    views = [
        replace(camera, K=camera.K - _offset(left, top), image_size=(right - left, bottom - top)) for camera in cameras
    ]
    found: list[People | None] = [None] * len(images)
    for threshold in options.detector_thresholds or detector.thresholds:
        empty = [index for index, people in enumerate(found) if not people]
        if not empty:
            break
        detected = detector.detect([parts[i] for i in empty], [views[i] for i in empty], threshold, options)
        for index, people in zip(empty, detected, strict=True):
            found[index] = people
    offset_px = np.array([left, top], dtype=np.float64)
    return [people.shifted(offset_px).with_valid_boxes() for people in found if people is not None]


def region_px(region: Sequence[float], image: np.ndarray) -> tuple[int, int, int, int]:
    """Returns left, top, right and bottom px of a region given in fractions of the image; it is at least one pixel."""
    height, width = image.shape[:2]
    left, top = min(round(region[0] * width), width - 1), min(round(region[1] * height), height - 1)
    return left, top, max(round(region[2] * width), left + 1), max(round(region[3] * height), top + 1)


def select_person(boxes: np.ndarray, rule: str, centre_px: np.ndarray) -> int:
    """Returns the index of the most confident box of (N, 5), the largest one, or the one nearest to `centre_px` (2,)."""
    if rule == "largest":
        return int((boxes[:, 2] * boxes[:, 3]).argmax())
    if rule == "nearest":
        return int(np.linalg.norm(boxes[:, :2] + boxes[:, 2:4] / 2 - centre_px, axis=-1).argmin())
    return int(boxes[:, 4].argmax())


def hinted_person(boxes: np.ndarray, hint: np.ndarray) -> int | None:
    """Returns the index of the box of (N, 5) whose centre is in the hint's box (4,), or in which the hint's point (2,) is.

    Of several it is the one whose centre is nearest to the hint's; None if there is none.
    """
    centres = boxes[:, :2] + boxes[:, 2:4] / 2
    if len(hint) == 4:
        inside = ((hint[:2] <= centres) & (centres <= hint[:2] + hint[2:])).all(1)
        centre = hint[:2] + hint[2:] / 2
    else:
        inside = ((boxes[:, :2] <= hint) & (hint <= boxes[:, :2] + boxes[:, 2:4])).all(1)
        centre = hint
    if not inside.any():
        return None
    return int(np.where(inside, np.linalg.norm(centres - centre, axis=1), np.inf).argmin())


def _offset(left: int, top: int) -> np.ndarray:
    return np.array([[0, 0, left], [0, 0, top], [0, 0, 0]], dtype=np.float64)
