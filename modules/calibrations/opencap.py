"""Reads OpenCap's cameraIntrinsicsExtrinsics.pickle, one a camera: world to camera in mm, its size as [height, width].

The world is the checkerboard's, which hangs on a wall, so none of its axes points up by custom. Source: opencap-core
utilsChecker.py. A session's folder is one rig.
"""

from __future__ import annotations

from pathlib import Path

from modules.calibrations import values
from modules.calibrations.base import FileCamera, FileRig
from modules.calibrations.source import Source
from modules.calibrations.values import entry
from modules.utils import UserError

NAME, TITLE = "opencap", "OpenCap cameraIntrinsicsExtrinsics.pickle"
_FILE = "cameraIntrinsicsExtrinsics.pickle"


def sniff(source: Source) -> bool:
    """See Format."""
    if source.is_folder:
        return bool(_files(source.path))
    return isinstance(source.pickle, dict) and "intrinsicMat" in source.pickle


def read(source: Source) -> FileRig:
    """See Format."""
    paths = _files(source.path) if source.is_folder else [source.path]
    names = [path.parent.name if path.name == _FILE else path.stem for path in paths]
    return FileRig({name: _camera(Source(path)) for name, path in zip(names, paths, strict=True)}, "mm")


def _files(folder: Path) -> list[Path]:
    """Returns the files of a session, or of its folder Videos."""
    return sorted([*folder.glob(f"*/{_FILE}"), *folder.glob(f"Videos/*/{_FILE}")])


def _camera(source: Source) -> FileCamera:
    path, data = source.path, source.pickle
    if data is None:
        raise UserError(f"{path}: {source.parse_problem() or 'this is no pickle of a camera; calibrate again'}")
    height, width = values.size(path, "imageSize", entry(path, "the file", data, "imageSize"))
    rotation, translation = (entry(path, "the file", data, key) for key in ("rotation", "translation"))
    return FileCamera(
        values.intrinsics(path, "intrinsicMat", entry(path, "the file", data, "intrinsicMat")),
        values.rotation(path, "rotation", rotation),
        values.vector(path, "translation", translation),
        (width, height),
        values.lens(path, "distortion", data.get("distortion", [])),
    )
