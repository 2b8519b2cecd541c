"""The expected output of the MeTRAbs stand-ins, computed without TensorFlow: people in pixels and millimetres."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from modules.pose_utils import Camera

JOINT_NAMES_METRABS = (
    "pelv", "lhip", "rhip", "bell", "lkne", "rkne", "spin", "lank", "rank", "thor", "ltoe", "rtoe", "neck", "lcla", "rcla",
    "head", "lsho", "rsho", "lelb", "relb", "lwri", "rwri", "lhan", "rhan",
)  # fmt: skip
PEOPLE = (((220, 40, 40), 0.9), ((40, 220, 40), 0.6), ((40, 40, 220), 0.002))  # colour and score; the last one is faint
TOLERANCE = 24
HEIGHT_MM = 1700.0
_rng = np.random.default_rng(11)
SHAPE_MM = _rng.uniform(-400, 400, (24, 3)).round(1)
SHAPE_MM[0] = 0
SHUFFLE = _rng.permutation(24).tolist()


def stretch(num_aug: Any) -> Any:
    """The scale of the shape for a number of crops, which shows whether the number reaches the model."""
    return 1 + num_aug / 1000


def picture(size: tuple[int, int], people: dict[int, tuple[int, int, int, int]]) -> np.ndarray:
    """An RGB image (H, W, 3) with a rectangle (left, top, width, height) for each person, by number."""
    image = np.full((size[1], size[0], 3), 128, np.uint8)
    for number, (left, top, width, height) in people.items():
        image[top : top + height, left : left + width] = PEOPLE[number][0]
    return image


def true_joints_cam(
    box: tuple[int, int, int, int], camera: Camera, num_aug: int, knows_lens: bool, turn: np.ndarray | None = None
) -> np.ndarray:
    """The joints (24, 3) in camera mm that a stand-in returns for a box; without `knows_lens` it ignores the lens."""
    left, top, width, height = box
    centre = np.array([[left + (width - 1) / 2, top + (height - 1) / 2]])
    lens = camera.distortion if knows_lens and camera.distortion is not None else np.zeros(5)
    xy = cv2.undistortPointsIter(
        centre[None], camera.K, lens, None, None, (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 200, 1e-14)
    )[0, 0]
    depth = camera.K[1, 1] * HEIGHT_MM / height
    return np.append(xy, 1) * depth + SHAPE_MM @ (np.eye(3) if turn is None else turn).T * stretch(num_aug)


def turn_to(up_cam: np.ndarray) -> np.ndarray:
    """The smallest rotation that takes the camera's up, (0, -1, 0), to a direction."""
    axis = np.cross([0, -1, 0], up_cam / np.linalg.norm(up_cam))
    angle = np.arctan2(np.linalg.norm(axis), -up_cam[1] / np.linalg.norm(up_cam))
    norm = np.linalg.norm(axis)
    return cv2.Rodrigues(axis / norm * angle)[0] if norm > 0 else np.eye(3)


def true_answer(
    kind: str, box: tuple[int, int, int, int], camera: Camera, num_aug: int
) -> tuple[np.ndarray, np.ndarray]:
    """The expected cache content of a box: undistorted px (24, 2) and camera mm (24, 3); not for `singleperson`."""
    knows_lens = kind == "current"
    turn = turn_to(camera.R @ camera.world_up) if knows_lens and camera.world_up is not None else None
    joints = true_joints_cam(box, camera, num_aug, knows_lens, turn)
    seen = joints / joints[:, 2:] @ camera.K.T
    if knows_lens or camera.distortion is None:
        return seen[:, :2], joints
    xy = cv2.undistortPointsIter(
        seen[None, :, :2], camera.K, camera.distortion, None, None,
        (cv2.TERM_CRITERIA_COUNT | cv2.TERM_CRITERIA_EPS, 200, 1e-14),
    )[:, 0]  # fmt: skip
    rays = np.concatenate([xy.reshape(-1, 2), np.ones((24, 1))], -1)
    return (rays @ camera.K.T)[:, :2], rays * joints[:, 2:]
