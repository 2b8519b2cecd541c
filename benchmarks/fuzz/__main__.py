"""Feeds broken files to every reader and counts them: no traceback, no 2 s, no gigabyte.

python -m benchmarks.fuzz                               100,000 files for every reader
python -m benchmarks.fuzz --target EXIF --number 4711   one of them again, whose file is kept in --folder
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import monotonic

from benchmarks.fuzz.run import failure_of, limited_memory
from benchmarks.fuzz.targets import TARGETS
from benchmarks.record import made_by
from modules.config.paths import PROJECT_ROOT
from modules.console import make_parser, progress, run_script, start_console
from modules.files.atomic import read_json, write_json
from modules.utils import log, printable

RESULT = PROJECT_ROOT / "docs" / "results" / "fuzz.json"
MOST_SHOWN = 5


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
        failures, fed, until = {}, 0, monotonic() + 60 * arguments.minutes
        with limited_memory():
            for number in progress(range(arguments.files), target.name, "file"):
                failure = failure_of(target, number, arguments.folder)
                fed += 1
                if failure is not None:
                    failures[number] = failure
                if monotonic() > until:
                    break
        log.info("%-28s %6d files, %d failures", target.name, fed, len(failures))
        for number, failure in list(failures.items())[:MOST_SHOWN]:
            log.info("  --target %r --number %d: %s", target.name, number, printable(failure))
        stored = read_json(RESULT) if RESULT.exists() else {"targets": {}}
        stored["targets"][target.name] = {"files": fed, "failures": len(failures), **made_by()}
        write_json(RESULT, stored)


if __name__ == "__main__":
    run_script(main)
