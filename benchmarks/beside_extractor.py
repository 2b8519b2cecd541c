"""What training bought: the extractor's own world 3D beside PoseNet's, on the same test images.

    python -m benchmarks.beside_extractor [--run results/train/POSENET_<timestamp>] [--images 8] [--config FILE] [--set ...]

Prints a table (where there are labels: errors; everywhere: how far the two answers are apart), and writes
results/test/<run>/beside_extractor.csv, one row per image, and .jpg, both answers on a few images: the extractor's left,
PoseNet's right, the reference in white. The extractor and its weights are those of the config, with its cameras.
"""

from __future__ import annotations

import argparse
import csv
import io
from pathlib import Path

import numpy as np

from modules import metrics, runs, vis
from modules.config import Config, add_config_arguments, config_from_arguments
from modules.evaluation import OWN, Task, as_learned, load_task, predict
from modules.images import read_image
from modules.layout import read_camera
from modules.lifting import place_own
from modules.recipes import recipe_of
from modules.utils import UserError, run_script, write_text

COLUMNS = {"world_mpjpe": "world", "root": "root", "root_relative_mpjpe": "root-relative", "pa_mpjpe": "PA"}


def table(own: np.ndarray, ours: np.ndarray, reference: np.ndarray, title: str) -> list[str]:
    """Both answers against the reference (images, 24, 3), and on how many images which is nearer."""
    lines = [f"| mm, {len(reference)} images | {' | '.join(COLUMNS.values())} |", "| --- |" + " --- |" * len(COLUMNS)]
    for name, joints in ((OWN, own), (title, ours)):
        found = metrics.evaluate(joints, reference)
        lines.append(f"| {name} | " + " | ".join(f"{found[metric]:.1f}" for metric in COLUMNS) + " |")
    gain = error(own, reference) - error(ours, reference)
    nearer = f"{title} is nearer on {(gain > 0).sum()} of {len(gain)} images"
    return [*lines, "", f"{nearer}, by {np.median(gain):.1f} mm in the median (world, mean of 24 joints)"]


def error(joints: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """World error of each image: (images,) mm; NaN where there is no label."""
    return metrics.joint_errors(joints, reference).mean(1)


def per_image(task: Task, own: np.ndarray, ours: np.ndarray) -> str:
    """A CSV row per image: both errors, where there is a label, and the distance between the answers."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file_name", "extractor_mm", "posenet_mm", "apart_mm"])
    reference = task.rows["joints_world_mm"]
    for name, *values in zip(task.names, error(own, reference), error(ours, reference), error(own, ours), strict=True):
        writer.writerow([name, *("" if np.isnan(value) else f"{value:.2f}" for value in values)])
    return text.getvalue()


def picture(task: Task, own: np.ndarray, ours: np.ndarray, title: str, count: int) -> np.ndarray:
    """A row for each of `count` evenly chosen images."""
    rows = []
    for index in np.unique(np.linspace(0, len(task.names) - 1, min(count, len(task.names))).round().astype(int)):
        camera = read_camera(task.frames[index].camera_path)
        image = read_image(task.frames[index].image_path, camera.image_size)
        reference = task.rows["joints_world_mm"][index] if task.rows["labelled"][index] else None
        names = ((OWN, own), (title, ours))
        pair = [
            vis.overlay(image, camera, joints[index], reference, f"{task.names[index]}  {name}")
            for name, joints in names
        ]
        height = max(part.shape[0] for part in pair)
        rows.append(np.concatenate([np.pad(p, ((0, height - p.shape[0]), (0, 0), (0, 0))) for p in pair], axis=1))
    return np.concatenate(rows)


def compare(config: Config, run: Path, images: int) -> str:
    """Write the two files; answers what is to be printed. UserError where no image shows a person."""
    task = load_task(config)
    path = runs.best_checkpoint(run)
    seen = task.take(task.rows["found"].astype(bool))
    if not seen.names:
        raise UserError(
            f"{config.data_root}: the extractor finds nobody in the test images; there is nothing to compare"
        )
    checkpoint = runs.load_checkpoint(path)
    own, ours = place_own(seen.rows.columns), predict(config, checkpoint, path, seen.rows)
    title = recipe_of(checkpoint).title
    folder = config.results_root / "test" / run.resolve().name
    write_text(folder / "beside_extractor.csv", per_image(seen, own, ours))
    vis.write_image(folder / "beside_extractor.jpg", picture(seen, own, ours, title, images))
    labelled = seen.rows["labelled"].astype(bool)
    reference = seen.rows["joints_world_mm"][labelled]
    lines = table(own[labelled], ours[labelled], reference, title) if labelled.any() else []
    apart = error(own, ours)
    lines.append(f"the two answers are {np.median(apart):.1f} mm apart in the median, {apart.max():.1f} mm at most")
    return "\n".join([*lines, f"{folder / 'beside_extractor.csv'} and .jpg are written"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config_arguments(parser)
    parser.add_argument("--run", metavar="FOLDER", type=Path, help="a run folder (default: the newest complete one)")
    parser.add_argument("--images", type=int, default=8, help="how many images to draw (default: %(default)s)")
    arguments = parser.parse_args()
    config = config_from_arguments(arguments)
    run = arguments.run or runs.newest_complete(config.results_root / "train", **runs.origin(config))
    if run is None:
        raise UserError("there is no finished training of this config's data and extractor; run ./run.sh first")
    print(compare(as_learned(config, run), run, arguments.images))


if __name__ == "__main__":
    run_script(main)
