"""Reads the demo's Qualisys calibration (Calib.qca.txt)."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from modules.calibrations.reading import ReadOptions, read_calibration
from modules.pose_utils import Camera

WORLD_UP = np.array([0.0, 0.0, 1.0])  # z is up


def read_demo_cameras(path: Path) -> dict[str, Camera]:
    """Returns the calibrated cameras by serial (`cam01`, …). Raises UserError if the file is missing or malformed."""
    return read_calibration(path, ReadOptions(format="qualisys", up=WORLD_UP)).cameras
