"""The submission file: which images a sample asks for, and the answer in its order."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from modules.config import Config, project_path
from modules.layout import Frame, list_frames, parse_image_name
from modules.skeleton import NUM_JOINTS
from modules.utils import UserError, brief, is_safe_name, read_json, write_json

if TYPE_CHECKING:  # it needs SciPy, which `--help` shall not wait for
    from modules.uncertainty import Calibration


def read_sample(path: Path) -> list[str]:
    """The image names that a sample file asks for, in order. UserError where an entry is doubled or no image name."""
    entries = read_json(path, "set TEST.sample_submission to the sample that lists the images to answer")
    if not (isinstance(entries, list) and entries):
        raise UserError(
            f"{path}: a sample is a non-empty JSON list, but it is {brief(entries)}; "
            'write one {"file_name": ..., "3d_pos": ...} per image'
        )
    names: list[str] = []
    for index, entry in enumerate(entries):
        name = entry.get("file_name") if isinstance(entry, dict) else None
        if not (isinstance(name, str) and is_safe_name(name)):
            raise UserError(
                f"{path}: entry {index} has no plain image name in file_name (it is {brief(name)}); "
                "write the name without folders"
            )
        parse_image_name(name, f"{path}: file_name of entry {index}")
        names.append(name)
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise UserError(f"{path}: {name} stands in file_name more than once; remove the double entry")
    return names


def sample_path(config: Config) -> Path | None:
    """The sample that is configured, or else the data set's own; None where it has none."""
    named = config.TEST.sample_submission
    path = project_path(named) if named else config.data_root / "sample_submission.json"
    return path if named or os.path.lexists(path) else None  # a link to nothing is a mistake, not a missing sample


def asked_frames(config: Config) -> list[Frame]:
    """The test images that the sample asks for, in its order; all of them, in natural order, where there is no sample.

    UserError where one that is asked for is not there.
    """
    sample = sample_path(config)
    everything = list_frames(config.data_root, "test")
    if sample is None:
        return everything
    names = read_sample(sample)
    frames = {frame.file_name: frame for frame in everything}
    missing = [name for name in names if name not in frames]
    if missing:
        raise UserError(
            f"{sample}: {missing[0]} is not among the test images of {config.data_root} ({len(missing)} such entries); "
            "add the images, or set TEST.sample_submission to the sample of this data set"
        )
    return [frames[name] for name in names]


def write_submission(path: Path, names: Sequence[str], joints_world_mm: np.ndarray) -> None:
    """Write (images, 24, 3) world mm for `names`, in order. ValueError where a number is not finite."""
    if joints_world_mm.shape != (len(names), NUM_JOINTS, 3) or not np.isfinite(joints_world_mm).all():
        raise ValueError(f"a submission needs finite ({len(names)}, {NUM_JOINTS}, 3) joints")
    rounded = np.round(joints_world_mm, 4).tolist()
    entries = [{"file_name": name, "3d_pos": joints} for name, joints in zip(names, rounded, strict=True)]
    write_json(path, entries, indent=None)


def uncertainty_path(submission: Path) -> Path:
    """Where the uncertainty of a submission lies: beside it."""
    return submission.with_name(f"{submission.stem}_uncertainty.json")


def write_uncertainty(path: Path, names: Sequence[str], doubt: np.ndarray, calibration: Calibration) -> None:
    """Write for each image how far off each joint is to be expected, and how far 90 of 100 such joints are at most, mm.

    `doubt` (images, 24) is NaN where nobody was found; there both are null.
    """
    columns = {"expected_error_mm": calibration.expected_mm(doubt), "error_90_mm": calibration.quantile_mm(doubt, 0.9)}
    entries = []
    for index, name in enumerate(names):
        found = bool(np.isfinite(doubt[index]).all())
        values = {key: np.round(column[index], 1).tolist() if found else None for key, column in columns.items()}
        entries.append({"file_name": name, **values})
    write_json(path, entries, indent=None)
