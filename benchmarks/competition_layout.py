"""The competition's layout: the default training and the released weights, with the floor declared, measured, and unknown.

    python -m benchmarks.competition_layout                     everything; finished parts are kept
    python -m benchmarks.competition_layout --table-only        only write the table of the stored result

The data set is that of benchmarks.competition_set. Extraction, training and testing are the project's own scripts; labels of
the test part are read by this script alone. Every result stands beside the extractor placed by least squares, which knows no
floor, and beside the extractor placed with its lowest foot on the floor of the same column. The released weights
also answer on the test part alone, whose floor only its several views can show. The result is
docs/results/competition.json; its table is written into docs/accuracy.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import record
from benchmarks.competition_set import ALONE, DECLARED, OUT, PLAIN, make_competition_set, true_joints
from benchmarks.pages import ACCURACY_PAGE, insert_between
from modules import metrics
from modules.cache.store import open_cache
from modules.cache.table import Rows
from modules.config.load import load_config
from modules.config.paths import DEFAULT_CONFIG, PROJECT_ROOT
from modules.config.schema import Config
from modules.console import run_script
from modules.evaluation.methods import LEAST_SQUARES, ON_FLOOR
from modules.files.atomic import read_json, write_json
from modules.files.layout import list_frames
from modules.inference.baselines import place_least_squares, place_on_floor

RESULT = PROJECT_ROOT / "docs" / "results" / "competition.json"
RESULTS = Path("results/competition_layout")
FLOORS = {"declared": DECLARED, "auto": PLAIN, "none": PLAIN}  # DATA.floor, and the data set that it is used on
TRAINED, RELEASED = "default config", "released weights, no training"
RELEASED_ALONE = "released weights, the test part alone"
METRICS = ("world_mpjpe", "root", "root_relative_mpjpe")


def main() -> None:
    """Makes the set, runs the stages, and writes the result and its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table-only", action="store_true", help="run nothing, only write the stored result's table")
    parser.add_argument("--out", type=Path, default=OUT, help="the data set's folder; default: %(default)s")
    arguments = parser.parse_args()
    if not arguments.table_only:
        made_by = record.made_by()
        make_competition_set(arguments.out)
        write_json(RESULT, {"command": "python -m benchmarks.competition_layout", **made_by, **measure(arguments.out)})
    table = format_table(read_json(RESULT))
    insert_between(ACCURACY_PAGE, "competition", table)
    print(table)


def measure(out: Path) -> dict[str, Any]:
    """Runs every method with every floor, and returns the errors by method and floor."""
    truth = dict(true_joints(out))
    scores: dict[str, dict[str, Any]] = {TRAINED: {}, RELEASED: {}, RELEASED_ALONE: {}}
    run("test.py", [*assignments(out / ALONE, "auto", RESULTS / ALONE), "--run", "released"])
    scores[RELEASED_ALONE]["auto"] = score(PROJECT_ROOT / RESULTS / ALONE / "submission.json", truth)
    for floor, data_set in FLOORS.items():
        results = RESULTS / floor
        options = assignments(out / data_set, floor, results)
        run("extract_train_info.py", options)
        run("train.py", [*options, "--reuse"])
        run("test.py", options)
        scores[TRAINED][floor] = score(PROJECT_ROOT / results / "submission.json", truth)
        run("test.py", [*options, "--run", "released"])
        scores[RELEASED][floor] = score(PROJECT_ROOT / results / "submission.json", truth)
        rows = test_rows(load_config(PROJECT_ROOT / DEFAULT_CONFIG, options[1::2]))
        baselines: dict[str, Callable[[Any], np.ndarray]] = {
            LEAST_SQUARES: place_least_squares,
            ON_FLOOR: place_on_floor,
        }
        for name, place in baselines.items():
            found = rows.take(rows["found"].astype(bool))
            joints = dict(zip(found["file_name"], place(found.columns), strict=True))
            scores.setdefault(name, {})[floor] = errors(joints, truth)
    return {"images": len(truth), "scores": scores}


def assignments(root: Path, floor: str, results: Path) -> list[str]:
    """Returns the options of all stages."""
    settings = {
        "DATA.root": root, "DATA.validation": "person", "DATA.floor": floor, "RESULTS.root": results,
        "TEST.output": results / "submission.json",
    }  # fmt: skip
    return [part for key, value in settings.items() for part in ("--set", f"{key}={value}")]


def run(script: str, options: Sequence[str]) -> None:
    """Runs one of the project's scripts."""
    subprocess.run([sys.executable, script, *options], cwd=PROJECT_ROOT, check=True)


def test_rows(config: Config) -> Rows:
    """Returns the cached rows of the test images."""
    return open_cache(config, "test", list_frames(config.data_root, "test"))[0]


def score(submission: Path, truth: dict[str, np.ndarray]) -> dict[str, float]:
    """Returns the errors of a submission."""
    return errors({entry["file_name"]: np.array(entry["3d_pos"]) for entry in read_json(submission)}, truth)


def errors(joints: dict[str, np.ndarray], truth: dict[str, np.ndarray]) -> dict[str, float]:
    """Returns the mean errors in mm over the images that `joints` has, and their number."""
    predicted, reference = (np.stack([of[name] for name in joints]) for of in (joints, truth))
    evaluated = metrics.evaluate(predicted, reference)
    return {"images": len(joints), **{name: evaluated[name] for name in METRICS}}


def format_table(result: dict[str, Any]) -> str:
    """Formats the world error of every method by floor, with the root's error in brackets (Markdown)."""
    lines = [
        f"| world MPJPE (root), mm; {result['images']} images | "
        + " | ".join(f"floor: {floor}" for floor in FLOORS)
        + " |",
        "| --- |" + " --- |" * len(FLOORS),
    ]
    for name, by_floor in result["scores"].items():
        cells = (
            f"{by_floor[floor]['world_mpjpe']:.1f} ({by_floor[floor]['root']:.1f})" if floor in by_floor else ""
            for floor in FLOORS
        )
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    run_script(main)
