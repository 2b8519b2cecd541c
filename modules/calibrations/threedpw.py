"""Reads 3DPW's sequence files: one K without distortion, and a pose for every image of a moving phone, in m, world y up.

A camera is named by its image, image_00042. Images whose pose is not valid for anybody are left out. Source: SPIN pw3d.py.
"""

from __future__ import annotations

import numpy as np

from modules.calibrations import values
from modules.calibrations.base import FileCamera, FileRig
from modules.calibrations.source import Source
from modules.calibrations.values import entry
from modules.files.numbers import read_numbers
from modules.utils import UserError

NAME, TITLE = "3dpw", "3DPW sequence file"


def sniff(source: Source) -> bool:
    """See Format."""
    return isinstance(source.pickle, dict) and bool({"cam_poses", "cam_intrinsics"} & set(source.pickle))


def read(source: Source) -> FileRig:
    """See Format."""
    path, data = source.path, source.pickle
    K = values.intrinsics(path, "cam_intrinsics", entry(path, "the file", data, "cam_intrinsics"))
    poses = entry(path, "the file", data, "cam_poses")
    if not isinstance(poses, list) or not poses:
        raise UserError(f"{path}: cam_poses holds no poses; fetch the file again")
    valid = data.get("campose_valid")
    rows = valid if isinstance(valid, list) and valid else [[1] * len(poses)]
    is_valid = np.any([read_numbers(path, "campose_valid", row, (len(poses),)) > 0 for row in rows], axis=0)
    cameras = {}
    for index in np.flatnonzero(is_valid).tolist():
        name = f"image_{index:05d}"
        Rt = values.homogeneous(path, f"cam_poses[{index}]", poses[index])
        cameras[name] = FileCamera(K, values.rotation(path, f"cam_poses[{index}]", Rt[:3, :3].tolist()), Rt[:3, 3])
    if not cameras:
        raise UserError(f"{path}: campose_valid says that no pose of the camera is valid; use another sequence")
    left_out = int((~is_valid).sum())
    notes = (f"{left_out} images have no valid pose, and are left out",) if left_out else ()
    return FileRig(cameras, "m", "y", notes, moves=True)
