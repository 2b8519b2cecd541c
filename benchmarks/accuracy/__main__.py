"""Runs the accuracy benchmark.

    python -m benchmarks.accuracy                                          all rows; existing results are kept
    python -m benchmarks.accuracy --set synthetic --row posenet --seed 42  one row
    python -m benchmarks.accuracy --table-only                             only write the tables of the existing results

Three test sets: `synthetic` (people that no training has seen; the frozen list of benchmarks/frozen), `demo` (a real person,
four cameras, each held out once) and `zero-shot` (trained on synthetic people only, tested on all images of each demo
camera). Each row is a JSON in docs/results/accuracy with its command, commit, seed and minutes of CPU time. Data,
extraction and training are the project's own scripts.
"""

from __future__ import annotations

import argparse

from benchmarks.accuracy.figure import draw
from benchmarks.accuracy.rows import ROWS, SETS, gather
from benchmarks.accuracy.run import make_rows
from benchmarks.accuracy.tables import write_tables
from benchmarks.rotations import SEEDS
from modules.console import run_script


def main() -> None:
    """Computes the requested rows, then writes tables and figure from all existing results."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    names = [row.name for row in ROWS]
    parser.add_argument("--set", choices=list(SETS), nargs="+", default=list(SETS), help="test sets (default: all)")
    parser.add_argument("--row", choices=names, nargs="+", default=names, help="rows (default: all)")
    parser.add_argument("--seed", type=int, nargs="+", default=list(SEEDS), help="seeds (default: all that a row has)")
    parser.add_argument("--again", action="store_true", help="compute rows again whose results exist")
    parser.add_argument("--table-only", action="store_true", help="compute nothing, only write the tables")
    arguments = parser.parse_args()
    if not arguments.table_only:
        for set_name in arguments.set:
            make_rows(set_name, arguments.row, arguments.seed, arguments.again)
    results = gather()
    write_tables(results)
    draw(results)


if __name__ == "__main__":
    run_script(main)
