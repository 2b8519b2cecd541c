"""The demo's table: four rotations (each camera held out once) x three seeds, beside the baselines and the bound.

    python -m benchmarks.rotations                     everything; what stands is kept
    python -m benchmarks.rotations --table-only        only gather and print what stands

Every rotation is prepared, extracted, trained and tested by the project's own scripts with config/train_config.yml.
The result goes to docs/results/rotations.json and, as a table, into both READMEs between their two marks.
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
from benchmarks.record import insert_between, marks
from modules.config import PROJECT_ROOT
from modules.utils import UserError, read_json, run_script, write_json

ROTATIONS, SEEDS = (1, 2, 3, 4), (42, 43, 44)
RESULT = PROJECT_ROOT / "docs" / "results" / "rotations.json"
READMES = (PROJECT_ROOT / "README.md", PROJECT_ROOT / "README.ko.md")
METRICS = {
    "world_mpjpe": "world MPJPE", "root": "root", "root_relative_mpjpe": "root-relative", "pa_mpjpe": "PA-MPJPE",
    "pck150": "PCK@150", "auc": "AUC",
}  # fmt: skip
MARKS = "rotations"
BEGIN, END = marks(MARKS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--table-only", action="store_true", help="run nothing")
    parser.add_argument("--rotations", type=int, nargs="+", default=list(ROTATIONS), help="only these test cameras")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS), help="only these seeds")
    arguments = parser.parse_args()
    if not arguments.table_only:
        for seed in arguments.seeds:  # every rotation once before any twice
            for rotation in arguments.rotations:
                run_one(rotation, seed)
    result = gather()
    write_json(RESULT, result)
    table = format_table(result)
    for readme in READMES:
        insert_between(readme, MARKS, table)
    print(table)


def results_folder(rotation: int, seed: int) -> Path:
    """Where one run of the benchmark leaves its results."""
    return PROJECT_ROOT / "results" / "rotations" / f"camera_{rotation}_seed_{seed}"


def run_one(rotation: int, seed: int) -> None:
    """Prepare, extract, train and test one rotation with one seed, through the real scripts."""
    data = f"data/demo/test_camera_{rotation}"
    folder = results_folder(rotation, seed)
    options = []
    for assignment in (
        f"DATA.root={data}", f"SEED.random_seed={seed}", f"RESULTS.root={folder}", f"TEST.output={folder}/pred_submission.json",
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
    """The metrics of every finished run, and what made them."""
    runs = []
    for rotation in ROTATIONS:
        for seed in SEEDS:
            folder = results_folder(rotation, seed)
            for metrics in sorted(folder.glob("test/POSENET_*/metrics.json"))[-1:]:
                summary = read_json(folder / "train" / metrics.parent.name / "summary.json")
                methods = {name: value["overall"] for name, value in read_json(metrics)["methods"].items()}
                made_by = read_json(folder / "made_by.json")
                branches = read_json(folder / "branches.json")
                runs.append({
                    "test_camera": rotation, "seed": seed, **made_by, "methods": methods, "training": summary,
                    "validation": branches,
                })  # fmt: skip
    if not runs:
        raise UserError("results/rotations: nothing stands yet; run python -m benchmarks.rotations")
    if len({(run["commit"], run["clean"]) for run in runs}) > 1:
        raise UserError("results/rotations: the runs were made by different commits; delete the folder and run again")
    machine = f"{platform.machine()}, Python {platform.python_version()}"
    return {"command": "python -m benchmarks.rotations", "machine": machine, "runs": runs}


def spread(result: dict[str, Any], method: str, metric: str) -> tuple[float, float, float]:
    """Mean over rotations of the mean over seeds; SD between rotations; mean SD between the seeds of a rotation."""
    by_rotation = [
        [run["methods"][method][metric] for run in result["runs"] if run["test_camera"] == rotation]
        for rotation in sorted({run["test_camera"] for run in result["runs"]})
    ]
    means = [np.mean(values) for values in by_rotation]
    between_seeds = [np.std(values, ddof=1) for values in by_rotation if len(values) > 1]
    between_rotations = float(np.std(means, ddof=1)) if len(means) > 1 else 0.0
    return float(np.mean(means)), between_rotations, float(np.mean(between_seeds)) if between_seeds else 0.0


def format_table(result: dict[str, Any]) -> str:
    """Markdown: every method over all rotations, then the world error of each rotation."""
    methods = list(result["runs"][0]["methods"])
    count = len({run["test_camera"] for run in result["runs"]})
    lines = [
        f"| mean of {count} test cameras, mm | " + " | ".join(METRICS.values()) + " |",
        "| --- |" + " --- |" * len(METRICS),
    ]
    for method in methods:
        lines.append(f"| {method} | " + " | ".join(_cell(result, method, metric) for metric in METRICS) + " |")
    cameras = sorted({run["test_camera"] for run in result["runs"]})
    lines += ["", "| world MPJPE, mm | " + " | ".join(f"camera {c} tested" for c in cameras) + " |"]
    lines += ["| --- |" + " --- |" * len(cameras)]
    for method in methods:
        one = [_by_camera(result, method, camera) for camera in cameras]
        lines.append(f"| {method} | " + " | ".join(one) + " |")
    return "\n".join([*lines, "", *_branches_table(result["runs"])])


def _branches_table(runs: list[dict[str, Any]]) -> list[str]:
    """What each branch is worth on validation, and in how many runs exchanging its input made the score worse."""
    lines = [
        f"| validation, mean of {len(runs)} runs, mm | world MPJPE | root-relative | worse in (world, root-relative) |"
    ]
    lines.append("| --- |" + " --- |" * 3)
    for what in (case for case in runs[0]["validation"] if all(case in run["validation"] for run in runs)):
        world, relative = (
            np.array([[run["validation"][case][name] for case in ("as it is", what)] for run in runs])
            for name in ("world_mpjpe", "root_relative_mpjpe")
        )
        worse = ", ".join(f"{(values[:, 1] > values[:, 0]).sum()} of {len(runs)}" for values in (world, relative))
        worse = "" if what == "as it is" else worse
        lines.append(f"| {what} | {world[:, 1].mean():.1f} | {relative[:, 1].mean():.1f} | {worse} |")
    return lines


def _cell(result: dict[str, Any], method: str, metric: str) -> str:
    mean, rotations, seeds = spread(result, method, metric)
    digits = 2 if metric in ("pck150", "auc") else 0
    text = f"{mean:.{digits}f} ± {rotations:.{digits}f}"
    return f"{text} (seeds ± {seeds:.{digits}f})" if seeds > 0.05 and metric == "world_mpjpe" else text


def _by_camera(result: dict[str, Any], method: str, camera: int) -> str:
    values = [run["methods"][method]["world_mpjpe"] for run in result["runs"] if run["test_camera"] == camera]
    text = f"{np.mean(values):.0f}"
    return f"{text} ({', '.join(f'{value:.0f}' for value in values)})" if np.ptp(values) > 0.05 else text


if __name__ == "__main__":
    run_script(main)
