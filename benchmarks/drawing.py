"""Shared by all figures of the docs: colours, skeletons and cameras in 2D plots, and reproducible files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from model.skeleton import EDGES
from modules.config.paths import PROJECT_ROOT
from modules.files.atomic import atomic_path
from modules.recorders import BASELINE, OURS, SECOND

IMAGES = PROJECT_ROOT / "docs" / "images"
TRUTH, DOUBLE, OTHER, FAINT = OURS, SECOND, "#7b3fa0", BASELINE
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "svg.hashsalt": "groundpose",
}


def save(figure: Figure, name: str, tight: bool = True) -> Path:
    """Writes a figure into docs/images, cropped to its content if `tight`; the same figure gives the same bytes."""
    path = IMAGES / name
    options = {"pil_kwargs": {"quality": 88}} if path.suffix == ".jpg" else {"metadata": {"Software": None}}
    with atomic_path(path) as temporary:
        figure.savefig(
            temporary, dpi=110, facecolor="white", bbox_inches="tight" if tight else None, pad_inches=0.05, **options
        )
    plt.close(figure)
    return path


def new_figure(
    columns: int, width: float, height: float, ratios: list[float] | None = None
) -> tuple[Figure, list[Axes]]:
    """Returns a figure with panels side by side."""
    plt.rcParams.update(STYLE)
    figure, axes = plt.subplots(
        1, columns, figsize=(width, height), layout="constrained", width_ratios=ratios, squeeze=False
    )
    return figure, list(axes[0])


def draw_bones(axes: Axes, points: np.ndarray, colour: str, label: str | None = None, width: float = 1.8) -> None:
    """Draws a skeleton from (24, 2) plot coordinates."""
    for index, (parent, child) in enumerate(EDGES):
        ends = points[[parent, child]]
        axes.plot(*ends.T, color=colour, lw=width, label=label if index == 0 else None, solid_capstyle="round")
    axes.plot(*points.T, "o", color=colour, ms=1.6 * width)


def draw_camera(axes: Axes, centre: np.ndarray, forward: np.ndarray, size: float, colour: str = "black") -> None:
    """Draws a camera as a triangle that opens towards `forward`; plot coordinates."""
    forward = forward / np.linalg.norm(forward)
    aside = np.array([-forward[1], forward[0]])
    corners = np.stack([centre, centre + size * (forward + 0.5 * aside), centre + size * (forward - 0.5 * aside)])
    axes.fill(*corners.T, facecolor="white", edgecolor=colour, lw=1.4, zorder=5)


def quiet(axes: Axes) -> None:
    """Removes the frame on the right and on top, and adds a faint grid."""
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
