"""Decodes the raw outputs of BlazePose's two networks into a square of the image and 33 landmarks.

Pure functions on arrays. They follow MediaPipe's pose graph in static-image mode (Bazarevsky et al. 2020, BlazePose; the
graph files modules/pose_detection and modules/pose_landmark of MediaPipe 0.10.21, whose node names are given below).

Pixels: MediaPipe's warp takes index i of the crop from index `left + i * scale` of the image, so a fraction of a square
maps to an image point whose pixel centres are at integers, as in OpenCV. The landmark network, however, outputs points in
a crop whose pixel centres are at halves. An image and its mirror image therefore disagree by half a crop pixel (measured
on the demo: 0.3-0.7 px of the crop, about 1.5-2.7 px of a 1920 px image). MediaPipe leaves this offset in; here
`HALF_PIXEL` removes it, once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DETECTOR_SIZE = 224  # px, side of the detector's input
LANDMARK_SIZE = 256  # px, side of the landmark network's input
HALF_PIXEL = 0.5 / LANDMARK_SIZE  # as a fraction of the crop
NUM_LANDMARKS = 33  # the network outputs 39; the other six serve tracking in videos
_STRIDES_ANCHORS = ((8, 2), (16, 2), (32, 6))  # SsdAnchorsCalculator: strides 8, 16, 32, 32, 32; two anchors each
_MIN_DETECTION_LOGIT = 0.0  # a score of 0.5
_MIN_OVERLAP = 0.3
_ROI_SCALE = 1.25
_KERNEL = 9
_MIN_REFINE_LOGIT = 0.0  # a confidence of 0.5


@dataclass(frozen=True)
class Square:
    """A square of the image, rotated by `angle` radians, clockwise on screen (y points down)."""

    centre: np.ndarray  # (2,) px
    side: float  # px
    angle: float = 0.0

    @property
    def rotation(self) -> np.ndarray:
        """The rotation (2, 2) from the square's axes to the image's."""
        c, s = np.cos(self.angle), np.sin(self.angle)
        return np.array([[c, -s], [s, c]], dtype=np.float32)

    def to_image(self, points: np.ndarray) -> np.ndarray:
        """Maps points (..., 2) from fractions of the square, 0..1, to px of the image."""
        points_px: np.ndarray = (points - 0.5) * self.side @ self.rotation.T + self.centre
        return points_px


def sigmoid(x: np.ndarray) -> np.ndarray:
    """Returns the logistic function, its argument clipped so that float32 does not overflow."""
    values: np.ndarray = 1 / (1 + np.exp(-np.clip(x, -80, 80)))
    return values


def letterbox(width: int, height: int, angle: float = 0.0) -> Square:
    """Returns the detector's input: the square around the whole image, rotated by a multiple of 90 degrees (in radians)."""
    return Square(np.array([width / 2, height / 2]), float(max(width, height)), angle)


def make_anchors() -> np.ndarray:
    """Returns the anchor centres (2254, 2) as fractions of the detector's input: x runs fastest, one grid per stride."""
    grids = []
    for stride, count in _STRIDES_ANCHORS:
        centres = (np.arange(DETECTOR_SIZE // stride, dtype=np.float32) + 0.5) * stride / DETECTOR_SIZE
        y, x = np.meshgrid(centres, centres, indexing="ij")
        grids.append(np.repeat(np.stack([x.ravel(), y.ravel()], -1), count, axis=0))
    return np.concatenate(grids)


def decode_detections(raw: np.ndarray, logits: np.ndarray, anchors: np.ndarray) -> list[np.ndarray]:
    """Returns the keypoints (4, 2) of each person as fractions of the detector's input, the most confident person first.

    `raw` (2254, 12) holds x, y, w, h and four keypoints relative to their anchors; `logits` is (2254,). A person is the
    mean of all detections that overlap the best remaining one by more than 0.3 (itself included), weighted by score
    (TensorsToDetections, weighted non-maximum suppression). The keypoints are the mid-hip, a point in the person's
    up direction at the distance of the person's radius, and the same two for the upper body.
    """
    chosen = np.flatnonzero(logits >= _MIN_DETECTION_LOGIT)
    raw, logits, anchors = raw[chosen] / DETECTOR_SIZE, logits[chosen], anchors[chosen]
    centres, half = raw[:, :2] + anchors, raw[:, 2:4] / 2
    keypoints = raw[:, 4:].reshape(-1, 4, 2) + anchors[:, None]
    people = []
    while len(logits):
        same = _overlap(centres - half, centres + half, int(np.argmax(logits))) > _MIN_OVERLAP
        if not same.any():  # a box without an area
            break
        votes = np.where(same, sigmoid(logits), 0)
        people.append(np.einsum("n,nkd->kd", votes, keypoints) / votes.sum())
        logits, centres, half, keypoints = logits[~same], centres[~same], half[~same], keypoints[~same]
    return people


def _overlap(low: np.ndarray, high: np.ndarray, best: int) -> np.ndarray:
    """Returns the intersection over union (N,) of each box, given by corners (N, 2) and (N, 2), with the best one."""
    both: np.ndarray = np.clip(np.minimum(high, high[best]) - np.maximum(low, low[best]), 0, None).prod(-1)
    areas: np.ndarray = (high - low).prod(-1)
    ratio: np.ndarray = both / np.maximum(areas + areas[best] - both, 1e-12)
    return ratio


def person_square(keypoints_px: np.ndarray) -> Square:
    """Returns the landmark network's crop from the detector's keypoints (4, 2) px (PoseDetectionToRoi).

    It is centred on the mid-hip, reaches 1.25 times the person's radius, and is rotated so that the person is upright.
    """
    x, y = keypoints_px[1] - keypoints_px[0]
    return Square(keypoints_px[0], 2 * _ROI_SCALE * float(np.hypot(x, y)), float(np.pi / 2 - np.arctan2(-y, x)))


def refine_from_heatmap(points: np.ndarray, heatmap: np.ndarray) -> np.ndarray:
    """Moves points (N, 2), fractions of the crop, to the heatmap's centroid in the 9x9 cells around them.

    `heatmap` holds logits (64, 64, N); cell i is at the fraction i / 64. A point is unchanged if no cell of its window
    reaches a confidence of 0.5, or if its own cell is outside the crop (RefineLandmarksFromHeatmap).
    """
    size, reach = heatmap.shape[0], _KERNEL // 2
    cells = np.trunc(points * size).astype(int)
    inside = ((cells >= 0) & (cells < size)).all(-1)
    offsets = np.arange(-reach, reach + 1)
    cols, rows = (np.clip(cells[:, i, None], 0, size - 1) + offsets for i in (0, 1))  # (N, 9)
    valid = ((rows >= 0) & (rows < size))[:, :, None] & ((cols >= 0) & (cols < size))[:, None, :]
    rows, cols = rows.clip(0, size - 1), cols.clip(0, size - 1)
    logits = heatmap[rows[:, :, None], cols[:, None, :], np.arange(len(points))[:, None, None]]
    logits = np.where(valid, logits, -np.inf)
    weights = np.where(valid, sigmoid(logits), 0)
    total = weights.sum((1, 2))
    centroid = np.stack([(weights.sum(1) * cols).sum(1), (weights.sum(2) * rows).sum(1)], -1)
    confident = inside & (logits.max((1, 2)) >= _MIN_REFINE_LOGIT)
    return np.where(confident[:, None], centroid / np.maximum(total, 1e-12)[:, None] / size, points)


def rotate_world(world: np.ndarray, square: Square) -> np.ndarray:
    """Rotates points (N, 3) in the image plane, from the crop's axes to the camera's (WorldLandmarkProjection)."""
    return np.concatenate([world[:, :2] @ square.rotation.T, world[:, 2:]], -1)
