"""One stage on a data set, in this process alone: prints its seconds and its peak memory as the last line of stdout.

    python -m benchmarks.speed_child extraction|prediction --checkpoint FILE [--config FILE] [--set SECTION.key=value]

Started by benchmarks.speed_memory. Imports for a stage only what the stage's own script imports.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from pathlib import Path

from modules.config import Config, add_config_arguments, config_from_arguments
from modules.utils import run_script, start_logging

BEGUN = time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config_arguments(parser)
    parser.add_argument("--checkpoint", metavar="FILE", type=Path, required=True, help="what predicts")
    parser.add_argument("stage", choices=("extraction", "prediction"))
    arguments = parser.parse_args()
    config = config_from_arguments(arguments)
    start_logging(quiet=True)
    if arguments.stage == "extraction":
        extract(config)
    else:
        predict_rows(config, arguments.checkpoint)
    print(json.dumps({"seconds": time.perf_counter() - BEGUN, "peak_mib": peak_mib()}), flush=True)


def extract(config: Config) -> None:
    """What extract_train_info.py does with the training images."""
    from modules.extraction import extract_split  # noqa: PLC0415  (as the script does)

    extract_split(config, "train")


def predict_rows(config: Config, path: Path) -> None:
    """What test.py does with a cache that stands: open it, and predict every row."""
    from modules import runs  # noqa: PLC0415  (torch stays out of extraction)
    from modules.cache import open_cache  # noqa: PLC0415
    from modules.evaluation import predict  # noqa: PLC0415
    from modules.layout import list_frames  # noqa: PLC0415

    rows, _ = open_cache(config, "train", list_frames(config.data_root, "train"))
    predict(config, runs.load_checkpoint(path), path, rows)


def peak_mib() -> float:
    """The most memory that this program held at once, MiB.

    From /proc where there is one: what getrusage tells may be the memory of the process that started this one.
    """
    status = Path("/proc/self/status")
    for line in status.read_text(encoding="utf-8").splitlines() if status.exists() else ():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    run_script(main)
