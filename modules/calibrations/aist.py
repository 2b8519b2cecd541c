"""Reads AIST++'s cameras/setting<N>.json, a list of aniposelib's cameras, with translations in cm.

The unit is written nowhere. Source: aistplusplus_api loader.py; posepile multiplies by 10.
"""

from __future__ import annotations

from modules.calibrations import values
from modules.calibrations.base import FileCamera, FileRig
from modules.calibrations.source import Source
from modules.calibrations.values import entry
from modules.utils import UserError

NAME, TITLE = "aist", "AIST++ JSON"


def sniff(source: Source) -> bool:
    """See Format."""
    keys = {"matrix", "rotation", "translation"}
    return isinstance(source.json, list) and any(
        isinstance(one, dict) and len(keys & set(one)) >= 2 for one in source.json
    )


def read(source: Source) -> FileRig:
    """See Format."""
    path, cameras = source.path, {}
    for index, one in enumerate(source.json):
        owner = f"[{index}]"
        name = str(entry(path, owner, one, "name"))
        if name in cameras:
            raise UserError(f"{path}: two cameras have the name {name}; give each its own")
        cameras[name] = FileCamera(
            values.intrinsics(path, f"{owner}.matrix", entry(path, owner, one, "matrix")),
            values.rotation(path, f"{owner}.rotation", entry(path, owner, one, "rotation")),
            values.vector(path, f"{owner}.translation", entry(path, owner, one, "translation")),
            values.size(path, f"{owner}.size", entry(path, owner, one, "size")),
            values.lens(path, f"{owner}.distortions", one.get("distortions", [])),
        )
    return FileRig(cameras, "cm", "y")
