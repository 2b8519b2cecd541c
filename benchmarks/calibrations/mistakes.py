"""The usual mistakes in calibrations, and what the readers say of each: refused, named, corrected, unchecked, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.calibrations.writers import OPENGL, PINHOLE, SCALES, WRITERS, size
from modules.calibrations import open_questions
from modules.calibrations.reading import ReadOptions, read_calibration
from modules.pose_utils import Camera, project_to_image
from modules.utils import UserError

Rig = Mapping[str, Camera]
NOT_SEEN, UNCHECKED, NAMED, REFUSED, RIGHT = "not seen", "unchecked", "named", "refused", "right"
FRONT = np.array([[0.1, 0.05, 1.0], [-0.1, 0.1, 1.2], [0.05, -0.1, 0.8]]) * 4000  # camera mm


@dataclass(frozen=True)
class Mistake:
    """A mistake: how it changes each camera, and words by one of which a message or a note tells it."""

    what: str
    change: Callable[[Camera], Camera]
    words: tuple[str, ...]


def _posed(change: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]) -> Callable[[Camera], Camera]:
    def changed(camera: Camera) -> Camera:
        R, t = change(camera.R, camera.t)
        return replace(camera, R=R, t=t)

    return changed


def _times(factor: float) -> Callable[[Camera], Camera]:
    return _posed(lambda R, t: (R, factor * t))


def _in_px(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Camera], Camera]:
    return lambda camera: replace(camera, K=change(camera.K))


def _with_lens(order: list[int]) -> Callable[[Camera], Camera]:
    return lambda camera: replace(camera, distortion=None if camera.distortion is None else camera.distortion[order])


UNITS = (
    Mistake("lengths 1000 times too large", _times(1000), ("0.001 times",)),
    Mistake("lengths 1000 times too small", _times(0.001), ("1000 times",)),
    Mistake("lengths 10 times too large", _times(10), ("0.1 times",)),
    Mistake("lengths 10 times too small", _times(0.1), ("10 times",)),
)
_FORK = "look at one place only if"  # the note on VideoPose3D's dictionaries, which says what they are
DIRECTIONS = (
    Mistake("camera to world", _posed(lambda R, t: (R.T, -R.T @ t)),
            ("are camera to world:", "are camera to world;", "be camera to world", _FORK)),
    Mistake("R transposed", _posed(lambda R, t: (R.T, t)), ("transposed", _FORK)),
    Mistake("centre for t (or t for centre)", _posed(lambda R, t: (R, -R.T @ t)), ("centre C", "a centre for t", _FORK)),
    Mistake("OpenGL's axes", _posed(lambda R, t: (OPENGL @ R, OPENGL @ t)), ("axes are OpenGL's", "OpenGL's axes;",
            "OpenGL's axes,", "OpenGL's axes or", _FORK)),
    Mistake("camera to world, OpenGL's axes", _posed(lambda R, t: (R.T @ OPENGL, -R.T @ t)),
            ("camera to world in OpenGL's axes", "OpenGL's camera to world", _FORK)),
)  # fmt: skip
PICTURES = (
    Mistake("width and height swapped", lambda camera: replace(camera, image_size=size(camera)[::-1]), ("swapped",)),
    Mistake("K of twice the size", _in_px(lambda K: np.diag([2.0, 2, 1]) @ K), ("another size",)),
    Mistake("K divided by the width", lambda camera: replace(camera, K=np.diag([1 / size(camera)[0]] * 2 + [1]) @ camera.K),
            ("px",)),
)  # fmt: skip
INVISIBLE = (
    Mistake("half a pixel", _in_px(lambda K: K + [[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]]), ("half a pixel",)),
    Mistake("p1 and p2 swapped", _with_lens([0, 1, 3, 2, 4]), ("order",)),
    Mistake("signs of the lens", lambda camera: replace(camera, distortion=None if camera.distortion is None
            else -camera.distortion), ("signs",)),
)  # fmt: skip


def outcome(name: str, rig: Rig, mistake: Mistake | None, folder: Path, up: np.ndarray | None = None) -> str:
    """Returns what becomes of a rig that a format's writer writes with a mistake.

    NAMED if a message or a note tells the mistake, REFUSED if a message tells another reason, UNCHECKED if a note says that
    this mistake could not be seen, RIGHT if the cameras are right all the same, else NOT_SEEN.
    """
    if name in PINHOLE:
        rig = {key: replace(camera, distortion=None) for key, camera in rig.items()}
    wrong = rig if mistake is None else {key: mistake.change(camera) for key, camera in rig.items()}
    options = ReadOptions(scale=SCALES.get(name), up=up, floor_mm=None if up is None else 0.0)
    try:
        read = read_calibration(WRITERS[name](folder, wrong), options)
    except UserError as error:
        return NAMED if mistake is not None and _tells(str(error), mistake) else REFUSED
    if all(_is_same(found, true) for found, true in zip(read.cameras.values(), rig.values(), strict=True)):
        return RIGHT
    notes = [note for note in read.notes if mistake is not None and _tells(note, mistake)]
    if any(not note.startswith(open_questions.UNCHECKED) for note in notes):
        return NAMED
    return UNCHECKED if notes else NOT_SEEN


def _tells(note: str, mistake: Mistake) -> bool:
    return any(word in note for word in mistake.words)


def _is_same(found: Camera, true: Camera) -> bool:
    """Whether two cameras see points of the second one's view within 0.001 px of each other, and have one size."""
    points_world = (FRONT - true.t) @ true.R
    near = np.allclose(project_to_image(points_world, found), project_to_image(points_world, true), atol=1e-3)
    return near and found.image_size in (true.image_size, None)
