"""Finds images with several people, and images in which a sequence's person seems to be another than in its neighbours."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from modules.cache.table import Rows, camera_of
from modules.extractors.base import PERSON_BOX
from modules.files.atomic import read_json, write_json
from modules.files.person_boxes import person_boxes_path
from modules.pose_utils import distort
from modules.utils import log

FAR, NEAR = 1.0, 0.5  # of the box's longer side: what a jump is at least, and neighbours are from their median at most
AROUND, AGREE = 4, 0.75  # neighbours of an image, and the share of them that must agree
NEIGHBOURS = "neighbours"  # the choice of a person by the images before and after
CHOSEN = (PERSON_BOX, NEIGHBOURS)
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
    suggested = [
        {"file_name": str(rows["file_name"][row]), "person_box": raw_box(rows, row, box)} for row, box in jumps
    ]
    if not path.exists() or read_json(path) != suggested:  # a complete cache may be in a read-only folder
        write_json(path, suggested)
    log.warning(
        "%s: the person is elsewhere than in the images before and after it, as in %d more images, so it may be somebody "
        "else; the boxes of their neighbours are in %s, and used once that is copied to %s",
        rows["file_name"][jumps[0][0]], len(jumps) - 1, path, list_path,
    )  # fmt: skip


def several_people(rows: Rows) -> np.ndarray:
    """Returns the rows with more than one person of which none was chosen by a list or by the neighbours."""
    return np.flatnonzero((rows["people"] > 1) & ~np.isin(rows["choice"], CHOSEN))  # NaN: not counted


def jumping_rows(rows: Rows) -> list[tuple[int, np.ndarray]]:
    """Returns each row whose person is far from where most of its neighbours agree that it is, with their median box (4,) px.

    `rows` are in natural order, so that the images of a view follow each other. Neighbours are the nearest AROUND images of the
    view that show a person, on both sides where there are any.
    """
    found = np.flatnonzero(rows["found"].astype(bool))
    views = np.array(
        ["_".join(map(str, (rows["pose"][i], rows["person"][i], rows["camera"][i]))) for i in found], dtype=str
    )
    jumps = []
    for own in np.split(found, np.flatnonzero(views[1:] != views[:-1]) + 1):
        for at, row in enumerate(own):
            start = int(np.clip(at - AROUND // 2, 0, max(len(own) - AROUND - 1, 0)))
            neighbours = np.delete(own[start : start + AROUND + 1], at - start)
            agree = (
                AGREE if at - start == AROUND // 2 and len(neighbours) == AROUND else 1.0
            )  # near the ends: all of them
            box = None if rows["choice"][row] in CHOSEN else _far_box(rows["box_xywh"], int(row), neighbours, agree)
            if box is not None:
                jumps.append((int(row), box))
    return jumps


def _far_box(boxes: np.ndarray, row: int, neighbours: np.ndarray, agree: float) -> np.ndarray | None:
    """Returns the neighbours' median box if a share `agree` of them is near it and the row's is far from it, else None."""
    if len(neighbours) < 2:
        return None
    box = np.asarray(np.median(boxes[neighbours], axis=0))
    size, centres = box[2:].max(), boxes[[row, *neighbours], :2] + boxes[[row, *neighbours], 2:] / 2
    apart = np.linalg.norm(centres - (box[:2] + box[2:] / 2), axis=1) / size
    return box if apart[0] > FAR and np.mean(apart[1:] < NEAR) >= agree else None


def raw_box(rows: Rows, row: int, box_xywh: np.ndarray) -> list[float]:
    """Returns a box (4,) of undistorted px in px of the row's raw image."""
    left, top, width, height = box_xywh
    camera = camera_of(rows, row)
    corners = np.array([[left, top], [left + width, top], [left, top + height], [left + width, top + height]])
    raw = distort(corners, camera.K, camera.distortion)
    low, high = raw.min(0), raw.max(0)
    return [float(value) for value in np.round([*low, *(high - low)], 1)]
