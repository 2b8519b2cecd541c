"""Shows an extractor upright pictures of cameras that are mounted upside down or on their side.

Pretrained models know upright people. Picture and camera are turned before the model, and its estimate is turned back, so that
px and camera axes stay those of the stored picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from modules.extractors.base import Estimate, Extractor, Hint
from modules.picture_turns import axes_turn, picture_turn, turn_camera
from modules.pose_utils import Camera


def estimate_upright(
    extractor: Extractor,
    images_rgb: Sequence[np.ndarray],
    cameras: Sequence[Camera],
    turns: Sequence[int],
    hints: Sequence[Hint | None] = (),
) -> list[Estimate | None]:
    """Returns what the extractor estimates in the turned pictures, in px and axes of the pictures as they are.

    `turns` are the quarters by which each picture is turned clockwise.
    """
    views = [upright_view(*one) for one in zip(images_rgb, cameras, turns, strict=True)]
    sizes = [size_of(image) for image in images_rgb]
    turned = [
        None if hint is None else turn_hint(hint, size, count)
        for hint, size, count in zip(hints, sizes, turns, strict=False)  # no hints at all: an empty list
    ]
    found = extractor.estimate([image for image, _ in views], [one for _, one in views], *([turned] if turned else []))
    return [
        None if one is None else turn_estimate(one, size_of(upright), -count)
        for one, (upright, _), count in zip(found, views, turns, strict=True)
    ]


def upright_view(image_rgb: np.ndarray, camera: Camera, turns: int) -> tuple[np.ndarray, Camera]:
    """Returns picture and camera, turned clockwise by so many quarters; they themselves if it is 0."""
    if not turns:
        return image_rgb, camera
    turned = np.ascontiguousarray(np.rot90(image_rgb, -turns))
    return turned, turn_camera(camera, size_of(image_rgb), turns)


def turn_estimate(estimate: Estimate, size: tuple[int, int], turns: int) -> Estimate:
    """Returns an estimate in a picture of (width, height), as it is in the picture that is turned clockwise by quarters."""
    if turns % 4 == 0:
        return estimate
    Q, root = axes_turn(turns), estimate.root_cam_mm
    return replace(
        estimate, box_xywh=turn_hint(estimate.box_xywh, size, turns), joints_px=_turn_px(estimate.joints_px, size, turns),
        joints_rel_mm=estimate.joints_rel_mm @ Q.T, root_cam_mm=None if root is None else Q @ root,
    )  # fmt: skip


def turn_hint(hint: Hint, size: tuple[int, int], turns: int) -> Hint:
    """Returns a box (4,) or a point (2,) of a picture in the turned one."""
    if len(hint) == 2:
        return _turn_px(hint, size, turns)
    corners = _turn_px(np.array([hint[:2], hint[:2] + hint[2:]]), size, turns)
    return np.concatenate([corners.min(0), np.ptp(corners, axis=0)])


def size_of(image: np.ndarray) -> tuple[int, int]:
    """Returns (width, height)."""
    return image.shape[1], image.shape[0]


def _turn_px(points_px: np.ndarray, size: tuple[int, int], turns: int) -> np.ndarray:
    M = picture_turn(size, turns)
    return np.asarray(points_px @ M[:2, :2].T + M[:2, 2])
