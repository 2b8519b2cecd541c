"""Draws the figures of docs/conventions.md: axes, pixels, depths, the crop's camera, and the 24 joints."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.patches import Polygon, Rectangle

from benchmarks import drawing
from benchmarks.drawing import DOUBLE, FAINT, OTHER, TRUTH
from docs.measurements import Scene
from model.inputs import CROP_SIZE
from model.skeleton import EDGES, JOINT_NAMES
from modules.cache.table import CROP_MARGIN
from modules.files.images import warp_crop
from modules.pose_utils import crop_camera, pixel2cam, project_to_image
from modules.vis import LEFT, REFERENCE, RIGHT, draw_skeleton, hex_colour, side_colour

BOX_MARGIN = 0.1  # of the longer side, as in the extractor's box around its landmarks
# A standing figure for the drawing: distance to the side, and height; cm.
STANDING = {
    "pelvis": (0, 95), "hip": (10, 87), "spine1": (0, 106), "knee": (11, 50), "spine2": (0, 118), "ankle": (11, 11),
    "spine3": (0, 127), "foot": (17, 3), "neck": (0, 147), "collar": (8, 138), "head": (0, 163), "shoulder": (20, 142),
    "elbow": (37, 118), "wrist": (52, 96), "hand": (58, 86),
}  # fmt: skip


def standing_figure() -> np.ndarray:
    """Returns a person who faces the reader, with the left side on the reader's right: (24, 2) plot coordinates."""
    points = []
    for name in JOINT_NAMES:
        side, _, part = name.rpartition("_")
        across, height = STANDING[part]
        points.append([-across if side == "right" else across, height])
    return np.array(points, dtype=float)


def draw_joints() -> None:
    """Draws the skeleton with every joint's number and name."""
    figure, (axes,) = drawing.new_figure(1, 6.4, 6.4)
    points = standing_figure()
    for child, (parent, end) in enumerate(EDGES, start=1):
        axes.plot(*points[[parent, end]].T, color=hex_colour(side_colour(child)), lw=2.5, solid_capstyle="round")
    for joint, (name, (x, y)) in enumerate(zip(JOINT_NAMES, points, strict=True)):
        axes.plot(x, y, "o", color=hex_colour(side_colour(joint)), ms=5, zorder=5)
        to_left = name.startswith("right")
        start = np.array([x, y]) + _label_offset(name)
        axes.annotate(
            f"{joint} {name}", (x, y), start, ha="right" if to_left else "left", va="center",
            arrowprops={"arrowstyle": "-", "color": "#bbbbbb", "lw": 0.6, "shrinkA": 1, "shrinkB": 2},
        )  # fmt: skip
    axes.text(-60, 168, "the person's right", color=hex_colour(RIGHT), ha="center", weight="bold")
    axes.text(60, 168, "the person's left", color=hex_colour(LEFT), ha="center", weight="bold")
    axes.set(xlim=(-105, 105), ylim=(-4, 174), aspect="equal")
    axes.set_axis_off()
    drawing.save(figure, "joints.png")


def _label_offset(name: str) -> np.ndarray:
    if not name.startswith(("left", "right")):
        return np.array([4.0, 6.0 if name == "neck" else 1.0])
    up = 17.0 if name.endswith("collar") else 0.0  # above the shoulder's label
    return np.array([(-1 if name.startswith("right") else 1) * (22 if up else 8), up])


def draw_axes(scene: Scene) -> None:
    """Draws the axes of world and camera around the demo's person, and the pixel axes."""
    plt.rcParams.update(drawing.STYLE)
    figure = plt.figure(figsize=(9.6, 3.7))
    # A flat scene fills a third of a 3D plot's square; the axes are larger than the page to make up for it.
    _draw_world(figure.add_axes((0, -0.26, 0.64, 1.66), projection="3d"), scene)
    _draw_pixels(figure.add_axes((0.68, 0.13, 0.31, 0.79)))
    figure.text(0.32, 0.944, "world and camera axes: cam = R @ world + t", ha="center", fontsize=10)
    drawing.save(figure, "axes.png", tight=False)


def _draw_world(axes: Any, scene: Scene) -> None:
    camera, floor = scene.camera, (scene.camera.floor_height_mm or 0) / 1e3
    for parent, child in EDGES:
        axes.plot(*(scene.joints_world[[parent, child]] / 1e3).T, color=TRUTH, lw=2)
    centre, pelvis = camera.centre_world / 1e3, scene.joints_world[0] / 1e3
    _arrows(axes, np.zeros(3), np.eye(3), {"x": (0, 0, 0), "y": (0, 0, 0.08), "z up": (0.1, 0, 0)}, FAINT)
    axes.text(0.3, 0, -0.24, "world", color=FAINT, ha="center")
    _arrows(
        axes,
        centre,
        camera.R,
        {"x right": (0.25, 0, -0.05), "y down": (0, 0, -0.05), "z forward": (0.2, 0, -0.2)},
        DOUBLE,
    )
    axes.plot(*np.stack([centre, pelvis]).T, ":", color=DOUBLE)
    axes.text(*centre + [0.1, 0, 0.14], "camera at $-R^T t$", color=DOUBLE, ha="center")
    corners = np.array([[-4, -1.8], [1.2, -1.8], [1.2, 1.5], [-4, 1.5], [-4, -1.8]])
    axes.plot(*corners.T, floor, color=FAINT, lw=0.8)
    axes.text(0.9, -1.6, floor, "floor", color=FAINT, ha="right")
    axes.set_box_aspect((5.3, 3.8, 2.2), zoom=1.1)
    axes.set(xlim=(-4.2, 1.3), ylim=(-2.2, 1.6), zlim=(0, 2.2))
    axes.set_axis_off()
    axes.view_init(elev=22, azim=-112)


def _arrows(
    axes: Any, origin: np.ndarray, directions: np.ndarray, names: dict[str, tuple[float, ...]], colour: str
) -> None:
    """Draws axes with their names; each name is offset so that none overlap."""
    for direction, (name, aside) in zip(directions, names.items(), strict=True):
        axes.quiver(*origin, *(0.9 * direction), color=colour, arrow_length_ratio=0.18, lw=1.6)
        axes.text(*(origin + 1.06 * direction + aside), name, color=colour, ha="center", va="center")


def _draw_pixels(axes: Axes) -> None:
    """Draws an image of 5 x 4 px, each pixel a square around its integer centre."""
    width, height = 5, 4
    for u in range(width):
        for v in range(height):
            axes.add_patch(Rectangle((u - 0.5, v - 0.5), 1, 1, facecolor="white", edgecolor="#bbbbbb", lw=0.8))
            axes.plot(u, v, ".", color=TRUTH)
    axes.annotate("pixel (0, 0)", (0, 0), (0.12, 0.25), color=TRUTH, fontsize=8)
    axes.annotate("(-0.5, -0.5): the image's corner", (-0.5, -0.5), (-0.4, -0.95), arrowprops={"arrowstyle": "->"})
    axes.annotate("(W - 0.5, H - 0.5)", (width - 0.5, height - 0.5), (2.4, 4.2), arrowprops={"arrowstyle": "->"})
    middle = ((width - 1) / 2, (height - 1) / 2)
    axes.plot(*middle, "+", color=DOUBLE, ms=12, mew=2)
    axes.annotate("the middle, ((W - 1) / 2, (H - 1) / 2)", middle, (0.4, 2.42), color=DOUBLE, fontsize=8)
    axes.set(xlim=(-0.8, 5), ylim=(4.6, -1.3), aspect="equal", xlabel="u, px (right)", ylabel="v, px (down)")
    axes.set(xticks=range(width), yticks=range(height), title="pixel centres at integer coordinates")
    axes.spines[["top", "right"]].set_visible(False)


def draw_depths(scene: Scene, image: np.ndarray) -> None:
    """Draws root depth and relative depth from the side, and the view of the crop's camera."""
    figure, (side, whole, crop) = drawing.new_figure(3, 9.6, 3.7, [2.3, 0.9, 1.15])
    _draw_depth_lines(side, scene)
    pixels = project_to_image(scene.joints_world, scene.camera)
    low, high = pixels.min(0), pixels.max(0)
    border = BOX_MARGIN * (high - low).max()
    box = np.concatenate([low - border, high - low + 2 * border])
    R_cam2crop, K_crop = crop_camera(box, scene.camera.K, CROP_SIZE, CROP_MARGIN)
    whole.imshow(image)
    whole.add_patch(Rectangle((box[0], box[1]), box[2], box[3], fill=False, edgecolor=hex_colour(REFERENCE), lw=1.5))
    edges = np.array([[-0.5, -0.5], [CROP_SIZE - 0.5, -0.5], [CROP_SIZE - 0.5] * 2, [-0.5, CROP_SIZE - 0.5]])
    outline = pixel2cam(edges, np.ones(4), K_crop) @ R_cam2crop @ scene.camera.K.T
    whole.add_patch(Polygon(outline[:, :2] / outline[:, 2:], fill=False, edgecolor="#ffb000", lw=1.5))
    whole.set(title="image: box, and\nthe crop's outline")
    drawn = image.copy()
    draw_skeleton(drawn, pixels, 3, REFERENCE)
    crop.imshow(warp_crop(drawn, scene.camera, R_cam2crop, K_crop, CROP_SIZE))
    crop.set(title=f"the crop's camera,\n{CROP_SIZE} x {CROP_SIZE} px")
    for axes in (whole, crop):
        axes.set_axis_off()
    drawing.save(figure, "depths.jpg")


def _draw_depth_lines(axes: Axes, scene: Scene) -> None:
    joints = scene.joints_cam / 1e3
    points = np.stack([joints[:, 2], -joints[:, 1]], -1)
    drawing.draw_bones(axes, points, TRUTH)
    drawing.draw_camera(axes, np.zeros(2), np.array([1.0, 0]), 0.16)
    axes.text(0, 0.16, "camera")
    foot = JOINT_NAMES.index("left_foot")
    axes.plot([0, points[0, 0]], [0, points[0, 1]], ":", color=FAINT)
    axes.plot([0, points[foot, 0]], [0, points[foot, 1]], ":", color=FAINT)
    for level, start, end, text, colour in (
        (-0.75, 0.0, points[0, 0], "depth_root_mm: z of the pelvis", DOUBLE),
        (-0.95, points[0, 0], points[foot, 0], "depth_rel_mm\nof left_foot", OTHER),
    ):
        axes.annotate("", (end, level), (start, level), arrowprops={"arrowstyle": "<->", "color": colour, "lw": 1.5})
        place, ha = ((start + end) / 2, "center") if colour == DOUBLE else (start - 0.08, "right")
        axes.text(place, level + (0.04 if colour == DOUBLE else 0), text, color=colour, ha=ha,
                  va="bottom" if colour == DOUBLE else "center")  # fmt: skip
    for joint, bottom in ((0, -1.0), (foot, -1.0)):
        axes.plot([points[joint, 0]] * 2, [points[joint, 1], bottom], color=FAINT, lw=0.7)
    axes.set(
        xlabel="z of the camera, m", ylabel="-y of the camera, m", aspect="equal", title="depths are the camera's z"
    )
    axes.set(xlim=(-0.1, 4.1), ylim=(-1.15, 1.15))
    drawing.quiet(axes)


def draw_all(scene: Scene, image: np.ndarray) -> None:
    """Draws every figure of the page."""
    draw_axes(scene)
    draw_depths(scene, image)
    draw_joints()
