"""Prediction from a warm cache beside a loop over single rows, and lifting beside a loop over single poses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.speed_setting import Setting, evenly, pair, rate, take_turns
from modules import runs
from modules.cache import Rows
from modules.config import Config
from modules.devices import make_fabric
from modules.evaluation import predict
from modules.lifting import cached_crop_pose, lift, place_least_squares
from modules.prediction import predict_world, prediction_loader
from modules.recipes import recipe_of
from modules.trainer import make_recipe

NOWHERE = Path("an untrained network")  # what the checkpoint's path would be in an error
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
    """A checkpoint of the config's network before any training: it costs what a trained one costs."""
    recipe = make_recipe(config.TRAIN, rows)
    return {"spec": recipe.spec.as_dict(), "facts": recipe.facts, "model": recipe.network().state_dict()}


def measure_prediction(setting: Setting) -> list[dict[str, Any]]:
    """test.py's prediction of cached rows, beside one row after another through the same network."""
    config, rows = setting.config, setting.some_rows(setting.sizes.predicted_rows)
    checkpoint = untrained_checkpoint(config, rows)
    fabric = make_fabric(config.TRAIN)
    network = runs.restore_network(checkpoint, NOWHERE).to(fabric.device)
    recipe = recipe_of(checkpoint)
    blind = rows.without_truth()

    def one_by_one() -> None:
        for index in range(len(blind)):
            row = blind.take([index])
            predict_world(recipe, network, prediction_loader(row, recipe.dataset, 1), row, fabric)

    found = take_turns(
        {
            "ours": rate("ours", len(rows), lambda: predict(config, checkpoint, NOWHERE, rows)),
            "loop": rate("loop", len(rows), one_by_one),
        },
        setting.sizes,
    )
    return [pair(
        "prediction from the cache", "images/s", (f"batches of {config.TEST.batch_size}", found["ours"]),
        ("one image after another", found["loop"]),
    )]  # fmt: skip


def measure_lifting(setting: Setting) -> list[dict[str, Any]]:
    """Lifting, and placing by least squares, of many poses at once, beside one after another."""
    sizes, rows = setting.sizes, setting.rows[0]
    chosen = np.arange(sizes.poses) % len(rows)
    columns = {name: rows[name][chosen] for name in LIFTED}
    pose = cached_crop_pose(columns)
    singles = [
        {name: values[i : i + 1] for name, values in columns.items()} for i in evenly(sizes.poses, sizes.looped_poses)
    ]
    single_poses = [cached_crop_pose(row) for row in singles]

    def lift_each() -> None:
        for one, row in zip(single_poses, singles, strict=True):
            lift(one, row)

    def place_each() -> None:
        for row in singles:
            place_least_squares(row)

    works = {
        "lift": (sizes.poses, lambda: lift(pose, columns)), "lift each": (len(singles), lift_each),
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
