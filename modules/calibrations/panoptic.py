"""Reads CMU Panoptic's calibration_<sequence>.json: world to camera in cm, in a world whose y points down.

Source: panoptic-toolbox panutils.py.
"""

from __future__ import annotations

from modules.calibrations import values
from modules.calibrations.base import FileCamera, FileRig
from modules.calibrations.source import Source
from modules.calibrations.values import entry
from modules.utils import UserError

NAME, TITLE = "panoptic", "CMU Panoptic JSON"


def sniff(source: Source) -> bool:
    """See Format."""
    cameras = source.json.get("cameras") if isinstance(source.json, dict) else None
    return isinstance(cameras, list) and any(isinstance(one, dict) and {"distCoef", "K"} & set(one) for one in cameras)


def read(source: Source) -> FileRig:
    """See Format."""
    path, cameras = source.path, {}
    for index, one in enumerate(source.json["cameras"]):
        owner = f"cameras[{index}]"
        name = str(entry(path, owner, one, "name"))
        if name in cameras:
            raise UserError(f"{path}: two cameras have the name {name}; give each its own")
        cameras[name] = FileCamera(
            values.intrinsics(path, f"{owner}.K", entry(path, owner, one, "K")),
            values.rotation(path, f"{owner}.R", entry(path, owner, one, "R")),
            values.vector(path, f"{owner}.t", entry(path, owner, one, "t")),
            values.size(path, f"{owner}.resolution", entry(path, owner, one, "resolution")),
            values.lens(path, f"{owner}.distCoef", one.get("distCoef", [])),
        )
    return FileRig(cameras, "cm", "-y")
