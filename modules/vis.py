"""Draws skeletons on images and in 3D plots of the world."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import matplotlib
import numpy as np

matplotlib.use("Agg")
from matplotlib import pyplot as plt
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from model.skeleton import EDGES, JOINT_NAMES
from modules.files.atomic import write_bytes
from modules.pose_utils import Camera, project_to_image
from modules.recorders import save_figure

# RGB. Left and right differ in hue and in lightness, for readers without colour vision. All three are visible on a
# photograph and on white paper; the reference is white on photographs and grey on paper.
LEFT, RIGHT, MIDDLE, REFERENCE = (255, 150, 30), (20, 90, 200), (200, 30, 120), (255, 255, 255)
GREY = (153, 153, 153)
BACKGROUND = 30
COMPARISON_LEGEND = (
    ("extractor", REFERENCE),
    ("label, left", LEFT),
    ("label, right", RIGHT),
    ("label, middle", MIDDLE),
)


def side_colour(child: int) -> tuple[int, int, int]:
    """Returns the RGB colour of a joint and of the bone that ends in it."""
    name = JOINT_NAMES[child]
    return LEFT if name.startswith("left") else RIGHT if name.startswith("right") else MIDDLE


def draw_skeleton(
    image: np.ndarray, joints_px: np.ndarray, width: int, colour: tuple[int, int, int] | None = None
) -> None:
    """Draws joints (24, 2) px and bones on an RGB image in place. Without a colour, each side has its own."""
    limit = 4 * max(image.shape[:2])  # cv2 overflows for far-away points
    points = np.clip(np.nan_to_num(joints_px), -limit, limit).round().astype(int)
    for parent, child in EDGES:
        shade = colour or side_colour(child)
        cv2.line(image, points[parent].tolist(), points[child].tolist(), shade, width, cv2.LINE_AA)
    for joint, point in enumerate(points):
        cv2.circle(image, point.tolist(), width, colour or side_colour(joint), -1, cv2.LINE_AA)


def _caption(image: np.ndarray, lines: Sequence[tuple[str, tuple[int, int, int]]]) -> np.ndarray:
    """Returns the image with lines of coloured text below it."""
    band = np.full((18 + 30 * len(lines), image.shape[1], 3), BACKGROUND, np.uint8)
    for index, (text, colour) in enumerate(lines):
        cv2.putText(band, text, (12, 34 + 30 * index), cv2.FONT_HERSHEY_SIMPLEX, 0.72, colour, 2, cv2.LINE_AA)
    return np.concatenate([image, band])


def overlay(
    image: np.ndarray, camera: Camera, predicted: np.ndarray, reference: np.ndarray | None, title: str
) -> np.ndarray:
    """Returns the part of an image around the person, 720 px wide, with the prediction drawn over the white reference.

    `predicted` and `reference` are (24, 3) world mm.
    """
    drawn = image.copy()
    predicted_px = project_to_image(predicted, camera)
    shown = predicted_px
    lines = [(title, (255, 255, 255)), ("left", LEFT)]
    if reference is not None:
        reference_px = project_to_image(reference, camera)
        draw_skeleton(drawn, reference_px, 7, REFERENCE)
        shown = np.concatenate([predicted_px, reference_px])
        error = np.linalg.norm(predicted - reference, axis=-1).mean()
        lines.append((f"white: reference, {error:.0f} mm from the prediction", REFERENCE))
    draw_skeleton(drawn, predicted_px, 4)
    cut = _about(drawn, shown)
    height = round(cut.shape[0] * 720 / cut.shape[1])
    picture = _caption(cv2.resize(cut, (720, height), interpolation=cv2.INTER_AREA), lines)
    cv2.putText(picture, "right", (80, height + 64), cv2.FONT_HERSHEY_SIMPLEX, 0.72, RIGHT, 2, cv2.LINE_AA)
    return picture


def comparison_tile(
    image: np.ndarray, extractor_px: np.ndarray, label_px: np.ndarray, title: str, side: int = 360
) -> np.ndarray:
    """Returns a tile (side + 30, side, 3) with the extractor's joints (white) and the projected label (colour).

    Both are (24, 2) px of the image. They are drawn after scaling, so that lines have the same width in every tile.
    """
    x0, y0, x1, y1 = _span(image, extractor_px)
    scale = side / max(x1 - x0, y1 - y0)
    shrinks = scale < 1
    cut = cv2.resize(
        image[y0:y1, x0:x1], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )[:side, :side]
    for pixels, width, colour in ((extractor_px, 4, REFERENCE), (label_px, 2, None)):
        if np.isfinite(pixels).all():
            draw_skeleton(cut, (pixels + 0.5 - (x0, y0)) * scale - 0.5, width, colour)
    tile = np.full((side + 30, side, 3), BACKGROUND, np.uint8)
    tile[: cut.shape[0], : cut.shape[1]] = cut
    cv2.putText(tile, title, (8, side + 20), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
    return tile


def contact_sheet(
    tiles: Sequence[np.ndarray], columns: int, legend: Sequence[tuple[str, tuple[int, int, int]]]
) -> np.ndarray:
    """Returns tiles of equal size in a grid, row by row, below a legend. Empty places are dark."""
    rows = -(-len(tiles) // columns)
    height, width = tiles[0].shape[:2]
    sheet = np.full((rows * height, min(columns, len(tiles)) * width, 3), BACKGROUND, np.uint8)
    for index, tile in enumerate(tiles):
        top, left = index // columns * height, index % columns * width
        sheet[top : top + height, left : left + width] = tile
    return np.concatenate([_legend(sheet.shape[1], legend), sheet])


def _legend(width: int, entries: Sequence[tuple[str, tuple[int, int, int]]]) -> np.ndarray:
    """Returns a legend of this width in px, wrapped if it is too long."""
    places, x, y = [], 12, 20
    for text, _ in entries:
        needed = 42 + cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)[0][0]
        if x > 12 and x + needed > width:
            x, y = 12, y + 20
        places.append((x, y))
        x += needed + 24
    band = np.full((y + 12, width, 3), BACKGROUND, np.uint8)
    for (text, colour), (left, base) in zip(entries, places, strict=True):
        cv2.line(band, (left, base - 4), (left + 30, base - 4), colour, 4, cv2.LINE_AA)
        cv2.putText(band, text, (left + 42, base), cv2.FONT_HERSHEY_SIMPLEX, 0.45, (255, 255, 255), 1, cv2.LINE_AA)
    return band


def _about(image: np.ndarray, points_px: np.ndarray) -> np.ndarray:
    """Returns the part of the image around these points."""
    x0, y0, x1, y1 = _span(image, points_px)
    return image[y0:y1, x0:x1]


def _span(image: np.ndarray, points_px: np.ndarray) -> tuple[int, int, int, int]:
    """Returns left, top, right and bottom of a part around points (N, 2) px.

    It is at least a quarter of the image's longer side wide; the whole image if the points are outside.
    """
    height, width = image.shape[:2]
    low, high = points_px.min(0), points_px.max(0)
    centre, half = (low + high) / 2, np.maximum((high - low).max() * 0.6, max(width, height) / 8)
    x0, x1 = np.clip([centre[0] - half, centre[0] + half], 0, width).astype(int)
    y0, y1 = np.clip([centre[1] - half, centre[1] + half], 0, height).astype(int)
    return (x0, y0, x1, y1) if x1 - x0 > 16 and y1 - y0 > 16 else (0, 0, width, height)


def write_image(path: Path, image_rgb: np.ndarray, quality: int = 95) -> None:
    """Writes an RGB image atomically. `quality`, 0 to 100, is for JPEG."""
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    encoded = cv2.imencode(path.suffix, cv2.cvtColor(image_rgb, cv2.COLOR_RGB2BGR), options)[1].tobytes()
    write_bytes(path, encoded)  # cv2.imwrite does not report a full disk


def hex_colour(colour: tuple[int, int, int]) -> str:
    """Returns an RGB colour in the #rrggbb form of matplotlib."""
    return "#{:02x}{:02x}{:02x}".format(*colour)


def up_to_draw(world_up: np.ndarray | None, R: np.ndarray) -> np.ndarray:
    """Returns the declared up direction (3,), else the mean up of the cameras R (N, 3, 3). For drawing only."""
    declared = world_up is not None and np.isfinite(world_up).all()
    return np.array(world_up if declared else -R[:, 1].mean(0))


def plot_world(
    path: Path, predicted: np.ndarray, reference: np.ndarray | None, up: np.ndarray, titles: Sequence[str]
) -> None:
    """Plots poses (N, 24, 3) world mm in a row: the prediction in colour, the reference in grey, axes in m.

    The world axis nearest to `up` (3,) is vertical.
    """
    figure = plt.figure(figsize=(4.2 * len(predicted), 4.8))
    for index, (pose, title) in enumerate(zip(predicted, titles, strict=True)):
        axes = figure.add_subplot(1, len(predicted), index + 1, projection="3d")
        shown = pose[None] if reference is None else np.stack([reference[index], pose])
        for layer, joints in enumerate(shown):
            grey = layer < len(shown) - 1
            for parent, child in EDGES:
                colour = hex_colour(GREY if grey else side_colour(child))
                bone = joints[[parent, child]] / 1e3
                axes.plot(*bone.T, color=colour, lw=3 if grey else 1.8, alpha=0.7 if grey else 1)
        _stand_upright(axes, shown, up)
        axes.set_title(title, fontsize=9, y=0.97)
    names = {"left": LEFT, "right": RIGHT, "spine": MIDDLE, **({} if reference is None else {"reference": GREY})}
    lines = [Line2D([], [], color=hex_colour(colour), lw=2.5, label=name) for name, colour in names.items()]
    figure.legend(
        handles=lines, loc="lower center", bbox_to_anchor=(0.5, 0.1), ncols=len(lines), frameon=False, fontsize=9
    )
    save_figure(figure, path)


def _stand_upright(axes: Any, shown: np.ndarray, up: np.ndarray) -> None:
    """Turns a 3D plot so that the axis nearest to `up` points up, and sets limits around poses (N, 24, 3) world mm."""
    vertical = int(np.abs(up).argmax())
    # Reversing one axis would mirror the world; reversing two is a half turn.
    turned = {vertical, (vertical + 1) % 3} if up[vertical] < 0 else set()
    low, high = shown.min((0, 1)), shown.max((0, 1))
    centre, half = (low + high) / 2e3, (high - low).max() / 1.9e3
    for place, name in enumerate("xyz"):
        ends = (centre[place] - half, centre[place] + half)
        getattr(axes, f"set_{name}lim")(*(ends[::-1] if place in turned else ends))
        getattr(axes, f"{name}axis").set_major_locator(MaxNLocator(4))
        getattr(axes, f"set_{name}label")(f"{name}, m", fontsize=8, labelpad=-1 if place == vertical else -4)
    axes.tick_params(labelsize=7, pad=0)
    axes.set_box_aspect((1, 1, 1), zoom=1.05)
    axes.view_init(elev=12, azim=-60, vertical_axis="xyz"[vertical])
