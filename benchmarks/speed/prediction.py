"""Compares batched prediction from the cache with a loop over rows, and batched lifting with a loop over poses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed.setting import Setting, evenly, pair, rate, take_turns
from modules.cache.crop_joints import cached_crop_pose, to_uvd
from modules.cache.table import Rows
from modules.config.schema import Config
from modules.evaluation.prediction import predict_world
from modules.inference.baselines import place_least_squares
from modules.inference.lifting import lift
from modules.inference.prediction import BATCH_SIZE, predict_outputs, prediction_loader
from modules.recipes import make_recipe, recipe_of
from modules.runs import checkpoints
from modules.training.devices import prediction_device

NETWORKS = {"pose (the default)": "pose", "image and pose": "image+pose"}
NO_FILE = Path("an untrained network")  # stands for the checkpoint's path in error messages
LIFTED = (
    "joints_px",
    "confidence",
    "joints_rel_mm",
    "depth_root_mm",
    "depth_rel_mm",
    "K",
    "R",
    "t",
    "R_cam2crop",
    "K_crop",
)


def untrained_checkpoint(config: Config, rows: Rows) -> dict[str, Any]:
    """Returns a checkpoint of the config's untrained network, which takes as long as a trained one."""
    recipe = make_recipe(config.TRAIN, rows)
    return {
        "spec": recipe.spec.as_dict(), "config": config.model_dump(mode="json"), "facts": recipe.facts,
        "key": "", "fingerprint": "", "model": recipe.network().state_dict(),
    }  # fmt: skip


def measure_prediction(setting: Setting) -> list[dict[str, Any]]:
    """Measures test.py's prediction of cached rows by each network, and the same network on one row after another."""
    return [_measure_network(setting, title, model_type) for title, model_type in NETWORKS.items()]


def _measure_network(setting: Setting, title: str, model_type: str) -> dict[str, Any]:
    train = setting.config.TRAIN.model_copy(update={"model_type": model_type})
    config, rows = setting.config.model_copy(update={"TRAIN": train}), setting.some_rows(setting.sizes.predicted_rows)
    checkpoint = untrained_checkpoint(config, rows)
    on = prediction_device(config.TRAIN)
    network = checkpoints.restore_network(checkpoint, NO_FILE).to(on.device)
    recipe = recipe_of(checkpoint)
    inputs = rows.without_truth()

    def one_by_one() -> None:
        for index in range(len(inputs)):
            row = inputs.take([index])
            recipe.lift(predict_outputs(network, prediction_loader(row, recipe.dataset), on), row)

    found = take_turns(
        {
            "ours": rate("ours", len(rows), lambda: predict_world(config, checkpoint, NO_FILE, rows)),
            "loop": rate("loop", len(rows), one_by_one),
        },
        setting.sizes,
    )
    return pair(
        f"prediction from the cache, {title}", "images/s", (f"batches of {BATCH_SIZE}", found["ours"]),
        ("one image after another", found["loop"]),
    )  # fmt: skip


def measure_lifting(setting: Setting) -> list[dict[str, Any]]:
    """Measures lifting and least-squares placement of many poses at once, and of one after another."""
    sizes, rows = setting.sizes, setting.rows[0]
    chosen = np.arange(sizes.poses) % len(rows)
    columns = {name: rows[name][chosen] for name in LIFTED}
    pose = cached_crop_pose(columns)
    uvd, root_mm = to_uvd(pose, columns["K_crop"]), pose.root_mm
    looped = evenly(sizes.poses, sizes.looped_poses)
    singles = [{name: values[i : i + 1] for name, values in columns.items()} for i in looped]
    single_poses = [(uvd[i : i + 1], root_mm[i : i + 1]) for i in looped]

    def lift_each() -> None:
        for (one_uvd, one_root_mm), row in zip(single_poses, singles, strict=True):
            lift(one_uvd, one_root_mm, row)

    def place_each() -> None:
        for row in singles:
            place_least_squares(row)

    works = {
        "lift": (sizes.poses, lambda: lift(uvd, root_mm, columns)), "lift each": (len(singles), lift_each),
        "place": (sizes.poses, lambda: place_least_squares(columns)), "place each": (len(singles), place_each),
    }  # fmt: skip
    found = take_turns(
        {name: rate(name, count, work, sizes.least_seconds) for name, (count, work) in works.items()}, sizes
    )
    together, apart = f"{sizes.poses} poses at once", "one pose after another"
    return [
        pair("lifting to the world", "poses/s", (together, found["lift"]), (apart, found["lift each"])),
        pair("placing by least squares", "poses/s", (together, found["place"]), (apart, found["place each"])),
    ]
