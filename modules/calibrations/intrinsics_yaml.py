"""Reads the YAML of ROS's camera_info and of OpenCV's calibration samples, which hold intrinsics alone.

K of ROS is that of the raw images. Source: camera_calibration_parsers parse_yml.cpp; OpenCV samples, calibration.cpp.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from modules.calibrations import values
from modules.calibrations.base import FileCamera, FileRig
from modules.calibrations.source import Source
from modules.calibrations.values import entry
from modules.calibrations.yaml_numbers import is_matrix, matrix, number
from modules.utils import UserError, brief

NAME, TITLE = "intrinsics", "the YAML of ROS's camera_info or OpenCV's samples"
_K = ("camera_matrix", "Camera_Matrix")
_LENS = ("distortion_coefficients", "Distortion_Coefficients")
_PINHOLE = ("plumb_bob", "rational_polynomial", "radial_tangential", "")
_FISHEYE = ("equidistant", "fisheye")


def sniff(source: Source) -> bool:
    """See Format."""
    return any(is_matrix(source.yaml.get(key)) for key in _K)


def read(source: Source) -> FileRig:
    """See Format."""
    path, data = source.path, source.yaml
    key = next(key for key in _K if is_matrix(data.get(key)))
    name = str(data.get("camera_name", path.stem))
    K = values.intrinsics(path, key, matrix(path, key, data[key]))
    size = None
    if "image_width" in data or "image_height" in data:
        sides = [number(path, side, entry(path, "the file", data, side)) for side in ("image_width", "image_height")]
        size = values.size(path, "image_width and image_height", sides)
    _refuse_windows(path, data)
    return FileRig({name: FileCamera(K, image_size=size, distortion=_lens(path, data))}, "mm")


def _lens(path: Path, data: dict[str, Any]) -> Any:
    """Returns the distortion, or None if the file has none."""
    model = str(data.get("distortion_model", ""))
    key = next((key for key in _LENS if key in data), None)
    if key is None:
        return None
    rows = matrix(path, key, data[key])
    if model in _FISHEYE or data.get("fisheye_model") == "1":
        return values.fisheye(path, key, rows)
    if model not in _PINHOLE:
        raise UserError(
            f"{path}: distortion_model is {brief(model)}, which is not supported; calibrate with plumb_bob, "
            "rational_polynomial or equidistant"
        )
    return values.lens(path, key, rows)


def _refuse_windows(path: Path, data: dict[str, Any]) -> None:
    """Raises UserError if images are binned, or a part of the sensor that K belongs to."""
    roi = data.get("roi")
    numbers = [data.get("binning_x", "0"), data.get("binning_y", "0")]
    if isinstance(roi, dict):
        numbers += [roi.get("x_offset", "0"), roi.get("y_offset", "0")]
    if any(number(path, "binning and roi", text) > (1 if index < 2 else 0) for index, text in enumerate(numbers)):
        raise UserError(
            f"{path}: binning or roi say that images are a part of the sensor; calibrate on images as you use them"
        )
