"""The usual mistakes about [R|t] and lengths: which of them the numbers of a file suggest, and which they do not rule out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from modules.pose_utils import Camera

Rig = Mapping[str, Camera]
# A reading of more than the first cost is questioned if another costs less by the second factor.
SURE = 12.0, 8.0
SUSPECT = 2.0, 2.0
POSSIBLE = 24.0  # sound rigs cost up to this
FEW = 3  # cameras: the costs of so few refuse no reading
UNSURE = 4  # cameras: without a known up, sound rigs of so few may cost anything
WORSE = 4.0  # a reading that costs more by this factor is ruled out, if it costs more than a sound rig
FACTORS = (1000.0, 10.0, 100.0, 0.001, 0.1, 0.01)  # by which lengths may be wrong
_OPENGL = np.diag([1.0, -1.0, -1.0])


class Checks(Protocol):
    """What can be checked of cameras."""

    def size_problem(self, rig: Rig) -> str | None:
        """Returns why the lengths cannot be right, or None."""
        ...

    def direction_problem(self, rig: Rig) -> str | None:
        """Returns why the directions cannot be right, or None."""
        ...

    def tells(self, rig: Rig) -> bool:
        """Whether anything about the directions can be seen."""
        ...

    def agrees(self, rig: Rig) -> bool:
        """Whether the cameras say what they look at."""
        ...

    def cost(self, rig: Rig) -> float:
        """Returns how unusual the directions are: about 1 for usual ones."""
        ...


@dataclass(frozen=True)
class Misreading:
    """A usual mistake about [R|t]: what is wrong, its name, and the correction of (R, t)."""

    what: str
    name: str
    correct: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


MISREADINGS = (
    Misreading("rotation and translation are camera to world", "camera to world", lambda R, t: (R.T, -R.T @ t)),
    Misreading("the rotation is transposed", "a transposed R", lambda R, t: (R.T, t)),
    Misreading("the translation is the camera's centre C, where t = -R C is needed", "a centre for t",
               lambda R, t: (R, -R @ t)),
    Misreading("the camera's axes are OpenGL's (y up, z backward)", "OpenGL's axes",
               lambda R, t: (_OPENGL @ R, _OPENGL @ t)),
    Misreading("rotation and translation are camera to world in OpenGL's axes", "OpenGL's camera to world",
               lambda R, t: (_OPENGL @ R.T, -_OPENGL @ R.T @ t)),
)  # fmt: skip


def better_reading(rig: Rig, checks: Checks, limits: tuple[float, float]) -> Misreading | None:
    """Returns the usual mistake whose correction makes the cameras look at one place and stand level far better; else None.

    `limits` is SURE or SUSPECT. How many sound rigs SURE refuses is measured by `python -m benchmarks.calibrations`.
    """
    if not checks.tells(rig):
        return None
    corrected = [(_corrected(rig, misreading), misreading) for misreading in MISREADINGS]
    costs = [
        (checks.cost(other), index) for index, (other, _) in enumerate(corrected)
        if checks.agrees(other) and _is_possible(other, checks)
    ]  # fmt: skip
    own = checks.cost(rig)
    best, index = min(costs, default=(np.inf, 0))
    least, factor = limits
    return corrected[index][1] if own > least and best < own / factor else None


def open_misreadings(rig: Rig, checks: Checks) -> list[Misreading]:
    """Returns the usual mistakes that the numbers do not rule out: with them corrected, the cameras would look as right."""
    if not checks.tells(rig):
        return list(MISREADINGS)
    others = [(misreading, _corrected(rig, misreading)) for misreading in MISREADINGS]
    if len(rig) <= UNSURE and all(camera.world_up is None for camera in rig.values()):
        return [misreading for misreading, other in others if checks.direction_problem(other) is None]
    most = max(POSSIBLE, WORSE * checks.cost(rig))
    return [
        misreading for misreading, other in others
        if _is_possible(other, checks) and checks.cost(other) <= most and all(map(is_above_floor, other.values()))
    ]  # fmt: skip


def possible_factors(rig: Rig, checks: Checks) -> list[float]:
    """Returns the factors by which lengths could be wrong: with these the cameras would have a plausible size."""
    return [factor for factor in FACTORS if checks.size_problem(scaled(rig, factor)) is None]


def scaled(rig: Rig, factor: float) -> dict[str, Camera]:
    """Returns the cameras in a world whose lengths are `factor` times as large."""
    return {name: replace(camera, t=camera.t * factor) for name, camera in rig.items()}


def is_above_floor(camera: Camera) -> bool:
    """Whether a camera is above the floor, as far as that is known."""
    up, floor = camera.world_up, camera.floor_height_mm
    return up is None or floor is None or bool(up @ camera.centre_world > floor)


def _is_possible(rig: Rig, checks: Checks) -> bool:
    return checks.size_problem(rig) is None and checks.direction_problem(rig) is None


def _corrected(rig: Rig, misreading: Misreading) -> dict[str, Camera]:
    changed = {name: misreading.correct(camera.R, camera.t) for name, camera in rig.items()}
    return {name: replace(rig[name], R=R, t=t) for name, (R, t) in changed.items()}
