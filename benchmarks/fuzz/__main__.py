"""Feeds broken files to every reader and counts them: no traceback, no 2 s, no gigabyte.

python -m benchmarks.fuzz                               up to 100,000 files for every reader; started again, it goes on
python -m benchmarks.fuzz --target EXIF --number 4711   one of them again, whose file is kept in --folder
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import monotonic
from typing import Any

from benchmarks.fuzz.run import failure_of, limited_memory
from benchmarks.fuzz.targets import TARGETS, Target
from benchmarks.record import made_by
from modules.config.paths import PROJECT_ROOT
from modules.console import make_parser, progress, run_script, start_console
from modules.files.atomic import read_json, write_json
from modules.utils import log, printable

RESULT = PROJECT_ROOT / "docs" / "results" / "fuzz.json"
MOST_SHOWN = 5
STORED_EVERY = 1000  # files


def main() -> None:
    """Runs the named targets, or all of them, and stores the counts."""
    parser = make_parser(__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--target", action="append", choices=[one.name for one in TARGETS], help="all by default")
    parser.add_argument("--files", type=int, default=100_000, help="for each (default: %(default)s)")
    parser.add_argument("--number", type=int, help="only this file")
    parser.add_argument("--minutes", type=float, default=30, help="at most, for each (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=PROJECT_ROOT / "results" / "fuzz", help="default: results/fuzz")
    arguments = parser.parse_args()
    start_console(arguments)
    for target in TARGETS:
        if arguments.target and target.name not in arguments.target:
            continue
        if arguments.number is not None:
            log.info("%s", failure_of(target, arguments.number, arguments.folder))
            continue
        feed(target, arguments.files, arguments.folder, monotonic() + 60 * arguments.minutes)


def feed(target: Target, files: int, folder: Path, until: float) -> None:
    """Feeds a target up to this number of files, or until this time; goes on after the stored ones if none of them failed."""
    fed = stored_counts().get(target.name, {"files": 0, "failures": 0})
    first, failures = 0 if fed["failures"] else fed["files"], {}
    with limited_memory():
        for number in progress(range(first, files), target.name, "file"):
            failure = failure_of(target, number, folder)
            if failure is not None:
                failures[number] = failure
            last = number + 1 == files or monotonic() > until
            if last or (number + 1) % STORED_EVERY == 0:
                counts = stored_counts()
                shown = dict(list(failures.items())[:MOST_SHOWN])
                counts[target.name] = {"files": number + 1, "failures": len(failures), "such as": shown, **made_by()}
                write_json(RESULT, {"targets": counts})
            if last:
                break
    log.info("%-32s %6d files, %d failures", target.name, stored_counts()[target.name]["files"], len(failures))
    for number, failure in list(failures.items())[:MOST_SHOWN]:
        log.info("  --target %r --number %d: %s", target.name, number, printable(failure))


def stored_counts() -> dict[str, Any]:
    """Returns the stored counts by target."""
    return dict(read_json(RESULT)["targets"]) if RESULT.exists() else {}


if __name__ == "__main__":
    run_script(main)
