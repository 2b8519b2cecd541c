"""Leave-one-camera-out validation: train on all training cameras but one, score on that camera's validation frames.

    python -m benchmarks.held_out_camera [--set TRAIN.model_type=pose] [--set TRAIN.view_steps=0]

The validation part of a rotation shares its cameras with the training part, so it does not measure generalisation to an
unseen camera. This benchmark does, without the test camera: each training camera is held out once. The scores are those of
the last epoch (nothing is selected on the held-out camera), beside the extractor placed by least squares.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np

from modules import metrics
from modules.cache.splits import split_rows
from modules.cache.store import open_cache
from modules.cache.table import Rows
from modules.config.load import add_config_arguments, config_from_arguments
from modules.config.schema import Config
from modules.console import run_script
from modules.files.layout import list_frames
from modules.inference.baselines import place_least_squares
from modules.inference.prediction import predict_outputs
from modules.trainer import Trainer, TrainingJob

NAMES = ("world_mpjpe", "root", "root_relative_mpjpe")


def held_out_scores(config: Config, train: Rows, validation: Rows) -> tuple[list[float], list[float]]:
    """Returns NAMES of PoseNet and of the extractor on `validation` after training on `train`."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(TrainingJob(config, train, validation, Path(folder), key="held out", fingerprint=""))
        trainer.fit()
        outputs = predict_outputs(trainer.network, trainer.validation_loader, trainer.fabric)
        world = trainer.recipe.lift(outputs, validation)
    reference = validation["joints_world_mm"]
    ours, extractor = (metrics.evaluate(j, reference) for j in (world, place_least_squares(validation.columns)))
    return [ours[name] for name in NAMES], [extractor[name] for name in NAMES]


def main() -> None:
    """Prints the scores with each training camera held out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config_arguments(parser)
    arguments = parser.parse_args()
    arguments.assignments.append("TRAIN.early_stopping_patience=1000000")  # nothing may stop on the held-out camera
    config = config_from_arguments(arguments)
    rows, _ = open_cache(config, "train", list_frames(config.data_root, "train"))
    train, validation = split_rows(rows, config)
    print("| camera held out | PoseNet: " + " | ".join(NAMES) + " | extractor: " + " | ".join(NAMES) + " |")
    print("| --- |" + " --- |" * 2 * len(NAMES))
    results = []
    for camera in sorted(set(train["camera"])):
        scores = held_out_scores(
            config, train.take(train["camera"] != camera), validation.take(validation["camera"] == camera)
        )
        results.append(np.concatenate(scores))
        print(f"| {camera} | " + " | ".join(f"{value:.0f}" for value in results[-1]) + " |", flush=True)
    print("| mean | " + " | ".join(f"{value:.0f}" for value in np.mean(results, 0)) + " |")


if __name__ == "__main__":
    run_script(main)
