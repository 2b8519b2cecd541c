"""The submission file: which images a sample asks for, and the answer in its order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from modules.layout import parse_image_name
from modules.skeleton import NUM_JOINTS
from modules.utils import UserError, is_safe_name, read_json, write_json


def read_sample(path: Path) -> list[str]:
    """The image names that a sample file asks for, in order. UserError where an entry is doubled or no image name."""
    entries = read_json(path)
    if not (isinstance(entries, list) and entries):
        raise UserError(f'{path}: a sample is a non-empty JSON list of {{"file_name": ..., "3d_pos": ...}}')
    names: list[str] = []
    for index, entry in enumerate(entries):
        name = entry.get("file_name") if isinstance(entry, dict) else None
        if not (isinstance(name, str) and is_safe_name(name)):
            raise UserError(f"{path}: entry {index} has no plain image name in file_name (it is {name!r})")
        parse_image_name(name)
        names.append(name)
    name, count = Counter(names).most_common(1)[0]
    if count > 1:
        raise UserError(f"{path}: {name} stands in file_name more than once; remove the double entry")
    return names


def write_submission(path: Path, names: Sequence[str], joints_world_mm: np.ndarray) -> None:
    """Write (images, 24, 3) world mm for `names`, in order. ValueError where a number is not finite."""
    if joints_world_mm.shape != (len(names), NUM_JOINTS, 3) or not np.isfinite(joints_world_mm).all():
        raise ValueError(f"a submission needs finite ({len(names)}, {NUM_JOINTS}, 3) joints")
    rounded = np.round(joints_world_mm, 4).tolist()
    entries = [{"file_name": name, "3d_pos": joints} for name, joints in zip(names, rounded, strict=True)]
    write_json(path, entries, indent=None)
