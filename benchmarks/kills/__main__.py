"""Kills each stage at random moments and compares what the same command leaves in the end with an undisturbed run.

    python -m benchmarks.kills                                  200 kills of every stage, at most 10 minutes each
    python -m benchmarks.kills --stage extraction --kills 20

A round kills up to five times, then lets the same command end, and compares every file but logs, byte for byte; of records,
summaries and checkpoints, the times are left out. Scripts are forked from a process that has imported their libraries, so
that a kill costs about a second. Counts are kept in docs/results/kills.json after each round, and the same command continues.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
from pathlib import Path
from time import monotonic, sleep
from typing import Any

from benchmarks.kills.digests import digests
from benchmarks.kills.stages import STAGES, Place, Stage
from benchmarks.record import machine, made_by
from modules.cache.inputs import SETTLED_NS
from modules.config.paths import PROJECT_ROOT
from modules.console import make_parser, run_script, start_console
from modules.files.atomic import read_json, write_json
from modules.utils import EXIT_BAD_INPUT, UserError, log
from tests.forked_scripts import ForkedScripts, Kill, kill_group

RESULT = PROJECT_ROOT / "docs" / "results" / "kills.json"
KILLS_A_ROUND = 5


class Killer:
    """Runs one stage again and again, killed and to its end."""

    def __init__(self, stage: Stage, folder: Path, scripts: ForkedScripts) -> None:
        self.stage, self.scripts = stage, scripts
        self.kills = 0
        self.place = Place(folder / "inputs", folder / "work")

    def finish(self, script: str, *arguments: str, setup: str = "") -> None:
        """Runs a script to its end. Raises UserError if it fails."""
        ended = self.scripts.run(script, *arguments, setup=setup)
        if ended.returncode != 0:
            raise UserError(
                f"{script}: it ended with {ended.returncode}: {ended.stderr[-2000:]}; see why and start again"
            )

    def begin(self) -> None:
        """Empties the work folder and fills it with what the stage starts from."""
        shutil.rmtree(self.place.work, ignore_errors=True)
        self.place.work.mkdir(parents=True)
        self.place.inputs.mkdir(parents=True, exist_ok=True)
        self.stage.starts_from(self.place, self.finish)

    def start(self, kill_after: float | None = None, setup: str = "") -> subprocess.CompletedProcess[str]:
        """Runs the stage's command, after the lines of `setup`, and returns how it ended."""
        lines = "\n".join(filter(None, [self.stage.setup(self.place), setup]))
        kill: Kill = kill_group if self.stage.kill is None else self._kill_one
        return self.scripts.run(
            self.stage.script, *self.stage.arguments(self.place), setup=lines, kill_after=kill_after, kill=kill
        )

    def _kill_one(self, group: int) -> None:
        assert self.stage.kill is not None
        self.kills += self.stage.kill(group)  # a kill of the script itself shows in its exit code

    def run(self, kill_after: float | None = None, setup: str = "") -> bool:
        """As `start`; returns whether it ended by itself, as it should. Raises UserError if it failed.

        Without the other processes that were killed it may end in a sentence.
        """
        before = self.kills
        ended = self.start(kill_after, setup)
        self.kills += ended.returncode == -9
        if ended.returncode not in (0, -9) and not (ended.returncode == EXIT_BAD_INPUT and self.kills > before):
            raise UserError(f"{self.stage.name}: it ended with {ended.returncode}: {ended.stderr[-2000:]}; correct it")
        return ended.returncode == 0


def run_stage(killer: Killer, counts: dict[str, Any], kills: int, until: float) -> None:
    """Adds rounds to the counts until they hold so many kills, or until this time."""
    store_counts(killer.stage.name, counts)  # first, since joint tables tell whether a file of the project is changed
    killer.begin()
    sleep(SETTLED_NS / 1e9)  # hashes of younger inputs are not remembered, so that the cache would differ
    begun = monotonic()
    killer.run()
    seconds, expected = monotonic() - begun, digests(killer.place.work)
    counts.update(seconds=round(seconds, 1), files=len(expected))
    moments, last = random.Random(), seconds
    while counts["kills"] < kills and monotonic() < until:
        killer.begin()
        in_round, ended = 0, False
        while not ended and in_round < min(KILLS_A_ROUND, kills - counts["kills"]):
            begun, before = monotonic(), killer.kills
            ended = killer.run(moments.uniform(0.02, last))
            in_round += killer.kills - before
            if ended and not in_round:  # faster than the first run, so later kills come before such an end
                last = min(last, 0.9 * (monotonic() - begun))
        if not ended:
            killer.run()
        found = digests(killer.place.work)
        differ = sorted(name for name in found.keys() | expected.keys() if found.get(name) != expected.get(name))
        counts["kills"] += in_round
        counts["rounds"] += in_round > 0
        counts["rounds_identical"] += in_round > 0 and not differ
        counts["differing"] = sorted({*counts["differing"], *differ})
        store_counts(killer.stage.name, counts)


def store_counts(name: str, counts: dict[str, Any]) -> None:
    """Writes the counts of a stage into the result file."""
    stored = read_json(RESULT) if RESULT.exists() else {"stages": {}}
    stored["stages"][name] = {**counts, **made_by()}
    stored["machine"] = machine()
    write_json(RESULT, stored)


def main() -> None:
    """Runs the named stages, or all of them."""
    parser = make_parser(__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", action="append", choices=[stage.name for stage in STAGES], help="all by default")
    parser.add_argument("--kills", type=int, default=200, help="of each stage (default: %(default)s)")
    parser.add_argument("--minutes", type=float, default=10, help="at most, for each stage (default: %(default)s)")
    parser.add_argument(
        "--folder", type=Path, default=PROJECT_ROOT / "results" / "kills", help="default: results/kills"
    )
    arguments = parser.parse_args()
    start_console(arguments)
    scripts = ForkedScripts()
    for stage in STAGES:
        if arguments.stage is None or stage.name in arguments.stage:
            stored = (read_json(RESULT)["stages"] if RESULT.exists() else {}).get(stage.name)
            fresh = {"kills": 0, "rounds": 0, "rounds_identical": 0, "differing": []}
            counts = {**fresh, **(stored or {})}
            run_stage(
                Killer(stage, arguments.folder, scripts), counts, arguments.kills, monotonic() + 60 * arguments.minutes
            )
            log.info(
                "%-26s %4d kills in %3d rounds of %.1f s, %3d identical; differing: %s", stage.name, counts["kills"],
                counts["rounds"], counts.get("seconds", 0), counts["rounds_identical"],
                ", ".join(counts["differing"]) or "none",
            )  # fmt: skip
    scripts.close()


if __name__ == "__main__":
    run_script(main)
