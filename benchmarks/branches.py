"""Tests whether a trained PoseNet uses both of its branches: validation scores with the images, or the poses, permuted.

    python -m benchmarks.branches [--run results/train/POSENET_<timestamp>] [--out FILE] [--config FILE] [--set ...]

Each validation image is predicted unpermuted, with another image's crop, and with another image's cached pose (in crop
coordinates, with its features, joint features and root depth). Permuting the input of a branch that the network does not
use changes nothing. The scores of the pose branch alone and of the extractor are printed beside them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from benchmarks.rotations import UNPERMUTED
from model.model import ImageAndPoseNet, PoseNet, PoseOutput, without_image
from model.pose_branch import MIRRORED
from modules import metrics
from modules.cache.splits import split_rows
from modules.cache.store import open_cache
from modules.cache.table import Rows
from modules.config.load import add_config_arguments, config_from_arguments
from modules.console import run_script
from modules.dataset import Sample
from modules.evaluation.testing import load_run, with_run_extraction
from modules.files.atomic import write_json
from modules.files.layout import list_frames
from modules.inference.baselines import place_least_squares
from modules.recipes.posenet import PoseNetRecipe
from modules.runs import checkpoints, folders
from modules.utils import UserError

NAMES = ("world_mpjpe", "root_relative_mpjpe")
BRANCHES = {
    "images": ("image",),
    "poses": (
        "joints", "pose_features", "has_floor", "has_up", "joints_level", "camera", "up_crop", "root_mm",
        "joint_features", "has_joint_features",
    ),
}  # fmt: skip


@torch.no_grad()
def score(predict: Callable[[Sample], PoseOutput], recipe: PoseNetRecipe, batch: Sample, rows: Rows) -> np.ndarray:
    """Returns NAMES of the output for one batch that holds all rows."""
    return scores_of(recipe.lift([predict(batch)], rows), rows)


def scores_of(world: np.ndarray, rows: Rows) -> np.ndarray:
    """Returns NAMES of joints (B, 24, 3) world mm."""
    found = metrics.evaluate(world, rows["joints_world_mm"])
    return np.array([found[name] for name in NAMES])


def permuted_scores(network: PoseNet, rows: Rows, seed: int = 0, times: int = 20) -> dict[str, dict[str, float]]:
    """Returns NAMES unpermuted, and with each branch's input permuted across the rows (mean of `times` permutations)."""
    recipe = PoseNetRecipe(network.spec, {})
    batch = recipe.dataset(rows).batch(np.arange(len(rows)))
    rng = np.random.default_rng(seed)
    network.eval()
    found = {UNPERMUTED: score(network, recipe, batch, rows)}
    for branch, names in BRANCHES.items():
        orders = [torch.from_numpy(rng.permutation(len(rows))) for _ in range(times)]
        inputs = [name for name in batch if name.removeprefix(MIRRORED) in names]
        batches = [{**batch, **{name: batch[name][order] for name in inputs}} for order in orders]
        found[f"{branch} permuted"] = np.mean([score(network, recipe, one, rows) for one in batches], 0)
    if isinstance(network, ImageAndPoseNet):
        pose = network.pose
        found["pose branch alone"] = score(lambda sample: without_image(pose(sample)), recipe, batch, rows)
    found["extractor, least squares"] = scores_of(place_least_squares(rows.columns), rows)
    return {case: dict(zip(NAMES, map(float, values), strict=True)) for case, values in found.items()}


def main() -> None:
    """Prints the validation scores of a run, with and without permuted inputs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_config_arguments(parser)
    parser.add_argument("--run", metavar="FOLDER", type=Path, help="a run folder (default: the newest complete one)")
    parser.add_argument("--out", metavar="FILE", type=Path, help="also write the scores to a JSON file")
    arguments = parser.parse_args()
    config = config_from_arguments(arguments)
    run = arguments.run or folders.newest_complete(config.results_root / "train", **folders.origin(config))
    if run is None:
        raise UserError(f"{config.results_root}/train: there is no finished training; run python train.py first")
    trained = load_run(run)
    config = with_run_extraction(config, trained)
    network = checkpoints.restore_network(trained.checkpoint, trained.path)
    if not isinstance(network, PoseNet):
        raise UserError(f"{run}: only PoseNet has branches; name a run of TRAIN.model=PoseNet with --run")
    rows, _ = open_cache(config, "train", list_frames(config.data_root, "train"))
    found = permuted_scores(network, split_rows(rows, config)[1])
    print("| validation part, mm | " + " | ".join(NAMES) + " |")
    print("| --- |" + " --- |" * len(NAMES))
    for case, values in found.items():
        print(f"| {case} | " + " | ".join(f"{values[name]:.1f}" for name in NAMES) + " |")
    if arguments.out:
        write_json(arguments.out, found)


if __name__ == "__main__":
    run_script(main)
