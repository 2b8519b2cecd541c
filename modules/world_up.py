"""Which way is up in a world that does not say so: asked by extractors that turn their crops upright."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from modules.pose_utils import Camera
from modules.utils import UserError, log

LEAST_LENGTH = 0.3  # of the mean of unit vectors: below it, the cameras contradict each other
LARGEST_RIVAL = 0.8  # share of the nearest axis's part that the next one may have
AXES = "xyz"


def complete_world_up(cameras: Mapping[Path, Camera], configured: Sequence[float] | None) -> dict[Path, Camera]:
    """The cameras with a world_up each: the camera file's own, or the configured one, or the axis that is nearest.

    The axis is taken from all the cameras and logged once. UserError where none is clearly nearest.
    """
    silent = [path for path, camera in cameras.items() if camera.world_up is None]
    if not silent:
        return dict(cameras)
    if configured is not None:
        up = np.array(configured, dtype=np.float64) / np.linalg.norm(configured)
    else:
        up = nearest_axis(list(cameras.values()), silent[0])
        log.info(
            "%s and %d more cameras declare no world_up; %s is nearest to the cameras' mean up direction and is taken to "
            "be up for upright crops, and for nothing else",
            silent[0], len(silent) - 1, _name(up),
        )  # fmt: skip
    return {
        path: camera if camera.world_up is not None else replace(camera, world_up=up)
        for path, camera in cameras.items()
    }


def nearest_axis(cameras: Sequence[Camera], example: Path) -> np.ndarray:
    """The world axis, +x to -z as a unit vector (3,), nearest to the mean of the cameras' own up directions.

    UserError, which names `example`, where two axes are about as near, or the cameras contradict each other.
    """
    mean = np.mean([-camera.R[1] for camera in cameras], axis=0)  # R^T (0, -1, 0)
    parts = np.abs(mean)
    nearest = int(parts.argmax())
    if parts[nearest] < LEAST_LENGTH or np.sort(parts)[1] > LARGEST_RIVAL * parts[nearest]:
        raise UserError(
            f"{example}: world_up is missing, and the cameras' mean up direction ({', '.join(f'{x:.2f}' for x in mean)}) "
            "is near no single axis; write world_up into the camera files, or set METRABS.world_up"
        )
    return np.where(np.arange(3) == nearest, np.sign(mean[nearest]), 0.0)


def _name(axis: np.ndarray) -> str:
    place = int(np.abs(axis).argmax())
    return f"{'+' if axis[place] > 0 else '-'}{AXES[place]}"
