"""Finds the views of 3DPW: a moving phone, so that every image is a view, with SMPL's 24 joints as labels.

sequenceFiles/<train, validation, test>/<sequence>.pkl, imageFiles/<sequence>/image_<5 digits>.jpg.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from data.public.base import View
from model.skeleton import NUM_JOINTS
from modules.calibrations import threedpw
from modules.calibrations.reading import ReadOptions, read_source
from modules.calibrations.source import Source
from modules.calibrations.values import entry
from modules.files.numbers import read_numbers
from modules.utils import UserError

NAME, TITLE = "3dpw", "3DPW"
TERMS = "https://virtualhumans.mpi-inf.mpg.de/3DPW/"
MM_PER_M = 1000.0
_PARTS = ("train", "validation", "test")


def views(folder: Path) -> Iterator[View]:
    """See PublicSet."""
    files = [(part, path) for part in _PARTS for path in sorted((folder / "sequenceFiles" / part).glob("*.pkl"))]
    if not files:
        raise UserError(
            f"{folder}: there is no sequenceFiles/<train, validation or test>/*.pkl in here; unpack sequenceFiles.zip"
        )
    for part, path in files:
        yield from _sequence(folder / "imageFiles" / path.stem, path, part)


def _sequence(images: Path, path: Path, part: str) -> Iterator[View]:
    source = Source(path)
    if not threedpw.sniff(source):
        problem = source.parse_problem() or "this is no sequence file of 3DPW; fetch it again"
        raise UserError(f"{path}: {problem}")
    cameras = read_source(source, ReadOptions(threedpw.NAME)).cameras
    data = source.pickle
    count = len(data["cam_poses"])
    people = _lists(path, data, "jointPositions")
    valid = _lists(path, data, "campose_valid")
    if len(valid) != len(people):
        raise UserError(
            f"{path}: campose_valid is of {len(valid)} people and jointPositions of {len(people)}; fetch it again"
        )
    pose = path.stem.replace("_", "-")
    for person, (values, is_valid) in enumerate(zip(people, valid, strict=True)):
        joints_m = read_numbers(path, f"jointPositions[{person}]", values, (count, NUM_JOINTS * 3))
        joints_world = joints_m.reshape(count, NUM_JOINTS, 3) * MM_PER_M
        seen = read_numbers(path, f"campose_valid[{person}]", is_valid, (count,)) > 0
        for index in np.flatnonzero(seen).tolist():
            number = f"{index:05d}"
            yield View(
                "test" if part == "test" else "train", pose, f"{pose}-{person}", number,
                cameras[f"image_{number}"], {number: images / f"image_{number}.jpg"}, path,
                {number: joints_world[index]}, part == "validation",
            )  # fmt: skip


def _lists(path: Path, data: Any, key: str) -> list[Any]:
    """Returns a list of one entry for each person. Raises UserError if it is none."""
    value = entry(path, "the file", data, key)
    if not isinstance(value, list) or not value:
        raise UserError(f"{path}: {key} holds nobody; fetch the file again")
    return value
