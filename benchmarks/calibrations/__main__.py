"""Measures which mistakes in calibrations the readers see, and writes the tables of docs/cameras.md.

    python -m benchmarks.calibrations [--rigs 100]

Every format's writer writes the same made-up rigs with every mistake. 3DPW is left out: its poses are those of one moving
camera, which are not checked against each other.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.calibrations.mistakes import (
    DIRECTIONS,
    INVISIBLE,
    NAMED,
    NOT_SEEN,
    PICTURES,
    REFUSED,
    RIGHT,
    UNITS,
    Mistake,
    outcome,
)
from benchmarks.calibrations.rigs import make_rig
from benchmarks.calibrations.writers import WRITERS
from benchmarks.pages import insert_between
from modules.config.paths import PROJECT_ROOT
from modules.console import make_parser, run_script, start_console
from modules.utils import log

PAGE = PROJECT_ROOT / "docs" / "cameras.md"
FORMATS = [name for name in WRITERS if name != "threedpw"]
ONE_FORMAT = "pose2sim"
Z_UP = np.array([0.0, 0.0, 1.0])


def main() -> None:
    """Measures, and writes the tables between the marks of the page."""
    parser = make_parser(__doc__)
    parser.add_argument("--rigs", type=int, default=100, help="made-up rigs of each number of cameras (default: 100)")
    arguments = parser.parse_args()
    start_console(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        insert_between(PAGE, "mistakes", formats_table(Path(temporary)))
        insert_between(PAGE, "rigs", rigs_table(Path(temporary), arguments.rigs))
    log.info("%s: two tables", PAGE)


def formats_table(folder: Path) -> str:
    """Returns what becomes of each mistake in each format, for one rig of four cameras."""
    rig = make_rig(np.random.default_rng(0), 4)
    rows = []
    for mistake in (*UNITS, *DIRECTIONS, *PICTURES, *INVISIBLE):
        by_outcome: dict[str, list[str]] = {}
        for name in FORMATS:
            by_outcome.setdefault(outcome(name, rig, mistake, _empty(folder, name), None), []).append(name)
        rows.append([mistake.what, *(_listed(by_outcome.get(kind, [])) for kind in (NAMED, REFUSED, RIGHT, NOT_SEEN))])
    return _markdown(["mistake", "named with its fix", "refused", "makes no difference", "not seen"], rows)


def rigs_table(folder: Path, rigs: int) -> str:
    """Returns the share of made-up rigs whose mistake is refused or named, by the number of cameras, and with up known."""
    columns = [(count, up) for up in (None, Z_UP) for count in (1, 2, 3, 4, 6)]
    rows = []
    for mistake in (*UNITS, *DIRECTIONS, None):
        shares = [_share(folder, mistake, count, up, rigs) for count, up in columns]
        rows.append([mistake.what if mistake else "sound rigs that are refused", *shares])
    titles = [f"{count}{', up' if up is not None else ''}" for count, up in columns]
    return _markdown(["cameras", *titles], rows)


def _share(folder: Path, mistake: Mistake | None, count: int, up: np.ndarray | None, rigs: int) -> str:
    rng = np.random.default_rng(count)
    found = Counter(outcome(ONE_FORMAT, make_rig(rng, count), mistake, _empty(folder, "one"), up) for _ in range(rigs))
    seen = found[REFUSED] if mistake is None else rigs - found[NOT_SEEN]
    return f"{100 * seen / rigs:.0f} %"


def _empty(folder: Path, name: str) -> Path:
    path = folder / name
    path.mkdir(exist_ok=True)
    return path


def _listed(names: list[str]) -> str:
    others = [name for name in FORMATS if name not in names]
    if len(names) <= len(others):
        return ", ".join(names)
    return f"all but {', '.join(others)}" if others else "all"


def _markdown(titles: list[str], rows: list[list[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    run_script(main)
