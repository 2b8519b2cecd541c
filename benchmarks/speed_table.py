"""The tables of benchmarks.speed as Markdown, made from its stored result alone."""

from __future__ import annotations

import statistics
from itertools import groupby
from typing import Any

from benchmarks.speed_setting import ratios
from modules.config import PROJECT_ROOT

RESULT = PROJECT_ROOT / "docs" / "results" / "speed.json"
PAGE = PROJECT_ROOT / "docs" / "speed.md"
MARKS = "speed"


def format_tables(result: dict[str, Any]) -> str:
    """All that was measured, and by what."""
    parts = [pair_table(result["pairs"]), memory_table(result["memory"]), *result["left_out"], describe(result)]
    return "\n\n".join(part for part in parts if part)


def pair_table(rows: list[dict[str, Any]]) -> str:
    """A row per comparison: both sides' median rate, and the ratio's median, lowest and highest of the repeats."""
    if not rows:
        return ""
    lines = [
        "| median of the repeats | WorldPose | beside it | ratio (lowest to highest) |",
        "| --- | --- | --- | --- |",
    ]
    for row in rows:
        sides = [f"{number(statistics.median(row[side]['rates']))} ({row[side]['what']})" for side in ("ours", "other")]
        middle, low, high = map(number, ratios(row))
        cells = (f"{row['title']}, {row['unit']}", *sides, f"**{middle}** ({low} to {high})")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def memory_table(rows: list[dict[str, Any]]) -> str:
    """A row per stage and number of images: median seconds and the highest peak, beside those of the fewest images."""
    if not rows:
        return ""
    lines = ["| in a process of its own | images | seconds | peak, MiB | images, time, memory |"]
    lines.append("| --- | --- | --- | --- | --- |")
    for stage, group in groupby(rows, key=lambda row: str(row["stage"])):
        measured = [(row["images"], statistics.median(row["seconds"]), max(row["peak_mib"])) for row in group]
        for images, seconds, peak in measured:
            times = [now / first for now, first in zip((images, seconds, peak), measured[0], strict=True)]
            cells = (stage, str(images), number(seconds), str(peak), ", ".join(f"x {number(value)}" for value in times))
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def describe(result: dict[str, Any]) -> str:
    """A paragraph that names the machine, the versions and how it was measured."""
    machine = result["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in machine["packages"].items())
    environment = "".join(f", {name}={value}" for name, value in machine["environment"].items())
    commit = (result["commit"] or "no checkout")[:10] + ("" if result["clean"] else ", changed")
    return (
        f"`{result['command']}` at commit {commit}: {result['repeats']} repeats ({result['memory_repeats']} of memory), in "
        f"turns. {machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}, load "
        f"{machine['load_before']} before{environment}; Python {machine['python']}, {packages}."
    )


def number(value: float) -> str:
    """Three significant digits, thousands set apart."""
    if value >= 100:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
