"""How long the extraction of many images takes on this machine, by test-time augmentation and number of processes.

    python -m benchmarks.extraction_hours [--repeats 3]

Each setting extracts a few and then more of the demo's training images, every time by a new process; the difference counts, so
that starting is left out. Measured are the time that passes and the processor time of all processes. Hours are of the
processor, so that they hold on a busy machine, too: processes share them. What a setting costs in mm is that of
benchmarks.adaptive_crops. The result is docs/results/extraction_hours.json; its table is written into docs/speed.md.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.adaptive_crops import RESULT as CROPS
from benchmarks.pages import SPEED_PAGE, insert_between
from benchmarks.record import machine, made_by
from benchmarks.speed.setting import repeat_root
from modules.config.paths import PROJECT_ROOT
from modules.console import run_script
from modules.files.atomic import read_json, write_json

RESULT = PROJECT_ROOT / "docs" / "results" / "extraction_hours.json"
DEMO = PROJECT_ROOT / "data" / "demo" / "test_camera_4"
FEW, MORE = 16, 112  # images
SETTINGS = {
    "one crop": "false",
    "adaptive": "adaptive",
    "all crops": "true",
}  # by the rows of benchmarks.adaptive_crops
WORKERS = (1, 2)
COUNTS = (10_000, 100_000, 1_000_000)
QUIET = 0.5  # load, above which the time that passes says nothing


def main() -> None:
    """Measures all settings in turns, writes the JSON, and the table into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="of every setting (default: %(default)s)")
    repeats = parser.parse_args().repeats
    result: dict[str, Any] = {"command": f"python -m benchmarks.extraction_hours --repeats {repeats}", **made_by()}
    result |= {"machine": machine(), "images": [FEW, MORE], "settings": []}
    measured: dict[tuple[str, int], list[dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for repeat in range(repeats):
            for name, value in SETTINGS.items():
                for workers in WORKERS:
                    found = per_image(Path(folder) / f"{repeat}-{value}-{workers}", value, workers)
                    measured.setdefault((name, workers), []).append(found)
    for (name, workers), each in measured.items():
        result["settings"].append({"name": name, "workers": workers, "repeats": each})
    write_json(RESULT, result)
    table = format_table(result, read_json(CROPS))
    insert_between(SPEED_PAGE, "hours", table)
    print(table)


def per_image(folder: Path, augmentation: str, workers: int) -> dict[str, float]:
    """Returns the seconds that each further image takes: passed, and of the processors."""
    few, more = (extract(folder / str(count), count, augmentation, workers) for count in (FEW, MORE))
    return {name: round((more[name] - few[name]) / (MORE - FEW), 4) for name in few}


def extract(folder: Path, count: int, augmentation: str, workers: int) -> dict[str, float]:
    """Extracts so many images in a process of its own, and returns the seconds passed, and those of the processors."""
    repeat_root(DEMO, folder, 1, count)
    assignments = (
        f"DATA.root={folder}",
        f"EXTRACT.test_time_augmentation={augmentation}",
        f"EXTRACT.workers={workers}",
    )
    options = [part for assignment in assignments for part in ("--set", assignment)]
    before, began = os.times(), time.perf_counter()
    command = [sys.executable, "extract_train_info.py", "--split", "train", "--quiet", *options]
    subprocess.run(command, cwd=PROJECT_ROOT, check=True)
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
        errors = [f"{one['rows'][setting['name']]['world_mpjpe']:.1f}" for one in sets.values()]
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
