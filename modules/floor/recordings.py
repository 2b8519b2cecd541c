"""Gathers the recordings of a split from its files or from cache rows: people in labels or views, and their cameras."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from modules.files.cameras import read_camera
from modules.files.labels import read_labels
from modules.files.layout import Frame, list_frames
from modules.floor.people import Recording
from modules.floor.views import triangulated_people
from modules.pose_utils import Camera

Columns = Mapping[str, np.ndarray]  # of cache rows; see modules.cache.table


def read_recordings(root: Path, split: str) -> list[Recording]:
    """Reads the recordings of a split with the people of their labels. Raises UserError for a file that cannot be used."""
    frames = list_frames(root, split)
    cameras = {path: read_camera(path) for path in sorted({frame.camera_path for frame in frames})}
    return recordings_of_files(frames, cameras, read_labels(frames))


def recordings_of_files(
    frames: Sequence[Frame], cameras: Mapping[Path, Camera], labels: Mapping[Path, np.ndarray]
) -> list[Recording]:
    """Returns the recordings of a split with the people of their labels, each moment once; labels may be missing."""
    people: dict[str, dict[Path, np.ndarray]] = {}
    views: dict[str, dict[Path, Camera]] = {}
    for frame in frames:
        own = people.setdefault(frame.recording, {})
        if frame.label_path in labels:
            own[frame.label_path] = labels[frame.label_path]
        views.setdefault(frame.recording, {})[frame.camera_path] = cameras[frame.camera_path]
    return [Recording(name, _stack(list(own.values())), list(views[name].values())) for name, own in people.items()]


def recordings_of_labels(rows: Columns) -> list[Recording]:
    """Returns the recordings of cache rows with the people of their labels, each moment once."""
    recordings = []
    for name, own in rows_by_recording(rows).items():
        moments: dict[str, np.ndarray] = {}
        for row in own[rows["labelled"][own].astype(bool)]:
            moments.setdefault(rows["sequence"][row], rows["joints_world_mm"][row])
        recordings.append(Recording(name, _stack(list(moments.values())), _cameras(rows, own)))
    return recordings


def recordings_of_views(rows: Columns) -> list[Recording]:
    """Returns the recordings of cache rows with the people triangulated from their views; no label is read."""
    names = ("found", "camera", "sequence", "joints_px", "confidence", "K", "R", "t")
    return [
        Recording(name, triangulated_people({key: rows[key][own] for key in names}), _cameras(rows, own))
        for name, own in rows_by_recording(rows).items()
    ]


def rows_by_recording(rows: Columns) -> dict[str, np.ndarray]:
    """Returns the places of each recording's rows, by the recording's name."""
    places: dict[str, list[int]] = {}
    for row, (pose, person) in enumerate(zip(rows["pose"], rows["person"], strict=True)):
        places.setdefault(f"{pose}_{person}", []).append(row)
    return {name: np.array(own) for name, own in places.items()}


def _cameras(rows: Columns, own: np.ndarray) -> list[Camera]:
    """Returns each camera of a recording's rows."""
    first = {rows["camera"][row]: int(row) for row in own[::-1]}
    return [_camera(rows, row) for _, row in sorted(first.items())]


def _camera(rows: Columns, row: int) -> Camera:
    up, floor = rows["world_up"][row], float(rows["floor_height_mm"][row])
    return Camera(
        rows["K"][row], rows["R"][row], rows["t"][row], world_up=up if np.isfinite(up).all() else None,
        floor_height_mm=floor if np.isfinite(floor) else None,
    )  # fmt: skip


def _stack(people: Sequence[np.ndarray]) -> np.ndarray:
    return np.stack(people) if people else np.zeros((0, 24, 3))
