"""Leave-one-camera-out validation: train on all training cameras but one, score on that camera's validation frames.

    python -m benchmarks.held_out_camera [--set TRAIN.model_type=pose] [--set TRAIN.view_steps=0] [--blends]

The validation part of a rotation shares its cameras with the training part, so it does not measure generalisation to an
unseen camera. This benchmark does, without the test camera: each training camera is held out once. The scores are those of
the last epoch (nothing is selected on the held-out camera), beside the extractor placed by least squares. With --blends, the
released weights are averaged in, in several shares of the pose and of the root.
"""

from __future__ import annotations

import argparse
import itertools
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from model.blend import Shares, blend
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
from modules.runs.blending import released_outputs
from modules.trainer import Trainer, TrainingJob
from modules.utils import UserError

NAMES = ("world_mpjpe", "root", "root_relative_mpjpe")
BLENDS = [Shares(pose, root) for root, pose in itertools.product((0.0, 0.25, 0.5), repeat=2)]
OWN = Shares(0.0, 0.0)
NEVER_STOPS = "TRAIN.early_stopping_patience=1000000"  # since nothing may stop on the held-out camera


def held_out_scores(
    config: Config, train: Rows, validation: Rows, camera: str, blends: Sequence[Shares]
) -> list[np.ndarray]:
    """Returns NAMES of the extractor, and of PoseNet with each blend, on a camera's validation rows.

    It is trained on the training rows of the other cameras.
    """
    train, validation = train.take(train["camera"] != camera), validation.take(validation["camera"] == camera)
    released = released_outputs(config, validation) if list(blends) != [OWN] else None
    if released is None and list(blends) != [OWN]:
        raise UserError("--blends: the released weights do not fit this config; leave out --blends, or its --set")
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(TrainingJob(config, train, validation, Path(folder), key="held out", fingerprint=""))
        trainer.fit()
        own = predict_outputs(trainer.network, trainer.validation_loader, trainer.fabric)
    worlds = [place_least_squares(validation.columns)]
    for shares in blends:
        outputs = own if released is None else [blend(*b, shares) for b in zip(own, released.outputs, strict=True)]
        worlds.append(trainer.recipe.lift(outputs, validation))
    scores = [metrics.evaluate(world, validation["joints_world_mm"]) for world in worlds]
    return [np.array([score[name] for name in NAMES]) for score in scores]


def main() -> None:
    """Prints the scores with each training camera held out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config_arguments(parser)
    parser.add_argument("--blends", action="store_true", help="average with the released weights, in several shares")
    arguments = parser.parse_args()
    arguments.assignments.append(NEVER_STOPS)
    config = config_from_arguments(arguments)
    rows, _ = open_cache(config, "train", list_frames(config.data_root, "train"))
    train, validation = split_rows(rows, config)
    blends = BLENDS if arguments.blends else [OWN]
    titles = ["extractor, least squares"] + [
        "PoseNet" if shares == OWN else f"{shares.pose:.0%} of the pose, {shares.root:.0%} of the root released"
        for shares in blends
    ]
    print("| camera held out | | " + " | ".join(NAMES) + " |\n| --- | --- |" + " --- |" * len(NAMES))
    results = []
    for camera in sorted(set(train["camera"])):
        results.append(held_out_scores(config, train, validation, camera, blends))
        print_rows(camera, titles, results[-1])
    print_rows("mean", titles, np.mean(results, 0))


def print_rows(camera: str, titles: Sequence[str], scores: Sequence[np.ndarray]) -> None:
    """Prints one row per method."""
    for title, row in zip(titles, scores, strict=True):
        print(f"| {camera} | {title} | " + " | ".join(f"{value:.1f}" for value in row) + " |", flush=True)


if __name__ == "__main__":
    run_script(main)
