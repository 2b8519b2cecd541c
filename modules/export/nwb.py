"""Writes .nwb files (Neurodata Without Borders 2) with the extension ndx-pose: metres, one pose estimation per person."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from model.skeleton import EDGES, JOINT_NAMES, NUM_JOINTS
from modules.export.description import describe
from modules.export.packages import packages_of
from modules.export.poses import Poses
from modules.export.tracks import FrameTimes, frame_times, people
from modules.files.atomic import atomic_path
from modules.files.hashing import digest

M_PER_MM = 0.001
UNKNOWN_START = datetime(1970, 1, 1, tzinfo=UTC)  # NWB demands a start; nothing says when the images were taken


def write_nwb(poses: Poses, folder: Path) -> Path:
    """Writes poses.nwb. Positions and expected errors are NaN in frames without the person; there is no confidence.

    The description is JSON in the file's notes. Raises UserError if a package is not installed.
    """
    pynwb, pose = packages_of("nwb")
    about, timed = describe(poses, "m"), frame_times(poses)
    file = pynwb.NWBFile(
        session_description="3D poses of people, estimated by GroundPose from one calibrated camera. The start of the session "
        "is unknown; 1970-01-01 stands for it.",
        identifier=digest([about, poses.joints_mm.tobytes().hex()]), session_start_time=UNKNOWN_START,
        notes=json.dumps(about, allow_nan=False, ensure_ascii=False),
    )  # fmt: skip
    module = file.create_processing_module("behavior", "People's 24 SMPL joints, and the expected error of each.")
    edges = np.array(EDGES, np.uint8)
    skeletons = [pose.Skeleton(name=f"person{n}_skeleton", nodes=list(JOINT_NAMES), edges=edges) for n in people(poses)]
    module.add(pose.Skeletons(skeletons=skeletons))
    device = _camera(pose, poses)
    if device is not None:
        file.add_device(device)
    for person, skeleton in zip(people(poses), skeletons, strict=True):
        joints, errors = _of_person(poses, person, timed)
        estimation = pose.PoseEstimation(
            name=f"person{person}", pose_estimation_series=_series(pose, joints, about["axes"], timed), skeleton=skeleton,
            description="Estimated by one network from one view.", source_software="GroundPose", device=device,
            source_software_version=str(poses.origin.get("version", "unknown")),
        )  # fmt: skip
        module.add(estimation)
        module.add(_errors(pynwb, person, errors, timed))
    path = folder / "poses.nwb"
    with atomic_path(path) as temporary, pynwb.NWBHDF5IO(str(temporary), "w") as handle:
        handle.write(file)
    return path


def _of_person(poses: Poses, person: int, timed: FrameTimes) -> tuple[np.ndarray, np.ndarray]:
    """Returns joints (F, 24, 3) mm and expected errors (F, 24) mm of a person in every frame, NaN where missing."""
    count = len(timed.frames)
    joints, errors = np.full((count, NUM_JOINTS, 3), np.nan), np.full((count, NUM_JOINTS), np.nan)
    rows = np.flatnonzero(np.asarray(poses.found, bool) & (np.asarray(poses.person) == person))
    places = np.searchsorted(timed.frames, np.asarray(poses.frame_index)[rows])
    joints[places], errors[places] = poses.joints_mm[rows], poses.expected_error_mm[rows]
    return joints, errors


def _series(pose: Any, joints_mm: np.ndarray, axes: str, timed: FrameTimes) -> list[Any]:
    """Returns the series of each joint; all share the timestamps of the first."""
    metres = (joints_mm * M_PER_MM).astype(np.float32)
    series: list[Any] = []
    for joint, name in enumerate(JOINT_NAMES):
        series.append(
            pose.PoseEstimationSeries(
                name=name,
                data=metres[:, joint],
                unit="meters",
                reference_frame=f"axes and origin: {axes}",
                timestamps=series[0] if series else timed.time_s,
                comments=_comment(timed),
            )
        )
    return series


def _errors(pynwb: Any, person: int, errors_mm: np.ndarray, timed: FrameTimes) -> Any:
    return pynwb.TimeSeries(
        name=f"person{person}_expected_error", data=(errors_mm * M_PER_MM).astype(np.float32), unit="meters",
        timestamps=timed.time_s, comments=_comment(timed),
        description=f"Distance from the true joint that is to be expected; columns: {', '.join(JOINT_NAMES)}.",
    )  # fmt: skip


def _comment(timed: FrameTimes) -> str:
    return "times of the video" if timed.are_known else "the images have no times; timestamps count them"


def _camera(pose: Any, poses: Poses) -> Any:
    """Returns the camera as a device, where the poses know it; its translation is in mm."""
    camera = poses.origin.get("camera")
    if not (isinstance(camera, dict) and {"K", "R", "t"} <= set(camera)):
        return None
    K, R, t, lens = (
        None if camera.get(name) is None else np.array(camera[name], float) for name in ("K", "R", "t", "distortion")
    )
    return pose.CalibratedCamera(
        name="camera", intrinsic_matrix=K, rotation_matrix=R, translation_vector=t, distortion_coefficients=lens,
        description="World to camera; x right, y down, z forward; the translation is in mm.",
    )  # fmt: skip
