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
        name = _name(index)
        Rt = values.homogeneous(path, f"cam_poses[{index}]", poses[index])
        cameras[name] = FileCamera(K, values.rotation(path, f"cam_poses[{index}]", Rt[:3, :3].tolist()), Rt[:3, 3])
    if not cameras:
        raise UserError(f"{path}: campose_valid says that no pose of the camera is valid; use another sequence")
    left_out = int((~is_valid).sum())
    notes = (f"{left_out} images have no valid pose, and are left out",) if left_out else ()
    return FileRig(cameras, "m", "y", notes, moves=True, people=_people(source, len(poses)))


def _people(source: Source, count: int) -> dict[str, np.ndarray]:
    """Returns the pelves (P, 3) of the people whom each image shows, if the file holds joints: SMPL's, the pelvis first."""
    people = source.pickle.get("jointPositions")
    valid = source.pickle.get("campose_valid")
    if not isinstance(people, list) or not isinstance(valid, list) or len(people) != len(valid):
        return {}
    shown: dict[str, list[np.ndarray]] = {}
    for person, (joints, is_valid) in enumerate(zip(people, valid, strict=True)):
        places = read_numbers(source.path, f"jointPositions[{person}]", joints, (count, 72))[:, :3]
        for index in np.flatnonzero(read_numbers(source.path, "campose_valid", is_valid, (count,)) > 0).tolist():
            shown.setdefault(_name(index), []).append(places[index])
    return {name: np.array(places) for name, places in shown.items()}


def _name(index: int) -> str:
    return f"image_{index:05d}"
