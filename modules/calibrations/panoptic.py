"""Reads CMU Panoptic's calibration_<sequence>.json: world to camera in cm, in a world whose y points down.

Source: panoptic-toolbox panutils.py.
"""

from __future__ import annotations

from modules.calibrations.base import FileRig
from modules.calibrations.camera_list import Keys, read_list
from modules.calibrations.source import Source

NAME, TITLE = "panoptic", "CMU Panoptic JSON"
KEYS = Keys("K", "R", "t", "resolution", "distCoef")


def sniff(source: Source) -> bool:
    """See Format."""
    cameras = source.json.get("cameras") if isinstance(source.json, dict) else None
    return isinstance(cameras, list) and any(isinstance(one, dict) and {"distCoef", "K"} & set(one) for one in cameras)


def read(source: Source) -> FileRig:
    """See Format."""
    cameras = read_list(source.path, source.json["cameras"], "cameras", KEYS)
    return FileRig(cameras, "cm", "-y")
