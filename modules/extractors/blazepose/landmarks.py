"""BlazePose's 33 landmarks, their left/right mirror, and their linear map to the 24 SMPL joints."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.skeleton import JOINT_NAMES
from modules.extractors.blazepose.decoding import Square

BOX_MARGIN = 0.1  # of the longer side, on every side: a person reaches beyond the landmarks at eyes, wrists and toes
LANDMARKS = (
    "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer",
    "left_ear", "right_ear", "mouth_left", "mouth_right", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_pinky", "right_pinky", "left_index", "right_index", "left_thumb",
    "right_thumb", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle", "left_heel",
    "right_heel", "left_toe", "right_toe",
)  # fmt: skip
MAP_PATH = Path(__file__).with_name("smpl24.json")  # each joint as a weighted mean of landmarks, and how it was fitted


@dataclass(frozen=True)
class Landmarks:
    """One person's landmarks in one raw image, from one crop or merged from several."""

    score: float  # 0..1, that the crop shows a person
    box_xywh: np.ndarray  # (4,) px, not clipped to the image
    landmarks_px: np.ndarray  # (33, 2) px, pixel centres at integers
    visibility: np.ndarray  # (33,) 0..1, in the image and not occluded
    presence: np.ndarray  # (33,) 0..1, in the image
    world_landmarks_mm: np.ndarray  # (33, 3) camera-aligned (x right, y down, z away), from the mid-hip
    certainty: float  # 0..1, mean of the heatmap peaks: low for gross failures, unlike the score
    square: Square  # the crop
    next_square: Square  # the crop that MediaPipe would use for this person in the next frame of a video


def _landmarks_to_smpl24() -> np.ndarray:
    matrix = np.zeros((len(JOINT_NAMES), len(LANDMARKS)))
    for joint, shares in json.loads(MAP_PATH.read_text(encoding="utf-8"))["shares"].items():
        for landmark, share in shares.items():
            matrix[JOINT_NAMES.index(joint), LANDMARKS.index(landmark)] = share
    matrix /= matrix.sum(1, keepdims=True)
    return matrix.astype(np.float32)


def _swap_side(name: str) -> str:
    return name.replace("left", "*").replace("right", "left").replace("*", "right")


LANDMARKS_TO_SMPL24 = _landmarks_to_smpl24()
"""(24, 33): joints = LANDMARKS_TO_SMPL24 @ landmarks, in pixels and in millimetres alike; every row sums to 1."""
LANDMARK_MIRROR = tuple(LANDMARKS.index(_swap_side(name)) for name in LANDMARKS)
"""(33,) the index of each landmark's counterpart on the other side of the body."""


def person_box(landmarks_px: np.ndarray, presence: np.ndarray) -> np.ndarray:
    """Returns the box (4,) left, top, width, height around the landmarks (N, 2) px in the image, with a margin.

    Occluded landmarks count; landmarks outside the image (presence below one half) do not, unless fewer than two
    are inside. Without any landmark the box is NaN.
    """
    if not len(landmarks_px):
        return np.full(4, np.nan)
    inside = landmarks_px[presence >= 0.5] if (presence >= 0.5).sum() > 1 else landmarks_px
    low, high = inside.min(0), inside.max(0)
    margin = BOX_MARGIN * (high - low).max()
    return np.concatenate([low - margin, high - low + 2 * margin])
