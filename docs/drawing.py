"""What the figures of these pages share: colours, skeletons and cameras in flat plots, files that come out the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from modules.config import PROJECT_ROOT
from modules.recorders import BASELINE, OURS, SECOND
from modules.skeleton import EDGES
from modules.utils import atomic_path

IMAGES = PROJECT_ROOT / "docs" / "images"
TRUTH, DOUBLE, OTHER, FAINT = OURS, SECOND, "#7b3fa0", BASELINE
STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "svg.hashsalt": "worldpose",
}


def save(figure: Figure, name: str, tight: bool = True) -> Path:
    """Write a figure below docs/images, cut to what is drawn or as its page is; the same bytes for the same picture."""
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
    """A figure with panels side by side."""
    plt.rcParams.update(STYLE)
    figure, axes = plt.subplots(
        1, columns, figsize=(width, height), layout="constrained", width_ratios=ratios, squeeze=False
    )
    return figure, list(axes[0])


def draw_bones(axes: Axes, points: np.ndarray, colour: str, label: str | None = None, width: float = 1.8) -> None:
    """A skeleton from (24, 2) plot coordinates."""
    for index, (parent, child) in enumerate(EDGES):
        ends = points[[parent, child]]
        axes.plot(*ends.T, color=colour, lw=width, label=label if index == 0 else None, solid_capstyle="round")
    axes.plot(*points.T, "o", color=colour, ms=1.6 * width)


def draw_camera(axes: Axes, centre: np.ndarray, forward: np.ndarray, size: float, colour: str = "black") -> None:
    """A camera as a triangle that opens towards `forward`, both in plot coordinates."""
    forward = forward / np.linalg.norm(forward)
    aside = np.array([-forward[1], forward[0]])
    corners = np.stack([centre, centre + size * (forward + 0.5 * aside), centre + size * (forward - 0.5 * aside)])
    axes.fill(*corners.T, facecolor="white", edgecolor=colour, lw=1.4, zorder=5)


def quiet(axes: Axes) -> None:
    """No frame on the right and on top, a faint grid."""
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
