"""Defines the printed board: its squares and markers, its axes, and the name by which it is known again."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from modules.utils import UserError, brief

MARKER_SHARE = 0.75  # of a square's side
LEAST_SQUARES = 3  # in each direction
DICTIONARIES = {50: "DICT_4X4_50", 100: "DICT_4X4_100", 250: "DICT_4X4_250", 1000: "DICT_4X4_1000"}  # by their markers
KEYWORD = "groundpose-board"  # stands before the board's name in the PDF
RULER_TOLERANCE = 0.1  # a print that is further off was measured wrongly, or is of another board


@dataclass(frozen=True)
class Board:
    """A ChArUco board. Its axes, which become the world's: x to the right, y up the page, z out of the page.

    The origin is the lower left corner of the lower left square. Corners are those between four squares, in OpenCV's order.
    """

    columns: int
    rows: int
    square_mm: float  # as printed
    designed_mm: float  # as in the PDF

    @property
    def name(self) -> str:
        """What stands on the print: columns x rows x millimetres, as designed."""
        return f"{self.columns}x{self.rows}x{self.designed_mm:g}"

    @property
    def size_mm(self) -> np.ndarray:
        """Width and height (2,) of all squares, as printed."""
        return np.array([self.columns, self.rows]) * self.square_mm

    @property
    def ruler_mm(self) -> int:
        """The length of the ruler beside the board, as designed: the longest whole centimetres."""
        return int(self.rows * self.designed_mm // 10 * 10)

    @property
    def dictionary(self) -> str:
        """The name of the smallest of OpenCV's 4x4 dictionaries that has enough markers."""
        needed = self.columns * self.rows // 2
        return next(name for markers, name in DICTIONARIES.items() if markers >= needed)

    @property
    def corner_count(self) -> int:
        """The number of corners."""
        return (self.columns - 1) * (self.rows - 1)

    @property
    def corners_world(self) -> np.ndarray:
        """The corners (N, 3) in the board's axes, mm."""
        x, y = np.meshgrid(np.arange(1, self.columns), np.arange(1, self.rows))
        flat = np.stack([x, self.rows - y, 0 * x], -1).reshape(-1, 3)  # OpenCV counts from the top left
        return flat * self.square_mm

    @property
    def markers_world(self) -> dict[int, np.ndarray]:
        """The corners (4, 2) of each marker in the board's axes, mm, in the order in which OpenCV finds them."""
        charuco = self.charuco()
        outlines = zip(charuco.getIds().ravel(), charuco.getObjPoints(), strict=True)
        return {
            int(marker): np.asarray(outline)[:, :2] * [1, -1] + [0, self.size_mm[1]] for marker, outline in outlines
        }

    def charuco(self) -> Any:
        """Returns OpenCV's object of this board."""
        dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, self.dictionary))
        side = self.square_mm
        return cv2.aruco.CharucoBoard((self.columns, self.rows), side, MARKER_SHARE * side, dictionary)

    def printed(self, ruler_mm: float | None) -> Board:
        """Returns the board whose printed ruler measures this length; None: as designed. Raises UserError if it cannot be."""
        if ruler_mm is None:
            return self
        share = ruler_mm / self.ruler_mm
        if abs(share - 1) > RULER_TOLERANCE:
            raise UserError(
                f"--ruler {ruler_mm:g}: the ruler of the board {self.name} is {self.ruler_mm} mm long before printing; measure "
                "the printed one in mm from its first to its last line, or name the board that is printed"
            )
        return replace(self, square_mm=self.designed_mm * share)


def named_board(text: str) -> Board:
    """Returns the board of a name such as 5x7x36. Raises ValueError for anything else."""
    found = re.fullmatch(r"(\d{1,3})x(\d{1,3})x(\d{1,4}(?:\.\d+)?)", text.strip().lower())
    if found is None:
        raise ValueError(text)
    columns, rows, square = int(found[1]), int(found[2]), float(found[3])
    fits = min(columns, rows) >= LEAST_SQUARES and columns * rows // 2 <= max(DICTIONARIES) and square > 0
    if not fits:
        raise ValueError(text)
    return Board(columns, rows, square, square)


def read_board(text: str) -> Board:
    """Returns the board of a PDF that `board` wrote, or of a name such as 5x7x36. Raises UserError for anything else."""
    try:
        return named_board(text)
    except ValueError:
        pass
    try:
        content = Path(text).read_bytes()
    except OSError:
        raise UserError(
            f"--board {brief(text)}: this is neither a board's name nor a readable file; name board.pdf, or write what is "
            "printed on the board, such as 5x7x36"
        ) from None
    found = re.search(KEYWORD.encode() + rb" ([\dx.]+)", content)
    if found is None:
        raise UserError(
            f"{text}: this file does not say which board it holds; write what is printed on the board, such as --board 5x7x36"
        )
    return named_board(found[1].decode())
