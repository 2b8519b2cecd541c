"""Reads the two spellings of Human3.6M's calibration that hold camera to world and centres: VideoPose3D's and MMPose's.

VideoPose3D's dictionary, saved as JSON, has quaternions w, x, y, z, centres in mm (in m after its loading), and tangential
numbers as [p2, p1]. Ray3D and its forks write world to camera and [p1, p2] under the same keys. MMPose's cameras.pkl has
matrices and centres in m. Sources: VideoPose3D h36m_dataset.py; mmpose preprocess_h36m.py.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from modules.calibrations import values
from modules.calibrations.base import AUTO, FileCamera, FileRig
from modules.calibrations.plausibility import direction_problem
from modules.calibrations.source import Source
from modules.calibrations.values import entry
from modules.files.numbers import read_numbers
from modules.pose_utils import Camera
from modules.utils import UserError

NAME, TITLE = "h36m-derived", "Human3.6M as VideoPose3D or MMPose write it"
CAMERA_TO_WORLD = "R maps camera to world, beside centres"
_FORKS: tuple[tuple[str | None, Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]], ...] = (
    (None, lambda R, C: (R.T, -R.T @ C)),
    ("orientation is world to camera and translation the centre", lambda R, C: (R, -R @ C)),
    ("orientation and translation are world to camera", lambda R, t: (R, t)),
)


def sniff(source: Source) -> bool:
    """See Format."""
    data = source.json
    if isinstance(data, dict) and isinstance(data.get("intrinsic"), list) and isinstance(data.get("extrinsic"), dict):
        return True
    return isinstance(source.pickle, dict) and any(
        isinstance(one, dict) and {"R", "T", "f", "c"} <= set(one) for one in source.pickle.values()
    )


def read(source: Source) -> FileRig:
    """See Format."""
    return _videopose3d(source) if source.pickle is None else _mmpose(source)


def _videopose3d(source: Source) -> FileRig:
    """Returns the cameras by the first of the known directions in which they look at one place."""
    readings = [_as_written(source, fork) for fork in range(len(_FORKS))]
    fork = next((index for index, cameras in enumerate(readings) if direction_problem(_posed(cameras)) is None), 0)
    order = "[p1, p2], as Ray3D and its forks write them" if fork else "[p2, p1], as VideoPose3D writes them"
    what = _FORKS[fork][0]
    notes = [f"tangential_distortion is taken as {order}; the file does not tell"]
    if what is not None:
        notes.append(f"the cameras look at one place only if {what}, unlike VideoPose3D's, and are read so")
    return FileRig(readings[fork], AUTO, "z", tuple(notes), what or CAMERA_TO_WORLD)


def _posed(cameras: dict[str, FileCamera]) -> dict[str, Camera]:
    return {
        name: Camera(one.K, one.R, one.t, one.image_size)
        for name, one in cameras.items() if one.R is not None and one.t is not None
    }  # fmt: skip


def _as_written(source: Source, fork: int) -> dict[str, FileCamera]:
    path, cameras = source.path, {}
    lenses = source.json["intrinsic"]
    for subject, poses in source.json["extrinsic"].items():
        if not isinstance(poses, list) or len(poses) > len(lenses):
            raise UserError(
                f"{path}: extrinsic.{subject} needs a list with a pose for each of intrinsic; write it again"
            )
        for index, (lens, pose) in enumerate(zip(lenses, poses, strict=False)):
            if not isinstance(pose, dict) or "orientation" not in pose:
                continue  # subjects without labels have empty poses
            where, field = f"extrinsic.{subject}[{index}]", f"intrinsic[{index}]"
            R = values.quaternion(path, f"{where}.orientation", pose["orientation"])
            offset = values.vector(path, f"{where}.translation", entry(path, where, pose, "translation"))
            R, t = _FORKS[fork][1](R, offset)
            cameras[f"{subject}_{entry(path, field, lens, 'id')}"] = _with_lens(path, field, lens, R, t, bool(fork))
    if not cameras:
        raise UserError(f"{path}: extrinsic has no pose with an orientation; write the cameras' poses")
    return cameras


def _with_lens(path: Path, field: str, lens: dict[str, Any], R: np.ndarray, t: np.ndarray, is_fork: bool) -> FileCamera:
    numbers = {
        key: values.flat(entry(path, field, lens, key))
        for key in ("focal_length", "center", "radial_distortion", "tangential_distortion")
    }
    for key, count in (("focal_length", 2), ("center", 2), ("radial_distortion", 3), ("tangential_distortion", 2)):
        read_numbers(path, f"{field}.{key}", numbers[key], (count,))
    k1, k2, k3 = numbers["radial_distortion"]
    p1, p2 = numbers["tangential_distortion"] if is_fork else numbers["tangential_distortion"][::-1]
    size = [entry(path, field, lens, key) for key in ("res_w", "res_h")]
    return FileCamera(
        values.matrix(path, f"{field}.focal_length, center", [*numbers["focal_length"], *numbers["center"]]), R, t,
        values.size(path, f"{field}.res_w, res_h", size), values.lens(path, field, [k1, k2, p1, p2, k3]),
    )  # fmt: skip


def _mmpose(source: Source) -> FileRig:
    path, cameras = source.path, {}
    for key, one in source.pickle.items():
        name = "_".join(map(str, key)) if isinstance(key, tuple) else str(key)
        numbers = {field: values.flat(entry(path, name, one, field)) for field in ("f", "c", "k", "p")}
        for field, count in (("f", 2), ("c", 2), ("k", 3), ("p", 2)):
            read_numbers(path, f"{name}.{field}", numbers[field], (count,))
        R = values.rotation(path, f"{name}.R", entry(path, name, one, "R")).T
        centre = values.vector(path, f"{name}.T", entry(path, name, one, "T"))
        k1, k2, k3 = numbers["k"]
        cameras[name] = FileCamera(
            values.matrix(path, f"{name}.f, c", [*numbers["f"], *numbers["c"]]), R, -R @ centre,
            values.size(path, f"{name}.w, h", [entry(path, name, one, "w"), entry(path, name, one, "h")]),
            values.lens(path, f"{name}.k, p", [k1, k2, *numbers["p"], k3]),
        )  # fmt: skip
    return FileRig(cameras, "m", "z", rule=CAMERA_TO_WORLD)
