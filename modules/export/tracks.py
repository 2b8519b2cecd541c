"""Arranges poses as one evenly timed sequence per person, for formats that have a frame rate."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from model.skeleton import NUM_JOINTS
from modules.export.poses import Poses
from modules.utils import UserError, log

UNTIMED_HZ = 1.0  # images without time follow each other at this rate
PER_PERSON = (".trc", ".bvh")  # formats with a file per person
DESCRIBED = (".csv", *PER_PERSON)  # formats with a description beside the file
PERSON_STEM = re.compile(r"poses_person[0-9]+")
MOST_GAPS = 20  # frames of a sequence per frame that exists; times that need more do not have one rate


@dataclass(frozen=True)
class Track:
    """One person's joints over T frames. Frames without the person are NaN."""

    person: int
    joints_mm: np.ndarray  # (T, 24, 3)
    expected_error_mm: np.ndarray  # (T, 24)

    @property
    def found(self) -> np.ndarray:
        """Whether the person was found in each frame: (T,) bool."""
        return np.asarray(np.isfinite(self.joints_mm).all((1, 2)))


@dataclass(frozen=True)
class Sequence:
    """The tracks of all people over the same T frames."""

    rate_hz: float
    time_s: np.ndarray  # (T,)
    tracks: list[Track]

    def __len__(self) -> int:
        return len(self.time_s)


class FrameTimes(NamedTuple):
    """The frames of poses in order, and when each was taken."""

    frames: np.ndarray  # (F,) frame indices
    time_s: np.ndarray  # (F,)
    are_known: bool  # False: images have no times, or they do not increase; they then follow each other at UNTIMED_HZ


def frame_times(poses: Poses) -> FrameTimes:
    """Returns the frames of the poses with their times."""
    frames, first = np.unique(poses.frame_index, return_index=True)
    times = np.asarray(poses.time_s, dtype=np.float64)[first]
    if np.isfinite(times).all() and (np.diff(times) > 0).all():
        return FrameTimes(frames, times, True)
    return FrameTimes(frames, np.arange(len(frames)) / UNTIMED_HZ, False)


def evenly_timed(poses: Poses, file_format: str) -> Sequence:
    """Returns the poses as frames of one rate; a gap in the times becomes frames without anybody.

    A frame is as many places after the one before as their distance holds median intervals, at least one. The rate is that
    of all places over the whole duration. Raises UserError if the times are too uneven for one rate.
    """
    frames, times, are_known = frame_times(poses)
    steps = np.diff(times)
    places = np.zeros(len(frames), int)
    rate = UNTIMED_HZ
    if len(steps):
        places[1:] = np.cumsum(np.maximum(1, np.round(steps / np.median(steps))).astype(int))
        rate = float(places[-1] / (times[-1] - times[0]))
    count = int(places[-1]) + 1 if len(places) else 0
    if count > MOST_GAPS * len(frames):
        raise UserError(
            f"--save {file_format}: {file_format} has one frame rate, but the times of the images are too uneven for one "
            f"({len(frames)} images would become {count:,} frames); leave {file_format} out"
        )
    if len(frames) > 1 and not are_known:
        log.info("%s: the images have no times, so they follow each other at %g per second", file_format, rate)
    start = float(times[0]) if len(times) else 0.0
    place_of = dict(zip(frames.tolist(), places.tolist(), strict=True))
    row_places = np.array([place_of[frame] for frame in np.asarray(poses.frame_index).tolist()], int)
    tracks = [_track(poses, person, row_places, count) for person in people(poses)]
    return Sequence(rate, start + np.arange(count) / rate, tracks)


def people(poses: Poses) -> list[int]:
    """Returns the numbers of the people who were found; [0] if nobody was, for files that then hold empty frames."""
    return sorted({int(person) for person in poses.person[poses.found]}) or [0]


def _track(poses: Poses, person: int, row_places: np.ndarray, count: int) -> Track:
    rows = np.flatnonzero(np.asarray(poses.found, bool) & (np.asarray(poses.person) == person))
    joints, error = np.full((count, NUM_JOINTS, 3), np.nan), np.full((count, NUM_JOINTS), np.nan)
    joints[row_places[rows]], error[row_places[rows]] = poses.joints_mm[rows], poses.expected_error_mm[rows]
    return Track(person, joints, error)


def track_paths(folder: Path, tracks: list[Track], suffix: str) -> list[Path]:
    """Returns a file per person: poses.<suffix>, or poses_person0.<suffix> and so on if there are several people.

    Files of these names for other people are removed: they are of an earlier export into the same folder.
    """
    if len(tracks) == 1:
        paths = [folder / f"poses{suffix}"]
    else:
        paths = [folder / f"poses_person{track.person}{suffix}" for track in tracks]
    for old in {folder / f"poses{suffix}", *person_paths(folder, suffix)} - set(paths):
        old.unlink(missing_ok=True)
        about_path(old).unlink(missing_ok=True)
    return paths


def person_paths(folder: Path, suffix: str) -> list[Path]:
    """Returns the files that `track_paths` has named for one person each, and no others, whose names only begin so."""
    return [path for path in folder.glob(f"poses_person*{suffix}") if PERSON_STEM.fullmatch(path.stem)]


def files_of(path: Path) -> list[Path]:
    """Returns what a format has written: this file, those of other people beside it, and the descriptions, if they exist."""
    files = {path}
    if path.suffix in PER_PERSON and (path.stem == "poses" or PERSON_STEM.fullmatch(path.stem)):
        files |= {path.with_name(f"poses{path.suffix}"), *person_paths(path.parent, path.suffix)}
    files |= {about_path(file) for file in files if file.suffix in DESCRIBED}
    return sorted(file for file in files if file.is_file())


def about_path(path: Path) -> Path:
    """Returns the JSON file beside a file whose format has no place for a description."""
    return path.with_name(f"{path.name}.json")
