"""Reads AIST++'s cameras/setting<N>.json, a list of aniposelib's cameras, with translations in cm.

The unit is written nowhere. Source: aistplusplus_api loader.py; posepile multiplies by 10.
"""

from __future__ import annotations

from modules.calibrations.base import FileRig
from modules.calibrations.camera_list import Keys, read_list
from modules.calibrations.source import Source

NAME, TITLE = "aist", "AIST++ JSON"
KEYS = Keys("matrix", "rotation", "translation", "size", "distortions")


def sniff(source: Source) -> bool:
    """See Format."""
    keys = {"matrix", "rotation", "translation"}
    return isinstance(source.json, list) and any(
        isinstance(one, dict) and len(keys & set(one)) >= 2 for one in source.json
    )


def read(source: Source) -> FileRig:
    """See Format."""
    cameras = read_list(source.path, source.json, "", KEYS)
    return FileRig(cameras, "cm", "y")
