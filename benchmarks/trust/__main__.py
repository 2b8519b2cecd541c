"""Prints what the checks say to harms and to legal inputs, with and without labels, and writes docs/trust.md.

    python -m benchmarks.trust [--synthetic data/synthetic/set] [--demo data/demo/test_camera_4] [--out docs/results/trust.json]

Three kinds of sound data, of which the cached extraction is kept: the demo's three training cameras (views of one moment),
its test camera (a single view), and the synthetic test people (five images per camera file). For each harm the camera
files are written, read, and the columns of the cache remade from the same estimates; then the checks run as they do in
the scripts. Pictures and labels are harmed in the same way.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from benchmarks.pages import insert_between
from benchmarks.record import made_by
from benchmarks.trust.catalogue import HARMS, LEGAL
from benchmarks.trust.run import Outcome, load_shots, rows_of, run
from modules.checks.error_effects import effects_of
from modules.checks.report import check_rows
from modules.config.paths import PROJECT_ROOT
from modules.console import run_script
from modules.files.atomic import write_json
from modules.pose_utils import Camera

PAGE = PROJECT_ROOT / "docs" / "trust.md"
CACHE = "blazepose-heavy-adaptive"  # EXTRACT.test_time_augmentation=adaptive
RECORDINGS = 5  # of the synthetic set
EXTRACTION_MS = 123.0  # per image on two cores: docs/results/speed.json
ORDER = ("named", "warned", "refused", "noted", "harmless", "silent", "misleading", "quiet", "false alarm")


def main() -> None:
    """Runs the matrix."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--synthetic", type=Path, default=PROJECT_ROOT / "data" / "synthetic" / "set")
    parser.add_argument("--demo", type=Path, default=PROJECT_ROOT / "data" / "demo" / "test_camera_4")
    parser.add_argument("--out", type=Path, default=PROJECT_ROOT / "docs" / "results" / "trust.json")
    arguments = parser.parse_args()
    sets = {
        "demo, 3 views": load_shots(arguments.demo, "train", CACHE),
        "demo, 1 view": load_shots(arguments.demo, "test", CACHE),
        "synthetic, 4 views": load_shots(arguments.synthetic, "test", CACHE)[: 4 * RECORDINGS],
    }
    outcomes = []
    with tempfile.TemporaryDirectory() as folder:
        cases = [(labels, data, harm) for labels in (False, True) for data in sets for harm in (*LEGAL, *HARMS)]
        for labels, data, harm in cases:
            if harm.labels and not labels:
                continue
            one = run(data, sets[data], harm, Path(folder), labels)
            one = replace(one, sentence=one.sentence.replace(f"{folder}/", ""))
            outcomes.append(one)
            known = "labels" if labels else "-"
            print(f"{data:20} {harm.name:45} {known:7} {one.verdict:12} {one.sentence[:150]}", flush=True)
    summary = summarise(outcomes)
    cost = {data: cost_ms(shots) for data, shots in sets.items()}
    raised = raised_where_noted(outcomes)
    print(summary, cost, raised)
    values = {
        "made_by": made_by(),
        "summary": summary,
        "raised_where_noted": raised,
        "cost_ms_per_image": cost,
        "outcomes": [asdict(one) for one in outcomes],
    }
    write_json(arguments.out, values)
    insert_between(PAGE, "trust", table(outcomes))


def cost_ms(shots: Sequence) -> float:
    """Returns the processor time of the checks without labels on sound data, ms per image."""
    hidden = [shot.written for shot in shots]
    rows = rows_of(shots, [Camera(s.K, s.R, s.t, s.size, s.distortion, s.up, s.floor) for s in shots], hidden)
    start = time.process_time()
    effects_of(rows, check_rows(rows))
    return round((time.process_time() - start) * 1000 / len(rows["found"]), 2)


def raised_where_noted(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Returns by how much expected errors are raised over how far people move, for harms that are only noted."""
    legal = {harm.name for harm in LEGAL}
    shares = [
        one.raised_mm / one.off_mm
        for one in outcomes
        if one.verdict == "noted" and one.harm not in legal and one.raised_mm is not None and one.off_mm
    ]
    if not shares:
        return {"harms": 0}
    quantiles = dict(
        zip(("lowest", "median", "highest"), np.quantile(shares, (0, 0.5, 1)).round(2).tolist(), strict=True)
    )
    return {"harms": len(shares), **quantiles}


def summarise(outcomes: Sequence[Outcome]) -> dict[str, dict[str, int]]:
    """Returns how often each verdict was given: to harms without and with labels, and to legal inputs."""
    legal = {harm.name for harm in LEGAL}
    groups = {
        "harms without labels": [o for o in outcomes if o.harm not in legal and not o.labels],
        "harms with labels": [o for o in outcomes if o.harm not in legal and o.labels],
        "legal inputs": [o for o in outcomes if o.harm in legal],
    }
    return {name: {v: n for v in ORDER if (n := Counter(o.verdict for o in own)[v])} for name, own in groups.items()}


def table(outcomes: Sequence[Outcome]) -> str:
    """Returns the matrix as Markdown: a row per harm, a column per set, without and with labels."""
    sets = list(dict.fromkeys(one.data for one in outcomes))
    cells = {(one.harm, one.data, one.labels): one for one in outcomes}
    lines = [
        "| input | " + " | ".join(f"{data}: moves | no labels | labels" for data in sets) + " |",
        "| --- |" + " --- |" * (3 * len(sets)),
    ]
    for harm in dict.fromkeys(one.harm for one in outcomes):
        row = []
        for data in sets:
            without, own = cells.get((harm, data, False)), cells.get((harm, data, True))
            moved = next((one.off_mm for one in (own, without) if one is not None), None)
            row += [
                "" if moved is None else f"{moved / 1000:.2g} m",
                without.verdict if without else "",
                own.verdict if own else "",
            ]
        lines.append(f"| {harm} | " + " | ".join(row) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    run_script(main)
