"""Reads the sample submission, which lists the requested images, and writes the submission."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from model.skeleton import NUM_JOINTS
from modules.config.paths import project_path
from modules.config.schema import Config
from modules.files.atomic import read_json, write_json
from modules.files.layout import Frame, is_safe_name, list_frames, parse_image_name
from modules.files.names import nfc
from modules.utils import UserError, brief


def read_sample(path: Path) -> list[str]:
    """Reads the image names of a sample submission, in order.

    Raises UserError if the file is malformed, or if a name is repeated or is not an image name.
    """
    entries = read_json(path, "set TEST.sample_submission to the sample that lists the requested images")
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
    name, count = Counter(map(nfc, names)).most_common(1)[0]
    if count > 1:
        raise UserError(f"{path}: {name} is in file_name more than once; remove the duplicate entry")
    return names


def sample_path(config: Config) -> Path | None:
    """Returns the configured sample submission, else the data set's own; None if the data set has none."""
    named = config.TEST.sample_submission
    path = project_path(named) if named else config.data_root / "sample_submission.json"
    return path if named or os.path.lexists(path) else None  # a dangling link is a mistake, not a missing sample


def requested_frames(config: Config) -> list[Frame]:
    """Returns the test images that the sample lists, in its order; without a sample all of them, in natural order.

    Raises UserError if a listed image is missing.
    """
    sample = sample_path(config)
    everything = list_frames(config.data_root, "test")
    if sample is None:
        return everything
    names = read_sample(sample)
    frames = {nfc(frame.file_name): frame for frame in everything}
    missing = [name for name in names if nfc(name) not in frames]
    if missing:
        raise UserError(
            f"{sample}: {missing[0]} is not among the test images of {config.data_root} ({len(missing)} such entries); "
            "add the images, or set TEST.sample_submission to the sample of this data set"
        )
    return [replace(frames[nfc(name)], sample_name=name) for name in names]


def output_path(config: Config) -> Path:
    """Returns where the submission is written. Raises UserError if that is no name of a JSON file, or that of the sample."""
    path, sample = project_path(config.TEST.output), sample_path(config)
    if path.suffix != ".json" or path.is_dir():
        raise UserError(f"TEST.output: {path} is no JSON file; write a name that ends in .json")
    if sample is not None and path.resolve() == sample.resolve():
        raise UserError(f"TEST.output: {path} is the sample submission, which would be lost; write another name")
    return path


def write_submission(path: Path, names: Sequence[str], joints_world_mm: np.ndarray) -> None:
    """Writes (images, 24, 3) world mm for `names`, in order. Raises ValueError for another shape or non-finite values."""
    if joints_world_mm.shape != (len(names), NUM_JOINTS, 3) or not np.isfinite(joints_world_mm).all():
        raise ValueError(f"a submission needs finite ({len(names)}, {NUM_JOINTS}, 3) joints")
    rounded = np.round(joints_world_mm, 4).tolist()
    entries = [{"file_name": name, "3d_pos": joints} for name, joints in zip(names, rounded, strict=True)]
    write_json(path, entries, indent=None)


def uncertainty_path(submission: Path) -> Path:
    """Returns the path of the uncertainty file that belongs to a submission, in the same folder."""
    return submission.with_name(f"{submission.stem}_uncertainty.json")
