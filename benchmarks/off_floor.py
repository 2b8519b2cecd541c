"""Measures what a floor is worth where distances by the floor and by people's size differ, and where people stand on a step.

    python -m benchmarks.off_floor [--synthetic data/synthetic/set] [--demo data/demo] [--out docs/results/off_floor.json]

The released weights predict the synthetic test images and the demo's four zero-shot cameras with the floor, without it, and
with a floor that is lower by a step, on which everybody then stands. docs/trust.md shows the figures.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.record import made_by
from modules.cache.store import read_manifest, read_rows
from modules.cache.table import Rows
from modules.checks.error_effects import AGREES, SHARE, difference, floor_over_size, is_apart
from modules.config.paths import PROJECT_ROOT
from modules.config.schema import Config
from modules.config.sections import Data, Extract
from modules.console import run_script
from modules.evaluation.prediction import calibration_of, predict_rows
from modules.evaluation.testing import load_run
from modules.files.atomic import write_json
from modules.metrics import joint_errors
from modules.runs.checkpoints import RELEASED

CACHE = "blazepose-heavy-adaptive"  # EXTRACT.test_time_augmentation=adaptive
STEP_MM = 300.0


def main() -> None:
    """Runs the measurement."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--synthetic", type=Path, default=PROJECT_ROOT / "data" / "synthetic" / "set")
    parser.add_argument("--demo", type=Path, default=PROJECT_ROOT / "data" / "demo")
    parser.add_argument("--out", type=Path, default=PROJECT_ROOT / "docs" / "results" / "off_floor.json")
    arguments = parser.parse_args()
    roots = {f"demo {camera}": arguments.demo / f"zero_shot_camera_{camera}" for camera in (1, 2, 3, 4)}
    sets = {name: measure(root) for name, root in {"synthetic": arguments.synthetic, **roots}.items()}
    for name, values in sets.items():
        print(name, values)
    write_json(
        arguments.out, {"made_by": made_by(), "agrees": AGREES, "share": SHARE, "step_mm": STEP_MM, "sets": sets}
    )


def measure(root: Path) -> dict[str, Any]:
    """Returns the mean errors, mm, of the images of a set's test part by how floor and size agree, and on a step."""
    folder = root / "cache" / CACHE / "test"
    rows = read_rows(folder, int((read_manifest(folder) or {})["parts"]))
    rows = rows.take(rows["found"] & rows["labelled"])
    floor = rows["floor_height_mm"]
    with_floor, expected = errors(rows)
    without, _ = errors(_on(rows, np.full_like(floor, np.nan)))
    on_step, _ = errors(_on(rows, floor - STEP_MM))
    ratio = floor_over_size(rows.columns)
    distance = np.linalg.norm(rows["root_cam_mm"], axis=1)
    raised = np.hypot(expected, SHARE * distance * difference(ratio))
    groups = {"all": np.ones(len(rows), bool), "apart": is_apart(ratio), "farther by the floor": ratio > AGREES[1]}
    columns = {
        "with_floor": with_floor, "without_floor": without, "on_step": on_step, "on_step_without_floor": without,
        "expected": expected, "expected_raised": raised,
    }  # fmt: skip
    return {
        group: {
            "images": int(own.sum()),
            **{name: round(float(values[own].mean()), 1) for name, values in columns.items()},
        }
        for group, own in groups.items()
        if own.any()
    }


def errors(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Returns each image's mean joint error with the released weights, and its mean expected error, mm."""
    run = load_run(RELEASED)
    config = Config(EXTRACT=Extract(**run.checkpoint["config"]["EXTRACT"]), DATA=Data(root="results/none"))
    predicted = predict_rows(config, run.checkpoint, run.path, rows)
    calibration = calibration_of(run.checkpoint)
    assert calibration is not None and predicted.log_error is not None  # the released weights predict errors
    error = joint_errors(predicted.world, rows["joints_world_mm"])
    return error.mean(1), calibration.expected_mm(predicted.log_error).mean(1)


def _on(rows: Rows, floor_height_mm: np.ndarray) -> Rows:
    return Rows({**rows.columns, "floor_height_mm": floor_height_mm}, rows.crop_files)


if __name__ == "__main__":
    run_script(main)
