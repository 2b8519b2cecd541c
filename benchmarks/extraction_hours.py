"""How long the extraction of many images takes on this machine, by test-time augmentation and number of processes.

    python -m benchmarks.extraction_hours [--repeats 3]
    python -m benchmarks.extraction_hours --since 113610c [--copies 2]       whole extractions of that commit's default, beside
                                                                             today's

Each setting extracts, by the engine that many images have, a few and then more of the demo's training images, every time by a
new process; the difference counts, so that starting is left out. Measured are the time that passes and the processor time of
all processes. Hours are of the processor, so that they hold on a busy machine, too: processes share them. What a setting costs
in mm is that of benchmarks.adaptive_crops. The result is docs/results/extraction_hours.json; its table is written into
docs/speed.md.
With --since, whole extractions of the demo's training images are measured in turns, start included, and printed: by the code
and the default config of that commit, and by today's code with all crops, with adaptive crops, and with these in bfloat16.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.adaptive_crops import RESULT as CROPS
from benchmarks.pages import SPEED_PAGE, insert_between
from benchmarks.record import machine, made_by
from benchmarks.speed.setting import repeat_root
from modules.config.engines import computes_bfloat16, float32_engine
from modules.config.paths import PROJECT_ROOT
from modules.console import run_script
from modules.files.atomic import read_json, write_json

RESULT = PROJECT_ROOT / "docs" / "results" / "extraction_hours.json"
DEMO = PROJECT_ROOT / "data" / "demo" / "test_camera_4"
FEW, MORE = 16, 112  # images
IN_BF16 = "adaptive, in bfloat16 where certain"
IN_FLOAT32 = f"EXTRACT.engine={float32_engine()}"
SETTINGS = {  # config assignments; those in float32 by the rows of benchmarks.adaptive_crops
    "one crop": ("EXTRACT.test_time_augmentation=false", IN_FLOAT32),
    "adaptive": (IN_FLOAT32,),
    "all crops": ("EXTRACT.test_time_augmentation=true", IN_FLOAT32),
    IN_BF16: ("EXTRACT.engine=openvino-bf16",),
}
WORKERS = (1, 2)
COUNTS = (10_000, 100_000, 1_000_000)
COMPARED = {"joints_px": "px", "joints_rel_mm": "mm"}
QUIET = 0.5  # load, above which the time that passes says nothing


def main() -> None:
    """Measures all settings in turns, writes the JSON, and the table into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="of every setting (default: %(default)s)")
    parser.add_argument("--since", metavar="COMMIT", help="compare with the default config of this commit")
    parser.add_argument("--copies", type=int, default=1, help="of the images, with --since (default: %(default)s)")
    arguments = parser.parse_args()
    repeats = arguments.repeats
    if arguments.since:
        print(compare_with(arguments.since, repeats, arguments.copies))
        return
    result: dict[str, Any] = {"command": f"python -m benchmarks.extraction_hours --repeats {repeats}", **made_by()}
    result |= {"machine": machine(), "images": [FEW, MORE], "settings": []}
    measured: dict[tuple[str, int], list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for repeat in range(repeats):
            for name, assignments in settings().items():
                for workers in WORKERS:
                    place = Path(folder) / f"{repeat}-{name.replace(' ', '_')}-{workers}"
                    found = per_image(place, (*assignments, f"EXTRACT.workers={workers}"))
                    measured.setdefault((name, workers), []).append(found)
    for (name, workers), each in measured.items():
        result["settings"].append({"name": name, "workers": workers, "repeats": each})
    write_json(RESULT, result)
    table = format_table(result, read_json(CROPS))
    insert_between(SPEED_PAGE, "hours", table)
    print(table)


def settings() -> dict[str, tuple[str, ...]]:
    """Returns the settings that this machine can run."""
    return {name: assignments for name, assignments in SETTINGS.items() if name != IN_BF16 or computes_bfloat16()}


def per_image(folder: Path, assignments: Sequence[str]) -> dict[str, float]:
    """Returns the seconds that each further image takes: passed, and of the processors."""
    few, more = (extract(folder / str(count), count, assignments) for count in (FEW, MORE))
    return {name: round((more[name] - few[name]) / (MORE - FEW), 4) for name in few}


def compare_with(commit: str, repeats: int, copies: int) -> str:
    """Returns a table of whole extractions of the demo's training images by a commit's code and by today's (Markdown)."""
    ways: dict[str, tuple[str, ...]] = {f"the default at {commit}": ()}
    ways |= {name: settings()[name] for name in ("all crops", "adaptive", IN_BF16) if name in settings()}
    measured: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    with tempfile.TemporaryDirectory() as folder:
        then = Path(folder) / "then"
        subprocess.run(["git", "worktree", "add", "--quiet", "--detach", then, commit], cwd=PROJECT_ROOT, check=True)
        try:
            (then / "pre_models" / "blazepose").symlink_to(PROJECT_ROOT / "pre_models" / "blazepose")
            for repeat in range(repeats):
                for number, (way, assignments) in enumerate(ways.items()):
                    root, code = Path(folder) / f"{repeat}-{number}", then if number == 0 else PROJECT_ROOT
                    measured[way].append(extract(root, None, assignments, code, copies))
            moved = differences(Path(folder) / "0-0", Path(folder) / "0-1")
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", then], cwd=PROJECT_ROOT, check=True)
    lines = ["| | passed, s | of the processors, s | ratio (lowest to highest) |", "| --- | --- | --- | --- |"]
    first = next(iter(measured.values()))
    for way, each in measured.items():
        ratios = [one["seconds"] / two["seconds"] for one, two in zip(first, each, strict=True)]
        cells = [f"{statistics.median(one[name] for one in each):.1f}" for name in ("seconds", "processor_seconds")]
        ratio = f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        lines.append(f"| {way} | {' | '.join(cells)} | {ratio} |")
    lines += ["", "All crops against that commit's: " + ", ".join(moved), "", str({**made_by(), **machine()})]
    return "\n".join(lines)


def differences(root: Path, other: Path) -> list[str]:
    """Returns how far the landmarks of two caches of the same images are apart."""
    one, two = (pa.concat_tables([pq.read_table(path, columns=list(COMPARED)) for path in sorted((folder / "cache").rglob(
        "part-*.parquet"))]) for folder in (root, other))  # fmt: skip
    found = []
    for name, unit in COMPARED.items():
        apart = np.abs(np.array(one[name].to_pylist()) - np.array(two[name].to_pylist()))
        found.append(f"{name} {np.nanmedian(apart):.3g} {unit} (median), {np.nanmax(apart):.3g} {unit} (highest)")
    return found


def extract(
    folder: Path, count: int | None, assignments: Sequence[str], code: Path = PROJECT_ROOT, copies: int = 1
) -> dict[str, float]:
    """Extracts so many images (None: all) in a process of its own; returns the seconds passed, and of the processors."""
    repeat_root(DEMO, folder, copies, count)
    options = [part for assignment in (f"DATA.root={folder}", *assignments) for part in ("--set", assignment)]
    before, began = os.times(), time.perf_counter()
    command = [sys.executable, "extract_train_info.py", "--split", "train", "--quiet", *options]
    subprocess.run(command, cwd=code, check=True)
    passed, after = time.perf_counter() - began, os.times()
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return {"seconds": passed, "processor_seconds": spent}


def format_table(result: dict[str, Any], crops: dict[str, Any]) -> str:
    """Formats hours by setting, with the world error of the released weights beside them (Markdown)."""
    sets = crops["sets"]
    head = ["test-time augmentation", "processes", "processor time per image, ms"]
    head += [f"hours of one processor for {count:,} images" for count in COUNTS]
    head += [f"{name}: world MPJPE, mm" for name in sets]
    lines = [f"| {' | '.join(head)} |", "| --- |" + " --- |" * (len(head) - 1)]
    passed: dict[str, list[float]] = {}
    for setting in result["settings"]:
        seconds, spent = (
            statistics.median(one[name] for one in setting["repeats"]) for name in ("seconds", "processor_seconds")
        )
        passed.setdefault(setting["name"], []).append(seconds)
        rows = [one["rows"].get(setting["name"]) for one in sets.values()]
        errors = ["[engines](accuracy.md#engines)" if row is None else f"{row['world_mpjpe']:.1f}" for row in rows]
        hours = [f"{count * spent / 3600:.1f}" for count in COUNTS]
        cells = [setting["name"], str(setting["workers"]), f"{1000 * spent:.0f}", *hours, *errors]
        lines.append(f"| {' | '.join(cells)} |")
    load, commit = result["machine"]["load_before"], (result["commit"] or "no checkout")[:10]
    gains = ", ".join(f"{name} {one / two:.2f} times" for name, (one, two) in passed.items())
    gain = f"Two processes are faster than one: {gains}." if load < QUIET else (
        "Other programs were running, so the time that passes, and what the second process gains, are not shown."
    )  # fmt: skip
    lines += [
        "",
        f"{gain} `{result['command']}` at commit {commit}, load {load} before; {result['machine']['processor']}.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    run_script(main)
