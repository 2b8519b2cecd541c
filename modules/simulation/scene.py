"""Changes scenes at random: people bend, turn and move over the floor; cameras are tilted, raised and miscalibrated.

Shapes: B poses (B, 24, 3) world mm, up directions (B, 3), cameras R (B, 3, 3) and t (B, 3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.skeleton import FEET, PARENTS
from modules.config.train import Train
from modules.simulation.generators import Generator

BEND_DEGREES = 8.0  # standard deviation of the rotation at every joint
TILT_DEGREES, RAISE_MM, SHIFT_MM, DISTANCE_SHARE = 8.0, 300.0, 300.0, 0.15  # half widths of uniform distributions
NO_FLOOR_SHARE, NO_UP_SHARE = 0.25, 0.25  # of drawn views: without a floor, and without both floor and up
WRONG_FLOOR_SHARE, WRONG_FLOOR_MM = 0.1, 60.0  # of drawn views with a wrong floor; standard deviation of its error
Row = dict[str, np.ndarray]


@dataclass(frozen=True)
class CalibrationError:
    """Standard deviations of a rig's calibration errors."""

    degrees: float = 0.5  # of the camera's rotation, about each axis
    floor_mm: float = 20.0

    @classmethod
    def of(cls, train: Train) -> CalibrationError:
        """Returns the calibration errors of the config."""
        return cls(*train.calibration_error)


def rotations(rotvec: np.ndarray) -> np.ndarray:
    """Returns the rotations (3, 3, ...) about vectors (3, ...) by their lengths in radians (Rodrigues's formula)."""
    angle = np.sqrt((rotvec**2).sum(0))
    axis = rotvec / np.maximum(angle, np.finfo(rotvec.dtype).tiny)
    sin, rest = np.sin(angle), 2 * np.sin(angle / 2) ** 2  # 1 - cos(angle), exact for small angles
    x, y, z = axis * sin
    out = axis[:, None] * axis[None] * rest
    for row, column, sign in ((0, 1, -z), (1, 0, z), (0, 2, y), (2, 0, -y), (1, 2, -x), (2, 1, x)):
        out[row, column] += sign
    for i in range(3):
        out[i, i] += 1 - rest
    return np.asarray(out)


def rotation_matrices(rotvec: np.ndarray) -> np.ndarray:
    """Returns the rotations (B, 3, 3) about vectors (B, 3) by their lengths in radians."""
    return np.moveaxis(rotations(rotvec.T), -1, 0)


def bend(joints: np.ndarray, degrees: float, rng: np.random.Generator) -> np.ndarray:
    """Rotates every bone and its descendants about the parent joint by random angles; bone lengths are kept.

    All poses are bent at once: arrays have the joints first and the poses last, so that every sum runs over one piece.
    """
    poses, count = np.ascontiguousarray(joints.transpose(1, 2, 0)), len(joints)  # (24, 3, B)
    turns = rotations(rng.standard_normal((3, len(PARENTS), count)) * np.radians(degrees))
    bent, frame = poses.copy(), np.ascontiguousarray(turns.transpose(2, 0, 1, 3))  # (24, 3, 3, B)
    for child, parent in enumerate(PARENTS):
        if parent >= 0:
            above, bone = frame[parent], poses[child] - poses[parent]
            own = frame[child].copy()
            frame[child] = sum(above[:, k, None] * own[k] for k in range(3))
            bent[child] = bent[parent] + sum(frame[child][:, k] * bone[k] for k in range(3))
    return bent.transpose(2, 0, 1)


def move_people(joints: np.ndarray, up: np.ndarray, row: Row, rng: np.random.Generator) -> np.ndarray:
    """Bends people, turns them about the vertical and moves them over the floor; the lowest foot keeps its height."""
    count = len(joints)
    bent = bend(joints, BEND_DEGREES, rng)
    yaw = rotation_matrices(up * rng.uniform(-np.pi, np.pi, (count, 1)))
    turned = (bent - bent[:, :1]) @ yaw.swapaxes(1, 2) + joints[:, :1]
    centre = -np.einsum("bji,bj->bi", row["R"], row["t"])
    away = joints[:, 0] - centre
    away -= (away * up).sum(1, keepdims=True) * up
    sideways = np.cross(up, away / np.linalg.norm(away, axis=1, keepdims=True))
    shift = away * rng.uniform(-DISTANCE_SHARE, DISTANCE_SHARE, (count, 1))
    shift = shift + sideways * rng.uniform(-SHIFT_MM, SHIFT_MM, (count, 1))
    lift = _lowest(joints, up) - _lowest(turned, up)
    return np.asarray(turned + (shift + lift[:, None] * up)[:, None])


def _lowest(joints: np.ndarray, up: np.ndarray) -> np.ndarray:
    return np.asarray(np.einsum("bni,bi->bn", joints[:, FEET], up).min(1))


def move_cameras(
    R: np.ndarray, t: np.ndarray, up: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Tilts the cameras about their own x axis, and raises or lowers them."""
    angle = np.radians(rng.uniform(-TILT_DEGREES, TILT_DEGREES, (len(R), 1))) * [1.0, 0, 0]
    raised = t - np.einsum("bij,bj->bi", R, up * rng.uniform(-RAISE_MM, RAISE_MM, (len(R), 1)))
    tilt = rotation_matrices(angle)
    return tilt @ R, np.einsum("bij,bj->bi", tilt, raised)


def miscalibrate(row: Row, error: CalibrationError, rng: np.random.Generator) -> None:
    """Adds calibration errors to R, t and floor_height_mm, in place; the camera's centre is kept."""
    rotation = rotation_matrices(rng.normal(scale=np.radians(error.degrees), size=(len(row["R"]), 3)))
    centre = np.einsum("bji,bj->bi", row["R"], row["t"])
    row["R"] = rotation @ row["R"]
    row["t"] = np.einsum("bij,bj->bi", row["R"], centre)
    row["floor_height_mm"] = row["floor_height_mm"] + rng.normal(scale=error.floor_mm, size=len(centre))


def withhold_floor(row: Row, rng: Generator) -> None:
    """Makes some floors wrong and removes others, some of them with world_up, in place.

    A network that learns the root depth from such views answers with a floor, with up alone, and without either.
    """
    count = len(row["floor_height_mm"])
    wrong = rng.normal(0.0, WRONG_FLOOR_MM, count) * (rng.random(count) < WRONG_FLOOR_SHARE)
    draw = rng.random(count)
    row["floor_height_mm"] = np.where(draw < NO_FLOOR_SHARE + NO_UP_SHARE, np.nan, row["floor_height_mm"] + wrong)
    row["world_up"] = np.where(draw[:, None] < NO_UP_SHARE, np.nan, row["world_up"])
