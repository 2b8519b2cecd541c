"""Draws how well the views cover the picture and fit the lens, and the floor through a calibrated camera."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from data.calibrate.board import Board
from data.calibrate.coverage import CELLS, TILT, board_shape
from data.calibrate.detection import Sighting
from data.calibrate.lens import Lens, rms
from modules.files.atomic import atomic_path
from modules.pose_utils import Camera, project_to_image

COLOURS = "viridis"
GRID_MM, REACH_MM = 500, 2500  # of the drawn floor: distance of its lines, and how far they go
AXES_RGB = ((220, 40, 40), (30, 160, 60), (40, 90, 220))  # x, y, z


def draw_coverage(
    path: Path, views: Sequence[Sighting], lens: Lens | None, board: Board, size: tuple[int, int]
) -> None:
    """Writes a picture of the corners of all views, coloured by residual if there is a lens, of the tilts, and of the views."""
    figure = Figure(figsize=(9.6, 4.8), layout="constrained")
    grid = figure.add_gridspec(2, 2, width_ratios=[1.7, 1])
    _draw_corners(figure.add_subplot(grid[:, 0]), views, lens, size)
    _draw_tilts(figure.add_subplot(grid[0, 1]), views, board, size)
    _draw_views(figure.add_subplot(grid[1, 1]), views, lens)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=100)


def _draw_corners(axes: Axes, views: Sequence[Sighting], lens: Lens | None, size: tuple[int, int]) -> None:
    """Draws where in the picture corners were seen."""
    shown = views if lens is None else lens.views
    for view in shown:
        hull = cv2.convexHull(view.corners_px.astype(np.float32))[:, 0]
        axes.fill(hull[:, 0], hull[:, 1], facecolor="none", edgecolor="0.8", lw=0.6, zorder=1)
    corners = np.concatenate([view.corners_px for view in shown])
    if lens is None:
        axes.scatter(corners[:, 0], corners[:, 1], s=9, color="tab:blue", zorder=2)
    else:
        lengths = np.linalg.norm(np.concatenate(lens.residuals_px), axis=1)
        norm = Normalize(0, float(np.quantile(lengths, 0.98)))
        axes.scatter(corners[:, 0], corners[:, 1], s=9, c=lengths, cmap=COLOURS, norm=norm, zorder=2)
        bar = axes.figure.colorbar(ScalarMappable(norm, COLOURS), ax=axes, shrink=0.7, location="bottom")
        bar.set_label("residual, px")
    for cell in range(1, CELLS):
        axes.axvline(cell * size[0] / CELLS - 0.5, color="0.9", lw=0.5, zorder=0)
        axes.axhline(cell * size[1] / CELLS - 0.5, color="0.9", lw=0.5, zorder=0)
    axes.set(xlim=(-0.5, size[0] - 0.5), ylim=(size[1] - 0.5, -0.5), aspect="equal", xlabel="x, px", ylabel="y, px")
    axes.set_title(f"{len(corners)} corners in {len(shown)} views")


def _draw_tilts(axes: Axes, views: Sequence[Sighting], board: Board, size: tuple[int, int]) -> None:
    """Draws how the board was tilted; a larger dot is a nearer board."""
    shapes = np.array([board_shape(view, board, size) for view in views])
    angles = np.degrees(np.arcsin(np.clip(shapes[:, 3:], -1, 1)))
    axes.scatter(angles[:, 0], angles[:, 1], s=80 * shapes[:, 2], color="tab:blue", alpha=0.7)
    side = np.degrees(np.arcsin(TILT))
    axes.plot(side * np.array([-1, 1, 1, -1, -1]), side * np.array([-1, -1, 1, 1, -1]), color="0.6", lw=0.7, ls=":")
    axes.set(xlim=(-60, 60), ylim=(60, -60), xlabel="tilt to left and right, °", ylabel="to top and bottom, °")
    axes.set_title("tilts (beyond the dotted square on all sides)", fontsize=9)


def _draw_views(axes: Axes, views: Sequence[Sighting], lens: Lens | None) -> None:
    """Draws each view's residual, or its blur where there is no lens yet."""
    shown = views if lens is None else lens.views
    values = [view.smear_px for view in views] if lens is None else [rms(one) for one in lens.residuals_px]
    axes.bar(range(len(values)), values, color="tab:blue")
    step = -(-len(shown) // 10)
    axes.set_xticks(
        range(0, len(shown), step), [view.name for view in shown[::step]], rotation=60, ha="right", fontsize=7
    )
    axes.set_ylabel("blur and motion, px" if lens is None else "residual, px (rms)")


def draw_floor(image: np.ndarray, camera: Camera, board: Board, floor_mm: float) -> np.ndarray:
    """Returns an RGB image with a grid on the floor, the board's corners, and the world's axes drawn on it."""
    drawn, width = image.copy(), max(round(max(image.shape) / 700), 1)
    middle = np.round(board.size_mm / 2 / GRID_MM) * GRID_MM
    along = np.linspace(-REACH_MM, REACH_MM, 101)
    for place in range(-REACH_MM, REACH_MM + 1, GRID_MM):
        for axis in (0, 1):
            line = np.full((len(along), 3), floor_mm)
            line[:, axis], line[:, 1 - axis] = middle[axis] + along, middle[1 - axis] + place
            _draw_line(drawn, line, camera, (255, 210, 60), width)
    for end, colour in zip(2 * board.square_mm * np.eye(3), AXES_RGB, strict=True):
        _draw_line(drawn, np.linspace(0, 1, 20)[:, None] * end, camera, colour, 3 * width)
    for corner in project_to_image(board.corners_world, camera):
        cv2.circle(drawn, corner.round().astype(int).tolist(), 2 * width, (200, 30, 120), width, cv2.LINE_AA)
    return drawn


def _draw_line(
    image: np.ndarray, points_world: np.ndarray, camera: Camera, colour: tuple[int, int, int], width: int
) -> None:
    """Draws the part of a line (N, 3) world mm that is in front of the camera and in or near its picture, in place."""
    depth = points_world @ camera.R[2] + camera.t[2]
    seen = points_world[depth > 100]
    pinhole = project_to_image(seen, Camera(camera.K, camera.R, camera.t))
    size = np.array(image.shape[1::-1])
    # Farther out, the lens model may turn back.
    near = np.asarray(((pinhole > -0.2 * size) & (pinhole < 1.2 * size)).all(axis=1))
    pixels = project_to_image(seen, camera).round()
    for first, second, both in zip(pixels, pixels[1:], near[:-1] & near[1:], strict=False):
        if both:
            cv2.line(image, first.astype(int).tolist(), second.astype(int).tolist(), colour, width, cv2.LINE_AA)
