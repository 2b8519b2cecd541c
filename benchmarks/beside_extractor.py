"""Compares PoseNet with the extractor's own 3D on the same test images.

    python -m benchmarks.beside_extractor [--run results/train/POSENET_<timestamp>] [--images 8] [--config FILE] [--set ...]

Prints a table of errors (if there are labels) and the distance between the two predictions. Writes
results/test/<run>-<data set>/beside_extractor.csv, one row per image, and beside_extractor.jpg, a few images with the
extractor left, PoseNet right, and the reference in white. The extractor and its weights are those of the config.
"""

from __future__ import annotations

import argparse
import csv
import io
from pathlib import Path

import numpy as np

from modules import metrics, vis
from modules.config.load import add_config_arguments, config_from_arguments
from modules.config.schema import Config
from modules.console import run_script
from modules.evaluation.methods import OWN
from modules.evaluation.prediction import predict_world
from modules.evaluation.task import Task, load_task
from modules.evaluation.testing import TrainedRun, load_run, with_run_extraction
from modules.files.atomic import write_text
from modules.files.cameras import read_camera
from modules.files.images import read_image
from modules.files.submission import requested_frames
from modules.inference.baselines import place_extractor
from modules.recipes import recipe_of
from modules.runs import folders
from modules.utils import UserError

COLUMNS = {"world_mpjpe": "world", "root": "root", "root_relative_mpjpe": "root-relative", "pa_mpjpe": "PA"}


def table(own: np.ndarray, ours: np.ndarray, reference: np.ndarray, title: str) -> list[str]:
    """Formats the errors of both predictions (images, 24, 3), and on how many images PoseNet's is closer."""
    lines = [f"| mm, {len(reference)} images | {' | '.join(COLUMNS.values())} |", "| --- |" + " --- |" * len(COLUMNS)]
    for name, joints in ((OWN, own), (title, ours)):
        found = metrics.evaluate(joints, reference)
        lines.append(f"| {name} | " + " | ".join(f"{found[metric]:.1f}" for metric in COLUMNS) + " |")
    gain = error(own, reference) - error(ours, reference)
    closer = f"{title} is closer on {(gain > 0).sum()} of {len(gain)} images"
    return [*lines, "", f"{closer}, by {np.median(gain):.1f} mm in the median (world, mean of 24 joints)"]


def error(joints: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Returns the world error of each image: (images,) mm; NaN without a label."""
    return metrics.joint_errors(joints, reference).mean(1)


def per_image(task: Task, own: np.ndarray, ours: np.ndarray) -> str:
    """Formats a CSV row per image: both errors, if there is a label, and the distance between the predictions."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["file_name", "extractor_mm", "posenet_mm", "distance_mm"])
    reference = task.rows["joints_world_mm"]
    for name, *values in zip(task.names, error(own, reference), error(ours, reference), error(own, ours), strict=True):
        writer.writerow([name, *("" if np.isnan(value) else f"{value:.2f}" for value in values)])
    return text.getvalue()


def picture(task: Task, own: np.ndarray, ours: np.ndarray, title: str, count: int) -> np.ndarray:
    """Draws `count` evenly chosen images, one per row."""
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


def compare(config: Config, run: TrainedRun, images: int) -> str:
    """Writes the two files and returns the text to print. UserError if no person is found in any image."""
    task = load_task(config, requested_frames(config))
    found = task.take(task.rows["found"].astype(bool))
    if not found.names:
        raise UserError(
            f"{config.data_root}: the extractor finds no person in the test images; there is nothing to compare"
        )
    own, ours = place_extractor(found.rows.columns), predict_world(config, run.checkpoint, run.path, found.rows)
    title = recipe_of(run.checkpoint).title
    folder = folders.results_folder(config, run.place)
    write_text(folder / "beside_extractor.csv", per_image(found, own, ours))
    vis.write_image(folder / "beside_extractor.jpg", picture(found, own, ours, title, images))
    labelled = found.rows["labelled"].astype(bool)
    reference = found.rows["joints_world_mm"][labelled]
    lines = table(own[labelled], ours[labelled], reference, title) if labelled.any() else []
    distance = error(own, ours)
    lines.append(
        f"distance between the two predictions: median {np.median(distance):.1f} mm, largest {distance.max():.1f} mm"
    )
    return "\n".join([*lines, f"{folder / 'beside_extractor.csv'} and .jpg are written"])


def main() -> None:
    """Compares the newest or the requested run with its extractor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config_arguments(parser)
    parser.add_argument("--run", metavar="FOLDER", type=Path, help="a run folder (default: the newest complete one)")
    parser.add_argument("--images", type=int, default=8, help="how many images to draw (default: %(default)s)")
    arguments = parser.parse_args()
    config = config_from_arguments(arguments)
    run = arguments.run or folders.newest_complete(config.results_root / "train", **folders.origin(config))
    if run is None:
        raise UserError("there is no finished training of this config's data and extractor; run ./run.sh first")
    trained = load_run(run)
    print(compare(with_run_extraction(config, trained), trained, arguments.images))


if __name__ == "__main__":
    run_script(main)
