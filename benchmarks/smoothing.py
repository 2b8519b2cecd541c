"""What smoothing over time changes: the released weights on each of the demo's cameras, of which none was trained on.

    python -m benchmarks.smoothing

It needs the zero-shot sets with their joint features: python -m data.prepare --set DATA.root=data/demo/zero_shot_camera_1, then
python extract_train_info.py --split test --joint-features heavy with the same --set, for each camera.

The demo's labels are triangulated frame by frame, and their own jitter accelerates as much as a prediction's. The acceleration
error is therefore measured against the labels after a low-pass filter (Butterworth, second order, forwards and backwards,
6 Hz, as is usual for gait), and against the labels as they are. MPJPE is measured against the labels as they are.
The noise floor is the acceleration error of the low-passed labels against the labels as they are: what an answer without any
jitter has.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from scipy.signal import butter, filtfilt

from benchmarks.pages import ACCURACY_PAGE, insert_between
from benchmarks.record import made_by
from modules.cache.store import open_cache
from modules.config.load import load_config
from modules.config.paths import PROJECT_ROOT
from modules.console import run_script
from modules.evaluation.prediction import calibration_of, predict_rows
from modules.files.atomic import write_json
from modules.files.layout import list_frames
from modules.inference.smoothing import smooth
from modules.runs.checkpoints import RELEASED, load_checkpoint

RESULT = PROJECT_ROOT / "docs" / "results" / "smoothing.json"
FRAMES_PER_SECOND, CUTOFF_HZ = 60.0, 6.0
COLUMNS = {
    "mpjpe_mm": "world MPJPE, mm",
    "acceleration_mm": "acceleration error, mm/frame²",
    "acceleration_unfiltered_mm": "against unfiltered labels",
}


def main() -> None:
    """Measures all four cameras, writes the JSON, and the table into the accuracy page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    result = {"cameras": {str(camera): measure(camera) for camera in (1, 2, 3, 4)}, **made_by()}
    write_json(RESULT, result)
    table = format_table(result["cameras"])
    insert_between(ACCURACY_PAGE, "smoothing", table)
    print(table)


def measure(camera: int) -> dict[str, dict[str, float]]:
    """Returns the errors of one camera's 100 frames, raw and smoothed."""
    root = f"data/demo/zero_shot_camera_{camera}"
    config = load_config(Path("config/train_config.yml"), [f"DATA.root={root}"])
    rows, _ = open_cache(config, "test", list_frames(config.data_root, "test"))
    rows = rows.take(np.argsort(rows["sequence"].astype(int)))
    checkpoint = load_checkpoint(RELEASED)
    predicted, calibration = predict_rows(config, checkpoint, RELEASED, rows), calibration_of(checkpoint)
    assert predicted.log_error is not None and calibration is not None
    expected = calibration.expected_mm(predicted.log_error)
    times = rows["sequence"].astype(int) / FRAMES_PER_SECOND
    truth = rows["joints_world_mm"]
    methods = {
        "raw": predicted.world,
        "smoothed": smooth(predicted.world, expected, times),
        "labels": low_passed(truth),
    }
    return {name: errors(joints, truth) for name, joints in methods.items()}


def low_passed(joints: np.ndarray) -> np.ndarray:
    """Returns joints (T, 24, 3) after a low-pass filter of CUTOFF_HZ."""
    return filtfilt(*butter(2, CUTOFF_HZ / (FRAMES_PER_SECOND / 2)), joints, axis=0)


def errors(joints: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Returns the metrics of COLUMNS for joints (T, 24, 3)."""
    filtered = low_passed(truth)

    def acceleration(of: np.ndarray) -> np.ndarray:
        return of[2:] - 2 * of[1:-1] + of[:-2]

    def mean(difference: np.ndarray) -> float:
        return round(float(np.linalg.norm(difference, axis=-1).mean()), 2)

    return {
        "mpjpe_mm": mean(joints - truth),
        "acceleration_mm": mean(acceleration(joints) - acceleration(filtered)),
        "acceleration_unfiltered_mm": mean(acceleration(joints) - acceleration(truth)),
    }


def format_table(cameras: dict[str, Any]) -> str:
    """Returns a Markdown table with a row per camera: raw → smoothed."""
    titles = [*COLUMNS.values(), "labels' own noise"]
    lines = ["| demo, zero-shot | " + " | ".join(titles) + " |", "| --- |" + " --- |" * len(titles)]
    for camera, found in cameras.items():
        cells = [f"{found['raw'][name]:.1f} → {found['smoothed'][name]:.1f}" for name in COLUMNS]
        cells.append(f"{found['labels']['acceleration_unfiltered_mm']:.1f}")
        lines.append(f"| camera {camera} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    run_script(main)
