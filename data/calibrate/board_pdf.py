"""Draws the board on a page at exact scale, with a ruler and its description, as a PDF of vectors."""

from __future__ import annotations

import re
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, PathPatch
from matplotlib.path import Path as Outline

from data.calibrate.board import DICTIONARIES, KEYWORD, LEAST_SQUARES, MARKER_SHARE, Board
from modules.files.atomic import atomic_path
from modules.utils import UserError, brief

PAPERS = {"a5": (148, 210), "a4": (210, 297), "a3": (297, 420), "a2": (420, 594), "a1": (594, 841), "a0": (841, 1189),
          "letter": (215.9, 279.4), "legal": (215.9, 355.6), "tabloid": (279.4, 431.8)}  # fmt: skip
SIDE_MM, TOP_MM, BOTTOM_MM = 14.0, 10.0, 22.0  # around the squares: printers' margins, the ruler, the text
SHORT, LONG = 5, 7  # squares, if their size is not given
MM_PER_INCH = 25.4


def paper_size(text: str) -> tuple[float, float]:
    """Returns (width, height) in mm of a paper's name or of WxH in mm. Raises UserError for anything else."""
    known = PAPERS.get(text.strip().lower())
    if known is not None:
        return known
    found = re.fullmatch(r"(\d+(?:\.\d+)?)x(\d+(?:\.\d+)?)", text.strip().lower())
    if found is None or not all(80 <= float(side) <= 5000 for side in found.groups()):
        raise UserError(
            f"--paper {brief(text)}: this is no known paper; write A4, A3, letter, or its WxH in mm, from 80 to 5000"
        )
    return float(found[1]), float(found[2])


def board_for(paper_mm: tuple[float, float], square_mm: float | None) -> Board:
    """Returns the board that fills a paper: with squares of this side, or with 5x7 as large as whole mm allow.

    Raises UserError if so many squares do not fit, or are more than the markers of a dictionary.
    """
    width, height = paper_mm[0] - 2 * SIDE_MM, paper_mm[1] - TOP_MM - BOTTOM_MM
    if square_mm is None:
        columns, rows = (SHORT, LONG) if height >= width else (LONG, SHORT)
        side = float(np.floor(min(width / columns, height / rows)))
        return Board(columns, rows, side, side)
    columns, rows = int(width // square_mm), int(height // square_mm)
    if min(columns, rows) < LEAST_SQUARES or columns * rows // 2 > max(DICTIONARIES):
        raise UserError(
            f"--square {square_mm:g}: {columns} x {rows} such squares fit on {paper_mm[0]:g} x {paper_mm[1]:g} mm, but a "
            f"board has at least {LEAST_SQUARES} x {LEAST_SQUARES}, and at most {2 * max(DICTIONARIES)}; choose another side "
            "or paper"
        )
    return Board(columns, rows, square_mm, square_mm)


def write_board(path: Path, board: Board, paper_mm: tuple[float, float]) -> None:
    """Writes the page as a PDF whose keywords hold the board's name."""
    about = {"Title": f"Calibration board {board.name}", "Keywords": f"{KEYWORD} {board.name}", "CreationDate": None}
    with atomic_path(path) as temporary, matplotlib.rc_context({"pdf.fonttype": 42}):
        draw_page(board, paper_mm).savefig(temporary, format="pdf", metadata=about)


def draw_page(board: Board, paper_mm: tuple[float, float]) -> Figure:
    """Returns the page as a figure of the paper's size, one unit of its axes being one mm."""
    figure = Figure(figsize=(paper_mm[0] / MM_PER_INCH, paper_mm[1] / MM_PER_INCH))
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, paper_mm[0]), ylim=(0, paper_mm[1]))
    axes.set_axis_off()
    origin = board_origin(board, paper_mm)
    # One path for all that is black, so that no viewer shows seams between its parts.
    axes.add_patch(PathPatch(_black(board, origin), facecolor="black", edgecolor="none", linewidth=0))
    _draw_ruler(axes, board, origin)
    _draw_axes_of_world(axes, origin)
    _write_description(axes, board, origin, paper_mm)
    return figure


def board_origin(board: Board, paper_mm: tuple[float, float]) -> np.ndarray:
    """Returns the board's lower left corner (2,) on the page, mm from the page's."""
    free = np.array(paper_mm) - board.designed_mm * np.array([board.columns, board.rows])
    return np.array([free[0] / 2, BOTTOM_MM + (free[1] - TOP_MM - BOTTOM_MM) / 2])


def _black(board: Board, origin: np.ndarray) -> Outline:
    """Returns the black squares and the black cells of the markers as one outline in mm of the page."""
    charuco, side = board.charuco(), board.designed_mm
    dictionary = charuco.getDictionary()
    cells = dictionary.markerSize + 2
    cell = MARKER_SHARE * side / cells
    rectangles: list[Outline] = []
    markers = {}
    for marker, outline in zip(charuco.getIds().ravel(), charuco.getObjPoints(), strict=True):
        column, row = (np.asarray(outline)[:, :2].mean(0) // board.square_mm).astype(int)
        markers[column, row] = int(marker)
    for row in range(board.rows):
        for column in range(board.columns):
            corner = origin + side * np.array([column, board.rows - 1 - row])
            if (column, row) not in markers:
                rectangles.append(_rectangle(corner, side, side))
                continue
            bits = cv2.aruco.generateImageMarker(dictionary, markers[column, row], cells)
            inner = corner + (1 - MARKER_SHARE) / 2 * side
            for line, first, count in _runs(bits == 0):
                rectangles.append(_rectangle(inner + cell * np.array([first, cells - 1 - line]), count * cell, cell))
    return Outline.make_compound_path(*rectangles)


def _runs(black: np.ndarray) -> list[tuple[int, int, int]]:
    """Returns (row, first column, number of columns) of every run of black cells."""
    found = []
    for row, cells in enumerate(black):
        edges = np.flatnonzero(np.diff(np.concatenate([[0], cells.astype(int), [0]])))
        found += [(row, int(start), int(stop - start)) for start, stop in edges.reshape(-1, 2)]
    return found


def _rectangle(corner: np.ndarray, width: float, height: float) -> Outline:
    return Outline(np.array([[0, 0], [width, 0], [width, height], [0, height], [0, 0]]) + corner, closed=True)


def _draw_ruler(axes: Axes, board: Board, origin: np.ndarray) -> None:
    """Draws a ruler of `board.ruler_mm` to the right of the squares."""
    x, y = origin + [board.columns * board.designed_mm + 3, 0]
    for mm in range(0, board.ruler_mm + 1, 5):
        length = 5 if mm in (0, board.ruler_mm) else 3 if mm % 50 == 0 else 2 if mm % 10 == 0 else 1
        axes.plot([x, x + length], [y + mm, y + mm], color="black", lw=0.35, solid_capstyle="butt")
        if mm % 50 == 0 or mm == board.ruler_mm:
            axes.text(x + 5.6, y + mm, f"{mm}", fontsize=6, rotation=90, ha="left", va="center")
    axes.plot([x, x], [y, y + board.ruler_mm], color="black", lw=0.35, solid_capstyle="butt")


def _draw_axes_of_world(axes: Axes, origin: np.ndarray) -> None:
    """Draws arrows along x and y, outside of the squares, from the corner that becomes the world's origin."""
    start = origin - 2.5
    for name, step in (("x", np.array([18.0, 0])), ("y", np.array([0, 18.0]))):
        arrow = FancyArrowPatch(
            tuple(start), tuple(start + step), arrowstyle="-|>", mutation_scale=6, lw=0.7, color="black", shrinkA=0
        )
        axes.add_patch(arrow)
        axes.text(start[0] + 1.12 * step[0], start[1] + 1.12 * step[1], name, fontsize=7, ha="center", va="center")


def _write_description(axes: Axes, board: Board, origin: np.ndarray, paper_mm: tuple[float, float]) -> None:
    """Writes below the squares what the board is, and how it is to be printed and checked."""
    side = board.designed_mm
    lines = (
        f"GroundPose calibration board {board.name}: {board.columns} x {board.rows} squares of {side:g} mm, markers of "
        f"{MARKER_SHARE * side:g} mm, {board.dictionary}.",
        f"Print at 100 %, not fitted to the page. The ruler at the right is {board.ruler_mm} mm long: measure yours, and",
        "if it has another length, add --ruler LENGTH. Fix the sheet onto something flat and stiff. On the floor, z points up.",
    )  # fmt: skip
    size = 7.2 * min(1.0, (paper_mm[0] - 2 * SIDE_MM) / 182)  # the longest line is as wide as A4's squares
    for index, line in enumerate(lines):
        axes.text(origin[0], origin[1] - 7 - 0.45 * size * index, line, fontsize=size, va="top", ha="left")
