"""Draws the main accuracy table as bars: docs/images/accuracy.png."""

from __future__ import annotations

import numpy as np

from benchmarks.accuracy.rows import ROW_BY_NAME, SETS, TITLES, Results
from benchmarks.accuracy.tables import MAIN, spread, values_of
from benchmarks.drawing import DOUBLE, FAINT, TRUTH, new_figure, quiet, save

NAME = "accuracy.png"
GIVEN_TRUTH = ("true_root", "bound")


def draw(results: Results) -> None:
    """Draws the world error of each row as a bar with its root error as a mark; one panel per set."""
    sets = [set_name for set_name in SETS if set_name in results]
    if not sets:
        return
    shown = [ROW_BY_NAME[name] for name in MAIN if any(name in results[set_name] for set_name in sets)]
    figure, panels = new_figure(len(sets), 1.2 + 3.6 * len(sets), 6.0)
    for axes, set_name in zip(panels, sets, strict=True):
        for place, row in enumerate(shown):
            if row.name not in results[set_name]:
                continue
            runs = results[set_name][row.name]
            world, parts, seeds = spread(values_of(runs, "overall", "world_mpjpe"))
            colour = FAINT if row.name in GIVEN_TRUTH else TRUTH if row.seeds or row.released else DOUBLE
            error = float(np.hypot(parts, seeds))
            axes.barh(place, world, color=colour, alpha=0.85, xerr=error or None, ecolor="black", capsize=2)
            root = values_of(runs, "overall", "root").mean()
            axes.plot(root, place, "|", color="black", ms=9, mew=1.6)
            axes.annotate(
                f"{world:.0f}", (world + error, place), (4, 0), textcoords="offset points", va="center", fontsize=8
            )
        titles = [row.title.replace("**", "") for row in shown]
        axes.set_yticks(range(len(shown)), titles if axes is panels[0] else [""] * len(shown))
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_xlim(0, 1.12 * axes.get_xlim()[1])  # room for the last number
        axes.set_title(TITLES[set_name])
        axes.set_xlabel("world MPJPE, mm ( | root)")
        quiet(axes)
    save(figure, NAME)
