"""Takes, in images of several people, the person whom the images before and after show: a second pass over these images.

    <cache>/<extractor>-<weights>/<split>/person_box_neighbours.json      which images, and where their neighbours' person is

The list is made of the rows of the first pass and written before any is replaced, so that a second pass that is killed goes on
where it was. A replaced row has a key of its own, so that a later extraction begins with the first pass again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modules.cache import store
from modules.cache.part_extraction import PartExtraction
from modules.cache.people import FAR, NEIGHBOURS, jumping_rows, raw_box
from modules.cache.table import Rows
from modules.files.atomic import read_json, write_json
from modules.files.hashing import digest
from modules.files.layout import Frame
from modules.utils import log

LIST = "person_box_neighbours.json"


def places_of_neighbours(rows: Rows, folder: Path, key: str) -> dict[str, np.ndarray]:
    """Returns where the neighbours' person is, a box (4,) px of the raw image, for images of several people that jump.

    A list of an interrupted second pass of the same `key` is read; otherwise it is made of the rows, and kept.
    """
    path = folder / LIST
    listed = read_json(path, f"delete {path} and extract again") if path.exists() else None
    if not (isinstance(listed, dict) and listed.get("key") == key):
        jumps = [(row, box) for row, box in jumping_rows(rows) if rows["people"][row] > 1]
        listed = {"key": key, "boxes": {str(rows["file_name"][row]): raw_box(rows, row, box) for row, box in jumps}}
        if jumps:
            write_json(path, listed)
        else:
            path.unlink(missing_ok=True)
    return {name: np.array(box, dtype=float) for name, box in listed["boxes"].items()}


def switch_to_neighbours(
    extraction: PartExtraction, parts: Sequence[Sequence[Frame]], places: Mapping[str, np.ndarray]
) -> list[str]:
    """Estimates the listed images again at their place and replaces their rows; returns the names of those replaced.

    A row is kept where nobody is found near that place.
    """
    switched: list[str] = []
    for index, frames in enumerate(parts):
        own = [frame for frame in frames if frame.file_name in places]
        if not own:
            continue
        content, before = store.rows_with_keys(extraction.folder, index), len(switched)
        for frame in own:
            name, (old, _, key) = frame.file_name, content[frame.file_name]
            if old["choice"] == NEIGHBOURS:
                continue
            row, crop = extraction.extract_at(frame, places[name])
            if row["found"] and _is_near(row, places[name]):
                content[name] = ({**row, "choice": NEIGHBOURS}, crop, digest([key, places[name].tolist()])[:16])
                switched.append(name)
        if len(switched) > before:
            extraction.write(index, [content[frame.file_name] for frame in frames if frame.file_name in content])
    return switched


def report_switched(rows: Rows, folder: Path) -> None:
    """Logs in which images the neighbours' person was taken."""
    names = rows["file_name"][rows["choice"] == NEIGHBOURS]
    if len(names):
        log.info(
            "note: in %d images of several people, such as %s, the person of the images before and after is taken (all: %s); "
            "name another in person_box.json", len(names), names[0], folder / LIST,
        )  # fmt: skip


def _is_near(row: Mapping[str, Any], box_xywh: np.ndarray) -> bool:
    """Whether the person of a row is at a place; the lens is far below this."""
    found = np.array(row["box_xywh"])
    apart = np.linalg.norm(found[:2] + found[2:] / 2 - box_xywh[:2] - box_xywh[2:] / 2)
    return bool(apart < FAR / 2 * box_xywh[2:].max())
