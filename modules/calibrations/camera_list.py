"""Reads the cameras of formats that are a list of mappings, which differ in their keys alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from modules.calibrations import values
from modules.calibrations.base import FileCamera
from modules.calibrations.values import entry
from modules.utils import UserError


class Keys(NamedTuple):
    """The keys of one camera."""

    K: str
    R: str
    t: str
    size: str
    lens: str  # may be missing


def read_list(path: Path, cameras: Sequence[Any], owner: str, keys: Keys) -> dict[str, FileCamera]:
    """Returns the cameras by name; `owner` is the list's key in the file. Raises UserError for one that is incomplete."""
    found: dict[str, FileCamera] = {}
    for index, one in enumerate(cameras):
        place = f"{owner}[{index}]"
        name = str(entry(path, place, one, "name"))
        if name in found:
            raise UserError(f"{path}: two cameras have the name {name}; give each its own")
        found[name] = FileCamera(
            values.intrinsics(path, f"{place}.{keys.K}", entry(path, place, one, keys.K)),
            values.rotation(path, f"{place}.{keys.R}", entry(path, place, one, keys.R)),
            values.vector(path, f"{place}.{keys.t}", entry(path, place, one, keys.t)),
            values.size(path, f"{place}.{keys.size}", entry(path, place, one, keys.size)),
            values.lens(path, f"{place}.{keys.lens}", one.get(keys.lens, [])),
        )
    return found
