"""Finds the poses of an earlier result, and completes what its cameras do not declare."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from modules.config.schema import Config
from modules.export import arrays, document, tested
from modules.export.axes import parse_up
from modules.export.poses import Poses
from modules.export.tracks import frame_times
from modules.files.atomic import read_json
from modules.utils import UserError

CLOSE_TO_UP = np.cos(np.radians(20))  # a measured up may be off by a few degrees, another axis is a mistake


def read_results(path: Path, config: Config) -> Poses:
    """Reads poses.npz, poses.json or a submission, or the first of them that a folder holds.

    The config is used for a submission alone. Raises UserError if there is none, or it is damaged.
    """
    if path.is_dir():
        names = (arrays.NAME, document.NAME, tested.NAME)
        found = next((path / name for name in names if (path / name).is_file()), None)
        if found is None:
            raise UserError(f"{path}: this folder holds none of {', '.join(names)}; name a folder of results or a file")
        path = found
    if not path.is_file():
        raise UserError(f"{path}: there are no results of this name; name a folder of results or a file")
    if path.suffix == ".npz":
        return arrays.read_npz(path)
    content = read_json(path, "name a folder of results or a file")
    return document.read_document(path) if isinstance(content, dict) else tested.read_tested(path, config)


def completed(poses: Poses, up: str | None, fps: float | None) -> Poses:
    """Returns poses with up from the text of --up, and times from --fps, where given.

    Raises UserError if --up is no direction or far from the poses', or if they have times already.
    """
    if up is not None:
        direction = parse_up(up)
        if poses.up is not None and poses.up @ direction < CLOSE_TO_UP:
            raise UserError(
                f"--up {up}: these poses say that up is {np.round(poses.up, 3).tolist()} in their axes; leave --up out"
            )
        same = poses.up is not None and np.allclose(poses.up, direction, atol=1e-6)
        poses = replace(poses, up=direction, floor_height_mm=poses.floor_height_mm if same else None)
    if fps is not None:
        frames, _, are_known = frame_times(poses)
        if are_known and len(frames) > 1:
            raise UserError("--fps: these images have times already; leave --fps out")
        poses = replace(poses, time_s=np.searchsorted(frames, poses.frame_index) / fps)
    return poses
