"""The poses that every writer writes: one row per image and person, with their frame, units and origin."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Poses:
    """SMPL-24 joints of N rows in one frame, in mm.

    A row is one person in one image or video frame. An image in which nobody was found has one row, with `found` False and
    NaN joints. Rows are in the order of frame_index, then person.
    """

    joints_mm: np.ndarray  # (N, 24, 3) in `frame`; smoothed where raw_joints_mm is given
    expected_error_mm: np.ndarray  # (N, 24) distance from the truth to be expected: its calibrated mean
    frame_index: np.ndarray  # (N,) of the image in its list, or of the frame in its video
    time_s: np.ndarray  # (N,) NaN where images have no time
    person: np.ndarray  # (N,) from 0, the same for one person throughout
    found: np.ndarray  # (N,) bool
    image: list[str]  # (N,) path of the image below the source, or the video's name
    frame: str = "world"  # world, or camera (OpenCV axes: x right, y down, z forward)
    up: np.ndarray | None = None  # (3,) unit vector in `frame`; None: not declared and not measured
    floor_height_mm: float | None = None  # of the floor along `up`; None: unknown
    raw_joints_mm: np.ndarray | None = None  # (N, 24, 3) before smoothing; None: not smoothed
    warnings: list[str] = field(default_factory=list)  # (N,) why a row needs a look, or ""; empty: no row does
    origin: dict[str, Any] = field(default_factory=dict)  # source, camera, weights, commit, version

    def __len__(self) -> int:
        return len(self.joints_mm)
