"""Reads the list that says where the wanted person is in images with several people."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from modules.files.atomic import read_json
from modules.files.layout import Frame, list_frames, split_folder
from modules.files.names import nfc
from modules.files.numbers import read_numbers
from modules.utils import UserError, brief


def person_boxes_path(root: Path) -> Path:
    """Returns the path of a data set's list, beside its sample submission."""
    return root / "person_box.json"


def read_person_boxes(root: Path, frames: Sequence[Frame]) -> dict[str, np.ndarray]:
    """Reads where the wanted person is in these images of one split: a box (4,) or a point (2,) px by file name.

    Raises UserError if the list is malformed or names an image that is in neither split.
    """
    path = person_boxes_path(root)
    if not os.path.lexists(path):  # a dangling link is a mistake, not a missing list
        return {}
    entries = read_json(path)
    if not isinstance(entries, list):
        raise UserError(f'{path}: this must be a JSON list of {{"file_name": ..., "person_box": ...}}; write that')
    boxes: dict[str, np.ndarray] = {}
    for index, entry in enumerate(entries):
        name = entry.get("file_name") if isinstance(entry, dict) else None
        if not isinstance(name, str) or nfc(name) in boxes:
            raise UserError(f"{path}: file_name of entry {index} is {brief(name)}; name each image once")
        boxes[nfc(name)] = _place(path, index, entry.get("person_box"))
    known = {nfc(frame.file_name): frame.file_name for frame in frames}
    require_known(path, root, frames, list(boxes))
    return {known[name]: box for name, box in boxes.items() if name in known}


def require_known(path: Path, root: Path, frames: Sequence[Frame], names: Sequence[str]) -> None:
    """Raises UserError if one of the names, in composed form, is neither among the frames of one split nor in the other."""
    known = {nfc(frame.file_name) for frame in frames}
    unknown = [name for name in names if name not in known]
    if unknown:
        other = "test" if frames[0].split == "train" else "train"
        has_other = (split_folder(root, other) / "images").is_dir()
        elsewhere = {nfc(frame.file_name) for frame in list_frames(root, other)} if has_other else set()
        missing = next((name for name in unknown if name not in elsewhere), None)
        if missing is not None:
            shown = missing if missing.isprintable() else brief(missing)
            raise UserError(f"{path}: {shown} is not among the images of {root}; correct the name, or remove the entry")


def _place(path: Path, index: int, value: object) -> np.ndarray:
    """Returns a box or a point as an array."""
    count = len(value) if isinstance(value, list) else 0
    field = f"person_box of entry {index}"
    if count not in (2, 4):
        raise UserError(f"{path}: {field} is {brief(value)}; write [left, top, width, height] or a point [x, y] in px")
    box = read_numbers(path, field, value, (count,))
    if (box[2:] <= 0).any():
        raise UserError(f"{path}: {field} has no area; write [left, top, width, height], the last two above 0")
    return box
