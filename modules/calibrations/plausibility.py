"""Finds what cannot be right about the cameras of one file: their distances, and whether they look at one place.

A reading in the wrong unit, with the centre for t, or with another direction of the rotation gives numbers of the right
shapes. It rarely gives cameras that stand 0.3 to 30 m apart, look at one place, and see enough of it to show a person.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from modules.pose_utils import Camera

APART_MM = (300.0, 30_000.0)
PERSON_MM = 1000.0  # a picture that shows less at the place that all cameras look at shows no person
SEEN_SHARE = 0.75  # of the cameras that must have this place in their picture
_PARALLEL_DEG = 5.0  # axes closer than this do not say where they meet
_OPENGL = np.diag([1.0, -1.0, -1.0])


@dataclass(frozen=True)
class Misreading:
    """A usual mistake about [R|t]: how it is called, and the correction of (R, t)."""

    what: str
    correct: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


MISREADINGS = (
    Misreading("rotation and translation are camera to world", lambda R, t: (R.T, -R.T @ t)),
    Misreading("the rotation is transposed", lambda R, t: (R.T, t)),
    Misreading("the translation is the camera's centre C, where t = -R C is needed", lambda R, t: (R, -R @ t)),
    Misreading("the camera's axes are OpenGL's (y up, z backward)", lambda R, t: (_OPENGL @ R, _OPENGL @ t)),
    Misreading(
        "rotation and translation are camera to world in OpenGL's axes", lambda R, t: (_OPENGL @ R.T, -_OPENGL @ R.T @ t)
    ),
    Misreading("the translation is the camera's centre C, and the rotation is transposed", lambda R, t: (R.T, -R.T @ t)),
)  # fmt: skip


def apart_mm(cameras: Mapping[str, Camera]) -> float:
    """Returns the largest distance of two cameras; of one camera alone, that from the world's origin."""
    centres = np.array([camera.centre_world for camera in cameras.values()])
    others = centres if len(centres) > 1 else np.zeros((1, 3))
    return float(np.linalg.norm(centres[:, None] - others[None], axis=-1).max())


def size_problem(cameras: Mapping[str, Camera]) -> str | None:
    """Returns why the cameras' distances cannot be right, or None. A single camera at the origin has none."""
    apart = apart_mm(cameras)
    what = "the cameras are {} apart" if len(cameras) > 1 else "the camera is {} from the world's origin"
    if apart == 0 and len(cameras) == 1:
        return None
    if not APART_MM[0] <= apart <= APART_MM[1]:
        return f"{what.format(_length(apart))}, where {_length(APART_MM[0])} to {_length(APART_MM[1])} is usual"
    shown = shown_mm(cameras)
    if shown is not None and shown < PERSON_MM:
        return f"the pictures show {_length(shown)} at the place that the cameras look at, where no person fits in"
    return None


def direction_problem(cameras: Mapping[str, Camera]) -> str | None:
    """Returns why the cameras' directions cannot be right, or None if they can, or if there is no telling."""
    place = meeting_place(cameras)
    if place is None:
        return None
    blind = [name for name, camera in cameras.items() if not _sees(camera, place)]
    if len(cameras) - len(blind) >= SEEN_SHARE * len(cameras):
        return None
    return (
        f"the optical axes do not meet in front of the cameras: {len(blind)} of {len(cameras)} (first {blind[0]}) do not "
        "have the place that is nearest to all axes in their picture"
    )


def meeting_place(cameras: Mapping[str, Camera]) -> np.ndarray | None:
    """Returns the point (3,) world mm that is nearest to all optical axes; None for one camera or parallel axes."""
    axes = np.array([camera.R[2] for camera in cameras.values()])
    centres = np.array([camera.centre_world for camera in cameras.values()])
    if (axes @ axes.T > np.cos(np.radians(_PARALLEL_DEG))).all():
        return None
    across = np.eye(3) - axes[:, :, None] * axes[:, None, :]
    return np.asarray(np.linalg.lstsq(across.sum(0), (across @ centres[..., None]).sum(0)[:, 0], rcond=None)[0])


def shown_mm(cameras: Mapping[str, Camera]) -> float | None:
    """Returns the longer side of the largest picture at the place that the cameras look at; None if there is none.

    Of a single camera, this place is the world's origin, if it is in the picture.
    """
    place = meeting_place(cameras)
    if place is None and len(cameras) == 1:
        place = np.zeros(3)
    if place is None:
        return None
    sides = [
        _depth(camera, place) * np.max(_half_angles(camera)) * 2 for camera in cameras.values() if _sees(camera, place)
    ]
    return max(sides, default=None)


def explanations(cameras: Mapping[str, Camera]) -> list[str]:
    """Returns the usual mistakes about [R|t] whose correction makes the cameras plausible."""
    found = []
    for misreading in MISREADINGS:
        corrected = {name: _corrected(camera, misreading) for name, camera in cameras.items()}
        if direction_problem(corrected) is None and size_problem(corrected) is None:
            found.append(misreading.what)
    return found


def _corrected(camera: Camera, misreading: Misreading) -> Camera:
    R, t = misreading.correct(camera.R, camera.t)
    return replace(camera, R=R, t=t)


def _depth(camera: Camera, point: np.ndarray) -> float:
    return float(camera.R[2] @ point + camera.t[2])


def _half_angles(camera: Camera) -> np.ndarray:
    """Returns the tangents (2,) of half the angles of view, from the principal point if the size is unknown."""
    half = camera.K[:2, 2] if camera.image_size is None else np.array(camera.image_size) / 2
    return np.asarray(half / camera.K[[0, 1], [0, 1]])


def _sees(camera: Camera, point: np.ndarray) -> bool:
    """Whether a point is in front of a camera and in its picture."""
    cam = camera.R @ point + camera.t
    return bool(cam[2] > 0 and (np.abs(cam[:2]) <= _half_angles(camera) * cam[2]).all())


def _length(mm: float) -> str:
    return f"{mm / 1000:.3g} m" if mm >= 100 else f"{mm:.2g} mm"
