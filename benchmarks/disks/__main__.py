"""Fills the disk at each kind of write of each stage, and loses each kind of rename; then the same command must repair it.

    python -m benchmarks.disks                                  every stage, at most 10 minutes each
    python -m benchmarks.disks --stage export --every

Full: a preloaded library (full_disk.c, which needs a C compiler) lets the n-th write, new file, sync or rename below the
work folder fail with ENOSPC, and all later ones; the stage must end with exit code 2 and one sentence, or do without it.
Lost: the n-th rename is undone and the process killed before its next one. In both cases the same command is started
again, and all files are compared with an undisturbed run's, as benchmarks.kills does. Of each kind of write or rename, which
is the operation and the folder and suffix of the file, one at random is tried; with --every, all of them are.
"""

from __future__ import annotations

import argparse
import random
import subprocess
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from benchmarks.disks.shim import FullDisk
from benchmarks.kills.__main__ import Killer
from benchmarks.kills.digests import digests
from benchmarks.kills.stages import STAGES
from benchmarks.record import made_by
from modules.cache.inputs import SETTLED_NS
from modules.config.paths import PROJECT_ROOT
from modules.console import make_parser, run_script, start_console
from modules.files.atomic import read_json, write_json
from modules.utils import log
from tests.forked_scripts import ForkedScripts

RESULT = PROJECT_ROOT / "docs" / "results" / "disks.json"
NEVER = 2**60


def problem_of(ended: subprocess.CompletedProcess[str]) -> str | None:
    """Returns what is wrong with how a stage ended on a full disk; None if it is one sentence, or if it did without."""
    errors = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    if "Traceback" in ended.stdout + ended.stderr:
        return f"a traceback: {(ended.stdout + ended.stderr)[-1500:]}"
    if ended.returncode not in (0, 2) or len(errors) != (ended.returncode == 2):
        return f"exit code {ended.returncode} with {len(errors)} sentences: {ended.stderr[-1500:]}"
    return None


class Breaker:
    """Breaks the disk of one stage, again and again, and counts what the same command could not repair."""

    def __init__(self, killer: Killer, disk: FullDisk) -> None:
        self.killer, self.disk = killer, disk
        killer.begin()
        sleep(SETTLED_NS / 1e9)
        disk.fill_from(NEVER, killer.place.work, lists=True)
        killer.run()
        self.writes, self.expected = disk.listed(killer.place.work), digests(killer.place.work)
        disk.fill_from(0, killer.place.work)

    def is_repaired(self, what: str) -> bool:
        """Runs the same command; returns whether it leaves what an undisturbed run leaves."""
        self.killer.run()
        found, expected = digests(self.killer.place.work), self.expected
        differ = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
        if differ:
            log.info("%s, %s: other files: %s", self.killer.stage.name, what, ", ".join(differ))
        return not differ

    def full_at(self, write: int) -> tuple[bool, bool]:
        """Returns whether the stage ended as it should on a disk that is full at this write, and was repaired."""
        self.killer.begin()
        self.disk.fill_from(write, self.killer.place.work)
        ended = self.killer.start()
        self.disk.fill_from(0, self.killer.place.work)
        problem = problem_of(ended)
        if problem is not None:
            log.info("%s, write %d: %s", self.killer.stage.name, write, problem)
        return problem is None, self.is_repaired(f"write {write}")

    def lost(self, rename: int) -> bool | None:
        """Returns whether the loss of a rename was repaired; None if there are fewer renames."""
        self.killer.begin()
        setup = f"from benchmarks.kills.lost_rename import lose_rename; lose_rename({rename}, {str(self.killer.place.work)!r})"
        return None if self.killer.run(setup=setup) else self.is_repaired(f"rename {rename}")


def break_stage(breaker: Breaker, every: bool, until: float) -> dict[str, Any]:
    """Returns the counts of one stage."""
    renames = [kind for _, kind in breaker.writes if kind.startswith("rename ")]
    tries = [("full", write) for write in chosen(breaker.writes, every)]
    tries += [("lost", rename) for rename in chosen(list(enumerate(renames, start=1)), every)]
    kinds = {kind for _, kind in breaker.writes}
    counts = {"writes": len(breaker.writes), "kinds": len(kinds), "rename_kinds": len(set(renames))}
    counts |= dict.fromkeys(("full", "one_sentence", "full_repaired", "lost", "lost_repaired"), 0)
    for what, number in random.sample(tries, len(tries)):
        if monotonic() > until:
            break
        if what == "full":
            sentence, repaired = breaker.full_at(number)
            counts["full"] += 1
            counts["one_sentence"] += sentence
            counts["full_repaired"] += repaired
        else:
            found = breaker.lost(number)  # None: of a process that another has started, whose renames are not lost
            counts["lost"] += found is not None
            counts["lost_repaired"] += bool(found)
    return counts


def chosen(numbered: list[tuple[int, str]], every: bool) -> list[int]:
    """Returns all numbers, or one at random of each kind."""
    if every:
        return [number for number, _ in numbered]
    kinds: dict[str, list[int]] = {}
    for number, kind in numbered:
        kinds.setdefault(kind, []).append(number)
    return sorted(random.choice(numbers) for numbers in kinds.values())


def main() -> None:
    """Breaks the named stages, or all of them."""
    parser = make_parser(__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", action="append", choices=[stage.name for stage in STAGES], help="all by default")
    parser.add_argument("--every", action="store_true", help="every write and rename, not one of each kind")
    parser.add_argument("--minutes", type=float, default=10, help="at most, for each stage (default: %(default)s)")
    folder = PROJECT_ROOT / "results" / "disks"
    parser.add_argument("--folder", type=Path, default=folder, help="default: results/disks")
    arguments = parser.parse_args()
    start_console(arguments)
    disk, scripts = FullDisk(arguments.folder), ForkedScripts()
    for stage in STAGES:
        if arguments.stage is None or stage.name in arguments.stage:
            until = monotonic() + 60 * arguments.minutes
            counts = break_stage(Breaker(Killer(stage, arguments.folder, scripts), disk), arguments.every, until)
            log.info("%-32s %s", stage.name, ", ".join(f"{value} {name}" for name, value in counts.items()))
            stored = read_json(RESULT) if RESULT.exists() else {"stages": {}}
            stored["stages"][stage.name] = {**counts, **made_by()}
            write_json(RESULT, stored)
    scripts.close()


if __name__ == "__main__":
    run_script(main)
