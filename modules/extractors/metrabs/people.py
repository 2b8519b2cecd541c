"""The people that a model detects in one image."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from modules.pose_utils import Camera, undistort

EDGE_POINTS = 9  # per side of a box, when its outline is undistorted


@dataclass(frozen=True)
class People:
    """Boxes and joints of N people in one image, in the detector's order."""

    boxes: np.ndarray  # (N, 5) left, top, width, height in px of the raw image, and the detector's score
    joints_px: np.ndarray  # (N, 24, 2) undistorted px, SMPL order
    joints_cam_mm: np.ndarray  # (N, 24, 3) camera axes, absolute

    def __len__(self) -> int:
        return len(self.boxes)

    def only(self, index: int | None) -> People:
        """Returns the person of this index alone; nobody if it is None."""
        kept = slice(0, 0) if index is None else slice(index, index + 1)
        return People(self.boxes[kept], self.joints_px[kept], self.joints_cam_mm[kept])

    def with_valid_boxes(self) -> People:
        """Returns the people whose boxes are finite and have an area."""
        kept = np.isfinite(self.boxes).all(-1) & (self.boxes[:, 2:4] > 0).all(-1)
        return People(self.boxes[kept], self.joints_px[kept], self.joints_cam_mm[kept])

    def shifted(self, offset_px: np.ndarray) -> People:
        """Returns the people in px of a larger image, in which this image begins at `offset_px` (2,)."""
        boxes = self.boxes + np.concatenate([offset_px, np.zeros(3)])
        return replace(self, boxes=boxes, joints_px=self.joints_px + offset_px)


def undistorted_box(box_xywh: np.ndarray, camera: Camera) -> np.ndarray:
    """Returns the box (4,) around the undistorted outline of a box (4,) of the raw image."""
    if camera.distortion is None:
        return box_xywh
    x, y, width, height = box_xywh
    share = np.linspace(0, 1, EDGE_POINTS)
    sides = [(share, 0 * share), (share, 0 * share + 1), (0 * share, share), (0 * share + 1, share)]
    outline = np.concatenate([np.stack([x + u * width, y + v * height], -1) for u, v in sides])
    undistorted = undistort(outline, camera.K, camera.distortion)
    undistorted = undistorted[np.isfinite(undistorted).all(-1)]
    if len(undistorted) < 2:
        return box_xywh
    low, high = undistorted.min(0), undistorted.max(0)
    return np.concatenate([low, high - low])
