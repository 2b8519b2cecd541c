"""Whether a trained PoseNet uses both of its branches: the validation score with images, or poses, given to the wrong person.

    python -m benchmarks.branches [--run results/train/POSENET_<timestamp>] [--out FILE] [--config FILE] [--set ...]

Each image is predicted once as it is, once with another validation image's crop, and once with another validation
image's cached pose (in the crop's coordinates, with its features, its joints' looks and root depth). A branch that the
network does not use could be exchanged without harm. Beside them stands what the pose branch says alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from model.model import MIRRORED, Answer, PoseNet
from modules import metrics, runs
from modules.cache import Rows, open_cache
from modules.config import add_config_arguments, config_from_arguments
from modules.dataset import PoseDataset, Sample, split_rows
from modules.evaluation import as_learned
from modules.layout import list_frames
from modules.lifting import place_least_squares
from modules.prediction import lift_answers, prediction_loader
from modules.utils import UserError, run_script, write_json

NAMES = ("world_mpjpe", "root_relative_mpjpe")
BRANCHES = {
    "images": ("image",),
    "poses": ("joints", "features", "floor", "level", "view", "root_mm", "looks", "looked"),
}


@torch.no_grad()
def score(answer: Callable[[Sample], Answer], batch: Sample, rows: Rows) -> np.ndarray:
    """NAMES of an answer to one batch that holds all rows."""
    return scores_of(lift_answers([answer(batch)], rows), rows)


def scores_of(world: np.ndarray, rows: Rows) -> np.ndarray:
    """NAMES of an answer (B, 24, 3) world mm."""
    found = metrics.evaluate(world, rows["joints_world_mm"])
    return np.array([found[name] for name in NAMES])


def permuted_scores(network: PoseNet, rows: Rows, seed: int = 0, times: int = 20) -> dict[str, dict[str, float]]:
    """NAMES as it is, and with each branch's input permuted across the rows (mean of `times` permutations)."""
    samples = partial(PoseDataset, input_shape=network.spec.input_shape, looks=network.spec.looks)
    batch = next(iter(prediction_loader(rows, samples, len(rows))))
    rng = np.random.default_rng(seed)
    network.eval()
    found = {"as it is": score(network, batch, rows)}
    for branch, names in BRANCHES.items():
        orders = [torch.from_numpy(rng.permutation(len(rows))) for _ in range(times)]
        given = [name for name in batch if name.removeprefix(MIRRORED) in names]
        exchanged = [score(network, {**batch, **{name: batch[name][o] for name in given}}, rows) for o in orders]
        found[f"{branch} permuted"] = np.mean(exchanged, 0)
    if network.sees_image and network.sees_pose:
        found["pose branch alone"] = score(network.by_pose, batch, rows)
    found["extractor, least squares"] = scores_of(place_least_squares(rows.columns), rows)
    return {what: dict(zip(NAMES, map(float, values), strict=True)) for what, values in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config_arguments(parser)
    parser.add_argument("--run", metavar="FOLDER", type=Path, help="a run folder (default: the newest complete one)")
    parser.add_argument("--out", metavar="FILE", type=Path, help="also write the scores to a JSON file")
    arguments = parser.parse_args()
    config = config_from_arguments(arguments)
    run = arguments.run or runs.newest_complete(config.results_root / "train", **runs.origin(config))
    if run is None:
        raise UserError(f"{config.results_root}/train: there is no finished training; run python train.py first")
    config, path = as_learned(config, run), runs.best_checkpoint(run)
    network = runs.restore_network(runs.load_checkpoint(path), path)
    if not isinstance(network, PoseNet):
        raise UserError(f"{run}: only PoseNet has branches to look at; name a run of TRAIN.model=PoseNet with --run")
    rows, _ = open_cache(config, "train", list_frames(config.data_root, "train"))
    found = permuted_scores(network, split_rows(rows, config)[1])
    print("| validation part, mm | " + " | ".join(NAMES) + " |")
    print("| --- |" + " --- |" * len(NAMES))
    for what, values in found.items():
        print(f"| {what} | " + " | ".join(f"{values[name]:.1f}" for name in NAMES) + " |")
    if arguments.out:
        write_json(arguments.out, found)


if __name__ == "__main__":
    run_script(main)
