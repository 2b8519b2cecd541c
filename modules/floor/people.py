"""Describes people by what their posture says about the ground: body direction, straightness, feet.

Joints are (N, 24, 3) world mm in SMPL order; NaN joints make their person unusable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from model.skeleton import FEET, JOINT_NAMES, ROOT
from modules.pose_utils import Camera

ANKLES = [JOINT_NAMES.index("left_ankle"), JOINT_NAMES.index("right_ankle")]
NECK = JOINT_NAMES.index("neck")
LEGS = [[JOINT_NAMES.index(f"{side}_{part}") for part in ("hip", "knee", "ankle")] for side in ("left", "right")]
LEG_MM = 400.0, 1300.0  # thigh plus shin, from a small child to a very tall adult; labels in another unit are not used
STANDING = 0.85  # of the leg's length that a standing person's pelvis is above the lowest foot joint, at least
SQUATTING = 0.4  # the same of a person who sits or squats; crawling and lying people are below it
ON_FEET_MM = 100.0  # the lowest joint of a person on their feet is no more than this below the lowest foot joint


@dataclass(frozen=True)
class Recording:
    """The people of one recording, and the cameras that share its world."""

    name: str
    joints_world: np.ndarray  # (N, 24, 3) mm
    cameras: Sequence[Camera]

    @property
    def declared_up(self) -> np.ndarray | None:
        """The up direction (3,) that a camera file declares; None if none does."""
        return next((camera.world_up for camera in self.cameras if camera.world_up is not None), None)

    @property
    def declared_floor(self) -> float | None:
        """The floor's height in mm that a camera file declares; None if none does."""
        return next((camera.floor_height_mm for camera in self.cameras if camera.floor_height_mm is not None), None)

    @property
    def is_declared(self) -> bool:
        """Whether every camera file declares both up and floor, so that nothing is to be measured."""
        return all(camera.floor_height_mm is not None for camera in self.cameras)


def usable(joints: np.ndarray) -> np.ndarray:
    """Returns the people (M, 24, 3) whose joints are all finite, and whose legs are human in mm."""
    joints = joints[np.isfinite(joints).all((1, 2))]
    legs = leg_lengths(joints)
    return np.asarray(joints[(legs > LEG_MM[0]) & (legs < LEG_MM[1])])


def body_directions(joints: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the unit vectors from ankles to neck (N, 3), and how far each body is from straight: (N,) degrees.

    A body is straight if ankles, pelvis and neck are on one line.
    """
    ankles = joints[:, ANKLES].mean(1)
    lower, upper = _unit(joints[:, ROOT] - ankles), _unit(joints[:, NECK] - joints[:, ROOT])
    bend = np.degrees(np.arccos(np.clip((lower * upper).sum(-1), -1, 1)))
    return _unit(joints[:, NECK] - ankles), bend


def lowest_feet(joints: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Returns each person's lowest foot joint along up (3,): (N, 3) mm."""
    feet = joints[:, FEET]
    return np.asarray(np.take_along_axis(feet, (feet @ up).argmin(1)[:, None, None], 1)[:, 0])


def is_on_feet(joints: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Returns which people (N,) stand, sit or squat: not those who lie, crawl, hang or stand on their hands."""
    heights = joints @ up
    feet = heights[:, FEET].min(1)
    return np.asarray(
        (heights[:, ROOT] - feet > SQUATTING * leg_lengths(joints)) & (feet - heights.min(1) < ON_FEET_MM)
    )


def is_standing(joints: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Returns which people (N,) have a leg stretched out below the pelvis."""
    heights = joints @ up
    return np.asarray(heights[:, ROOT] - heights[:, FEET].min(1) > STANDING * leg_lengths(joints))


def leg_lengths(joints: np.ndarray) -> np.ndarray:
    """Returns the length of thigh plus shin, mean of both legs: (N,) mm."""
    return np.asarray(
        np.mean([np.linalg.norm(np.diff(joints[:, leg], axis=1), axis=-1).sum(1) for leg in LEGS], axis=0)
    )


def _unit(vectors: np.ndarray) -> np.ndarray:
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9))
