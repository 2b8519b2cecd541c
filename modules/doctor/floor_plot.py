"""Draws the heights of people's lowest foot joints over the floor, by recording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np

matplotlib.use("Agg")  # plots are written to files; no display is needed
from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from modules.floor.worlds import SOLE_MM
from modules.recorders import save_figure

SHOWN_MM = -200.0, 400.0  # heights beyond are drawn at the edge
MOST_NAMES = 40  # recordings with a name below; of more, only the number is written
STANDING, OTHERS, EXPECTED = "#1f5fa8", "#e08a1e", "#2a8a4a"


@dataclass(frozen=True)
class FeetOverFloor:
    """The people of one recording."""

    recording: str
    heights_mm: np.ndarray  # (N,) of the lowest foot joint over the floor
    standing: np.ndarray  # (N,) bool
    declared: bool  # whether the floor is declared; else it is measured


def draw_feet(path: Path, recordings: Sequence[FeetOverFloor], title: str) -> None:
    """Writes the figure: a strip for each recording, and the histogram of all people."""
    recordings = sorted(recordings, key=lambda one: (not one.declared, float(np.median(one.heights_mm))))
    width = float(np.clip(5.5 + 0.22 * len(recordings), 7.5, 16))
    figure, (strips, histogram) = plt.subplots(
        1, 2, figsize=(width, 4.8), width_ratios=[width - 2.2, 2.2], sharey=True, layout="constrained"
    )
    _draw_strips(strips, recordings)
    _draw_histogram(histogram, recordings)
    for axes in (strips, histogram):
        axes.axhline(0, color="black", lw=1.2)
        axes.axhline(SOLE_MM, color=EXPECTED, lw=1.2, ls="--")
        axes.spines[["top", "right"]].set_visible(False)
    strips.set_title(title, loc="left")
    figure.legend(*strips.get_legend_handles_labels(), frameon=False, fontsize=8, loc="outside lower left", ncols=4)
    save_figure(figure, path)
    plt.close(figure)


def _draw_strips(axes: Axes, recordings: Sequence[FeetOverFloor]) -> None:
    """Draws every person of each recording."""
    places = np.concatenate([_spread(place, len(one.heights_mm)) for place, one in enumerate(recordings)])
    heights = np.clip(np.concatenate([one.heights_mm for one in recordings]), *SHOWN_MM)
    standing = np.concatenate([one.standing for one in recordings])
    for mask, colour, label in ((standing, STANDING, "standing"), (~standing, OTHERS, "sitting, lying, bent legs")):
        axes.scatter(places[mask], heights[mask], s=14, color=colour, alpha=0.75, lw=0, label=f"{label} ({mask.sum()})")
    axes.plot([], [], color="black", lw=1.2, label="floor")
    axes.plot(
        [],
        [],
        color=EXPECTED,
        lw=1.2,
        ls="--",
        label=f"usual for standing people ({SOLE_MM:.0f} mm)",
    )
    axes.set(ylim=(SHOWN_MM[0] - 15, SHOWN_MM[1] + 15), xlim=(-0.8, len(recordings) - 0.2))
    axes.set_ylabel("lowest foot joint over the floor, mm")
    if len(recordings) <= MOST_NAMES:
        axes.set_xticks(
            range(len(recordings)), [_name(one) for one in recordings], rotation=90 if len(recordings) > 4 else 0
        )
        axes.tick_params(axis="x", labelsize=8)
    else:
        declared = sum(one.declared for one in recordings)
        axes.set_xticks([])
        axes.set_xlabel(
            f"{len(recordings)} recordings, {declared} floors declared, {len(recordings) - declared} measured"
        )


def _draw_histogram(axes: Axes, recordings: Sequence[FeetOverFloor]) -> None:
    """Draws the histogram of all people's heights."""
    bins = np.arange(SHOWN_MM[0], SHOWN_MM[1] + 1, 15)
    heights = np.clip(np.concatenate([one.heights_mm for one in recordings]), *SHOWN_MM)
    standing = np.concatenate([one.standing for one in recordings])
    axes.hist(
        [heights[standing], heights[~standing]], bins=list(bins), orientation="horizontal", stacked=True,
        color=[STANDING, OTHERS],
    )  # fmt: skip
    axes.set_xlabel("people")


def _spread(place: int, count: int) -> np.ndarray:
    """Returns x positions (count,) within the strip of a recording."""
    return place + (np.linspace(-0.3, 0.3, count) if count > 1 else np.zeros(1))


def _name(one: FeetOverFloor) -> str:
    return f"{one.recording} ({'declared' if one.declared else 'measured'})"
