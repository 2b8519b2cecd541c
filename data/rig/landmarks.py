"""Detects the 33 BlazePose landmarks of everybody in every frame of a view, once: finished parts are kept on disk."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from data.rig.views import View
from modules.console import progress_bar
from modules.files.atomic import atomic_path
from modules.files.zip_files import read_npz
from modules.utils import log

NUM_LANDMARKS = 33
PART = 200  # frames in one file: what a killed run loses at most
MOST_BYTES = 2**26  # of one file's landmarks: hundreds of people in every frame
Detect = Callable[[np.ndarray, Sequence[Any]], Sequence[Any]]
"""RGB image and the people of the frame before → people with landmarks_px (33, 2) and visibility (33,)."""


@dataclass(frozen=True)
class People2D:
    """The people in F frames of one view, at most P at a time, the most confident first."""

    points_px: np.ndarray  # (F, P, 33, 2) px of the raw images
    visibility: np.ndarray  # (F, P, 33) 0..1; 0 where there is nobody

    @property
    def first(self) -> tuple[np.ndarray, np.ndarray]:
        """The most confident person's px (F, 33, 2) and visibility (F, 33)."""
        return self.points_px[:, 0], self.visibility[:, 0]


def detect_view(view: View, folder: Path, make_detect: Callable[[], Detect], fingerprint: str) -> People2D:
    """Returns the people of every frame of a view. Each part is saved in `folder` as soon as it is finished.

    Saved parts of another detector (by `fingerprint`) or of other frames (by content) are detected again.
    """
    parts, detect = [], None
    video_content = view.content(range(0)) if view.video is not None else None
    with progress_bar(len(view.times_s), f"landmarks {view.camera}", "image") as bar:
        for number, start in enumerate(range(0, len(view.times_s), PART)):
            frames = range(start, min(start + PART, len(view.times_s)))
            path = folder / f"part-{number:05d}.npz"
            mark = f"{fingerprint}/{video_content or view.content(frames)}/{frames.start}-{frames.stop}"
            part = _read_part(path, mark, len(frames))
            if part is None:
                detect = detect or make_detect()
                part = _detect(view, frames, detect, bar.update)
                with atomic_path(path) as temporary:
                    np.savez_compressed(temporary, mark=np.array(mark), **part)  # type: ignore[arg-type]
            else:
                bar.update(len(frames))
            parts.append(part)
    return _joined(parts)


def _detect(view: View, frames: range, detect: Detect, done: Callable[[], Any]) -> dict[str, np.ndarray]:
    """Returns how many people each frame shows, and the landmarks of all of them one after the other."""
    counts, points, visibility = [], [], []
    people: Sequence[Any] = ()  # whatever the part before has seen, so that parts do not depend on each other
    for image in view.read_as_written(frames):
        people = detect(image, people)
        counts.append(len(people))
        points += [person.landmarks_px for person in people]
        visibility += [person.visibility for person in people]
        done()
    return {
        "counts": np.array(counts, dtype=int),
        "points_px": np.array(points, dtype=float).reshape(-1, NUM_LANDMARKS, 2),
        "visibility": np.array(visibility, dtype=float).reshape(-1, NUM_LANDMARKS),
    }


def _read_part(path: Path, mark: str, frames: int) -> dict[str, np.ndarray] | None:
    """Returns a saved part; None if it is missing, broken, or of other frames or another detector."""
    try:
        part = read_npz(path, MOST_BYTES)
        if str(part.pop("mark")) != mark:
            return None
        _require_shapes(part, frames)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError) as error:
        log.info("%s: not readable (%s), so these landmarks are detected again", path, error)
        return None
    return part


def _require_shapes(part: Mapping[str, np.ndarray], frames: int) -> None:
    """Raises ValueError or KeyError if the arrays of a part are not those of so many frames and the people in them."""
    counts, points, visibility = (part[name] for name in ("counts", "points_px", "visibility"))
    if counts.shape != (frames,) or counts.dtype.kind != "i" or (counts < 0).any():
        raise ValueError("its counts are not those of its frames")
    people = sum(counts.tolist())
    if points.shape != (people, NUM_LANDMARKS, 2) or visibility.shape != (people, NUM_LANDMARKS):
        raise ValueError("its landmarks are not those of its people")
    if points.dtype.kind != "f" or visibility.dtype.kind != "f":
        raise ValueError("its landmarks are no numbers")


def _joined(parts: Sequence[dict[str, np.ndarray]]) -> People2D:
    counts, points, visibility = (
        np.concatenate([part[name] for part in parts]) for name in ("counts", "points_px", "visibility")
    )
    people = max(1, int(counts.max(initial=0)))
    px = np.zeros((len(counts), people, NUM_LANDMARKS, 2))
    seen = np.zeros((len(counts), people, NUM_LANDMARKS))
    frame = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(frame)) - np.repeat(np.cumsum(counts) - counts, counts)
    px[frame, place], seen[frame, place] = points, visibility
    return People2D(px, seen)
