"""Writes .rrd files for the Rerun viewer: skeletons and the camera in metres, expected errors as plots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from model.skeleton import EDGES, JOINT_NAMES, NUM_JOINTS
from modules.export.description import describe
from modules.export.packages import packages_of
from modules.export.poses import Poses
from modules.export.tracks import FrameTimes, frame_times, people
from modules.files.atomic import atomic_path

M_PER_MM = 0.001
JOINT_RADIUS_M = 0.015
LEAST_COSINE = 0.999  # between up and the axis that the viewer takes for it


def write_rrd(poses: Poses, folder: Path) -> Path:
    """Writes poses.rrd. Joints are in the source's axes; a person has no points in a frame without them.

    The description is JSON in the recording's property `groundpose`. Raises UserError if the package is not installed.
    """
    (rerun,) = packages_of("rrd")
    path = folder / "poses.rrd"
    with atomic_path(path) as temporary:
        recording = rerun.RecordingStream("groundpose")
        recording.save(temporary)
        about = json.dumps(describe(poses, "m"), allow_nan=False, ensure_ascii=False)
        recording.send_property("groundpose", rerun.AnyValues(about=about))
        _add_scene(rerun, recording, poses)
        timed = frame_times(poses)
        for person in people(poses):
            _add_person(rerun, recording, poses, person, timed)
        recording.flush()
        recording.disconnect()
    return path


def _add_scene(rerun: Any, recording: Any, poses: Poses) -> None:
    """Adds up, where it is one of the axes, the names of the joints, and the camera, where the poses know it."""
    if poses.up is not None and np.abs(poses.up).max() > LEAST_COSINE:
        axis = int(np.abs(poses.up).argmax())
        sign = "" if poses.up[axis] > 0 else "NEG_"
        recording.log("world", getattr(rerun.ViewCoordinates, f"RIGHT_HAND_{sign}{'XYZ'[axis]}_UP"), static=True)
    context = [
        rerun.ClassDescription(
            info=rerun.AnnotationInfo(id=person, label=f"person{person}"),
            keypoint_annotations=[rerun.AnnotationInfo(id=i, label=name) for i, name in enumerate(JOINT_NAMES)],
            keypoint_connections=list(EDGES),
        )
        for person in people(poses)
    ]
    recording.log("world", rerun.AnnotationContext(context), static=True)
    camera = poses.origin.get("camera")
    if isinstance(camera, dict) and {"K", "R", "t"} <= set(camera):
        R, t = np.array(camera["R"]), np.array(camera["t"])
        pose = rerun.Transform3D(translation=-R.T @ t * M_PER_MM, mat3x3=R.T)
        recording.log("world/camera", pose, static=True)
        size = camera.get("image_size")
        lens = rerun.Pinhole(image_from_camera=camera["K"], resolution=size, camera_xyz=rerun.ViewCoordinates.RDF)
        recording.log("world/camera", lens, static=True)


def _add_person(rerun: Any, recording: Any, poses: Poses, person: int, timed: FrameTimes) -> None:
    """Adds one person's joints and expected errors, by frame and, where it is known, by time."""
    rows = np.flatnonzero(np.asarray(poses.found, bool) & (np.asarray(poses.person) == person))
    joints, errors = poses.joints_mm[rows] * M_PER_MM, poses.expected_error_mm[rows]
    counts = np.where(np.isin(timed.frames, poses.frame_index[rows]), NUM_JOINTS, 0)
    times = [rerun.TimeColumn("frame", sequence=timed.frames)]
    if timed.are_known:
        times.append(rerun.TimeColumn("time", duration=timed.time_s))
    name = f"world/person{person}"
    fixed = rerun.Points3D.from_fields(
        keypoint_ids=np.arange(NUM_JOINTS), class_ids=[person], radii=[JOINT_RADIUS_M], show_labels=False
    )
    recording.log(name, fixed, static=True)
    moving = rerun.Points3D.columns(positions=joints.reshape(-1, 3)).partition(counts)
    recording.send_columns(name, times, moving)
    # Of Arrow's own type, since rerun drops an array without values whose type it has not seen.
    each = rerun.AnyValues.columns(expected_error_mm=pa.array(errors.reshape(-1), pa.float32())).partition(counts)
    recording.send_columns(name, times, each)
    mean = rerun.Scalars.columns(scalars=errors.mean(1)).partition(counts // NUM_JOINTS)
    recording.send_columns(f"mean_expected_error_mm/person{person}", times, mean)
