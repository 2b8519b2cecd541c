"""The up direction of a world whose cameras do not declare one, for extractors that turn their crops upright."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from modules.pose_utils import Camera
from modules.utils import UserError, log

MIN_MEAN_LENGTH = 0.3  # of the mean of unit vectors: below it, the cameras contradict each other
MAX_SECOND_SHARE = 0.8  # of the largest component that the second largest may reach
AXES = "xyz"


def complete_world_up(cameras: Mapping[Path, Camera], configured: Sequence[float] | None) -> dict[Path, Camera]:
    """Returns the cameras with a world_up each: the camera file's own, else the configured one, else the nearest axis.

    The nearest axis is computed from all cameras and logged once. Raises UserError if no axis is clearly nearest.
    """
    undeclared = [path for path, camera in cameras.items() if camera.world_up is None]
    if not undeclared:
        return dict(cameras)
    if configured is not None:
        up = np.array(configured, dtype=np.float64) / np.linalg.norm(configured)
    else:
        up = nearest_axis(list(cameras.values()), undeclared[0])
        log.info(
            "%s and %d more cameras declare no world_up; upright crops use %s, the axis nearest to the cameras' mean up "
            "direction; nothing else uses it",
            undeclared[0], len(undeclared) - 1, _axis_name(up),
        )  # fmt: skip
    return {
        path: camera if camera.world_up is not None else replace(camera, world_up=up)
        for path, camera in cameras.items()
    }


def nearest_axis(cameras: Sequence[Camera], example: Path) -> np.ndarray:
    """Returns the world axis (3,), +x to -z, that is nearest to the mean of the cameras' own up directions.

    Raises UserError, which names the file `example`, if two axes are about equally near or the cameras contradict each other.
    """
    mean = np.mean([-camera.R[1] for camera in cameras], axis=0)  # R^T (0, -1, 0)
    components = np.abs(mean)
    nearest = int(components.argmax())
    if components[nearest] < MIN_MEAN_LENGTH or np.sort(components)[1] > MAX_SECOND_SHARE * components[nearest]:
        raise UserError(
            f"{example}: world_up is missing, and the cameras' mean up direction ({', '.join(f'{x:.2f}' for x in mean)}) "
            "is near no single axis; write world_up into the camera files, or set METRABS.world_up"
        )
    return np.where(np.arange(3) == nearest, np.sign(mean[nearest]), 0.0)


def _axis_name(axis: np.ndarray) -> str:
    index = int(np.abs(axis).argmax())
    return f"{'+' if axis[index] > 0 else '-'}{AXES[index]}"
