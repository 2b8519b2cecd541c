"""Chooses sharp and varied views of the board, and says what is missing in them."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from data.calibrate.board import Board
from data.calibrate.detection import Sighting

MOST_VIEWS, LEAST_VIEWS = 30, 8
SAME = 0.03  # distance of two views, as shares of the picture or sines of tilts, below which they show the same
CELLS = 6  # of the picture in each direction, in which corners are counted
REACH = 0.2  # of the picture: so near to each of its corners the board must have been
TILT = 0.25  # least sine of the tilt to either side; 0.25: about 15 degrees
RANGE = 1.25  # least ratio of the largest to the smallest board in the picture, as lengths
BLURRED_PX = 9.0  # width of edges from which on frames are not used
_SIDES = {(0, 0): "top left", (1, 0): "top right", (0, 1): "bottom left", (1, 1): "bottom right"}


def board_shape(view: Sighting, board: Board, size: tuple[int, int]) -> np.ndarray:
    """Returns what a view shows of the board: centre x, y and length (shares of the picture), and its tilt x, y.

    The tilt is the board's normal in camera axes, by a rough focal length; its sign tells to which side the board turns.
    """
    width, height = size
    focal = float(max(size))
    K = np.array([[focal, 0, (width - 1) / 2], [0, focal, (height - 1) / 2], [0, 0, 1.0]])
    H = np.linalg.solve(K, cv2.findHomography(board.corners_world[view.ids, :2], view.corners_px, 0)[0])
    H *= np.sign(H[2, 2]) / np.sqrt(np.linalg.norm(H[:, 0]) * np.linalg.norm(H[:, 1]))
    normal = np.cross(H[:, 0], H[:, 1])
    normal /= np.linalg.norm(normal)
    middle = H @ [*(board.size_mm / 2), 1]
    centre = (K @ middle)[:2] / middle[2] / size
    length = np.linalg.norm(board.size_mm) * focal / middle[2] / np.linalg.norm(size)
    return np.array([*centre, length, *normal[:2]])


def choose_views(sightings: Sequence[Sighting], board: Board, size: tuple[int, int]) -> list[Sighting]:
    """Returns at most MOST_VIEWS views that are sharp, still, and differ in place, distance and tilt of the board."""
    usable = [view for view in sightings if view.smear_px <= BLURRED_PX]
    if not usable:
        return []
    shapes = np.array([board_shape(view, board, size) for view in usable])
    shapes[:, 2] = np.log2(np.clip(shapes[:, 2], 0.02, 10)) / 2
    smear = np.array([view.smear_px for view in usable])
    worse = (smear - smear.min()) / BLURRED_PX
    cells = [_cells(view, size) for view in usable]
    chosen = [int(np.argmax([len(own) - 4 * bad for own, bad in zip(cells, worse, strict=True)]))]
    covered = set(cells[chosen[0]])
    while len(chosen) < min(MOST_VIEWS, len(usable)):
        apart = np.linalg.norm(shapes[:, None] - shapes[chosen], axis=-1).min(1)
        new = np.array([len(own - covered) for own in cells]) / CELLS
        worth = np.where(apart > SAME, apart + 0.5 * new - 0.5 * worse, -np.inf)
        if np.isneginf(worth).all():
            break
        chosen.append(int(worth.argmax()))
        covered |= cells[chosen[-1]]
    return [usable[index] for index in sorted(chosen)]


def missing(views: Sequence[Sighting], board: Board, size: tuple[int, int]) -> list[str]:
    """Returns what is to be filmed more, as parts of a sentence; empty if the coverage is good."""
    if len(views) < LEAST_VIEWS:
        return [f"at least {LEAST_VIEWS} different views (there are {len(views)})"]
    corners = np.concatenate([view.corners_px for view in views]) / size
    lacking = []
    for (right, bottom), name in _SIDES.items():
        distance = np.abs(corners - [right, bottom]).max(1).min()
        if distance > REACH:
            lacking.append(name)
    found = (
        [f"the board in the {_listed(lacking)} corner{'s' if len(lacking) > 1 else ''} of the picture"]
        if lacking
        else []
    )
    shapes = np.array([board_shape(view, board, size) for view in views])
    for axis, ways in ((3, "left and to the right"), (4, "top and to the bottom")):
        low, high = np.quantile(shapes[:, axis], [0.05, 0.95])
        if high - low < 2 * TILT:
            found.append(f"the board tilted by about 30 degrees to the {ways}")
    ratio = shapes[:, 2].max() / shapes[:, 2].min()
    if ratio < RANGE:
        found.append("the board nearer and farther away")
    if np.quantile(shapes[:, 2], 0.9) < 0.25:
        found.append("the board nearer, so that it fills half of the picture")
    return found


def _cells(view: Sighting, size: tuple[int, int]) -> set[tuple[int, int]]:
    """Returns the cells of the picture that have a corner of this view."""
    places = np.clip(view.corners_px / size * CELLS, 0, CELLS - 1).astype(int)
    return {(int(x), int(y)) for x, y in places}


def _listed(names: Sequence[str]) -> str:
    """Returns names joined by commas and a last `and`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
