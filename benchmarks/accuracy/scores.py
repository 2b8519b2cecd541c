"""The scores of predicted joints: all metrics, bone lengths, and breakdowns by joint, by kind of view and by image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from benchmarks.synthetic_set import LIMBS
from model.skeleton import EDGES
from modules import metrics
from modules.cache.table import Rows
from modules.inference.baselines import place_least_squares

WORST = 20  # images
BREAKDOWN_METRICS = ("world_mpjpe", "root", "root_relative_mpjpe")


def score(world: np.ndarray, rows: Rows, kinds: pd.DataFrame | None) -> dict[str, Any]:
    """Returns the scores of joints (B, 24, 3) world mm of labelled rows.

    `kinds`: the kinds of view of each image, one column per property; None without a breakdown.
    """
    reference = rows["joints_world_mm"]
    errors = metrics.joint_errors(world, reference).mean(1)
    worst = np.argsort(-errors)[:WORST]
    found = rows["found"].astype(bool)
    extractor = place_least_squares(rows.take(found).columns)
    return {
        "images": len(world), "not_found": int((~found).sum()),
        "overall": rounded(metrics.evaluate(world, reference)), "limbs": rounded(limb_scores(world, reference)),
        "bones": round(bone_deviation(world, reference, rows["person"].astype(str)), 4),
        "extractor_swapped": round(float(metrics.are_swapped(extractor, reference[found]).mean()), 4),
        "swapped": round(float(metrics.are_swapped(world[found], reference[found]).mean()), 4),
        "per_joint": {name: rounded(values) for name, values in metrics.per_joint(world, reference).items()},
        "kinds": {} if kinds is None else by_kind(world, reference, kinds),
        "worst": [
            {"image": str(rows["file_name"][index]), **breakdown(world[[index]], reference[[index]])} for index in worst
        ],
    }  # fmt: skip


def bone_deviation(world: np.ndarray, reference: np.ndarray, people: np.ndarray) -> float:
    """Returns the mean deviation of the bones' lengths from the medians of each person's references, mm."""
    predicted, true = bone_lengths(world), bone_lengths(reference)
    deviations = [np.abs(predicted[people == one] - np.median(true[people == one], 0)) for one in np.unique(people)]
    return float(np.concatenate(deviations).mean())


def bone_lengths(joints: np.ndarray) -> np.ndarray:
    """Returns the distance of each joint of poses (B, 24, 3) from its parent, without the root: (B, 23)."""
    parents, children = np.array(EDGES).T
    return np.asarray(np.linalg.norm(joints[:, children] - joints[:, parents], axis=-1))


def rounded(values: dict[str, float]) -> dict[str, float]:
    """Rounds to four decimals, so that committed results do not change in meaningless digits."""
    return {name: round(float(value), 4) for name, value in values.items()}


def limb_scores(world: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """Returns world and root-relative error of the 12 limb joints, which all joint definitions share, mm."""
    relative = metrics.joint_errors(metrics.relative(world), metrics.relative(reference))[:, LIMBS]
    return {
        "world_mpjpe": float(metrics.joint_errors(world, reference)[:, LIMBS].mean()),
        "root_relative_mpjpe": float(relative.mean()),
    }


def by_kind(world: np.ndarray, reference: np.ndarray, kinds: pd.DataFrame) -> dict[str, dict[str, dict[str, float]]]:
    """Returns the number of images and the errors for each value of each kind of view."""
    return {
        str(kind): {
            str(value): {"images": int(at.sum())} | breakdown(world[at], reference[at])
            for value in sorted(kinds[kind].unique())
            for at in [(kinds[kind] == value).to_numpy()]
        }
        for kind in kinds
    }


def breakdown(world: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """Returns world, root and root-relative error of some images, mm."""
    return rounded({name: metrics.METRICS[name](world, reference) for name in BREAKDOWN_METRICS})
