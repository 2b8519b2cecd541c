"""Finds what cannot be right about the places of one moving camera, whose pictures need not show one place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from modules.calibrations.plausibility import SEEN_SHARE, depth_of, length, miss_of, roll_cost
from modules.pose_utils import Camera

Rig = Mapping[str, Camera]
STEP_MM = 1000.0  # from image to image: 30 m/s at 30 images a second
FEWEST = 10  # images; fewer may be apart in time
AWAY_MM = (700.0, 30_000.0)  # of people from a camera that is held in the hand
_MISS = 0.5  # usual distance of people from the middle, in halves of the picture


@dataclass(frozen=True)
class Moving:
    """The checks of one moving camera, whose places are in the order of its images.

    `people` are points (P, 3) world mm that an image shows, by its name; `up` (3,) is the world's, if known.
    """

    up: np.ndarray | None = None
    people: Mapping[str, np.ndarray] = field(default_factory=dict)

    def size_problem(self, rig: Rig) -> str | None:
        """Returns why the lengths cannot be right: the camera's speed, or how far away the people are; or None."""
        centres = np.array([camera.centre_world for camera in rig.values()])
        step = float(np.median(np.linalg.norm(np.diff(centres, axis=0), axis=-1))) if len(centres) >= FEWEST else 0.0
        if step > STEP_MM:
            return f"the camera moves {length(step)} from image to image, where less than {length(STEP_MM)} is usual"
        depths = [depth_of(camera, point) for camera, point in self._pairs(rig) if miss_of(camera, point) <= 1]
        away = float(np.median(depths)) if depths else AWAY_MM[0]
        if AWAY_MM[0] <= away <= AWAY_MM[1]:
            return None
        return (
            f"the people of the file are {length(away)} in front of the camera, where {length(AWAY_MM[0])} to "
            f"{length(AWAY_MM[1])} is usual"
        )

    def direction_problem(self, rig: Rig) -> str | None:
        """Returns why the directions cannot be right: the people are not in the pictures; or None."""
        pairs = self._pairs(rig)
        seen = sum(miss_of(camera, point) <= 1 for camera, point in pairs)
        if seen >= SEEN_SHARE * len(pairs):
            return None
        return f"the people of the file are in the picture {seen} of {len(pairs)} times"

    def tells(self, rig: Rig) -> bool:
        """Whether anything about the directions can be seen: by people, or by the roll."""
        return bool(self._pairs(rig)) or self.up is not None

    def agrees(self, rig: Rig) -> bool:
        """Always true."""
        return True

    def cost(self, rig: Rig) -> float:
        """Returns how unusual the places are: how far people are from the picture's middle, and the rolls if up is known."""
        misses = [miss_of(camera, point) for camera, point in self._pairs(rig)]
        people = float(np.mean(np.square(misses))) / _MISS**2 if misses else 0.0
        return people + (0.0 if self.up is None else roll_cost(rig, self.up[None]))

    def _pairs(self, rig: Rig) -> list[tuple[Camera, np.ndarray]]:
        return [(rig[name], point) for name, points in self.people.items() if name in rig for point in points]
