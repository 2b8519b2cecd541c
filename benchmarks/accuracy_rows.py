"""The lines of the accuracy table, the sets they are judged on, and where their results stand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.rotations import ROTATIONS, SEEDS
from data.synthetic.generate import DEFAULT_OUT
from modules.config import DEFAULT_CONFIG, PROJECT_ROOT
from modules.utils import read_json

RESULTS = PROJECT_ROOT / "docs" / "results" / "accuracy"


@dataclass(frozen=True)
class Row:
    """One line of the tables. Without seeds nothing is trained for it."""

    name: str
    title: str
    seeds: tuple[int, ...] = ()
    config: str | None = None  # where the set's own does not hold
    assignments: tuple[str, ...] = ()
    weights: str = "full"  # BlazePose's
    crops: str = "one"  # of each image that it sees
    sets: tuple[str, ...] = ("synthetic", "demo", "zero-shot")

    @property
    def method(self) -> str:
        """What is done, whatever the extractor's weights and crops."""
        return self.name.removeprefix("heavy_").removeprefix("several_")

    @property
    def extraction(self) -> tuple[str, ...]:
        """The assignments that say how its images are extracted."""
        return f"EXTRACT.weights={self.weights}", f"EXTRACT.crops={self.crops}"


# What the rows of `full` were made with, before its synthetic set was known to be calibrated better.
_THEN = ("TRAIN.calibration_error=0.5", "TRAIN.floor_error=20", "TRAIN.looks=none")
SYNTHETIC = DEFAULT_OUT.as_posix()
LARGER = "data/synthetic/larger"  # data.synthetic.generate --people 250 --frames 8 --cameras 1 --seed 43
_PRESET = "config/synthetic.yml"
_PEOPLE = ("synthetic", "zero-shot")  # sets that many people are learned from
_UNTRAINED = {
    "least_squares": "extractor, least squares", "pelvis_height": "extractor, training pelvis height",
    "on_floor": "extractor, lowest foot on the floor", "linear": "linear map of the cached pose",
    "true_root": "extractor with **true** root depth",
}  # fmt: skip


def _untrained(name: str, title: str, crops: str = "one") -> Iterator[Row]:
    """The rows of BlazePose's heavy weights that nothing is trained for, but the bound."""
    for method, words in _UNTRAINED.items():
        yield Row(f"{name}_{method}", f"{title}: {words}", weights="heavy", crops=crops)


ROWS = (
    Row("least_squares", "extractor, least squares"),
    Row("limb_scale", "the same, best constant limb scale"),
    Row("pelvis_height", "extractor, training pelvis height"),
    Row("on_floor", "extractor, lowest foot on the floor"),
    Row("linear", "linear map of the cached pose"),
    Row("true_root", "extractor with **true** root depth"),
    Row("original", "original recipe", SEEDS, config="config/original.yml"),
    Row("pose", "PoseNet, pose only", SEEDS, assignments=("TRAIN.model_type=pose", *_THEN)),
    Row("image", "PoseNet, image only", SEEDS[:1], assignments=("TRAIN.model_type=image", *_THEN)),
    Row("posenet", "PoseNet", SEEDS, assignments=_THEN),
    Row("bound", "2D + **true** depth (bound)"),
    *_untrained("heavy", "heavy"),
    Row(
        "heavy_pose",
        "heavy: PoseNet, pose only",
        SEEDS,
        assignments=("TRAIN.model_type=pose", "TRAIN.looks=none"),
        weights="heavy",
    ),
    Row("heavy_posenet", "heavy: PoseNet", SEEDS, assignments=("TRAIN.looks=none",), weights="heavy"),
    Row(
        "heavy_looks",
        "heavy: PoseNet, pose and looks",
        SEEDS,
        assignments=("TRAIN.model_type=pose", "TRAIN.looks=heavy"),
        weights="heavy",
        sets=_PEOPLE,
    ),
    Row(
        "heavy_more",
        "heavy: PoseNet, more renders",
        SEEDS[:1],
        config="config/best.yml",
        assignments=(
            "TRAIN.model_type=image+pose",
            "TRAIN.looks=none",
            "TRAIN.early_stopping_patience=5",
        ),
        weights="heavy",
        sets=_PEOPLE,
    ),
    Row(
        "heavy_released",
        "heavy: pose and looks, more renders",
        SEEDS[:1],
        config="config/best.yml",
        weights="heavy",
        sets=_PEOPLE,
    ),
    Row(
        "heavy_both",
        "heavy: pose only, taught by synthetic people, too",
        SEEDS[:1],
        config=_PRESET,
        assignments=(f"DATA.also=[{SYNTHETIC}]", "TRAIN.model_type=pose", "TRAIN.looks=none", "TRAIN.num_epochs=10"),
        weights="heavy",
        sets=("demo",),
    ),
    Row("heavy_bound", "heavy: 2D + **true** depth (bound)", weights="heavy"),
    *_untrained("several", "several crops", "several"),
    Row(
        "several_pose",
        "several crops: PoseNet, pose only",
        SEEDS,
        assignments=("TRAIN.model_type=pose", "TRAIN.looks=none"),
        weights="heavy",
        crops="several",
    ),
    Row("several_posenet", "several crops: PoseNet", SEEDS, weights="heavy", crops="several"),
    Row(
        "several_blazepose",
        "several crops: PoseNet, BlazePose's network for the ResNet18",
        SEEDS[:1],
        assignments=("TRAIN.backbone=blazepose", "TRAIN.input_shape=256"),
        weights="heavy",
        crops="several",
    ),
    Row(
        "several_looks",
        "several crops: PoseNet, pose and looks",
        SEEDS,
        assignments=("TRAIN.model_type=pose", "TRAIN.looks=heavy"),
        weights="heavy",
        crops="several",
        sets=_PEOPLE,
    ),
    Row(
        "several_members",
        "several crops: pose and looks, four members",
        SEEDS,
        assignments=("TRAIN.model_type=pose", "TRAIN.looks=heavy", "TRAIN.members=4"),
        weights="heavy",
        crops="several",
        sets=_PEOPLE,
    ),
    Row(
        "several_more",
        "several crops: PoseNet, 6,000 renders",
        SEEDS[:1],
        config="config/best.yml",
        assignments=("TRAIN.model_type=image+pose", f"DATA.also=[{LARGER}]"),
        weights="heavy",
        crops="several",
        sets=_PEOPLE,
    ),
    Row(
        "several_released",
        "several crops: pose and looks, more renders (released)",
        SEEDS[:1],
        config="config/best.yml",
        weights="heavy",
        crops="several",
        sets=_PEOPLE,
    ),
    Row(
        "several_both",
        "several crops: pose and looks, taught by synthetic people, too",
        SEEDS[:1],
        config="config/best.yml",
        assignments=(f"DATA.also=[{SYNTHETIC}, data/synthetic/more]", "TRAIN.num_epochs=10"),
        weights="heavy",
        crops="several",
        sets=("demo",),
    ),
    Row("several_bound", "several crops: 2D + **true** depth (bound)", weights="heavy", crops="several"),
)


@dataclass(frozen=True)
class Part:
    """One test part of a set, and what is trained on for it."""

    name: str
    train_root: str
    test_root: str
    runs: str  # the folder of its trainings within results/accuracy
    config: str


SETS: dict[str, tuple[Part, ...]] = {
    "synthetic": (Part("held-out people", SYNTHETIC, SYNTHETIC, "synthetic", _PRESET),),
    "demo": tuple(
        Part(f"camera {k}", *(f"data/demo/test_camera_{k}",) * 2, f"demo/camera_{k}", DEFAULT_CONFIG) for k in ROTATIONS
    ),
    "zero-shot": tuple(
        Part(f"camera {k}", SYNTHETIC, f"data/demo/zero_shot_camera_{k}", "synthetic", _PRESET) for k in ROTATIONS
    ),
}
TITLES = {
    "synthetic": "Synthetic, people held out",
    "demo": "Demo, four rotations",
    "zero-shot": "Demo, trained on synthetic people alone",
}
Results = dict[str, dict[str, list[dict[str, Any]]]]  # set → row → one result per seed


def result_path(set_name: str, row: Row, seed: int | None) -> Path:
    """Where a row's result stands."""
    return RESULTS / set_name / (f"{row.name}.json" if seed is None else f"{row.name}-{seed}.json")


def gather() -> Results:
    """All results that stand."""
    found: Results = {}
    for set_name in SETS:
        for row in ROWS:
            paths = [result_path(set_name, row, seed) for seed in row.seeds or (None,)]
            standing = [read_json(path) for path in paths if path.exists()]
            if standing:
                found.setdefault(set_name, {})[row.name] = standing
    return found
