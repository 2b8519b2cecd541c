"""Reads EasyMocap's intri.yml and extri.yml: world to camera in m, in the YAML of OpenCV's FileStorage.

Source: EasyMocap camera_utils.py, read_camera and write_camera. Rot_ (matrix) and R_ (Rodrigues) are the same rotation.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from modules.calibrations import values
from modules.calibrations.base import FileCamera, FileRig
from modules.calibrations.source import Source
from modules.calibrations.yaml_numbers import is_matrix, matrix, number
from modules.utils import UserError

NAME, TITLE = "easymocap", "EasyMocap intri.yml and extri.yml"
INTRI, EXTRI = "intri.yml", "extri.yml"
_BLANK = 1.2  # times the shorter side: the focal length that EasyMocap writes without a calibration


def sniff(source: Source) -> bool:
    """See Format."""
    source = source.sibling(INTRI) if source.is_folder and (source.path / INTRI).is_file() else source
    return any(is_matrix(part) and key.startswith(("K_", "Rot_")) for key, part in source.yaml.items())


def read(source: Source) -> FileRig:
    """See Format."""
    stem = source.path.name
    intri = source.sibling(INTRI if source.is_folder else stem.replace("extri", "intri"))
    extri = source.sibling(EXTRI if source.is_folder else stem.replace("intri", "extri"))
    K = {key.removeprefix("K_"): part for key, part in intri.yaml.items() if key.startswith("K_")}
    if not K:
        raise UserError(
            f"{intri.path}: no key of the file begins with K_; put the {INTRI} of the same calibration there"
        )
    if extri.path == intri.path or not extri.path.is_file():
        extri = Source(Path(EXTRI))
        poses: dict[str, Any] = {}
    else:
        poses = extri.yaml
        if not poses:
            raise UserError(f"{extri.path}: this is no YAML of OpenCV; put the {EXTRI} of the same calibration there")
    names, notes = _names(intri, list(K))
    cameras = {names[key]: _camera(intri, extri.path, poses, key) for key in K}
    if all(_is_blank(camera) for camera in cameras.values()):
        raise UserError(
            f"{intri.path}: these are the blank cameras that EasyMocap writes without a calibration (f = 1.2 x the shorter "
            "side, R = I, t = 0); calibrate the cameras"
        )
    return FileRig(cameras, "m", "z", tuple(notes))


def _names(intri: Source, keys: list[str]) -> tuple[dict[str, str], list[str]]:
    """Returns the camera names by the keys of K, and what has to be said of them."""
    written = intri.yaml.get("names")
    names = [str(name) for name in written] if isinstance(written, list) else keys
    if set(keys) <= set(names) or len(names) != len(keys) or len(set(names)) != len(names):
        return dict(zip(keys, keys, strict=True)), []
    shown = ", ".join(f"K_{key} is {name}" for key, name in zip(keys, names, strict=True))
    return dict(zip(keys, names, strict=True)), [f"keys and names differ, and are matched by their order: {shown}"]


def _camera(intri: Source, path: Path, poses: dict[str, Any], key: str) -> FileCamera:
    lens = intri.yaml.get(f"dist_{key}", intri.yaml.get(f"D_{key}"))
    sides = [intri.yaml.get(f"{side}_{key}") for side in "WH"]
    size = None
    if None not in sides:
        numbers = [number(intri.path, f"{side}_{key}", text) for side, text in zip("WH", sides, strict=True)]
        size = values.size(intri.path, f"W_{key}, H_{key}", numbers)
    K = values.intrinsics(intri.path, f"K_{key}", matrix(intri.path, f"K_{key}", intri.yaml[f"K_{key}"]))
    distortion = None
    if lens is not None:
        distortion = values.lens(intri.path, f"dist_{key}", matrix(intri.path, f"dist_{key}", lens))
    if not poses:
        return FileCamera(K, image_size=size, distortion=distortion)
    rotation = f"Rot_{key}" if f"Rot_{key}" in poses else f"R_{key}"
    absent = next((field for field in (rotation, f"T_{key}") if field not in poses), None)
    if absent is not None:
        raise UserError(f"{path}: there is no {absent} in this file; write the pose of camera {key}")
    R = values.rotation(path, rotation, matrix(path, rotation, poses[rotation]))
    if rotation == f"Rot_{key}" and is_matrix(poses.get(f"R_{key}")):
        again = values.rotation(path, f"R_{key}", matrix(path, f"R_{key}", poses[f"R_{key}"]))
        if not np.allclose(R, again, atol=1e-3):
            raise UserError(
                f"{path}: R_{key} and Rot_{key} are different rotations; remove the one that is out of date"
            )
    t = values.vector(path, f"T_{key}", matrix(path, f"T_{key}", poses[f"T_{key}"]))
    return FileCamera(K, R, t, size, distortion)


def _is_blank(camera: FileCamera) -> bool:
    if camera.R is None or camera.t is None or camera.image_size is None:
        return False
    is_usual = abs(camera.K[0, 0] / min(camera.image_size) - _BLANK) < 1e-6
    return is_usual and np.array_equal(camera.R, np.eye(3)) and not camera.t.any()
