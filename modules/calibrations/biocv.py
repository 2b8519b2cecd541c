"""Reads BioCV's .calib files, one a camera: 32 numbers of size, K, a 4x4 matrix from world to camera in mm, and the lens.

Source: mc_core calibration.cpp. A folder of such files is one rig.
"""

from __future__ import annotations

from modules.calibrations import values
from modules.calibrations.base import FileCamera, FileRig
from modules.calibrations.source import Source
from modules.calibrations.xml_numbers import parsed

NAME, TITLE = "biocv", "BioCV .calib"
_NUMBERS = 32


def sniff(source: Source) -> bool:
    """See Format."""
    if source.is_folder:
        return any(sniff(Source(path)) for path in source.path.glob("*.calib"))
    parts = source.text.split()[: _NUMBERS + 1]
    if len(parts) < _NUMBERS - 8 or len(parts) > _NUMBERS:
        return False
    return all(part.isdigit() for part in parts[:2]) and sum(map(_is_number, parts)) >= _NUMBERS - 8


def read(source: Source) -> FileRig:
    """See Format."""
    paths = sorted(source.path.glob("*.calib")) if source.is_folder else [source.path]
    return FileRig({path.stem: _camera(Source(path)) for path in paths}, "mm", "z")


def _camera(source: Source) -> FileCamera:
    path = source.path
    numbers = parsed(path, "the file", source.text, _NUMBERS)
    Rt = values.homogeneous(path, "the matrix of numbers 12 to 27", numbers[11:27].reshape(4, 4).tolist())
    return FileCamera(
        values.intrinsics(path, "K, numbers 3 to 11,", numbers[2:11].reshape(3, 3).tolist()),
        values.rotation(path, "numbers 12 to 27", Rt[:3, :3].tolist()),
        Rt[:3, 3],
        values.size(path, "the size, numbers 1 and 2,", numbers[:2].tolist()),
        values.lens(path, "the lens, numbers 28 to 32,", numbers[27:].tolist()),
    )


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
