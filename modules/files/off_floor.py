"""Reads the list of images whose person does not stand on the floor."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from modules.files.atomic import read_json
from modules.files.layout import Frame
from modules.files.names import nfc
from modules.files.person_boxes import require_known
from modules.utils import UserError, brief


def off_floor_path(root: Path) -> Path:
    """Returns the path of a data set's list, beside its sample submission."""
    return root / "off_floor.json"


def read_off_floor(root: Path, frames: Sequence[Frame]) -> list[str]:
    """Reads which of these images of one split show a person who jumps, or stands on a step or a box: file names, in order.

    Raises UserError if the list is malformed or names an image that is in neither split.
    """
    path = off_floor_path(root)
    if not os.path.lexists(path):  # a dangling link is a mistake, not a missing list
        return []
    names = read_json(path)
    if not isinstance(names, list):
        raise UserError(f"{path}: this must be a JSON list of image names; write that")
    wrong = next((name for name in names if not isinstance(name, str)), None)
    if wrong is not None:
        raise UserError(f"{path}: it holds {brief(wrong)}; write image names without folders")
    own = {nfc(name) for name in names}
    require_known(path, root, frames, sorted(own))
    return [frame.file_name for frame in frames if nfc(frame.file_name) in own]
