"""Runs one stage on a data set in this process, and prints its seconds and its peak memory as the last line of stdout.

    python -m benchmarks.speed.stage_process extraction|prediction --checkpoint FILE [--config FILE] [--set SECTION.key=value]

Started by benchmarks.speed.memory. Imports for a stage only what the stage's own script imports.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

from modules.config.load import add_config_arguments, config_from_arguments
from modules.config.schema import Config
from modules.console import run_script, start_logging

STARTED = time.perf_counter()


def main() -> None:
    """Runs the requested stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config_arguments(parser)
    parser.add_argument("--checkpoint", metavar="FILE", type=Path, required=True, help="the network of the prediction")
    parser.add_argument("stage", choices=("extraction", "prediction"))
    arguments = parser.parse_args()
    config = config_from_arguments(arguments)
    start_logging(quiet=True)
    if arguments.stage == "extraction":
        extract(config)
    else:
        predict_rows(config, arguments.checkpoint)
    print(json.dumps({"seconds": time.perf_counter() - STARTED, "peak_mib": peak_mib()}), flush=True)


def extract(config: Config) -> None:
    """Extracts the training images as extract_train_info.py does."""
    from modules.cache.extraction import extract_split  # noqa: PLC0415  (as the script does)

    extract_split(config, "train")


def predict_rows(config: Config, path: Path) -> None:
    """Opens an existing cache and predicts every row as test.py does."""
    from modules.cache.store import open_cache  # noqa: PLC0415
    from modules.evaluation.prediction import predict_world  # noqa: PLC0415
    from modules.files.layout import list_frames  # noqa: PLC0415
    from modules.runs import checkpoints  # noqa: PLC0415

    rows, _ = open_cache(config, "train", list_frames(config.data_root, "train"))
    predict_world(config, checkpoints.load_checkpoint(path), path, rows)


def peak_mib() -> float:
    """Returns the peak resident memory of this process, MiB.

    Read from /proc if it exists: getrusage may report the memory of the process that started this one.
    """
    status = Path("/proc/self/status")
    for line in status.read_text(encoding="utf-8").splitlines() if status.exists() else ():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    run_script(main)
