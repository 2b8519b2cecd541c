"""Finds images with several people, and images in which a sequence's person seems to be another than in its neighbours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from modules.cache.table import Rows, camera_of
from modules.files.atomic import read_json, write_json
from modules.files.person_boxes import person_boxes_path
from modules.pose_utils import distort
from modules.utils import log

FAR, NEAR = 1.0, 0.5  # of the box's longer side: what a jump is at least, and the two neighbours are apart at most
SUGGESTED = "person_box_suggested.json"


def report_people(rows: Rows, root: Path, folder: Path) -> None:
    """Logs how many images show several people and in which the person jumps, with an example.

    For the latter, the neighbours' boxes are written to SUGGESTED in the cache `folder`, as a list that can be used.
    """
    several = several_people(rows)
    list_path = person_boxes_path(root)
    if several.size:
        log.info(
            "%d images show several people, such as %s; where another than the most confident one is meant, name its box "
            "or a point on it in %s", several.size, rows["file_name"][several[0]], list_path,
        )  # fmt: skip
    jumps = jumping_rows(rows)
    path = folder / SUGGESTED
    if not jumps:
        path.unlink(missing_ok=True)
        return
    suggested = [_suggestion(rows, row, before, after) for row, before, after in jumps]
    if not path.exists() or read_json(path) != suggested:  # a complete cache may be in a read-only folder
        write_json(path, suggested)
    log.warning(
        "%s: the person is elsewhere than in the images before and after it, as in %d more images, so it may be somebody "
        "else; the boxes of their neighbours are in %s, and used once that is copied to %s",
        rows["file_name"][jumps[0][0]], len(jumps) - 1, path, list_path,
    )  # fmt: skip


def several_people(rows: Rows) -> np.ndarray:
    """Returns the rows with more than one person of which none was chosen by a list."""
    return np.flatnonzero((rows["people"] > 1) & (rows["choice"] != "person_box"))  # NaN: not counted


def jumping_rows(rows: Rows) -> list[tuple[int, int, int]]:
    """Returns each row whose person is far from where the images before and after it agree that it is, with these two rows.

    `rows` are in natural order, so that the images of a view follow each other.
    """
    found = np.flatnonzero(rows["found"].astype(bool) & (rows["choice"] != "person_box"))
    boxes, view = rows["box_xywh"], [tuple(rows[name][row] for name in ("pose", "person", "camera")) for row in found]
    jumps = []
    for at in range(1, len(found) - 1):
        if not view[at - 1] == view[at] == view[at + 1]:
            continue
        before, row, after = found[at - 1 : at + 2]
        centres = boxes[[before, row, after], :2] + boxes[[before, row, after], 2:] / 2
        size = boxes[[before, after], 2:].max()
        near = np.linalg.norm(centres[2] - centres[0]) < NEAR * size
        if near and min(np.linalg.norm(centres[1] - centres[[0, 2]], axis=1)) > FAR * size:
            jumps.append((int(row), int(before), int(after)))
    return jumps


def _suggestion(rows: Rows, row: int, before: int, after: int) -> dict[str, Any]:
    """Returns the entry of the list for a row: the mean of its neighbours' boxes, in px of the raw image."""
    left, top, width, height = rows["box_xywh"][[before, after]].mean(0)
    camera = camera_of(rows, row)
    corners = np.array([[left, top], [left + width, top], [left, top + height], [left + width, top + height]])
    raw = distort(corners, camera.K, camera.distortion)
    low, high = raw.min(0), raw.max(0)
    return {"file_name": str(rows["file_name"][row]), "person_box": np.round([*low, *(high - low)], 1).tolist()}
