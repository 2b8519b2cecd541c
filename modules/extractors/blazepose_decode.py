"""What BlazePose's two networks say, turned into a square of the image and 33 landmarks: pure functions on arrays.

The rules are those of MediaPipe's pose graph in static-image mode (Bazarevsky et al. 2020, BlazePose; the graph files
modules/pose_detection and modules/pose_landmark of MediaPipe 0.10.21, whose node names are given below).

Pixels. MediaPipe's warp takes index i of the crop from index `left + i * scale` of the image, so that a share of a
square maps to an image point whose pixel centres are integers, as OpenCV counts. The landmark network, though, answers
in a crop whose pixel centres are at halves: an image and its mirror image disagree by that half crop pixel (measured on
the demo: 0.3-0.7 px of the crop, about 1.5-2.7 px of a 1920 px image), which MediaPipe leaves in and we take out,
here, by `HALF_PIXEL` and nowhere else.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DETECTOR_SIZE = 224
LANDMARK_SIZE = 256
HALF_PIXEL = 0.5 / LANDMARK_SIZE  # as a share of the crop
NUM_LANDMARKS = 33  # the networks answer 39: six more serve tracking in videos
_STRIDES_ANCHORS = ((8, 2), (16, 2), (32, 6))  # SsdAnchorsCalculator: strides 8, 16, 32, 32, 32; two anchors each
_MIN_DETECTION_LOGIT = 0.0  # a score of 0.5
_MIN_OVERLAP = 0.3
_ROI_SCALE = 1.25
_KERNEL = 9
_MIN_REFINE_LOGIT = 0.0  # a confidence of 0.5


@dataclass(frozen=True)
class Square:
    """A square of the image, turned by `angle` radians clockwise as seen (y points down)."""

    centre: np.ndarray  # (2,) px
    side: float  # px
    angle: float = 0.0

    @property
    def turn(self) -> np.ndarray:
        """(2, 2): square axes → image axes."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        return np.array([[c, -s], [s, c]], dtype=np.float32)

    def to_image(self, points: np.ndarray) -> np.ndarray:
        """(..., 2) shares of the square, 0..1 → px of the image."""
        return (points - 0.5) * self.side @ self.turn.T + self.centre


def sigmoid(x: np.ndarray) -> np.ndarray:
    """The logistic function, clipped where float32 would overflow."""
    return 1 / (1 + np.exp(-np.clip(x, -80, 80)))


def letterbox(width: int, height: int, angle: float = 0.0) -> Square:
    """The square around a whole image, upright or turned by a multiple of 90 degrees (radians): what the detector sees."""
    return Square(np.array([width / 2, height / 2]), float(max(width, height)), angle)


def make_anchors() -> np.ndarray:
    """(2254, 2) anchor centres as shares of the detector's input: x runs fastest, then y, one grid per stride."""
    grids = []
    for stride, count in _STRIDES_ANCHORS:
        centres = (np.arange(DETECTOR_SIZE // stride, dtype=np.float32) + 0.5) * stride / DETECTOR_SIZE
        y, x = np.meshgrid(centres, centres, indexing="ij")
        grids.append(np.repeat(np.stack([x.ravel(), y.ravel()], -1), count, axis=0))
    return np.concatenate(grids)


def decode_detection(raw: np.ndarray, logits: np.ndarray, anchors: np.ndarray) -> np.ndarray | None:
    """The best person's (4, 2) keypoints as shares of the detector's input, or None (TensorsToDetections, NMS).

    `raw` (2254, 12) holds x, y, w, h and four keypoints against their anchors; `logits` (2254,). Every detection that
    overlaps the best one by more than 0.3 (itself too) votes with its score. The keypoints are mid-hip, a point whose
    distance is the person's radius and whose direction is up, and the same two for the upper body.
    """
    chosen = np.flatnonzero(logits >= _MIN_DETECTION_LOGIT)
    if not chosen.size:
        return None
    raw, logits, anchors = raw[chosen] / DETECTOR_SIZE, logits[chosen], anchors[chosen]
    centres, half = raw[:, :2] + anchors, raw[:, 2:4] / 2
    overlap = _overlap(centres - half, centres + half, int(np.argmax(logits)))
    votes = np.where(overlap > _MIN_OVERLAP, sigmoid(logits), 0)
    if not votes.any():
        return None
    keypoints = raw[:, 4:].reshape(-1, 4, 2) + anchors[:, None]
    return np.einsum("n,nkd->kd", votes, keypoints) / votes.sum()


def _overlap(low: np.ndarray, high: np.ndarray, best: int) -> np.ndarray:
    """(N,) intersection over union of every box (N, 2), (N, 2) with the best one."""
    both = np.clip(np.minimum(high, high[best]) - np.maximum(low, low[best]), 0, None).prod(-1)
    areas = (high - low).prod(-1)
    return both / np.maximum(areas + areas[best] - both, 1e-12)


def person_square(keypoints_px: np.ndarray) -> Square:
    """The square that the landmark network sees, from the detector's keypoints (4, 2) px (PoseDetectionToRoi).

    It stands on the mid-hip, reaches 1.25 times the radius, and turns the person upright.
    """
    x, y = keypoints_px[1] - keypoints_px[0]
    return Square(keypoints_px[0], 2 * _ROI_SCALE * float(np.hypot(x, y)), float(np.pi / 2 - np.arctan2(-y, x)))


def refine_from_heatmap(points: np.ndarray, heatmap: np.ndarray) -> np.ndarray:
    """Move points (N, 2), shares of the crop, to the centroid of heatmap logits (64, 64, N) in 9x9 cells around them.

    A point whose window nowhere reaches a confidence of 0.5, or whose cell lies outside, stays (RefineLandmarks-
    FromHeatmap). A cell's index over 64 is its share of the crop.
    """
    size, reach = heatmap.shape[0], _KERNEL // 2
    cells = np.trunc(points * size).astype(int)
    inside = ((cells >= 0) & (cells < size)).all(-1)
    offsets = np.arange(-reach, reach + 1)
    cols, rows = (np.clip(cells[:, i, None], 0, size - 1) + offsets for i in (0, 1))  # (N, 9)
    legal = ((rows >= 0) & (rows < size))[:, :, None] & ((cols >= 0) & (cols < size))[:, None, :]
    rows, cols = rows.clip(0, size - 1), cols.clip(0, size - 1)
    logits = heatmap[rows[:, :, None], cols[:, None, :], np.arange(len(points))[:, None, None]]
    logits = np.where(legal, logits, -np.inf)
    weights = np.where(legal, sigmoid(logits), 0)
    total = weights.sum((1, 2))
    centroid = np.stack([(weights.sum(1) * cols).sum(1), (weights.sum(2) * rows).sum(1)], -1)
    sure = inside & (logits.max((1, 2)) >= _MIN_REFINE_LOGIT)
    return np.where(sure[:, None], centroid / np.maximum(total, 1e-12)[:, None] / size, points)


def rotate_world(world: np.ndarray, square: Square) -> np.ndarray:
    """(N, 3) in the crop's axes → camera-aligned: turned in the image plane (WorldLandmarkProjection)."""
    return np.concatenate([world[:, :2] @ square.turn.T, world[:, 2:]], -1)
