"""Ablations of the pose branch, scored on the synthetic set's validation people.

    python -m benchmarks.ablations                    all variants; existing results are kept
    python -m benchmarks.ablations --only floor half  only these
    python -m benchmarks.ablations --table-only       only write the tables of the existing results

Each variant is trained anew and scored at its best epoch. No test image is used. The last two are of the crops of
data/synthetic/half_barefoot, the others of the default set. The result is docs/results/ablations.json; its tables are written
into docs/accuracy.md.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from benchmarks.pages import ACCURACY_PAGE, insert_between
from benchmarks.record import made_by
from data.synthetic.generate import DEFAULT_OUT
from model.model import PoseNetSpec
from model.pose_branch import PER_CAMERA, PER_JOINT, PER_JOINT_LEVEL, PoseBranch
from model.skeleton import NUM_JOINTS
from modules.cache.splits import split_rows
from modules.cache.store import open_cache
from modules.cache.table import Rows
from modules.config.load import load_config
from modules.config.paths import PROJECT_ROOT, project_path
from modules.config.schema import Config
from modules.config.train import Train
from modules.console import run_script
from modules.files.atomic import read_json, write_json
from modules.files.layout import list_frames
from modules.recipes.posenet import PoseNetRecipe
from modules.runs import folders
from modules.trainer import Trainer, TrainingJob
from modules.training.devices import make_fabric

RESULT = PROJECT_ROOT / "docs" / "results" / "ablations.json"
FOLDER = PROJECT_ROOT / "results" / "ablations"
SEED = 42  # the row `pose` of benchmarks.accuracy shows the spread between seeds
POSE_ONLY = "TRAIN.model_type=pose", "TRAIN.joint_features=none"
FEATURES = "TRAIN.model_type=pose", "TRAIN.joint_features=heavy"
ONE_CROP = *POSE_ONLY, "EXTRACT.test_time_augmentation=false"
# Made by data.synthetic.generate --people 700 --frames 4 --cameras 2 --seed 46 --crops --barefoot 0.5
CROPS = "DATA.root=data/synthetic/half_barefoot", "EXTRACT.test_time_augmentation=adaptive"
TRUE_COLUMNS = {"joints_px": "true_joints_px", "depth_rel_mm": "true_depth_rel_mm"}
SCORES = {"world_mpjpe": "score", "root": "root", "root_relative_mpjpe": "root_relative"}


@dataclass(frozen=True)
class Variant:
    """One variant: what is left out of its reference, or replaced."""

    name: str
    title: str
    reference: str  # the variant that it is compared with; its own name: a reference
    base: tuple[str, ...]  # config assignments of the reference
    changed: tuple[str, ...] = ()  # config assignments of this variant
    hidden: str | None = None  # an input of HIDDEN
    truth: tuple[str, ...] = ()  # columns of TRUE_COLUMNS that are replaced by the truth, in training and validation
    one_of: int = 1  # train on one of so many people, in as many steps
    bones: bool = False  # decide the joints together by mean bone lengths, as no config with a learned root does

    @property
    def assignments(self) -> tuple[str, ...]:
        """All config assignments."""
        return (*self.base, *self.changed)


_REFERENCE = "joint_features", FEATURES
_ONE_CROP = "one_crop", ONE_CROP
_APART = "apart", (*CROPS, *FEATURES)
VARIANTS = (
    Variant("joint_features", "pose and joint features", *_REFERENCE),
    Variant("pose", "without joint features", "joint_features", POSE_ONLY),
    Variant("ensemble", "ensemble of four", *_REFERENCE, ("TRAIN.ensemble_size=4",)),
    Variant("true_2d", "given the **true** 2D joints", *_REFERENCE, truth=("joints_px",)),
    Variant("true_depth", "given the **true** relative depth", *_REFERENCE, truth=("depth_rel_mm",)),
    Variant("one_crop", "pose only, from one crop", *_ONE_CROP),
    Variant("depth", "without the extractor's relative depth", *_ONE_CROP, hidden="depth"),
    Variant("confidence", "without its confidence", *_ONE_CROP, hidden="confidence"),
    Variant("floor", "without the heights over the floor", *_ONE_CROP, hidden="floor"),
    Variant("level", "without the level frame", *_ONE_CROP, hidden="level"),
    Variant("height", "root from the pelvis height instead of learned", *_ONE_CROP, ("TRAIN.root=height",)),
    Variant("real_views", "without real views", *_ONE_CROP, ("TRAIN.real_view_share=0.0",)),
    Variant("simulated_views", "without simulated views", *_ONE_CROP, ("TRAIN.view_steps=0",)),
    Variant(
        "fitted_errors", "fitted instead of resampled simulated errors", *_ONE_CROP, ("TRAIN.simulated_errors=fitted",)
    ),
    Variant("mirror", "without mirrored scenes", *_ONE_CROP, ("TRAIN.simulated_mirror=0.0",)),
    Variant(
        "calibration_error",
        "trained with rig errors of 0.5 degrees and 20 mm",
        *_ONE_CROP,
        ("TRAIN.calibration_error=[0.5, 20.0]",),
    ),
    Variant("half", "half of the people", *_ONE_CROP, one_of=2),
    Variant("quarter", "a quarter of the people", *_ONE_CROP, one_of=4),
    Variant("eighth", "an eighth of the people", *_ONE_CROP, one_of=8),
    Variant("apart", "pose and joint features, each joint by itself", *_APART),
    Variant("tree", "joints decided together by mean bone lengths", *_APART, bones=True),
)


def _per_joint(start: int, width: int, columns: slice) -> torch.Tensor:
    """Returns the indices of these columns of every joint, in a block of `width` numbers per joint."""
    places = torch.arange(NUM_JOINTS * width).view(NUM_JOINTS, width)[:, columns]
    return start + places.flatten()


_LEVEL = NUM_JOINTS * PER_JOINT + 1
# Indices into PoseBranch.inputs. Of a joint: u, v, depth, confidence, x, y, height over the floor, height over the camera.
HIDDEN = {
    "depth": torch.cat([_per_joint(0, PER_JOINT, slice(2, 3)), _per_joint(_LEVEL, PER_JOINT_LEVEL, slice(0, 4))]),
    "confidence": _per_joint(0, PER_JOINT, slice(3, 4)),
    "floor": torch.cat([_per_joint(0, PER_JOINT, slice(6, 8)), _per_joint(_LEVEL, PER_JOINT_LEVEL, slice(3, 4))]),
    "level": torch.arange(_LEVEL, _LEVEL + NUM_JOINTS * PER_JOINT_LEVEL + PER_CAMERA + 1),
}


def with_architecture(**changed: Any) -> AbstractContextManager[Any]:
    """Context manager: networks of PoseNetRecipe have these fields of PoseNetSpec, whatever the config says."""
    original = PoseNetRecipe.spec_of

    def spec_of(train: Train) -> PoseNetSpec:
        return replace(original(train), **changed)

    return patch.object(PoseNetRecipe, "spec_of", spec_of)


@contextmanager
def hiding(name: str | None) -> Iterator[None]:
    """Context manager: sets these inputs of every pose branch to zero."""
    original = PoseBranch.inputs

    def inputs(branch: PoseBranch, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        values = original(branch, batch)
        return values if name is None else values.index_fill(1, HIDDEN[name].to(values.device), 0.0)

    with patch.object(PoseBranch, "inputs", inputs):
        yield


def config_of(variant: Variant) -> Config:
    """Returns the config of a variant's training."""
    assignments = [f"DATA.root={DEFAULT_OUT.as_posix()}", f"SEED.random_seed={SEED}", *variant.assignments]
    return load_config(project_path("config/synthetic.yml"), assignments)


def with_truth(rows: Rows, names: tuple[str, ...]) -> Rows:
    """Returns the rows with these columns of the extractor replaced by the truth; its root depth is kept."""
    return Rows({**rows.columns, **{name: rows[TRUE_COLUMNS[name]] for name in names}}, rows.crop_files)


def some_people(rows: Rows, one_of: int) -> Rows:
    """Returns the rows of one of `one_of` people, always the same ones."""
    people = np.unique(rows["person"].astype(str))
    kept = np.random.default_rng(0).permutation(people)[: len(people) // one_of]
    return rows.take(np.isin(rows["person"].astype(str), kept))


def run(variant: Variant) -> dict[str, Any]:
    """Trains a variant, or keeps the existing run; returns its scores on validation people at its best epoch."""
    config, folder = config_of(variant), FOLDER / f"{variant.name}-{SEED}"
    rows, manifest = open_cache(config, "train", list_frames(config.data_root, "train"))
    train, validation = split_rows(rows, config)
    train = with_truth(some_people(train, variant.one_of), variant.truth)
    validation = with_truth(validation, variant.truth)
    key = folders.run_key(config, manifest["key"])
    stamp = {"key": key, "hidden": variant.hidden, "one_of": variant.one_of, "truth": list(variant.truth)}
    stamp |= {"bones": True} if variant.bones else {}
    if not (folder / "scores.json").exists() or read_json(folder / "scores.json")["of"] != stamp:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with hiding(variant.hidden), with_architecture(bone_prior=True) if variant.bones else nullcontext():
            trainer = Trainer(
                TrainingJob(config, train, validation, folder, key, manifest["fingerprint"]), make_fabric(config.TRAIN)
            )
            best = trainer.fit()["best_epoch"]
        record = next(row for row in trainer.recorder.rows if row["epoch"] == best)
        scores = {name: record[f"validation_{key}"] for name, key in SCORES.items()}
        write_json(folder / "scores.json", {"of": stamp, "scores": scores, "images": len(train), **made_by()})
    found: dict[str, Any] = read_json(folder / "scores.json")
    return {"seed": SEED, **{name: found[name] for name in ("scores", "images", "commit", "clean")}}


def table(result: dict[str, Any], reference: str) -> str:
    """Formats the scores of a reference and its variants, and each one's difference in world MPJPE."""
    lines = ["| validation people, mm | images | world MPJPE | root | root-relative | difference |", "|" + " --- |" * 6]
    for variant in VARIANTS:
        if variant.name in result and variant.reference == reference:
            found = result[variant.name]
            cells = [f"{found['scores'][name]:.0f}" for name in SCORES]
            difference = found["scores"]["world_mpjpe"] - result[reference]["scores"]["world_mpjpe"]
            cells.append("" if variant.name == reference else f"{difference:+.0f}")
            lines.append(f"| {variant.title} | {found['images']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Trains the requested variants, and writes the tables of all existing results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [variant.name for variant in VARIANTS]
    parser.add_argument("--only", choices=names, nargs="+", default=names, help="default: all")
    parser.add_argument("--table-only", action="store_true", help="train nothing, only write the tables")
    arguments = parser.parse_args()
    result: dict[str, Any] = read_json(RESULT) if RESULT.exists() else {}
    for variant in VARIANTS if not arguments.table_only else ():
        if variant.name in arguments.only:
            result[variant.name] = run(variant)
            write_json(RESULT, result)
            print(variant.name, round(result[variant.name]["scores"]["world_mpjpe"], 1), flush=True)
    for reference in ("joint_features", "one_crop", "apart"):
        if reference in result:
            insert_between(ACCURACY_PAGE, f"ablations: {reference}", table(result, reference))
            print(table(result, reference), end="\n\n")


if __name__ == "__main__":
    run_script(main)
