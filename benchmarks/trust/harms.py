"""The harms: what people write wrongly into camera files, do to pictures, or mix up; and inputs that are legal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from model.skeleton import MIRROR

OPENGL = np.diag([1.0, -1.0, -1.0])
SWAP = np.array([[0.0, 1, 0], [1, 0, 0], [0, 0, 1]])


@dataclass(frozen=True)
class Shot:
    """One camera file and what its images hold: raw px, the extractor's pose, labels."""

    name: str  # the view
    K: np.ndarray  # (3, 3) px of the picture
    R: np.ndarray
    t: np.ndarray
    size: tuple[int, int]  # of the images
    distortion: np.ndarray | None
    up: np.ndarray | None
    floor: float | None
    raw_px: np.ndarray  # (N, 24, 2)
    rel_mm: np.ndarray  # (N, 24, 3)
    joints: np.ndarray  # (N, 24, 3) labels
    written: dict[str, Any] = field(default_factory=dict)  # fields of the file that differ; None leaves a field out

    def file(self) -> dict[str, Any]:
        """Returns the content of the camera file."""
        content = {
            "intrinsics": (np.diag([1 / 1920, 1 / 1920, 1]) @ self.K).tolist(),
            "extrinsics": np.column_stack([self.R, self.t]).tolist(), "image_size": list(self.size),
            "distortion": None if self.distortion is None else self.distortion.tolist(),
            "world_up": None if self.up is None else self.up.tolist(), "floor_height_mm": self.floor, **self.written,
        }  # fmt: skip
        return {key: value for key, value in content.items() if value is not None}


Change = Callable[[Shot], Shot]
SetChange = Callable[[list[Shot]], list[Shot]]


@dataclass(frozen=True)
class Harm:
    """A harm, and the words of which one names its cause. A harm without words is legal."""

    name: str
    change: SetChange
    words: tuple[str, ...] = ()
    labels: bool = False  # it is in the labels, so that only the checks with labels can see it


def each(change: Change) -> SetChange:
    """Applies a change to every camera."""
    return lambda shots: [change(shot) for shot in shots]


def first(change: Change) -> SetChange:
    """Applies a change to the first camera of every recording."""
    return lambda shots: [
        change(shot) if shot.name.endswith("_" + shots[0].name.rpartition("_")[2]) else shot for shot in shots
    ]


def camera(change: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]) -> Change:
    """Changes [R|t] as written."""

    def apply(shot: Shot) -> Shot:
        R, t = change(shot.R, shot.t)
        return replace(shot, written={**shot.written, "extrinsics": np.column_stack([R, t]).tolist()})

    return apply


def intrinsics(change: Callable[[np.ndarray, tuple[int, int]], np.ndarray]) -> Change:
    """Changes K as written; the change is given K in px and the images' size, and returns K divided by 1920."""

    def apply(shot: Shot) -> Shot:
        return replace(
            shot, written={**shot.written, "intrinsics": change(shot.K, shot.size).tolist(), "image_size": None}
        )

    return apply


def scaled(times: float) -> Change:
    """K of a picture that is `times` as large."""
    return intrinsics(lambda K, size: np.diag([times / 1920, times / 1920, 1]) @ K)


def focal(times: float, across: float = 1.0) -> Change:
    """A focal length that is wrong by a factor, beside the right principal point."""

    def change(K: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        wrong = K.copy()
        wrong[0, 0] *= times * across
        wrong[1, 1] *= times
        return np.diag([1 / 1920, 1 / 1920, 1]) @ wrong

    return intrinsics(change)


def shifted(dx: float, dy: float) -> Change:
    """A principal point that is off by so many px."""
    return intrinsics(lambda K, size: np.diag([1 / 1920, 1 / 1920, 1]) @ (K + [[0, 0, dx], [0, 0, dy], [0, 0, 0]]))


def moved(degrees: float, mm: float) -> Change:
    """A camera that was touched after its calibration."""

    def change(R: np.ndarray, t: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        turned = Rotation.from_rotvec(np.radians(degrees) * np.array([0.6, 0.64, 0.48])).as_matrix() @ R
        return turned, -turned @ (-R.T @ t + mm * np.array([0.6, 0.64, 0.48]))

    return camera(change)


def field_as(**fields: Any) -> Change:
    """Other values of fields of the file."""
    return lambda shot: replace(shot, written={**shot.written, **fields})


def pictures(change: Callable[[np.ndarray, tuple[int, int]], np.ndarray], size: Callable[[tuple[int, int]], tuple[int, int]],
             turn: np.ndarray | None = None, keep: bool = False) -> Change:  # fmt: skip
    """Pictures that were changed after the calibration; `turn` is what it does to directions in the camera."""

    def apply(shot: Shot) -> Shot:
        rel = shot.rel_mm if turn is None else shot.rel_mm @ turn.T
        px = change(shot.raw_px, shot.size)
        if turn is not None and np.linalg.det(turn) < 0:
            px, rel = px[:, list(MIRROR)], rel[:, list(MIRROR)]
        written = {**shot.written, "image_size": list(shot.size) if keep else None}
        return replace(shot, raw_px=px, rel_mm=rel, size=size(shot.size), written=written)

    return apply


def floor_off(mm: float) -> Change:
    """A floor that is too high by so many mm."""
    return lambda shot: replace(shot, written={**shot.written, "floor_height_mm": (shot.floor or 0.0) + mm})


def labels(change: Callable[[np.ndarray], np.ndarray]) -> Change:
    """Changes labels."""
    return lambda shot: replace(shot, joints=change(shot.joints))


def swapped_files(shots: list[Shot]) -> list[Shot]:
    """The files of the first two cameras of every recording are swapped."""
    order = _by_recording(shots, lambda own: [own[1], own[0], *own[2:]] if len(own) > 1 else own)
    return [_with_file(shot, order[shot.name]) for shot in shots]


def one_file(shots: list[Shot]) -> list[Shot]:
    """One file is copied to all cameras of a recording."""
    order = _by_recording(shots, lambda own: [own[0]] * len(own))
    return [_with_file(shot, order[shot.name]) for shot in shots]


def other_recording(shots: list[Shot]) -> list[Shot]:
    """Every camera has the file of the next recording's."""
    count = len({shot.name.rpartition("_")[0] for shot in shots})
    step = len(shots) // count if count > 1 else 0
    return [_with_file(shot, shots[(i + step) % len(shots)]) for i, shot in enumerate(shots)]


def _by_recording(shots: list[Shot], order: Callable[[list[Shot]], list[Shot]]) -> dict[str, Shot]:
    groups: dict[str, list[Shot]] = {}
    for shot in shots:
        groups.setdefault(shot.name.rpartition("_")[0], []).append(shot)
    return {shot.name: other for own in groups.values() for shot, other in zip(own, order(own), strict=True)}


def _with_file(shot: Shot, other: Shot) -> Shot:
    content = {**dict.fromkeys(shot.file()), **other.file(), "image_size": None}
    return replace(shot, written=content)
