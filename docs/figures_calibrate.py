"""Draws the pictures of docs/calibrate.md: the page, and what the calibration draws of rendered footage.

    python -m docs.figures_calibrate      after ./run.sh; writes docs/images

The board is rendered by the demo's fourth camera: held before it, and on the floor of one of its frames.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import numpy as np

from benchmarks import drawing
from data.calibrate.board import named_board
from data.calibrate.board_pdf import draw_page
from data.calibrate.extrinsics import place_camera
from data.calibrate.footage import open_footage
from data.calibrate.intrinsics import calibrate_intrinsics
from data.calibrate.picture import draw_floor
from data.calibrate.record import read_intrinsics
from docs.measurements import DEMO
from docs.rendered_boards import (
    Film,
    Sheet,
    draw_sheet,
    in_board_axes,
    moved_before,
    photograph,
    print_sheet,
    write_images,
)
from modules.console import run_script
from modules.files.atomic import write_bytes
from modules.files.cameras import read_camera
from modules.files.images import read_image
from modules.files.layout import split_folder
from modules.pose_utils import Camera

NAME, PAPER_MM = "5x7x53", (297.0, 420.0)  # A3
VIEWS, SEED = 20, 3
ORIGIN_MM, YAW = (-1950.0, -800.0), 0.35  # of the board on the demo's floor
WIDTH_PX = 460


def main() -> None:
    """Draws all three pictures."""
    test = split_folder(DEMO, "test")
    true = read_camera(test / "camera" / "1_demo_4.json")
    draw_page_picture()
    sheet = print_sheet(NAME, PAPER_MM, 4.0)
    with tempfile.TemporaryDirectory() as folder:
        calibrated = draw_intrinsics(Path(folder), sheet, true)
        draw_extrinsics(
            Path(folder), sheet, true, read_image(test / "images" / "1_demo_4" / "1_demo_4_85.jpg"), calibrated
        )


def draw_page_picture() -> None:
    """Draws the page as it is printed on A4."""
    figure = draw_page(named_board("5x7x36"), (210.0, 297.0))
    figure.patch.set_edgecolor("0.6")
    figure.patch.set_linewidth(2)
    figure.savefig(drawing.IMAGES / "board.png", dpi=64, edgecolor="0.6")


def draw_intrinsics(folder: Path, sheet: Sheet, true: Camera) -> Path:
    """Draws the coverage of a rendered film, and returns the camera file."""
    rng = np.random.default_rng(SEED)
    images = (photograph(one, [(sheet, one)], rng, Film()) for one in moved_before(true, sheet.board, rng, VIEWS))
    footage = open_footage(str(write_images(folder / "moved", images)))
    result = calibrate_intrinsics(footage, sheet.board, folder / "intrinsics.json")
    write_bytes(drawing.IMAGES / "coverage.png", result.picture.read_bytes())
    return result.file


def draw_extrinsics(folder: Path, sheet: Sheet, true: Camera, image: np.ndarray, calibrated: Path) -> None:
    """Draws the grid of the floor through the camera that is calibrated with a board on the floor of one of its frames."""
    seen_by = in_board_axes(true, np.array([*ORIGIN_MM, float(true.floor_height_mm or 0)]), YAW)
    channels = [channel.astype(np.float32) for channel in np.moveaxis(image, 2, 0)]
    for channel in channels:
        draw_sheet(channel, sheet, seen_by, 2)
    with_board = np.clip(np.stack(channels, -1), 0, 255).astype(np.uint8)
    footage = open_footage(str(write_images(folder / "floor", [with_board[..., ::-1]])))
    placed = place_camera(footage, read_intrinsics(calibrated), sheet.board, 0.0)
    drawn = draw_floor(with_board, placed.camera, sheet.board, 0.0)
    small = cv2.resize(drawn, (WIDTH_PX, WIDTH_PX * drawn.shape[0] // drawn.shape[1]), interpolation=cv2.INTER_AREA)
    encoded = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1]
    write_bytes(drawing.IMAGES / "board_on_floor.jpg", encoded.tobytes())


if __name__ == "__main__":
    run_script(main)
