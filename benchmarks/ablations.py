"""What PoseNet's parts are worth: each left out in turn, scored on the synthetic set's validation people.

    python -m benchmarks.ablations                    everything; what stands is kept
    python -m benchmarks.ablations --only floor half  these only
    python -m benchmarks.ablations --table-only       only write the table of what stands

The branch that sees the pose is what is taken apart, for it is what decides here and learns in minutes. No test image is looked
at. The table goes into docs/accuracy.md, the numbers to docs/results/ablations.json.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import numpy as np
import torch

from benchmarks.accuracy_tables import PAGE
from benchmarks.record import insert_between, made_by
from data.synthetic.generate import DEFAULT_OUT
from model.model import PER_JOINT, PER_JOINT_LEVEL, PER_VIEW, PoseNet
from modules import runs
from modules.cache import Rows, open_cache
from modules.config import PROJECT_ROOT, Config, load_config, project_path
from modules.dataset import split_rows
from modules.devices import make_fabric
from modules.layout import list_frames
from modules.skeleton import NUM_JOINTS
from modules.trainer import Trainer
from modules.utils import read_json, run_script, write_json

RESULT = PROJECT_ROOT / "docs" / "results" / "ablations.json"
FOLDER = PROJECT_ROOT / "results" / "ablations"
SEEDS = (42,)  # how far seeds are apart is told by the row heavy_pose of benchmarks.accuracy
POSE = ("EXTRACT.crops=one", "TRAIN.model_type=pose", "TRAIN.looks=none")
LOOKS = ("TRAIN.looks=heavy",)
BEST = ("EXTRACT.crops=several", *LOOKS)


@dataclass(frozen=True)
class Variant:
    """One way to leave something out, or to put something else in its place."""

    name: str
    title: str
    assignments: tuple[str, ...] = ()
    hidden: str | None = None  # an input of HIDDEN
    told: tuple[str, ...] = ()  # columns of TRUE that the truth stands in for, in training as in validation
    share: int = 1  # one of so many training people is learned from, in as many steps
    seeds: tuple[int, ...] = SEEDS[:1]


VARIANTS = (
    Variant("whole", "the pose branch, whole", seeds=SEEDS),
    Variant("looks", "with each joint's look", LOOKS),
    Variant("looks_alone", "each joint's look, the pose hidden from what corrects it", LOOKS, hidden="pose"),
    Variant("looks_half", "with each joint's look, half of the people", (*LOOKS, "TRAIN.simulated_views=32"), share=2),
    Variant("looks_quarter", "with each joint's look, a quarter", (*LOOKS, "TRAIN.simulated_views=64"), share=4),
    Variant("looks_eighth", "with each joint's look, an eighth", (*LOOKS, "TRAIN.simulated_views=128"), share=8),
    Variant("several", "from several crops of each image", ("EXTRACT.crops=several",)),
    Variant("several_looks", "from several crops, with each joint's look", BEST),
    Variant("several_looks_members", "the same, four members", (*BEST, "TRAIN.members=4")),
    Variant("several_looks_2d", "of one member, told the **true** 2D joints", BEST, told=("joints_px",)),
    Variant("several_looks_depth", "the same, told the **true** relative depth instead", BEST, told=("depth_rel_mm",)),
    Variant("full", "extractor weights `full` instead of `heavy`", ("EXTRACT.weights=full",)),
    Variant("depth", "without the extractor's relative depth", hidden="depth"),
    Variant("confidence", "without its confidence", hidden="confidence"),
    Variant("floor", "without the heights over the floor", hidden="floor"),
    Variant("level", "without the level frame", hidden="level"),
    Variant("height", "root by pelvis height instead of learned", ("TRAIN.root=height",)),
    Variant("normalised", "loss in crop coordinates alone", ("TRAIN.loss_space=normalised",)),
    Variant("world", "loss in the world alone", ("TRAIN.loss_space=world",)),
    Variant("own", "without training images' own views", ("TRAIN.own_views=0.0",)),
    Variant("simulated", "without simulated views", ("TRAIN.simulated_views=0",)),
    Variant("fitted", "simulated errors from fitted spreads", ("TRAIN.simulated_errors=fitted",)),
    Variant("mirror", "without mirrored scenes", ("TRAIN.simulated_mirror=0.0",)),
    Variant(
        "rig", "taught a rig that is 0.5 degrees and 20 mm off", ("TRAIN.calibration_error=0.5", "TRAIN.floor_error=20")
    ),
    Variant("true_2d", "told the **true** 2D joints", told=("joints_px",)),
    Variant("true_depth", "told the **true** relative depth", told=("depth_rel_mm",)),
    Variant("true_both", "told both", told=("joints_px", "depth_rel_mm")),
    Variant("half", "half of the people", ("TRAIN.simulated_views=32",), share=2),
    Variant("quarter", "a quarter of the people", ("TRAIN.simulated_views=64",), share=4),
    Variant("eighth", "an eighth of the people", ("TRAIN.simulated_views=128",), share=8),
)


def _per_joint(start: int, width: int, columns: slice) -> torch.Tensor:
    """Where these columns of every joint stand, in a block of `width` numbers per joint."""
    places = torch.arange(NUM_JOINTS * width).view(NUM_JOINTS, width)[:, columns]
    return start + places.flatten()


_LEVEL = NUM_JOINTS * PER_JOINT + 1
# Which of PoseNet.inputs' numbers each name hides. Of a joint: u, v, depth, confidence, x, y, height, drop.
HIDDEN = {
    "pose": torch.arange(_LEVEL + NUM_JOINTS * PER_JOINT_LEVEL + PER_VIEW),
    "depth": torch.cat([_per_joint(0, PER_JOINT, slice(2, 3)), _per_joint(_LEVEL, PER_JOINT_LEVEL, slice(0, 4))]),
    "confidence": _per_joint(0, PER_JOINT, slice(3, 4)),
    "floor": torch.cat([_per_joint(0, PER_JOINT, slice(6, 8)), _per_joint(_LEVEL, PER_JOINT_LEVEL, slice(3, 4))]),
    "level": torch.arange(_LEVEL, _LEVEL + NUM_JOINTS * PER_JOINT_LEVEL + PER_VIEW),
}


@contextmanager
def hiding(name: str | None) -> Iterator[None]:
    """Within the block no PoseNet's pose branch sees these inputs."""
    sees = PoseNet.inputs

    def inputs(network: PoseNet, batch: dict[str, torch.Tensor]) -> torch.Tensor:
        seen = sees(network, batch)
        return seen if name is None else seen.index_fill(1, HIDDEN[name].to(seen.device), 0.0)

    with patch.object(PoseNet, "inputs", inputs):
        yield


def config_of(variant: Variant, seed: int) -> Config:
    """The config of one training."""
    assignments = [f"DATA.root={DEFAULT_OUT.as_posix()}", f"SEED.random_seed={seed}", *POSE, *variant.assignments]
    return load_config(project_path("config/synthetic.yml"), assignments)


TRUE = {"joints_px": "true_joints_px", "depth_rel_mm": "true_depth_rel_mm"}


def told(rows: Rows, names: tuple[str, ...]) -> Rows:
    """The rows as if the extractor had been right in these columns; its root's depth stays its own."""
    return Rows({**rows.columns, **{name: rows[TRUE[name]] for name in names}}, rows.crop_files)


def some_people(rows: Rows, share: int) -> Rows:
    """The rows of one of `share` people, always the same ones."""
    people = np.unique(rows["person"].astype(str))
    kept = np.random.default_rng(0).permutation(people)[: len(people) // share]
    return rows.take(np.isin(rows["person"].astype(str), kept))


def run(variant: Variant, seed: int) -> dict[str, Any]:
    """Train a variant, or keep what stands, and answer its scores on validation people at its best epoch."""
    config, folder = config_of(variant, seed), FOLDER / f"{variant.name}-{seed}"
    rows, manifest = open_cache(config, "train", list_frames(config.data_root, "train"))
    train, validation = split_rows(rows, config)
    train, validation = told(some_people(train, variant.share), variant.told), told(validation, variant.told)
    key = runs.run_key(config, manifest["key"])
    stamp = {"key": key, "hidden": variant.hidden, "share": variant.share, "told": list(variant.told)}
    if not (folder / "scores.json").exists() or read_json(folder / "scores.json")["of"] != stamp:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with hiding(variant.hidden):
            trainer = Trainer(
                config, train, validation, folder, key, manifest["fingerprint"], make_fabric(config.TRAIN)
            )
            best = trainer.fit()["best_epoch"]
        record = next(row for row in trainer.recorder.rows if row["epoch"] == best)
        scores = {name: record[f"validation_{key}"] for name, key in SCORES.items()}
        write_json(folder / "scores.json", {"of": stamp, "scores": scores, "images": len(train), **made_by()})
    found: dict[str, Any] = read_json(folder / "scores.json")
    return {"seed": seed, **{name: found[name] for name in ("scores", "images", "commit", "clean")}}


SCORES = {"world_mpjpe": "score", "root": "root", "root_relative_mpjpe": "root_relative"}


def table(result: dict[str, Any]) -> str:
    """The scores, and what each variant costs."""
    whole = np.mean([one["scores"]["world_mpjpe"] for one in result["whole"]])
    lines = [
        "| validation people, mm | images | world MPJPE | root | root-relative | costs |",
        "| --- |" + " --- |" * 5,
    ]
    for variant in VARIANTS:
        if variant.name in result:
            found = result[variant.name]
            world, root, relative = (np.array([one["scores"][name] for one in found]) for name in SCORES)
            spread = f" (seeds ± {world.std(ddof=1):.0f})" if len(found) > 1 else ""
            costs = "" if variant.name == "whole" else f"{world.mean() - whole:+.0f}"
            lines.append(
                f"| {variant.title} | {found[0]['images']} | {world.mean():.0f}{spread} | {root.mean():.0f} | "
                f"{relative.mean():.0f} | {costs} |"
            )
    return "\n".join(lines)


def main() -> None:
    """Run what is asked for, and write the table of what stands."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [variant.name for variant in VARIANTS]
    parser.add_argument("--only", choices=names, nargs="+", default=names, help="default: all")
    parser.add_argument("--table-only", action="store_true", help="run nothing, write the table of what stands")
    arguments = parser.parse_args()
    result: dict[str, Any] = read_json(RESULT) if RESULT.exists() else {}
    for variant in VARIANTS if not arguments.table_only else ():
        if variant.name in arguments.only:
            result[variant.name] = [run(variant, seed) for seed in variant.seeds]
            write_json(RESULT, result)
            print(variant.name, [round(one["scores"]["world_mpjpe"], 1) for one in result[variant.name]], flush=True)
    if "whole" in result:
        insert_between(PAGE, "ablations", table(result))
        print(table(result))


if __name__ == "__main__":
    run_script(main)
