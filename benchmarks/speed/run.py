"""Measures the parts of the speed benchmark in one run, and stores the result."""

from __future__ import annotations

import argparse
import os
import shlex
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.pages import SPEED_PAGE, insert_between
from benchmarks.record import machine, made_by
from benchmarks.speed import extraction, memory, prediction, processes, training
from benchmarks.speed.setting import Setting, Sizes, at, say
from benchmarks.speed.tables import MARKS, RESULT, format_tables
from modules.config.paths import DEFAULT_CONFIG
from modules.config.schema import Config
from modules.files.atomic import write_json
from modules.files.layout import split_folder
from modules.utils import UserError

BUSY = 0.5  # system load from which on the figures are unreliable
MEASURES: dict[str, Callable[[Setting], list[dict[str, Any]]]] = {
    "extraction": extraction.measure,
    "processes": processes.measure,
    "input": training.measure_input,
    "step": training.measure_steps,
    "prediction": prediction.measure_prediction,
    "lifting": prediction.measure_lifting,
    "memory": memory.measure,
}


def measure(config: Config, options: list[str], sizes: Sizes, names: list[str]) -> dict[str, Any]:
    """Measures these parts. UserError if there is no data set to measure on."""
    images = split_folder(config.data_root, "train") / "images"
    if not images.is_dir():
        raise UserError(f"{images}: there are no images to measure with; run python -m data.prepare first")
    result: dict[str, Any] = {
        "command": "", **made_by(), "machine": machine(), "repeats": sizes.repeats,
        "memory_repeats": sizes.memory_repeats, "pairs": [], "memory": [],
    }  # fmt: skip
    if os.getloadavg()[0] > BUSY:
        say(f"other processes are running (load {os.getloadavg()[0]:.1f}): the figures will be unreliable")
    with tempfile.TemporaryDirectory(prefix="groundpose-speed-") as name:
        folder = Path(name)
        setting = Setting(at(config, config.data_root, folder / "cache"), options, folder, sizes)
        for part in names:
            say(f"measuring: {part}")
            result["memory" if part == "memory" else "pairs"] += MEASURES[part](setting)
    return {**result, "left_out": setting.left_out}


def command(arguments: argparse.Namespace) -> str:
    """Returns the command that repeats the measurement."""
    parts = ["python", "-m", "benchmarks.speed"]
    parts += ["--only", *arguments.only] if arguments.only else []
    parts += ["--quick"] if arguments.quick else []
    parts += ["--repeats", str(arguments.repeats)] if arguments.repeats != Sizes.repeats else []
    parts += ["--config", arguments.config] if arguments.config != DEFAULT_CONFIG else []
    for assignment in arguments.assignments:
        parts += ["--set", assignment]
    return shlex.join(parts)


def store(result: dict[str, Any], path: Path | None) -> None:
    """Writes the result; the project's own result is written into the page as well."""
    if path is not None:
        write_json(path, result)
    if path == RESULT:
        insert_between(SPEED_PAGE, MARKS, format_tables(result))
