"""Reads the two spellings of Human3.6M's calibration that hold world to camera in mm.

camera-parameters.json (karfly/human36m-camera-parameters) has R and t. metadata.xml of the official code has three
angles, R = Rx(a) Ry(b) Rz(c), and the centre. A camera is named <subject>_<id>. Neither holds the size of the images.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from modules.calibrations import values
from modules.calibrations.base import CENTRES, FileCamera, FileRig
from modules.calibrations.source import Source
from modules.calibrations.values import entry
from modules.calibrations.xml_numbers import parsed
from modules.utils import UserError

NAME, TITLE = "h36m", "Human3.6M camera-parameters.json or metadata.xml"
SIZES = {"54138969": (1000, 1002), "60457274": (1000, 1002), "55011271": (1000, 1000), "58860488": (1000, 1000)}
_IDS = ("54138969", "55011271", "58860488", "60457274")
_SUBJECTS, _PER_POSE, _PER_LENS = 11, 6, 9


def sniff(source: Source) -> bool:
    """See Format."""
    if source.xml is not None:
        return source.xml.find(".//w0") is not None
    data = source.json
    return (
        isinstance(data, dict) and isinstance(data.get("intrinsics"), dict) and isinstance(data.get("extrinsics"), dict)
    )


def read(source: Source) -> FileRig:
    """See Format."""
    is_json = source.xml is None
    cameras = _from_json(source) if is_json else _from_xml(source)
    if not cameras:
        raise UserError(f"{source.path}: extrinsics has no subjects; fetch the file again")
    return FileRig(cameras, "mm", "z") if is_json else FileRig(cameras, "mm", "z", rule=CENTRES)


def size_of(camera: str, K: np.ndarray) -> tuple[int, int] | None:
    """Returns the size of the data set's images if K can belong to it, else None."""
    size = SIZES.get(camera)
    return size if size is not None and (np.abs(K[:2, 2] / size - 0.5) < 0.1).all() else None


def _from_json(source: Source) -> dict[str, FileCamera]:
    path, cameras = source.path, {}
    intrinsics, extrinsics = source.json["intrinsics"], source.json["extrinsics"]
    for subject, poses in extrinsics.items():
        for camera in poses if isinstance(poses, dict) else ():
            field, pose = f"intrinsics.{camera}", poses[camera]
            own = entry(path, "intrinsics", intrinsics, camera)
            K = values.intrinsics(path, f"{field}.calibration_matrix", entry(path, field, own, "calibration_matrix"))
            where = f"extrinsics.{subject}.{camera}"
            cameras[f"{subject}_{camera}"] = FileCamera(
                K,
                values.rotation(path, f"{where}.R", entry(path, where, pose, "R")),
                values.vector(path, f"{where}.t", entry(path, where, pose, "t")),
                size_of(camera, K),
                values.lens(path, f"{field}.distortion", own.get("distortion", [])),
            )
    return cameras


def _from_xml(source: Source) -> dict[str, FileCamera]:
    path, root = source.path, source.xml
    element = None if root is None else root.find(".//w0")
    text = (element.text or "" if element is not None else "").strip().strip("[]")
    ids = [] if root is None else [item.text or "" for item in root.findall(".//dbcameras/index2id//item")]
    ids = ids if len(ids) == len(_IDS) else list(_IDS)
    poses = len(ids) * _SUBJECTS * _PER_POSE
    numbers = parsed(path, "w0", text, poses + len(ids) * _PER_LENS)
    return {
        f"S{subject + 1}_{camera}": _of_numbers(
            path, camera,
            numbers[:poses].reshape(len(ids), _SUBJECTS, _PER_POSE)[index, subject],
            numbers[poses:].reshape(len(ids), _PER_LENS)[index],
        )
        for subject in range(_SUBJECTS) for index, camera in enumerate(ids)
    }  # fmt: skip


def _of_numbers(path: Path, camera: str, pose: np.ndarray, lens: np.ndarray) -> FileCamera:
    K = values.matrix(path, f"w0 of camera {camera}", lens[:4].tolist())
    k1, k2, k3, p1, p2 = lens[4:].tolist()
    turns = [cv2.Rodrigues(angle * axis)[0] for angle, axis in zip(pose[:3], np.eye(3), strict=True)]
    R = turns[0] @ turns[1] @ turns[2]
    distortion = values.lens(path, f"w0 of camera {camera}", [k1, k2, p1, p2, k3])
    return FileCamera(K, R, -R @ pose[3:], size_of(camera, K), distortion)
