"""What a floor that is off by some mm does to the released weights on the demo's cameras, of which none was trained on.

    python -m benchmarks.zero_shot_floor [--run released] [--table-only]

It needs the zero-shot sets with their joint features: python -m data.prepare --set DATA.root=data/demo/zero_shot_camera_1, then
python test.py --run released with the same --set, for each camera. The demo's feet are nearer to the floor than those of the
synthetic people that the weights were trained on; the errors with a lower floor tell how much of the error that is. It is a
diagnosis on test images, not a method: no floor height is chosen by it.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.pages import ACCURACY_PAGE, insert_between
from benchmarks.record import made_by
from benchmarks.rotations import ROTATIONS
from modules import metrics
from modules.cache.store import open_cache
from modules.cache.table import Rows
from modules.config.load import load_config
from modules.config.paths import DEFAULT_CONFIG, PROJECT_ROOT, project_path
from modules.console import run_script
from modules.evaluation.prediction import predict_rows
from modules.evaluation.testing import load_run
from modules.files.atomic import read_json, write_json
from modules.files.layout import list_frames
from modules.runs.checkpoints import RELEASED

RESULT = PROJECT_ROOT / "docs" / "results" / "zero_shot_floor.json"
RAISED_MM = (20, 0, -20, -40, -60)
NAMES = ("world_mpjpe", "root", "root_relative_mpjpe")


def main() -> None:
    """Measures all cameras, writes the JSON, and the table into the accuracy page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--run", type=Path, default=RELEASED, help="weights that learn the root's depth; default: released"
    )
    parser.add_argument("--table-only", action="store_true", help="predict nothing, only write the table")
    arguments = parser.parse_args()
    if not arguments.table_only:
        cameras = {str(camera): measure(camera, arguments.run) for camera in ROTATIONS}
        write_json(RESULT, {"cameras": cameras, **made_by()})
    table = format_table(read_json(RESULT)["cameras"])
    insert_between(ACCURACY_PAGE, "zero-shot floor", table)
    print(table)


def measure(camera: int, run_path: Path) -> dict[str, list[float]]:
    """Returns NAMES of one camera's images by how far its floor is raised, mm."""
    config = load_config(project_path(DEFAULT_CONFIG), [f"DATA.root=data/demo/zero_shot_camera_{camera}"])
    rows, _ = open_cache(config, "test", list_frames(config.data_root, "test"))
    run = load_run(run_path)
    floors = {str(raised): rows["floor_height_mm"] + raised for raised in RAISED_MM}
    floors["none"] = np.full(len(rows), np.nan)
    found = {}
    for name, floor in floors.items():
        moved = Rows({**rows.columns, "floor_height_mm": floor}, rows.crop_files)
        scores = metrics.evaluate(predict_rows(config, run.checkpoint, run.path, moved).world, rows["joints_world_mm"])
        found[name] = [float(scores[metric]) for metric in NAMES]
    return found


def format_table(cameras: dict[str, Any]) -> str:
    """Formats the mean over the cameras, and the world error of each."""
    lines = ["| floor | world MPJPE, mm | root | root-relative | world, by camera |", "|" + " --- |" * 5]
    for name in next(iter(cameras.values())):
        scores = np.array([camera[name] for camera in cameras.values()])
        title = {"none": "none", "0": "as declared"}.get(
            name
        ) or f"{abs(int(name))} mm {'higher' if int(name) > 0 else 'lower'}"
        means = " | ".join(f"{value:.0f}" for value in scores.mean(0))
        lines.append(f"| {title} | {means} | {', '.join(f'{value:.0f}' for value in scores[:, 0])} |")
    return "\n".join(lines)


if __name__ == "__main__":
    run_script(main)
