"""From the rows' JSONs to the tables of docs/accuracy.md and the READMEs, and to the figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks import rotations
from benchmarks.accuracy_rows import ROWS, SETS, TITLES, Results
from benchmarks.record import insert_between
from modules.config import PROJECT_ROOT

PAGE = PROJECT_ROOT / "docs" / "accuracy.md"
METRICS = {**rotations.METRICS, "competition_mse": "MSE, mm²"}
BROKEN_DOWN = (
    "several_least_squares", "several_on_floor", "several_linear", "original", "several_pose", "several_posenet",
    "several_blazepose", "several_looks", "several_released", "several_bound",
)  # fmt: skip
SHORT = (
    "several_least_squares", "several_pelvis_height", "several_on_floor", "several_linear", "several_true_root", "original",
    "several_pose", "several_posenet", "several_blazepose", "several_looks", "several_members", "several_released",
    "several_both", "several_bound",
)  # fmt: skip
TITLE_OF = {row.name: row.title for row in ROWS}
SHORT_TITLE_OF = {name: title.removeprefix("several crops: ") for name, title in TITLE_OF.items()}  # the default ones
Rows = dict[str, list[dict[str, Any]]]  # row → one result per seed


def write_tables(results: Results) -> None:
    """Write the tables of what stands into the page and the READMEs, draw the figure, and print the main tables."""
    if not results:
        return
    for name, text in tables(results).items():
        insert_between(PAGE, name, text)
    for readme in rotations.READMES:
        insert_between(readme, "accuracy", short_table(results))
    print("\n\n".join(main_table(results, set_name) for set_name in results))
    from benchmarks.accuracy_figure import draw  # noqa: PLC0415  (matplotlib, for those alone who draw)

    draw(results)


def tables(results: Results) -> dict[str, str]:
    """Every generated table of the page by the name of its marks."""
    if not results:
        return {}
    made = {f"accuracy: {set_name}": main_table(results, set_name) for set_name in results}
    if "synthetic" in results:
        made["accuracy: kinds"] = kinds_table(results["synthetic"])
    for set_name in results:
        made[f"accuracy: {set_name} joints"] = joints_table(results[set_name])
    return made | {"accuracy: cost": cost_table(results)}


def values_of(runs: Sequence[dict[str, Any]], *path: str) -> np.ndarray:
    """One number of every seed and part: (seeds, parts)."""

    def look_up(part: dict[str, Any]) -> float:
        found: Any = part
        for key in path:
            found = found[key]
        return float(found)

    return np.array([[look_up(part) for part in run["parts"].values()] for run in runs])


def spread(values: np.ndarray) -> tuple[float, float, float]:
    """(seeds, parts) → the mean, the SD between parts (of their means over seeds), the mean SD between seeds."""
    parts = float(values.mean(0).std(ddof=1)) if values.shape[1] > 1 else 0.0
    seeds = float(values.std(0, ddof=1).mean()) if values.shape[0] > 1 else 0.0
    return float(values.mean()), parts, seeds


def cell(values: np.ndarray, digits: int = 0) -> str:
    """`mean`, `± SD between the parts` where there are some, `(seeds ± SD)` where there are some."""
    mean, parts, seeds = spread(values)
    text = f"{mean:.{digits}f}"
    if values.shape[1] > 1:
        text += f" ± {parts:.{digits}f}"
    return f"{text} (± {seeds:.{digits}f})" if values.shape[0] > 1 else text


def _digits(metric: str) -> int:
    return 3 if metric in ("pck150", "auc") else 0


def main_table(results: Results, set_name: str) -> str:
    """Every row of a set with every column."""
    zero_shot = set_name == "zero-shot"
    columns = [*METRICS.values(), "left and right exchanged, %", "weights, M", "ms per image"]
    columns += ["12 limb joints: world", "root-relative"] if zero_shot else []
    lines = [f"| {TITLES[set_name]}, mm | " + " | ".join(columns) + " |", "| --- |" + " --- |" * len(columns)]
    for row, runs in results[set_name].items():
        cells = [cell(values_of(runs, "overall", metric), _digits(metric)) for metric in METRICS]
        cells.append(cell(100 * values_of(runs, "exchanged"), 1))
        learned = "parameters" in next(iter(runs[0]["parts"].values()))
        cells += (
            [f"{values_of(runs, 'parameters').mean() / 1e6:.1f}", f"{np.median(values_of(runs, 'ms_per_image')):.1f}"]
            if learned
            else ["", ""]
        )
        if zero_shot:
            cells += [cell(values_of(runs, "limbs", metric)) for metric in ("world_mpjpe", "root_relative_mpjpe")]
        lines.append(f"| {TITLE_OF[row]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def short_table(results: Results) -> str:
    """World error on every set of the rows from the default extraction, and of the original recipe: for the READMEs."""
    sets = [set_name for set_name in SETS if set_name in results]
    columns = [f"{TITLES[set_name]}: world MPJPE" for set_name in sets]
    lines = ["| mm | " + " | ".join(columns) + " |", "| --- |" + " --- |" * len(columns)]
    for name in SHORT:
        cells = [
            cell(values_of(results[set_name][name], "overall", "world_mpjpe")) if name in results[set_name] else ""
            for set_name in sets
        ]
        if any(cells):
            lines.append(f"| {SHORT_TITLE_OF[name]} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def kinds_table(rows: Rows) -> str:
    """World error by the kind of view."""
    kinds = _first_part(rows)["kinds"]
    paths = {
        f"{kind.replace('_', ' ')}: {value} | {found['images']}": ("kinds", kind, value)
        for kind, values in kinds.items()
        for value, found in values.items()
    }
    return _broken_down(rows, ["world MPJPE, mm", "images"], paths)


def joints_table(rows: Rows) -> str:
    """World error by joint."""
    paths = {joint.replace("_", " "): ("per_joint", joint) for joint in _first_part(rows)["per_joint"]}
    return _broken_down(rows, ["world MPJPE, mm"], paths)


def _first_part(rows: Rows) -> dict[str, Any]:
    part: dict[str, Any] = next(iter(next(iter(rows.values()))[0]["parts"].values()))
    return part


def _broken_down(rows: Rows, header: list[str], paths: Mapping[str, tuple[str, ...]]) -> str:
    """A line for each path to a world error, with a column for each row of BROKEN_DOWN."""
    names = [name for name in BROKEN_DOWN if name in rows]
    columns = [*header, *(SHORT_TITLE_OF[name] for name in names)]
    lines = [f"| {' | '.join(columns)} |", "|" + " --- |" * len(columns)]
    for title, path in paths.items():
        cells = [f"{values_of(rows[name], *path, 'world_mpjpe').mean():.0f}" for name in names]
        lines.append(f"| {' | '.join([title, *cells])} |")
    return "\n".join(lines)


def cost_table(results: Results) -> str:
    """What the rows took, in hours of one processor, and from which commits they are."""
    lines = ["| set | rows | CPU hours | commits |", "| --- | --- | --- | --- |"]
    total = 0.0
    for set_name, rows in results.items():
        runs = [run for found in rows.values() for run in found]
        hours = sum(part["cpu_minutes"] for run in runs for part in run["parts"].values()) / 60
        total += hours if set_name != "zero-shot" else 0.0  # its trainings are the synthetic set's
        commits = sorted({run["commit"][:7] + ("" if run["clean"] else " with changes") for run in runs})
        shown = "those of the synthetic set's trainings" if set_name == "zero-shot" else f"{hours:.1f}"
        lines.append(f"| {set_name} | {len(runs)} | {shown} | {', '.join(commits)} |")
    return "\n".join([*lines, f"| all | | {total:.1f} | |"])
