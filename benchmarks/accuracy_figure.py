"""The accuracy table as a picture: docs/images/accuracy.png."""

from __future__ import annotations

import numpy as np

from benchmarks.accuracy_rows import ROWS, SETS, TITLES, Results
from benchmarks.accuracy_tables import SHORT, SHORT_TITLE_OF, spread, values_of
from docs.drawing import DOUBLE, FAINT, TRUTH, new_figure, quiet, save

NAME = "accuracy.png"
GIVEN = ("true_root", "bound")  # they are told a part of the truth


def draw(results: Results) -> None:
    """World error as bars, the part that the root alone explains marked on each; one panel per set."""
    sets = [set_name for set_name in SETS if set_name in results]
    rows = {row.name: row for row in ROWS}
    shown = [rows[name] for name in SHORT if any(name in results[set_name] for set_name in sets)]
    figure, panels = new_figure(len(sets), 1.2 + 3.6 * len(sets), 6.0)
    for axes, set_name in zip(panels, sets, strict=True):
        for place, row in enumerate(shown):
            if row.name not in results[set_name]:
                continue
            runs = results[set_name][row.name]
            world, parts, seeds = spread(values_of(runs, "overall", "world_mpjpe"))
            colour = FAINT if row.method in GIVEN else TRUTH if row.seeds else DOUBLE
            error = float(np.hypot(parts, seeds))
            axes.barh(place, world, color=colour, alpha=0.85, xerr=error or None, ecolor="black", capsize=2)
            root = values_of(runs, "overall", "root").mean()
            axes.plot(root, place, "|", color="black", ms=9, mew=1.6)
            axes.annotate(
                f"{world:.0f}", (world + error, place), (4, 0), textcoords="offset points", va="center", fontsize=8
            )
        titles = [SHORT_TITLE_OF[row.name].replace("**", "") for row in shown]
        axes.set_yticks(range(len(shown)), titles if axes is panels[0] else [""] * len(shown))
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.set_xlim(0, 1.12 * axes.get_xlim()[1])  # room for the last number
        axes.set_title(TITLES[set_name])
        axes.set_xlabel("world MPJPE, mm ( | root alone)")
        quiet(axes)
    save(figure, NAME)
