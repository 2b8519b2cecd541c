"""What WorldPose's speed and memory are worth: each stage beside another way to do it, measured in turns in one run.

    python -m benchmarks.speed                         everything; stored, and the table put into docs/speed.md
    python -m benchmarks.speed --only lifting memory   only these parts; printed (and stored where --out says)

Times differ from machine to machine; the ratios of one run compare. Best run where nothing else runs; needs the demo
(python -m data.prepare), and once installs mediapipe into an environment of its own, .venv-mediapipe.
"""

from __future__ import annotations

import argparse
import os
import shlex
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks import speed_extraction, speed_memory, speed_prediction, speed_training
from benchmarks.record import insert_between, machine, made_by
from benchmarks.speed_setting import QUICK, Setting, Sizes, at, say
from benchmarks.speed_table import MARKS, PAGE, RESULT, format_tables
from modules.config import DEFAULT_CONFIG, Config, add_config_arguments, config_arguments, config_from_arguments
from modules.layout import split_folder
from modules.utils import UserError, run_script, start_logging, write_json

BUSY = 0.5  # load from which on the figures are doubtful
MEASURES: dict[str, Callable[[Setting], list[dict[str, Any]]]] = {
    "extraction": speed_extraction.measure,
    "input": speed_training.measure_input,
    "step": speed_training.measure_steps,
    "prediction": speed_prediction.measure_prediction,
    "lifting": speed_prediction.measure_lifting,
    "memory": speed_memory.measure,
}
COMPARABLE = ("EXTRACT.weights=full", "EXTRACT.crops=one")  # mediapipe's wheel holds these weights, and looks once


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config_arguments(parser)
    parser.add_argument("--only", metavar="NAME", nargs="+", choices=tuple(MEASURES), help=", ".join(MEASURES))
    parser.add_argument("--repeats", type=int, default=Sizes.repeats, help="of every comparison (default: %(default)s)")
    parser.add_argument(
        "--quick", action="store_true", help="a few images, once: tries the benchmark, measures nothing"
    )
    parser.add_argument("--out", metavar="FILE", type=Path, help="store the result there; default: docs/results/speed.json "
                        "and the table in docs/speed.md, where everything is measured with the default config")  # fmt: skip
    arguments = parser.parse_args()
    if arguments.repeats < 1:
        raise UserError(f"--repeats is {arguments.repeats}; write a number of at least 1")
    start_logging(quiet=True)
    whole = arguments.only is None and not arguments.quick and not arguments.assignments
    whole = whole and arguments.config == DEFAULT_CONFIG
    given, arguments.assignments = arguments.assignments, [*COMPARABLE, *arguments.assignments]
    options, config = config_arguments(arguments.config, arguments.assignments), config_from_arguments(arguments)
    sizes = QUICK if arguments.quick else replace(Sizes(), repeats=arguments.repeats)
    result = measure(config, options, sizes, arguments.only or list(MEASURES))
    arguments.assignments = given
    result["command"] = command(arguments)
    store(result, arguments.out or (RESULT if whole else None))
    print(format_tables(result))


def measure(config: Config, options: list[str], sizes: Sizes, names: list[str]) -> dict[str, Any]:
    """Measure these parts. UserError where there is no data set to measure on."""
    images = split_folder(config.data_root, "train") / "images"
    if not images.is_dir():
        raise UserError(f"{images}: there are no images to measure with; run python -m data.prepare first")
    result: dict[str, Any] = {
        "command": "", **made_by(), "machine": machine(), "repeats": sizes.repeats,
        "memory_repeats": sizes.memory_repeats, "pairs": [], "memory": [],
    }  # fmt: skip
    if os.getloadavg()[0] > BUSY:
        say(f"other processes are at work (load {os.getloadavg()[0]:.1f}): wait until they end, or doubt the figures")
    with tempfile.TemporaryDirectory(prefix="worldpose-speed-") as name:
        folder = Path(name)
        setting = Setting(at(config, config.data_root, folder / "cache"), options, folder, sizes)
        for part in names:
            say(f"measuring: {part}")
            result["memory" if part == "memory" else "pairs"] += MEASURES[part](setting)
    return {**result, "left_out": setting.left_out}


def command(arguments: argparse.Namespace) -> str:
    """The command that measures the same again, wherever its result goes."""
    parts = ["python", "-m", "benchmarks.speed"]
    parts += ["--only", *arguments.only] if arguments.only else []
    parts += ["--quick"] if arguments.quick else []
    parts += ["--repeats", str(arguments.repeats)] if arguments.repeats != Sizes.repeats else []
    parts += ["--config", arguments.config] if arguments.config != DEFAULT_CONFIG else []
    for assignment in arguments.assignments:
        parts += ["--set", assignment]
    return shlex.join(parts)


def store(result: dict[str, Any], path: Path | None) -> None:
    """Write the result; where it is the project's own, put its table into the page too."""
    if path is not None:
        write_json(path, result)
    if path == RESULT:
        insert_between(PAGE, MARKS, format_tables(result))


if __name__ == "__main__":
    run_script(main)
