"""Compares the cameras of worlds: their mean up, and whether they are the same or stand in the same place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modules.pose_utils import Camera

SAME_CENTRE_MM, SAME_ROTATION_DEG = 100.0, 3.0  # cameras this close are the same, calibrated twice
MARGIN_MM, MARGIN_SHARE, MARGIN_DEG = 300.0, 0.5, 10.0  # by which a camera may be outside the range of others


def cameras_up(cameras: Sequence[Camera]) -> np.ndarray:
    """Returns the mean up direction (3,) of the images in the world; shorter than 1 as far as the cameras disagree."""
    return np.asarray(np.mean([-camera.R[1] for camera in cameras], axis=0))


def is_world_frame(camera: Camera) -> bool:
    """Returns whether the world is this camera's own frame, so that its axes say nothing about up."""
    return bool(np.allclose(camera.R, np.eye(3), atol=1e-3) and np.linalg.norm(camera.t) < 1)


def is_same_camera(one: Camera, other: Camera) -> bool:
    """Returns whether two cameras stand in the same place and look the same way, up to a new calibration.

    A camera whose frame is the world is not the same as another such camera: each defines a world of its own.
    """
    turn = (np.trace(one.R @ other.R.T) - 1) / 2
    near = np.linalg.norm(one.centre_world - other.centre_world) < SAME_CENTRE_MM
    return bool(near and turn > np.cos(np.radians(SAME_ROTATION_DEG)) and not is_world_frame(one))


def group_by_camera(recordings: Sequence[Sequence[Camera]]) -> np.ndarray:
    """Returns the number of each recording's group (N,), from 0; recordings that share a camera are in one group."""
    # Here, since they take longer than all else that a command without anything to measure imports.
    from scipy.sparse import coo_array  # noqa: PLC0415
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415
    from scipy.spatial import cKDTree  # noqa: PLC0415

    cameras = [camera for one in recordings for camera in one]
    owner = np.repeat(np.arange(len(recordings)), [len(one) for one in recordings])
    centres, rotations = np.stack([one.centre_world for one in cameras]), np.stack([one.R for one in cameras])
    near = cKDTree(centres).query_pairs(SAME_CENTRE_MM, output_type="ndarray")
    turns = (np.einsum("pij,pij->p", rotations[near[:, 0]], rotations[near[:, 1]]) - 1) / 2
    of_world = np.array([is_world_frame(camera) for camera in cameras])[near[:, 0]]
    pairs = owner[near[(turns > np.cos(np.radians(SAME_ROTATION_DEG))) & ~of_world]]
    shape = (len(recordings), len(recordings))
    return np.asarray(connected_components(coo_array((np.ones(len(pairs)), pairs.T), shape), directed=False)[1])


@dataclass(frozen=True)
class Range:
    """Where the cameras of a world are: their heights, their tilts, and how far they are from their middle."""

    up: np.ndarray  # (3,)
    middle: np.ndarray  # (3,) world mm
    reach_mm: float
    heights_mm: tuple[float, float]  # least and greatest, along up
    tilts_deg: tuple[float, float]

    @classmethod
    def of(cls, cameras: Sequence[Camera], up: np.ndarray) -> Range:
        """Returns the range of these cameras in a world with this up direction (3,)."""
        centres = np.stack([camera.centre_world for camera in cameras])
        heights, tilts = centres @ up, [_tilt_deg(camera, up) for camera in cameras]
        middle = centres.mean(0)
        reach = float(_horizontal(centres - middle, up).max())
        return cls(up, middle, reach, (float(heights.min()), float(heights.max())), (min(tilts), max(tilts)))

    def holds(self, camera: Camera, margins: float = 1.0) -> bool:
        """Returns whether a camera is in the range.

        It may be outside by `margins` times MARGIN_MM of height, MARGIN_DEG of tilt, and MARGIN_SHARE of the reach.
        """
        centre = camera.centre_world
        return bool(
            _outside(float(centre @ self.up), self.heights_mm) <= margins * MARGIN_MM
            and _outside(_tilt_deg(camera, self.up), self.tilts_deg) <= margins * MARGIN_DEG
            and float(_horizontal(centre - self.middle, self.up)) <= (1 + margins * MARGIN_SHARE) * self.reach_mm
        )


def _outside(value: float, ends: tuple[float, float]) -> float:
    return max(ends[0] - value, value - ends[1], 0.0)


def _tilt_deg(camera: Camera, up: np.ndarray) -> float:
    """Returns the angle between the image's up and the world's up in degrees."""
    return float(np.degrees(np.arccos(np.clip(-camera.R[1] @ up, -1, 1))))


def _horizontal(vectors: np.ndarray, up: np.ndarray) -> np.ndarray:
    """Returns the lengths (...) of vectors (..., 3) across up."""
    return np.asarray(np.linalg.norm(vectors - (vectors @ up)[..., None] * up, axis=-1))
