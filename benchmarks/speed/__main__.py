"""Runs the speed benchmark: each stage compared with another way to do the same, measured in turns in one run.

    python -m benchmarks.speed                         everything; the result is stored and written into docs/speed.md
    python -m benchmarks.speed --only lifting memory   only these parts; printed (and stored with --out)

Times differ between machines; the ratios of one run are comparable. Run it while nothing else runs. It needs the demo
(python -m data.prepare), and installs mediapipe once into an environment of its own, .venv-mediapipe.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from benchmarks.speed.run import MEASURES, command, measure, store
from benchmarks.speed.setting import QUICK, Sizes
from benchmarks.speed.tables import RESULT, format_tables
from modules.config.load import add_config_arguments, config_arguments, config_from_arguments
from modules.config.paths import DEFAULT_CONFIG
from modules.console import run_script, start_logging
from modules.utils import UserError

# mediapipe's wheel holds the `full` weights, and its runtime sees one crop per image. Steps are measured of both branches.
COMPARABLE = ("EXTRACT.weights=full", "EXTRACT.test_time_augmentation=false", "TRAIN.model_type=image+pose")


def main() -> None:
    """Measures the requested parts, prints the tables, and stores the result of a complete run."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_config_arguments(parser)
    parser.add_argument("--only", metavar="NAME", nargs="+", choices=tuple(MEASURES), help=", ".join(MEASURES))
    parser.add_argument(
        "--repeats", type=int, default=Sizes.repeats, help="repeats of every comparison (default: %(default)s)"
    )
    parser.add_argument("--quick", action="store_true", help="a few images, once: a test of the benchmark itself")
    stored = "docs/results/speed.json and docs/speed.md if everything is measured with the default config"
    parser.add_argument("--out", metavar="FILE", type=Path, help=f"store the result there (default: {stored})")
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


if __name__ == "__main__":
    run_script(main)
