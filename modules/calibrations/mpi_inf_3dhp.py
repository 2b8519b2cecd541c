"""Reads MPI-INF-3DHP's camera.calibration: 4x4 matrices, world to camera in mm, without distortion, world y up.

Source: SPIN mpi_inf_3dhp.py; posepile tdhp/main.py. Files are split on blanks, not cut at fixed columns.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from modules.calibrations import values
from modules.calibrations.base import FileCamera, FileRig
from modules.calibrations.source import Source
from modules.calibrations.xml_numbers import parsed
from modules.utils import UserError

NAME, TITLE = "mpi", "MPI-INF-3DHP camera.calibration"
_HEADER = "Skeletool Camera Calibration File"


def sniff(source: Source) -> bool:
    """See Format."""
    return source.text.startswith(_HEADER)


def read(source: Source) -> FileRig:
    """See Format."""
    tables: dict[str, dict[str, str]] = {}
    table: dict[str, str] = {}
    for line in source.text.splitlines()[1:]:
        key, _, rest = line.strip().partition(" ")
        if key == "name":
            if rest.strip() in tables:
                raise UserError(f"{source.path}: two cameras have the name {rest.strip()}; give each its own")
            table = tables.setdefault(rest.strip(), {})
        table[key] = rest
    if not tables:
        raise UserError(f"{source.path}: no line of the file begins with name; restore the file")
    return FileRig({name: _camera(source.path, name, table) for name, table in tables.items()}, "mm", "y")


def _camera(path: Path, name: str, table: dict[str, str]) -> FileCamera:
    absent = next((key for key in ("size", "intrinsic", "extrinsic") if key not in table), None)
    if absent is not None:
        raise UserError(f"{path}: camera {name} has no line that begins with {absent}; restore the file")
    if table.get("radial", "0").strip() not in ("0", ""):
        raise UserError(
            f"{path}: camera {name} has radial {table['radial'].strip()}, whose meaning is not known; undistort it"
        )
    K, Rt = (
        parsed(path, f"{key} of camera {name}", table[key], 16).reshape(4, 4) for key in ("intrinsic", "extrinsic")
    )
    Rt = values.homogeneous(path, f"extrinsic of camera {name}", Rt.tolist())
    return FileCamera(
        values.intrinsics(path, f"intrinsic of camera {name}", K[:3, :3].tolist()),
        values.rotation(path, f"extrinsic of camera {name}", Rt[:3, :3].tolist()),
        np.asarray(Rt[:3, 3]),
        values.size(path, f"size of camera {name}", parsed(path, f"size of camera {name}", table["size"], 2).tolist()),
    )
