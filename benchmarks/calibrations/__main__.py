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
    UNCHECKED,
    UNITS,
    Mistake,
    outcome,
)
from benchmarks.calibrations.rigs import make_rendered_rig, make_rig, make_rig_past
from benchmarks.calibrations.writers import WRITERS
from benchmarks.pages import insert_between
from benchmarks.record import made_by
from modules.calibrations.reading import ReadOptions, read_calibration
from modules.config.paths import PROJECT_ROOT
from modules.console import make_parser, run_script, start_console
from modules.utils import UserError, log

PAGE = PROJECT_ROOT / "docs" / "cameras.md"
FORMATS = [name for name in WRITERS if name != "threedpw"]
ONE_FORMAT = "pose2sim"
OUTCOMES = {
    NAMED: "named with its fix", REFUSED: "refused", RIGHT: "makes no difference", UNCHECKED: "said to be unchecked",
    NOT_SEEN: "not seen",
}  # fmt: skip
SAID = {
    "sound rigs whose direction is said to be unchecked": "the direction of the cameras",
    "sound rigs whose unit is said to be unchecked": "the unit of lengths",
}
SOUND = {
    "around a place": make_rig, "the renderer's, person anywhere in the pictures": make_rendered_rig,
    "past the person, up to the border": make_rig_past,
}  # fmt: skip
SOUND_RIGS = 10  # times as many as of each mistake
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
        insert_between(PAGE, "sound", sound_table(Path(temporary), arguments.rigs))
    log.info("%s: three tables", PAGE)


def formats_table(folder: Path) -> str:
    """Returns what becomes of each mistake in each format, for one rig of four cameras."""
    rig = make_rig(np.random.default_rng(0), 4)
    rows = []
    for mistake in (*UNITS, *DIRECTIONS, *PICTURES, *INVISIBLE):
        by_outcome: dict[str, list[str]] = {}
        for name in FORMATS:
            by_outcome.setdefault(outcome(name, rig, mistake, _empty(folder, name), None), []).append(name)
        rows.append([mistake.what, *(_listed(by_outcome.get(kind, [])) for kind in OUTCOMES)])
    return _markdown(["mistake", *OUTCOMES.values()], rows)


def rigs_table(folder: Path, rigs: int) -> str:
    """Returns shares of made-up rigs by the number of cameras, and with up known: refused or named + said to be unchecked."""
    columns = [(count, up) for up in (None, Z_UP) for count in (1, 2, 3, 4, 6)]
    rows = [
        [mistake.what, *(_shares(folder, mistake, count, up, rigs) for count, up in columns)]
        for mistake in (*UNITS, *DIRECTIONS)
    ]
    for what, word in (("sound rigs that are refused", None), *SAID.items()):
        rows.append([what, *(f"{_sound(folder, word, count, up, rigs):.0f} %" for count, up in columns)])
    titles = [f"{count}{', up' if up is not None else ''}" for count, up in columns]
    return _markdown(["cameras", *titles], rows)


def sound_table(folder: Path, rigs: int) -> str:
    """Returns the shares of sound rigs that are refused, and of wrong directions that nothing says, without up."""
    counts, rows = (2, 3, 4, 6, 8), []
    for what, make in SOUND.items():
        refused, silent = [], []
        for count in counts:
            rng = np.random.default_rng(count)
            made = [make(rng, count) for _ in range(SOUND_RIGS * rigs)]
            results = [outcome(ONE_FORMAT, rig, None, _empty(folder, "one")) for rig in made]
            refused.append(f"{100 * results.count(REFUSED) / len(results):.1f} %")
            wrong = [
                outcome(ONE_FORMAT, rig, mistake, _empty(folder, "one"))
                for mistake in DIRECTIONS
                for rig in made[:rigs]
            ]
            silent.append(f"{100 * wrong.count(NOT_SEEN) / len(wrong):.0f} %")
            log.info("%s, %d cameras: %s refused, %s silent", what, count, refused[-1], silent[-1])
        rows += [[f"{what}: refused", *refused], [f"{what}: wrong directions not seen", *silent]]
    commit = made_by()
    changed = "" if commit["clean"] else ", with changes that are not committed"
    return f"{_markdown(['cameras look', *map(str, counts)], rows)}\n\nMeasured at commit {str(commit['commit'])[:7]}{changed}."


def _shares(folder: Path, mistake: Mistake, count: int, up: np.ndarray | None, rigs: int) -> str:
    rng = np.random.default_rng(count)
    found = Counter(outcome(ONE_FORMAT, make_rig(rng, count), mistake, _empty(folder, "one"), up) for _ in range(rigs))
    said = f" + {100 * found[UNCHECKED] / rigs:.0f}" if found[UNCHECKED] else ""
    return f"{100 * (rigs - found[NOT_SEEN] - found[UNCHECKED]) / rigs:.0f}{said} %"


def _sound(folder: Path, word: str | None, count: int, up: np.ndarray | None, rigs: int) -> float:
    """Returns the percentage of sound rigs with a note that holds the word, or that are refused."""
    rng, found = np.random.default_rng(count), 0
    for _ in range(rigs):
        path = WRITERS[ONE_FORMAT](_empty(folder, "one"), make_rig(rng, count))
        try:
            read = read_calibration(path, ReadOptions(up=up, floor_mm=None if up is None else 0.0))
        except UserError:
            found += word is None
        else:
            found += word is not None and any(word in note for note in read.notes)
    return 100 * found / rigs


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
