"""Renders the PDF's own drawing of a board as a camera with a lens sees it, with exact truth: for figures and tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg

from data.calibrate.board import Board, read_board
from data.calibrate.board_pdf import board_origin, draw_page
from modules.pose_utils import Camera, pixel2ray, project_to_image, undistort


@dataclass(frozen=True)
class Sheet:
    """A printed page: its pixels, and where they are in the board's axes."""

    board: Board
    paper_mm: tuple[float, float]
    levels: list[np.ndarray]  # grey, each half as large as the one before
    px_per_mm: float

    def corners_on_paper(self) -> np.ndarray:
        """The page's corners (4, 3) in the board's axes, mm."""
        low = -board_origin(self.board, self.paper_mm)
        high = low + self.paper_mm
        return np.array([[low[0], low[1], 0], [high[0], low[1], 0], [high[0], high[1], 0], [low[0], high[1], 0]])


def print_sheet(name: str, paper_mm: tuple[float, float], px_per_mm: float = 6.0) -> Sheet:
    """Rasterises the drawing that the PDF is made of."""
    board = read_board(name)
    figure = draw_page(board, paper_mm)
    figure.set_dpi(25.4 * px_per_mm)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    levels = [cv2.cvtColor(np.asarray(canvas.buffer_rgba())[..., :3], cv2.COLOR_RGB2GRAY)]
    while min(levels[-1].shape) > 40:
        height, width = levels[-1].shape
        levels.append(cv2.resize(levels[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA))
    return Sheet(board, paper_mm, levels, px_per_mm)


def draw_sheet(image: np.ndarray, sheet: Sheet, camera: Camera, fine: int = 1) -> None:
    """Draws a sheet that lies in the plane z = 0 of `camera`'s world into a grey float image, in place."""
    height, width = image.shape
    outline = sheet.corners_on_paper()
    border = np.concatenate([np.linspace(a, b, 20) for a, b in zip(outline, np.roll(outline, -1, 0), strict=True)])
    seen = project_to_image(border, camera)
    x0, y0 = np.clip(np.floor(seen.min(0)).astype(int) - 1, 0, [width, height])
    x1, y1 = np.clip(np.ceil(seen.max(0)).astype(int) + 2, 0, [width, height])
    if x1 <= x0 or y1 <= y0:
        return
    # The lens is inverted on a coarse grid and interpolated linearly, to a hundredth of a pixel; cv2.remap rounds to 1/32.
    step = 8
    xs, ys = np.arange(x0 - step, x1 + 2 * step, step), np.arange(y0 - step, y1 + 2 * step, step)
    coarse = undistort(np.stack(np.meshgrid(xs, ys), -1).reshape(-1, 2).astype(float), camera.K, camera.distortion, 8)
    coarse = coarse.reshape(len(ys), len(xs), 2)
    u = x0 + (np.arange((x1 - x0) * fine) + 0.5) / fine - 0.5
    v = y0 + (np.arange((y1 - y0) * fine) + 0.5) / fine - 0.5
    pixels = np.einsum("ua,bac,vb->vuc", _weights(u, xs), coarse, _weights(v, ys), optimize=True)
    rays = pixel2ray(pixels.reshape(-1, 2), camera.K) @ camera.R
    depth = -camera.centre_world[2] / rays[:, 2]
    place = camera.centre_world[:2] + rays[:, :2] * depth[:, None]
    place += board_origin(sheet.board, sheet.paper_mm)
    # The level of detail at which a fine pixel is about one pixel of the sheet.
    per_px = float(np.median(np.linalg.norm(np.diff(place.reshape(*pixels.shape), axis=1), axis=-1)))
    level = int(np.clip(np.floor(np.log2(max(per_px * sheet.px_per_mm, 1))), 0, len(sheet.levels) - 1))
    texture = sheet.levels[level]
    scale = np.array(texture.shape[::-1]) / np.array(sheet.paper_mm)
    tx = place[:, 0] * scale[0] - 0.5
    ty = (sheet.paper_mm[1] - place[:, 1]) * scale[1] - 0.5
    shape = pixels.shape[:2]
    u_map, v_map = (one.reshape(shape).astype(np.float32) for one in (tx, ty))
    inside = (place > 0).all(1) & (place < sheet.paper_mm).all(1) & (depth > 0)
    drawn = cv2.remap(texture, u_map, v_map, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.float32)
    drawn = cv2.resize(drawn * inside.reshape(shape), None, fx=1 / fine, fy=1 / fine, interpolation=cv2.INTER_AREA)
    share = cv2.resize(
        inside.reshape(shape).astype(np.float32), None, fx=1 / fine, fy=1 / fine, interpolation=cv2.INTER_AREA
    )
    part = image[y0:y1, x0:x1]
    part[:] = drawn * 0.8 + share * 25 + part * (1 - share)  # paper is not white, ink not black


def _weights(at: np.ndarray, knots: np.ndarray) -> np.ndarray:
    """Returns the matrix (len(at), len(knots)) of linear interpolation between evenly spaced knots."""
    place = (at - knots[0]) / (knots[1] - knots[0])
    return np.maximum(0, 1 - np.abs(place[:, None] - np.arange(len(knots))))


@dataclass(frozen=True)
class Film:
    """How a frame is taken."""

    noise: float = 3.0  # of 255
    blur_px: float = 0.6  # sigma
    background: float = 110.0
    fine: int = 1  # samples of a pixel in each direction


def size_of(camera: Camera) -> tuple[int, int]:
    """Returns the (width, height) px of a camera's images. Raises ValueError if the camera does not say."""
    if camera.image_size is None:
        raise ValueError("the image size is needed")
    return camera.image_size


def photograph(camera: Camera, sheets: list[tuple[Sheet, Camera]], rng: np.random.Generator, film: Film) -> np.ndarray:
    """Returns RGB (H, W, 3) uint8 of sheets, each with the camera in that sheet's axes."""
    width, height = size_of(camera)
    image: np.ndarray = np.full((height, width), film.background, np.float32)
    for sheet, seen_by in sheets:
        draw_sheet(image, sheet, seen_by, film.fine)
    if film.blur_px:
        image = cv2.GaussianBlur(image, (0, 0), film.blur_px)
    image += rng.normal(scale=film.noise, size=image.shape).astype(np.float32)
    return np.repeat(np.clip(image, 0, 255).astype(np.uint8)[..., None], 3, 2)


PLACES = ((-1, -1), (1, -1), (-1, 1), (1, 1), (0, 0), (0, -0.6), (-0.6, 0), (0.6, 0), (0, 0.6))


def moved_before(camera: Camera, board: Board, rng: np.random.Generator, count: int) -> list[Camera]:
    """Returns the camera in the axes of a board that is held in all parts of the picture, near and far, tilted and turned."""
    size, focal = np.array(size_of(camera)), camera.K[0, 0]
    seen = []
    for index in range(count):
        share = rng.uniform(0.45, 0.8)  # of the picture's shorter side that the board's shorter side covers
        depth = focal * board.size_mm.min() / (share * size.min())
        middle_px = (size - 1) / 2 + np.array(PLACES[index % len(PLACES)]) * 0.3 * size
        middle = depth * np.array([*((middle_px - camera.K[:2, 2]) / focal), 1])
        tilt = cv2.Rodrigues(np.array([*rng.uniform(-0.6, 0.6, 2), 0]))[0]
        turn = cv2.Rodrigues(np.array([0, 0, rng.uniform(-0.3, 0.3) + (np.pi / 2 if index % 2 else 0)]))[0]
        R = tilt @ turn @ np.diag([1.0, -1.0, -1.0])  # facing the camera, upright
        seen.append(replace(camera, R=R, t=middle - R @ [*(board.size_mm / 2), 0]))
    return seen


def in_board_axes(camera: Camera, origin_world: np.ndarray, yaw: float) -> Camera:
    """Returns a camera of a world with z up in the axes of a board that lies level, its origin here, turned by `yaw`."""
    R_board2world = cv2.Rodrigues(np.array([0, 0, yaw]))[0]
    return replace(camera, R=camera.R @ R_board2world, t=camera.R @ origin_world + camera.t)


def write_images(folder: Path, images: Iterable[np.ndarray]) -> Path:
    """Writes images as 00.png, 01.png, … and returns the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for index, image in enumerate(images):
        cv2.imwrite(str(folder / f"{index:02d}.png"), image, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    return folder
