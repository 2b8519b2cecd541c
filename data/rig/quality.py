"""Measures the quality of labels, for the quality page and for rig.json."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from data.rig.clock import normalised
from data.rig.recording_labels import LabelledPerson, LabelledRecording
from data.rig.selection import limb_lengths
from modules.extractors.blazepose.landmarks import LANDMARKS_TO_SMPL24
from modules.floor.people import Recording as FloorRecording
from modules.floor.worlds import World, measure_worlds
from modules.rig.refinement import movement

LANDMARKS = "landmarks"  # what labels without the released weights are made of
PARTS = ("body", "legs", "arms")  # whose sides are swapped as a whole


def recording_quality(done: LabelledRecording) -> dict[str, Any]:
    """Returns the figures of one recording as JSON values."""
    clock = done.moments.clock
    return {
        "name": done.recording.name,
        "moments": int(done.written.sum()),
        "step": done.step,
        "seconds": round(float(np.ptp(done.moments.times_s)), 2),
        "detections": done.found.detections,
        "detections_dropped": done.found.dropped,
        "cameras": {name: _camera(done, index) for index, name in enumerate(done.recording.names)},
        "shifts_estimated": clock.estimate is not None,
        "shifts_unclear": list(clock.unclear),
        "people": [_person(person) for person in done.people],
    }


def _camera(done: LabelledRecording, index: int) -> dict[str, Any]:
    """Returns a camera's shift, movement and, for the first person, its reprojection errors in px of its own images."""
    clock, view = done.moments.clock, done.recording.views[index]
    scale = normalised(done.recording.cameras[index])[1]
    labels, kept = done.people[0].labels, done.people[0].kept
    moved_mm, turned = movement(done.recording.cameras[index], done.cameras[index])
    return {
        "test": index == done.test_camera,
        "frames_per_second": round(view.frames_per_second, 3),
        "shift_frames": _number(clock.shifts_s[index] * clock.rate, 2),
        "shift_between_frames": None if clock.estimate is None else _number(clock.estimate.between_frames[index], 2),
        "shift_contrast": None if clock.estimate is None else _number(clock.estimate.contrast[index], 2),
        "moved_mm": round(moved_mm, 1),
        "turned_degrees": round(turned, 2),
        "before_px": _number(_median(labels.residuals_before_px[index, kept]) / scale, 2),
        "after_px": _number(_median(labels.residuals_px[index, kept]) / scale, 2),
        "after_px_90": _number(_median(labels.residuals_px[index, kept], 90) / scale, 2),
        "swapped": {part: int(swaps[index].sum()) for part, swaps in zip(PARTS, labels.swapped, strict=True)},
    }


def _person(person: LabelledPerson) -> dict[str, Any]:
    lengths = limb_lengths(person.labels.joints_world[person.kept])
    sd = person.labels.joints_sd_mm[person.kept]
    return {
        "person": person.person,
        "kept": int(person.kept.sum()),
        "thrown": {reason: int(which.sum()) for reason, which in person.thrown.items()},
        "limb_length_mm": {name: _number(np.median(values), 1) for name, values in lengths.items()} if len(sd) else {},
        "limb_length_sd_mm": {name: _number(values.std(), 1) for name, values in lengths.items()} if len(sd) else {},
        "joint_sd_mm": _number(_median(sd), 1),
    }


def joint_residuals_px(done: LabelledRecording, person: LabelledPerson) -> np.ndarray:
    """Returns the median reprojection error (C, 24) px of each camera's images, of the landmarks that make up each joint."""
    shares = LANDMARKS_TO_SMPL24 > 0
    table = np.full((len(done.cameras), len(shares)), np.nan)
    for index, camera in enumerate(done.recording.cameras):
        own = person.labels.residuals_px[index, person.kept] / normalised(camera)[1]
        for joint, used in enumerate(shares):
            table[index, joint] = _median(own[:, used])
    return table


def measured_worlds(recordings: Sequence[LabelledRecording]) -> list[World]:
    """Measures up and floor on the kept labels, as training does where the cameras do not declare them."""
    people = [
        FloorRecording(
            f"{done.recording.pose}_{person.person}", person.labels.joints_world[person.kept], _undeclared(done)
        )
        for done in recordings
        for person in done.people
    ]
    return measure_worlds([one for one in people if len(one.joints_world)], "the labels")


def _undeclared(done: LabelledRecording) -> list[Any]:
    return [replace(camera, world_up=None, floor_height_mm=None) for camera in done.cameras]


def _median(values: np.ndarray, percent: float = 50) -> float:
    """Returns a percentile of the values that are no NaN; NaN without any."""
    known = values[np.isfinite(values)]
    return float(np.percentile(known, percent)) if known.size else float("nan")


def _number(value: float, digits: int) -> float | None:
    """Returns a rounded number, or None for NaN, which JSON does not have."""
    return round(float(value), digits) + 0.0 if np.isfinite(value) else None
