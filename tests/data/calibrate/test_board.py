"""The printed board: OpenCV's own, at exact scale, and described so that it is known again."""

import re
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest

from data.calibrate.board import named_board, read_board
from data.calibrate.board_pdf import board_for, board_origin, draw_page, paper_size, write_board
from docs.rendered_boards import print_sheet
from modules.utils import UserError


@pytest.mark.parametrize(("name", "paper"), [("5x7x36", (210, 297)), ("6x8x30", (210, 297)), ("7x5x20", (200, 150))])
def test_the_page_shows_the_board_that_opencv_looks_for(name: str, paper: tuple[float, float]) -> None:
    sheet = print_sheet(name, paper, 4.0)
    left, bottom = np.round(board_origin(sheet.board, paper) * 4).astype(int)
    width, height = (sheet.board.size_mm * 4).astype(int)
    page = sheet.levels[0]
    shown = page[page.shape[0] - bottom - height : page.shape[0] - bottom, left : left + width]
    expected = sheet.board.charuco().generateImage((width, height))
    different = np.abs(shown.astype(int) - expected) > 128
    assert different.mean() < 0.005  # edges that are rounded to pixels


def test_the_corners_are_opencvs_with_y_up_the_page_and_z_out_of_it() -> None:
    board = named_board("5x7x36")
    theirs = np.array(board.charuco().getChessboardCorners())
    np.testing.assert_allclose(board.corners_world, theirs * [1, -1, -1] + [0, 252, 0], atol=1e-4)
    assert board.corner_count == len(board.corners_world) == 24 and board.ruler_mm == 250
    corners = board.markers_world[0]  # top left first, clockwise, on the page
    assert corners[0, 1] == corners[1, 1] > corners[2, 1] and corners[1, 0] > corners[0, 0]


def test_the_pdf_is_of_vectors_at_exact_scale_and_says_what_it_is(tmp_path: Path) -> None:
    paper = paper_size("A4")
    for path in (tmp_path / "board.pdf", tmp_path / "again.pdf"):
        write_board(path, board_for(paper, None), paper)
    content = (tmp_path / "board.pdf").read_bytes()
    assert content == (tmp_path / "again.pdf").read_bytes()
    box = re.search(rb"/MediaBox \[ ([\d. ]+) \]", content)
    assert box is not None
    np.testing.assert_allclose(np.array(box[1].split(), float) / 72 * 25.4, [0, 0, 210, 297], atol=1e-3)
    assert b"/Subtype /Image" not in content
    assert read_board(str(tmp_path / "board.pdf")) == named_board("5x7x36")
    # The first filled rectangle of the page's own commands has the size of a square, in points.
    commands = next(
        c for c in map(_inflated, re.findall(rb"stream\n(.*?)\nendstream", content, re.DOTALL)) if b" l\n" in c
    )
    points = np.array([line.split()[:2] for line in commands.split(b"\n") if line.endswith((b" m", b" l"))], float)
    sides = np.abs(np.diff(points, axis=0)) / 72 * 25.4
    assert (np.abs(sides - 36) < 1e-3).sum() > 40 and (np.abs(sides - 250) < 1e-3).any()  # squares, the ruler
    texts = " ".join(text.get_text() for text in draw_page(board_for(paper, None), paper).axes[0].texts)
    for said in ("5x7x36", "5 x 7 squares of 36 mm", "markers of 27 mm", "DICT_4X4_50", "100 %", "250 mm"):
        assert said in texts


def _inflated(data: bytes) -> bytes:
    try:
        return zlib.decompress(data)
    except zlib.error:
        return b""


def test_squares_fill_any_paper() -> None:
    assert board_for(paper_size("a3"), None).name == "5x7x53"
    assert board_for(paper_size("Letter"), None).name == "5x7x35"
    assert board_for(paper_size("400x250"), None).name.startswith("7x5x")  # landscape
    small = board_for(paper_size("A4"), 15)
    assert small.name == "12x17x15" and small.dictionary == "DICT_4X4_250"
    assert small.charuco().getDictionary().bytesList.shape[0] == 250
    for name in ("5x7x36", "4x3x12.5"):
        assert named_board(name).name == name


@pytest.mark.parametrize("text", ["A9", "210", "10x10", "210xx297"])
def test_unknown_paper_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"^--paper .*: this is no known paper; write A4"):
        paper_size(text)


@pytest.mark.parametrize("square", [1.0, 90.0])
def test_squares_that_do_not_fit_are_refused(square: float) -> None:
    with pytest.raises(
        UserError, match=r"^--square .* such squares fit on 210 x 297 mm, but a board has at least 3 x 3"
    ):
        board_for(paper_size("A4"), square)


@pytest.mark.parametrize("text", ["2x7x36", "5x7", "5x7x0", "100x100x10", "board", "5x7x36mm"])
def test_what_is_no_board_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^--board .*: this is neither a board's name nor a readable file"):
        read_board(text)
    (tmp_path / "other.pdf").write_bytes(b"%PDF-1.4")
    with pytest.raises(UserError, match=r"this file does not say which board it holds"):
        read_board(str(tmp_path / "other.pdf"))


def test_the_ruler_corrects_the_squares() -> None:
    board = named_board("5x7x36").printed(245)
    assert board.square_mm == pytest.approx(36 * 0.98) and board.name == "5x7x36"
    assert board.printed(None) is board
    with pytest.raises(UserError, match=r"^--ruler 25: the ruler of the board 5x7x36 is 250 mm long"):
        board.printed(25)  # in cm


def test_markers_are_found_on_the_page() -> None:
    sheet = print_sheet("5x7x36", (210, 297), 3.0)
    found = cv2.aruco.CharucoDetector(sheet.board.charuco()).detectBoard(sheet.levels[0])
    assert len(found[1]) == 24
