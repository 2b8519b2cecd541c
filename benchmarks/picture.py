"""Draws the README's picture from the newest test of the demo: image, prediction, and both in the world.

python -m benchmarks.picture      after ./run.sh; writes docs/images/demo.jpg
"""

from __future__ import annotations

import argparse

import cv2
import numpy as np

from modules import vis
from modules.config.load import add_config_arguments, config_from_arguments
from modules.config.paths import PROJECT_ROOT
from modules.console import run_script
from modules.evaluation.task import load_task
from modules.files.atomic import read_json
from modules.files.cameras import read_camera
from modules.files.images import read_image
from modules.files.submission import requested_frames
from modules.runs import folders
from modules.utils import UserError

PICTURE = PROJECT_ROOT / "docs" / "images" / "demo.jpg"
HEIGHT = 620


def _to_height(image: np.ndarray) -> np.ndarray:
    width = round(image.shape[1] * HEIGHT / image.shape[0])
    return cv2.resize(image, (width, HEIGHT), interpolation=cv2.INTER_AREA)


def main() -> None:
    """Draws the picture of one test image."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config_arguments(parser)
    parser.add_argument("--index", type=int, default=12, help="index of the image in the sample (default: %(default)s)")
    arguments = parser.parse_args()
    config = config_from_arguments(arguments)
    run = folders.newest_complete(config.results_root / "train", **folders.origin(config))
    if run is None:
        raise UserError("there is no finished training; run ./run.sh first")
    task = load_task(config, requested_frames(config))
    entries = read_json(folders.results_folder(config, run) / "pred_submission.json")
    predicted = np.array([entry["3d_pos"] for entry in entries])
    at, frame = arguments.index, task.frames[arguments.index]
    camera = read_camera(frame.camera_path)
    image = read_image(frame.image_path, camera.image_size)
    reference = task.rows["joints_world_mm"][at]
    shown = vis.overlay(image, camera, predicted[at], reference, frame.file_name)
    world = folders.results_folder(config, run) / "picture.png"
    up = vis.up_to_draw(camera.world_up, camera.R[None])
    vis.plot_world(world, predicted[[at]], reference[None], up, ["in the world"])
    plot = cv2.cvtColor(cv2.imread(str(world)), cv2.COLOR_BGR2RGB)
    row = np.concatenate([_to_height(part) for part in (image, shown, plot)], axis=1)
    vis.write_image(PICTURE, row)
    print(f"{PICTURE} is written")


if __name__ == "__main__":
    run_script(main)
