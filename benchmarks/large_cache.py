"""Measures how memory and time grow with a cache: opening it, and preparing a training on it.

    python -m benchmarks.large_cache FOLDER                          10,000, 100,000 and 1,000,000 rows (needs 10 GB in FOLDER)
    python -m benchmarks.large_cache FOLDER --rows 1000 10000

The caches are made up: rows of the demo's cache, which must exist, under other names and with other joints, in parts of the
usual size. They have no images, so that the listing and the hashes of images are left out here: benchmarks/stale_check.py
measures those. Each figure comes from a process of its own, whose memory is read while it runs.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.record import machine, made_by
from modules.cache.columns import columns_folder, mapped_rows, part_paths, read_table, rows_in_memory
from modules.cache.extraction import PART_ROWS
from modules.cache.splits import split_rows
from modules.cache.store import KEYS, cache_folder
from modules.cache.table import Rows
from modules.config.load import load_config
from modules.config.paths import DEFAULT_CONFIG, PROJECT_ROOT
from modules.config.schema import Config
from modules.console import run_script, start_logging
from modules.utils import UserError

PEOPLE = 50
PX, MM = 5.0, 30.0  # standard deviations of the change of every row's joints
BY_PERSON = ("DATA.validation=person",)
MODES = {
    "in memory": "every part is read",
    "mapped": "columns are mapped",
    "training": "columns are mapped, training is ready",
}


def make_cache(folder: Path, rows: int, config: Config) -> int:
    """Makes the parts of a made-up cache of at least so many rows; returns their number. Existing parts are kept."""
    base, rng = read_table(cache_folder(config, "train"), 0), np.random.default_rng(0)
    parts = -(-rows // PART_ROWS)
    for index in range(parts):
        path = part_paths(folder, index)[0]
        if path.exists():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        table = base.take(pa.array(rng.integers(base.num_rows, size=PART_ROWS)))
        person = f"F{index % PEOPLE}"
        names = [f"1_{person}_1_{index * PART_ROWS + row}.jpg" for row in range(PART_ROWS)]
        texts = {"file_name": names, "image_path": [f"task04_train/images/1_{person}_1/{name}" for name in names]}
        texts |= {
            "person": [person] * PART_ROWS,
            "sequence": [str(index * PART_ROWS + row) for row in range(PART_ROWS)],
        }
        for name, values in texts.items():
            table = table.set_column(table.schema.get_field_index(name), table.schema.field(name), pa.array(values))
        for name, sd in (("joints_px", PX), ("joints_rel_mm", MM), ("joints_world_mm", MM)):
            field = table.schema.field(name)
            numbers = np.array(table[name].to_pylist()) + rng.normal(scale=sd, size=(PART_ROWS, field.type.list_size))
            array = pa.FixedSizeListArray.from_arrays(pa.array(numbers.ravel()), field.type.list_size)
            table = table.set_column(table.schema.get_field_index(name), field, array)
        pq.write_table(table.replace_schema_metadata({KEYS[0]: "made up"}), path, compression="zstd")
    return parts


def prepare_training(config: Config, rows: Rows, folder: Path) -> None:
    """Prepares a training as train.py does, and draws its first views and samples."""
    from modules.trainer import Trainer, TrainingJob  # noqa: PLC0415  (torch is measured with the training alone)

    train, validation = split_rows(rows, config)
    trainer = Trainer(TrainingJob(config, train.with_extra([]), validation, folder, "", ""))
    next(iter(trainer.train_loader))
    next(trainer.simulated_views(1, 8))


def measure_here(folder: Path, parts: int, mode: str, config: Config) -> dict[str, float]:
    """Runs one mode in this process; returns its seconds, and its highest memory of its own in MiB, without mapped files."""
    highest, ended = [0.0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.02):
            highest[0] = max(highest[0], anonymous_mib())

    watcher = threading.Thread(target=watch)
    watcher.start()
    started, used = time.perf_counter(), time.process_time()
    rows = rows_in_memory(folder, parts) if mode == "in memory" else mapped_rows(folder, parts)
    opened = {"seconds": time.perf_counter() - started, "processor_seconds": time.process_time() - used}
    if mode == "training":
        prepare_training(config, rows, folder)
    found = {**opened, "ready_seconds": time.perf_counter() - started}
    ended.set()
    watcher.join()
    return {**found, "mib": max(highest[0], anonymous_mib())}


def anonymous_mib() -> float:
    """Returns the memory of this process that no file backs, MiB."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("RssAnon:"))


def main() -> None:
    """Makes the caches, measures every mode at every size, and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="FOLDER", type=Path, help="where the made-up caches are kept")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--here", metavar="MODE", choices=tuple(MODES), help="measure one size in this process")
    arguments = parser.parse_args()
    start_logging(quiet=True)
    config = load_config(PROJECT_ROOT / DEFAULT_CONFIG, BY_PERSON)
    if arguments.here:
        folder = arguments.folder / str(arguments.rows[0])
        print(json.dumps(measure_here(folder, -(-arguments.rows[0] // PART_ROWS), arguments.here, config)))
        return
    print(
        "| | rows | opened, s | of these on a processor | ready, s | memory, MiB |\n| --- | --- | --- | --- | --- | --- |"
    )
    for rows in arguments.rows:
        parts = make_cache(arguments.folder / str(rows), rows, config)
        if not columns_folder(arguments.folder / str(rows)).exists():
            mapped_rows(arguments.folder / str(rows), parts)
        for mode, title in MODES.items():
            found = measure_apart(arguments.folder, rows, mode)
            times = (f"{found[name]:.2f}" for name in ("seconds", "processor_seconds", "ready_seconds"))
            cells = (title, f"{rows:,}", *times, f"{found['mib']:.0f}")
            print(f"| {' | '.join(cells)} |", flush=True)
    print(json.dumps({**made_by(), "machine": machine()}))


def measure_apart(folder: Path, rows: int, mode: str) -> dict[str, float]:
    """Runs one mode in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.large_cache", str(folder), "--rows", str(rows), "--here", mode]
    done = subprocess.run(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise UserError("benchmarks/large_cache.py: this child process failed (see its message above)")
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


if __name__ == "__main__":
    run_script(main)
