"""The demo's four rotations: each camera held out once, several seeds, beside the baselines and the bound.

    python -m benchmarks.rotations                     all runs; existing ones are kept
    python -m benchmarks.rotations --table-only        only write the tables of the stored result

Every rotation is prepared, extracted, trained and tested by the project's own scripts with config/train_config.yml and both
branches (TRAIN.model_type: image+pose), which are compared.
The result is docs/results/rotations.json; its tables are written into docs/accuracy.md.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import record
from benchmarks.pages import ACCURACY_PAGE, insert_between
from modules.config.paths import PROJECT_ROOT
from modules.console import run_script
from modules.files.atomic import read_json, write_json
from modules.utils import UserError

ROTATIONS, SEEDS = (1, 2, 3, 4), (42, 43, 44)
RESULT = PROJECT_ROOT / "docs" / "results" / "rotations.json"
UNPERMUTED = "unpermuted"  # the name of the score without any permutation


def main() -> None:
    """Runs the requested rotations and seeds, and writes the result and its tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--table-only", action="store_true", help="run nothing, only write the tables of the stored result"
    )
    parser.add_argument("--rotations", type=int, nargs="+", default=list(ROTATIONS), help="only these test cameras")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS), help="only these seeds")
    arguments = parser.parse_args()
    if not arguments.table_only:
        for seed in arguments.seeds:  # the first seed of every rotation before the second of any
            for rotation in arguments.rotations:
                run_one(rotation, seed)
    if arguments.table_only and RESULT.exists():
        result: dict[str, Any] = read_json(RESULT)
    else:
        result = gather()
        write_json(RESULT, result)
    table = format_tables(result)
    insert_between(ACCURACY_PAGE, "rotations", table)
    print(table)


def results_folder(rotation: int, seed: int) -> Path:
    """Returns the results folder of one run."""
    return PROJECT_ROOT / "results" / "rotations" / f"camera_{rotation}_seed_{seed}"


def run_one(rotation: int, seed: int) -> None:
    """Prepares, extracts, trains and tests one rotation with one seed by the project's scripts."""
    data = f"data/demo/test_camera_{rotation}"
    folder = results_folder(rotation, seed)
    options = []
    for assignment in (
        f"DATA.root={data}", f"SEED.random_seed={seed}", f"RESULTS.root={folder}", f"TEST.output={folder}/pred_submission.json",
        "TRAIN.model_type=image+pose",
    ):  # fmt: skip
        options += ["--set", assignment]
    made_by = folder / "made_by.json"
    if not made_by.exists():
        write_json(made_by, record.made_by())
    for command in (["-m", "data.prepare"], ["extract_train_info.py"], ["train.py", "--reuse"], ["test.py", "--reuse"]):
        subprocess.run([sys.executable, *command, *options], cwd=PROJECT_ROOT, check=True)
    command = ["-m", "benchmarks.branches", "--out", str(folder / "branches.json"), *options]
    subprocess.run([sys.executable, *command], cwd=PROJECT_ROOT, check=True)


def gather() -> dict[str, Any]:
    """Returns the metrics of every finished run. UserError if there is none, or if they are of several commits."""
    runs = []
    for rotation in ROTATIONS:
        for seed in SEEDS:
            folder = results_folder(rotation, seed)
            tested = zip(folder.glob("test/POSENET_*/metrics.json"), folder.glob("train/POSENET_*"), strict=True)
            for metrics, run in tested:  # one of each
                summary = read_json(run / "summary.json")
                methods = {name: value["overall"] for name, value in read_json(metrics)["methods"].items()}
                made_by = read_json(folder / "made_by.json")
                branches = read_json(folder / "branches.json")
                runs.append({
                    "test_camera": rotation, "seed": seed, **made_by, "methods": methods, "training": summary,
                    "validation": branches,
                })  # fmt: skip
    if not runs:
        raise UserError("results/rotations: there are no results yet; run python -m benchmarks.rotations")
    if len({(run["commit"], run["clean"]) for run in runs}) > 1:
        raise UserError("results/rotations: the runs were made by different commits; delete the folder and run again")
    machine = f"{platform.machine()}, Python {platform.python_version()}"
    return {"command": "python -m benchmarks.rotations", "machine": machine, "runs": runs}


def format_tables(result: dict[str, Any]) -> str:
    """Formats every method's world error by rotation, and the branches' scores (Markdown)."""
    methods = list(result["runs"][0]["methods"])
    cameras = sorted({run["test_camera"] for run in result["runs"]})
    lines = [_line("world MPJPE, mm", *(f"test camera {camera}" for camera in cameras)), _rule(len(cameras))]
    lines += [_line(method, *(_by_camera(result, method, camera) for camera in cameras)) for method in methods]
    return "\n".join([*lines, "", *_branches_table(result["runs"])])


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _rule(columns: int) -> str:
    return "| --- |" + " --- |" * columns


def _branches_table(runs: list[dict[str, Any]]) -> list[str]:
    """Formats the validation scores with each branch's input permuted, and in how many runs that was worse."""
    lines = [
        _line(
            f"validation, mean of {len(runs)} runs, mm", "world MPJPE", "root-relative", "worse: world, root-relative"
        )
    ]
    lines.append(_rule(3))
    for case in (name for name in runs[0]["validation"] if all(name in run["validation"] for run in runs)):
        world, relative = (
            np.array([[run["validation"][name][metric] for name in (UNPERMUTED, case)] for run in runs])
            for metric in ("world_mpjpe", "root_relative_mpjpe")
        )
        worse = ", ".join(f"{(values[:, 1] > values[:, 0]).sum()} of {len(runs)}" for values in (world, relative))
        means = [f"{values[:, 1].mean():.1f}" for values in (world, relative)]
        lines.append(_line(case, *means, "" if case == UNPERMUTED else worse))
    return lines


def _by_camera(result: dict[str, Any], method: str, camera: int) -> str:
    values = [run["methods"][method]["world_mpjpe"] for run in result["runs"] if run["test_camera"] == camera]
    text = f"{np.mean(values):.0f}"
    return f"{text} ({', '.join(f'{value:.0f}' for value in values)})" if np.ptp(values) > 0.05 else text


if __name__ == "__main__":
    run_script(main)
