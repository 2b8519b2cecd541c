"""Formats the stored result of the speed benchmark as Markdown."""

from __future__ import annotations

import statistics
from itertools import groupby
from typing import Any

from benchmarks.speed.setting import ratios
from modules.config.paths import PROJECT_ROOT

RESULT = PROJECT_ROOT / "docs" / "results" / "speed.json"
MARKS = "speed"


def format_tables(result: dict[str, Any]) -> str:
    """Formats all measurements and how they were made."""
    parts = [pair_table(result["pairs"]), memory_table(result["memory"]), *result["left_out"], describe(result)]
    return "\n\n".join(part for part in parts if part)


def pair_table(rows: list[dict[str, Any]]) -> str:
    """Formats a row per comparison: both median rates, and the median, lowest and highest ratio of the repeats."""
    if not rows:
        return ""
    lines = [
        "| median of the repeats | GroundPose | alternative | ratio (lowest to highest) |",
        "| --- | --- | --- | --- |",
    ]
    for row in rows:
        sides = [f"{number(statistics.median(row[side]['rates']))} ({row[side]['what']})" for side in ("ours", "other")]
        middle, low, high = map(number, ratios(row))
        cells = (f"{row['title']}, {row['unit']}", *sides, f"**{middle}** ({low} to {high})")
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def memory_table(rows: list[dict[str, Any]]) -> str:
    """Formats a row per stage and number of images: median seconds, highest peak, and the ratios to the fewest images."""
    if not rows:
        return ""
    lines = ["| in its own process | images | seconds | peak, MiB | ratio of images, time, memory |"]
    lines.append("| --- | --- | --- | --- | --- |")
    for stage, group in groupby(rows, key=lambda row: str(row["stage"])):
        measured = [(row["images"], statistics.median(row["seconds"]), max(row["peak_mib"])) for row in group]
        for images, seconds, peak in measured:
            times = [now / first for now, first in zip((images, seconds, peak), measured[0], strict=True)]
            cells = (stage, str(images), number(seconds), str(peak), ", ".join(f"x {number(value)}" for value in times))
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def describe(result: dict[str, Any]) -> str:
    """Formats the command, the machine and the versions as a paragraph."""
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
    """Formats three significant digits with a thousands separator."""
    if value >= 100:
        return f"{float(f'{value:.3g}'):,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
