"""The usual mistakes in calibrations, and what the readers say of each: refused, named, corrected, or not seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from benchmarks.calibrations.writers import OPENGL, PINHOLE, SCALES, WRITERS, size
from modules.calibrations.reading import ReadOptions, read_calibration
from modules.pose_utils import Camera, project_to_image
from modules.utils import UserError

Rig = Mapping[str, Camera]
NOT_SEEN, NAMED, REFUSED, RIGHT = "not seen", "named", "refused", "right"
FRONT = np.array([[0.1, 0.05, 1.0], [-0.1, 0.1, 1.2], [0.05, -0.1, 0.8]]) * 4000  # camera mm


@dataclass(frozen=True)
class Mistake:
    """A mistake: how it changes each camera, and a word by which a message or a note names it."""

    what: str
    change: Callable[[Camera], Camera]
    word: str


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
    Mistake("lengths 1000 times too large", _times(1000), "0.001 times"),
    Mistake("lengths 1000 times too small", _times(0.001), "1000 times"),
    Mistake("lengths 10 times too large", _times(10), "0.1 times"),
    Mistake("lengths 10 times too small", _times(0.1), "10 times"),
)
DIRECTIONS = (
    Mistake("camera to world", _posed(lambda R, t: (R.T, -R.T @ t)), "camera to world"),
    Mistake("R transposed", _posed(lambda R, t: (R.T, t)), "transposed"),
    Mistake("centre for t (or t for centre)", _posed(lambda R, t: (R, -R.T @ t)), "centre"),
    Mistake("OpenGL's axes", _posed(lambda R, t: (OPENGL @ R, OPENGL @ t)), "OpenGL"),
    Mistake("camera to world, OpenGL's axes", _posed(lambda R, t: (R.T @ OPENGL, -R.T @ t)), "OpenGL"),
)
PICTURES = (
    Mistake("width and height swapped", lambda camera: replace(camera, image_size=size(camera)[::-1]), "swapped"),
    Mistake("K of twice the size", _in_px(lambda K: np.diag([2.0, 2, 1]) @ K), "another size"),
    Mistake("K divided by the width", lambda camera: replace(camera, K=np.diag([1 / size(camera)[0]] * 2 + [1]) @ camera.K),
            "px"),
)  # fmt: skip
INVISIBLE = (
    Mistake("half a pixel", _in_px(lambda K: K + [[0, 0, 0.5], [0, 0, 0.5], [0, 0, 0]]), "half"),
    Mistake("p1 and p2 swapped", _with_lens([0, 1, 3, 2, 4]), "p1"),
    Mistake("signs of the lens", lambda camera: replace(camera, distortion=None if camera.distortion is None
            else -camera.distortion), "signs"),
)  # fmt: skip


def outcome(name: str, rig: Rig, mistake: Mistake | None, folder: Path, up: np.ndarray | None = None) -> str:
    """Returns what becomes of a rig that a format's writer writes with a mistake: NOT_SEEN, NAMED, REFUSED or RIGHT.

    REFUSED counts whether or not the message names the mistake; NAMED is a rig that is read, with a note.
    """
    if name in PINHOLE:
        rig = {key: replace(camera, distortion=None) for key, camera in rig.items()}
    wrong = rig if mistake is None else {key: mistake.change(camera) for key, camera in rig.items()}
    options = ReadOptions(scale=SCALES.get(name), up=up, floor_mm=None if up is None else 0.0)
    try:
        read = read_calibration(WRITERS[name](folder, wrong), options)
    except UserError as error:
        return NAMED if mistake is not None and mistake.word in str(error) else REFUSED
    if all(_is_same(found, true) for found, true in zip(read.cameras.values(), rig.values(), strict=True)):
        return RIGHT
    return NAMED if mistake is not None and any(_names(note, mistake) for note in read.notes) else NOT_SEEN


def _names(note: str, mistake: Mistake) -> bool:
    return mistake.word in note or "check it" in note or "look at one place only if" in note


def _is_same(found: Camera, true: Camera) -> bool:
    """Whether two cameras see points of the second one's view within 0.001 px of each other, and have one size."""
    points_world = (FRONT - true.t) @ true.R
    near = np.allclose(project_to_image(points_world, found), project_to_image(points_world, true), atol=1e-3)
    return near and found.image_size in (true.image_size, None)
