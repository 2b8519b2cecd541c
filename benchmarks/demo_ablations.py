"""Ablations of the default config on the demo: what each part is worth on a camera that was not trained on.

    python -m benchmarks.demo_ablations                     all variants; existing results are kept
    python -m benchmarks.demo_ablations --only bones steps  only these, again
    python -m benchmarks.demo_ablations --table-only        only write the table of the existing results

In each rotation one of the three training cameras is held out, too: the others' training frames train, and its validation
frames score the last epoch. No test image is used. The variants after the first two leave the lowest foot out of the root's
depth. The last row is given a part of the answer: it is no method, and tells what a better input would be worth. The result is
docs/results/demo_ablations.json; its table is written into docs/accuracy.md.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from benchmarks.ablations import SEED, with_architecture, with_truth
from benchmarks.held_out_camera import NEVER_STOPS, OWN, held_out_scores
from benchmarks.pages import ACCURACY_PAGE, insert_between
from benchmarks.record import made_by
from benchmarks.rotations import ROTATIONS
from model.blend import Shares
from model.pose_branch import BranchOutput, PoseBranch
from modules.cache.splits import split_rows
from modules.cache.store import open_cache
from modules.config.load import load_config
from modules.config.paths import DEFAULT_CONFIG, PROJECT_ROOT, project_path
from modules.config.schema import Config
from modules.console import progress, run_script
from modules.files.atomic import read_json, write_json
from modules.files.layout import list_frames

RESULT = PROJECT_ROOT / "docs" / "results" / "demo_ablations.json"
REFERENCE, WITHOUT_FEET, EXTRACTOR = "default", "contact", "extractor"


@dataclass(frozen=True)
class Variant:
    """The default config with one part left out or replaced."""

    name: str
    title: str
    changed: tuple[str, ...] = ()  # config assignments
    without: Callable[[], AbstractContextManager[Any]] = nullcontext  # leaves out a part that no key switches off
    truth: tuple[str, ...] = ()  # columns that are replaced by the truth, in training and validation
    compared_with: str = WITHOUT_FEET  # of which it leaves out or replaces one part more
    blend: Shares = OWN  # of the released weights, averaged in


def without_bones() -> AbstractContextManager[Any]:
    """Context manager: each joint's density is by itself, in training and in prediction."""
    original = PoseBranch.member_outputs

    def alone(branch: PoseBranch, batch: dict[str, torch.Tensor], together: bool = True) -> list[BranchOutput]:
        return original(branch, batch, together=False)

    return patch.object(PoseBranch, "member_outputs", alone)


def without_densities() -> AbstractContextManager[Any]:
    """Context manager: each joint's depth is one number, and neither bones nor feet have a say."""
    return with_architecture(bone_prior=False, floor_contact=False)


def without_feet() -> AbstractContextManager[Any]:
    """Context manager: the root's depth is by the pelvis height and the extractor alone."""
    return with_architecture(floor_contact=False)


VARIANTS = (
    Variant(REFERENCE, "default config", compared_with=REFERENCE),
    Variant(
        "released",
        "with half of the released weights' pose averaged in",
        compared_with=REFERENCE,
        blend=Shares(pose=0.5, root=0.0),
    ),
    Variant(
        WITHOUT_FEET,
        "without the lowest foot: root by pelvis height and extractor alone",
        without=without_feet,
        compared_with=REFERENCE,
    ),
    Variant("bones", "and without the bones' lengths: each joint's density by itself", without=without_bones),
    Variant(
        "densities", "and without densities: each joint's depth by itself, as one number", without=without_densities
    ),
    Variant("steps", "and with 1,000 instead of 2,500 training steps", ("TRAIN.view_steps=1000",)),
    Variant("views", "and without simulated views: the images' own poses alone", ("TRAIN.view_steps=0",)),
    Variant("root", "and the root learned instead of by the pelvis height", ("TRAIN.root=learned",)),
    Variant("true_depth", "and given the **true** relative depth", truth=("depth_rel_mm",)),
)
BY_NAME = {variant.name: variant for variant in VARIANTS}


def config_of(variant: Variant, rotation: int) -> Config:
    """Returns the config of a variant's training, which nothing stops early."""
    assignments = [f"DATA.root=data/demo/test_camera_{rotation}", f"SEED.random_seed={SEED}"]
    assignments += [NEVER_STOPS, *variant.changed]
    return load_config(project_path(DEFAULT_CONFIG), assignments)


def scores_of(name: str, rotation: int) -> list[list[float]]:
    """Trains one variant in one rotation; returns the scores of the extractor and of PoseNet on the camera that is held out."""
    torch.set_num_threads(1)
    variant = BY_NAME[name]
    config = config_of(variant, rotation)
    rows, _ = open_cache(config, "train", list_frames(config.data_root, "train"))
    train, validation = (with_truth(part, variant.truth) for part in split_rows(rows, config))
    cameras = sorted(set(train["camera"]))
    held_out = cameras[rotation % len(cameras)]
    feet = nullcontext() if variant.compared_with == REFERENCE else without_feet()
    with feet, variant.without():
        return [scores.tolist() for scores in held_out_scores(config, train, validation, held_out, [variant.blend])]


def main() -> None:
    """Trains the requested variants, side by side, and writes the table of all existing results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", choices=list(BY_NAME), nargs="+", help="train these, whether or not there are results"
    )
    parser.add_argument("--table-only", action="store_true", help="train nothing, only write the table")
    arguments = parser.parse_args()
    result: dict[str, Any] = read_json(RESULT) if RESULT.exists() else {}
    missing = [name for name in BY_NAME if name not in result]
    wanted = [] if arguments.table_only else arguments.only or missing
    if wanted:
        prepare()
    for name in wanted:
        result[name] = measure(BY_NAME[name])
        write_json(RESULT, result)
        print(name, np.round(np.mean(result[name]["posenet"], 0), 1), flush=True)
    text = table(result)
    insert_between(ACCURACY_PAGE, "demo ablations", text)
    print(text)


def prepare() -> None:
    """Prepares and extracts the training images of all rotations."""
    for rotation in ROTATIONS:
        options = ["--set", f"DATA.root=data/demo/test_camera_{rotation}"]
        for command in (["-m", "data.prepare"], ["extract_train_info.py", "--split", "train"]):
            subprocess.run([sys.executable, *command, "--quiet", *options], cwd=PROJECT_ROOT, check=True)


def measure(variant: Variant) -> dict[str, Any]:
    """Returns the scores of the extractor and of PoseNet in each rotation: world MPJPE, root and root-relative."""
    with ProcessPoolExecutor(os.cpu_count(), get_context("spawn")) as pool:
        running = [pool.submit(scores_of, variant.name, rotation) for rotation in ROTATIONS]
        found = [one.result() for one in progress(running, variant.name, "training")]
    return {EXTRACTOR: [one for one, _ in found], "posenet": [one for _, one in found], "seed": SEED, **made_by()}


def table(result: dict[str, Any]) -> str:
    """Formats each variant's mean over the rotations, and its difference to what it is compared with in each of them."""
    head = [
        "cameras held out, mean of 4 rotations, mm",
        "world MPJPE",
        "root",
        "root-relative",
        "difference",
        "by rotation",
    ]
    lines = [f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
    if REFERENCE not in result:
        return "\n".join(lines)
    shown = [("extractor, least squares", result[REFERENCE][EXTRACTOR], REFERENCE)]
    shown += [(one.title, result[one.name]["posenet"], one.compared_with) for one in VARIANTS if one.name in result]
    for title, scores, other in shown:
        cells = [f"{value:.0f}" for value in np.mean(scores, 0)]
        change = np.array(scores)[:, 0] - np.array(result[other]["posenet"])[:, 0]
        different = [f"{change.mean():+.0f}", ", ".join(f"{value:+.0f}" for value in change)]
        cells += ["", ""] if title == BY_NAME[REFERENCE].title else different
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    run_script(main)
