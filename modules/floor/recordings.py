"""Gathers the recordings of a split: the people in their labels or views, and their cameras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from modules.files.layout import Frame
from modules.floor.people import Recording
from modules.floor.views import triangulated_people
from modules.pose_utils import Camera


def labelled_recordings(
    frames: Sequence[Frame], cameras: Mapping[Path, Camera], labels: Mapping[Path, np.ndarray]
) -> list[Recording]:
    """Returns the recordings of a split with the people of their labels, each moment once; labels may be missing."""
    people: dict[str, dict[Path, np.ndarray]] = {}
    for frame in frames:
        own = people.setdefault(frame.recording, {})
        if frame.label_path in labels:
            own[frame.label_path] = labels[frame.label_path]
    own_cameras = _cameras(frames, cameras)
    return [
        Recording(name, np.stack(list(own.values())) if own else np.zeros((0, 24, 3)), own_cameras[name])
        for name, own in people.items()
    ]


def viewed_recordings(
    frames: Sequence[Frame], cameras: Mapping[Path, Camera], rows: Mapping[str, np.ndarray]
) -> list[Recording]:
    """Returns the recordings of a split with the people triangulated from their views.

    `rows` are the columns of the frames' cache rows, in any order; no label is read.
    """
    own_rows: dict[str, list[int]] = {}
    for row, (pose, person) in enumerate(zip(rows["pose"], rows["person"], strict=True)):
        own_rows.setdefault(f"{pose}_{person}", []).append(row)
    names = ("found", "camera", "sequence", "joints_px", "confidence", "K", "R", "t")
    return [
        Recording(name, triangulated_people({key: rows[key][own_rows.get(name, [])] for key in names}), own_cameras)
        for name, own_cameras in _cameras(frames, cameras).items()
    ]


def _cameras(frames: Sequence[Frame], cameras: Mapping[Path, Camera]) -> dict[str, list[Camera]]:
    """Returns the cameras of each recording, in the order of the frames."""
    paths: dict[str, dict[Path, None]] = {}
    for frame in frames:
        paths.setdefault(frame.recording, {})[frame.camera_path] = None
    return {name: [cameras[path] for path in own] for name, own in paths.items()}
