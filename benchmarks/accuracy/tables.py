"""Writes the tables of docs/accuracy.md and the READMEs from the rows' JSONs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.accuracy.rows import ROW_BY_NAME, SETS, TITLES, Results
from benchmarks.pages import ACCURACY_PAGE, READMES, insert_between

METRICS = {
    "world_mpjpe": "world", "root": "root", "root_relative_mpjpe": "root-relative", "pa_mpjpe": "PA", "pck150": "PCK@150",
    "competition_mse": "MSE, mm²",
}  # fmt: skip
KINDS_ROWS = ("least_squares", "on_floor", "released", "bound")
JOINTS_ROWS = {
    "synthetic": ("least_squares", "released"),
    "demo": ("least_squares", "posenet"),
    "zero-shot": ("least_squares", "released"),
}
MAIN = (  # without `place`: in the demo everybody stands on one board
    "least_squares", "pelvis_height", "on_floor", "linear", "true_root", "original", "image", "pose", "posenet",
    "joint_features", "ensemble", "more_renders", "released", "extra_data", "bound",
)  # fmt: skip
README_ROWS = ("least_squares", "on_floor", "linear", "pose", "posenet", "joint_features", "released", "bound")
SetRows = dict[str, list[dict[str, Any]]]  # row → one result per seed


def write_tables(results: Results) -> None:
    """Writes the tables of all existing results into the page and the READMEs, and prints the main table."""
    if not results:
        return
    for name, text in tables(results).items():
        insert_between(ACCURACY_PAGE, name, text)
    for readme in READMES:
        insert_between(readme, "accuracy", main_table(results, README_ROWS))
    print(main_table(results))


def tables(results: Results) -> dict[str, str]:
    """Returns every generated table of the page by the name of its marks."""
    if not results:
        return {}
    made = {"accuracy": main_table(results)}
    made |= {f"accuracy: {set_name}": metrics_table(results, set_name) for set_name in results}
    if "synthetic" in results:
        made["accuracy: kinds"] = kinds_table(results["synthetic"])
    return made | {"accuracy: joints": joints_table(results), "accuracy: cost": cost_table(results)}


def values_of(runs: Sequence[dict[str, Any]], *path: str) -> np.ndarray:
    """Returns one number of every seed and part: (seeds, parts)."""

    def look_up(part: dict[str, Any]) -> float:
        found: Any = part
        for key in path:
            found = found[key]
        return float(found)

    return np.array([[look_up(part) for part in run["parts"].values()] for run in runs])


def spread(values: np.ndarray) -> tuple[float, float, float]:
    """Returns, of (seeds, parts), the mean, the SD between parts (of their means over seeds), the mean SD between seeds."""
    parts = float(values.mean(0).std(ddof=1)) if values.shape[1] > 1 else 0.0
    seeds = float(values.std(0, ddof=1).mean()) if values.shape[0] > 1 else 0.0
    return float(values.mean()), parts, seeds


def cell(values: np.ndarray, digits: int = 0) -> str:
    """Formats (seeds, parts) as mean, `± SD between parts` and `(± SD between seeds)`, each SD only if there are several."""
    mean, parts, seeds = spread(values)
    text = f"{mean:.{digits}f}"
    if values.shape[1] > 1:
        text += f" ± {parts:.{digits}f}"
    return f"{text} (± {seeds:.{digits}f})" if values.shape[0] > 1 else text


def _digits(metric: str) -> int:
    return 3 if metric == "pck150" else 0


def main_table(results: Results, rows: Sequence[str] = MAIN) -> str:
    """Formats the world error of rows, by default all, on every set."""
    sets = [set_name for set_name in SETS if set_name in results]
    lines = [_line("world MPJPE, mm", *(TITLES[set_name] for set_name in sets)), "|" + " --- |" * (1 + len(sets))]
    for name in rows:
        cells = [
            cell(values_of(results[set_name][name], "overall", "world_mpjpe")) if name in results[set_name] else ""
            for set_name in sets
        ]
        if any(cells):
            lines.append(_line(ROW_BY_NAME[name].title, *cells))
    return "\n".join(lines)


def metrics_table(results: Results, set_name: str) -> str:
    """Formats every metric of every row of a set."""
    zero_shot = set_name == "zero-shot"
    columns = [*METRICS.values(), "bones", "swapped, %", "weights, M", "ms per image"]
    columns += ["limbs: world", "limbs: root-relative"] if zero_shot else []
    lines = [_line(f"{TITLES[set_name]}, mm", *columns), "|" + " --- |" * (1 + len(columns))]
    for row, runs in results[set_name].items():
        cells = [cell(values_of(runs, "overall", metric), _digits(metric)) for metric in METRICS]
        with_bones = [run for run in runs if all("bones" in part for part in run["parts"].values())]
        cells.append(cell(values_of(with_bones, "bones")) if with_bones else "")
        cells.append(cell(100 * values_of(runs, "swapped"), 1))
        trained = "parameters" in next(iter(runs[0]["parts"].values()))
        cells += (
            [f"{values_of(runs, 'parameters').mean() / 1e6:.1f}", f"{np.median(values_of(runs, 'ms_per_image')):.1f}"]
            if trained
            else ["", ""]
        )
        if zero_shot:
            cells += [cell(values_of(runs, "limbs", metric)) for metric in ("world_mpjpe", "root_relative_mpjpe")]
        lines.append(_line(ROW_BY_NAME[row].title, *cells))
    return "\n".join(lines)


def kinds_table(rows: SetRows) -> str:
    """Formats the world error by the kind of view."""
    names = [name for name in KINDS_ROWS if name in rows]
    columns = ["world MPJPE, mm", "images", *(ROW_BY_NAME[name].title for name in names)]
    lines = [_line(*columns), "|" + " --- |" * len(columns)]
    for kind, values in _first_part(rows)["kinds"].items():
        for value, found in values.items():
            cells = [_mean(rows[name], "kinds", kind, value, "world_mpjpe") for name in names]
            lines.append(_line(f"{kind.replace('_', ' ')}: {value}", str(found["images"]), *cells))
    return "\n".join(lines)


def joints_table(results: Results) -> str:
    """Formats the world error by joint, of a few rows of every set."""
    shown = [(s, name) for s, names in JOINTS_ROWS.items() if s in results for name in names if name in results[s]]
    columns = ["world MPJPE, mm", *(f"{TITLES[s]}: {ROW_BY_NAME[name].title}" for s, name in shown)]
    lines = [_line(*columns), "|" + " --- |" * len(columns)]
    for joint in _first_part(next(iter(results.values())))["per_joint"]:
        cells = [_mean(results[s][name], "per_joint", joint, "world_mpjpe") for s, name in shown]
        lines.append(_line(joint.replace("_", " "), *cells))
    return "\n".join(lines)


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _mean(runs: Sequence[dict[str, Any]], *path: str) -> str:
    return f"{values_of(runs, *path).mean():.0f}"


def _first_part(rows: SetRows) -> dict[str, Any]:
    part: dict[str, Any] = next(iter(next(iter(rows.values()))[0]["parts"].values()))
    return part


def cost_table(results: Results) -> str:
    """Formats the CPU hours of the rows, and the commits that made them."""
    lines = ["| set | results | CPU hours | commits |", "| --- | --- | --- | --- |"]
    total = 0.0
    for set_name, rows in results.items():
        runs = [run for found in rows.values() for run in found]
        hours = sum(part["cpu_minutes"] for run in runs for part in run["parts"].values()) / 60
        total += hours if set_name != "zero-shot" else 0.0  # its trainings are the synthetic set's
        commits = sorted({run["commit"][:7] + ("" if run["clean"] else " with changes") for run in runs})
        shown = "the synthetic set's trainings" if set_name == "zero-shot" else f"{hours:.1f}"
        lines.append(f"| {set_name} | {len(runs)} | {shown} | {', '.join(commits)} |")
    return "\n".join([*lines, f"| all | | {total:.1f} | |"])
