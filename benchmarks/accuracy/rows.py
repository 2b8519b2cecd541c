"""The rows of the accuracy tables, the test sets, and the files of their results."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.rotations import ROTATIONS, SEEDS
from data.synthetic.generate import DEFAULT_OUT
from modules.config.paths import DEFAULT_CONFIG, PROJECT_ROOT
from modules.files.atomic import read_json

RESULTS = PROJECT_ROOT / "docs" / "results" / "accuracy"
SYNTHETIC = DEFAULT_OUT.as_posix()
BAREFOOT = "data/synthetic/barefoot"  # on which the released weights are trained last; scripts/release_posenet.sh
MORE = "data/synthetic/more"  # data.synthetic.generate --people 160 --frames 8 --cameras 1 --seed 43
LARGER = "data/synthetic/larger"  # data.synthetic.generate --people 250 --frames 8 --cameras 1 --seed 43
OLDER_EXTRACTION = ("EXTRACT.weights=full", "EXTRACT.test_time_augmentation=false")
DEFAULT_EXTRACTION = ("EXTRACT.test_time_augmentation=adaptive",)
BEST = "config/best.yml"
PRESET = "config/synthetic.yml"
MANY_PEOPLE = ("synthetic", "zero-shot")  # the sets whose training data show many people
FEATURES = "TRAIN.joint_features=heavy"
NO_FEATURES = "TRAIN.joint_features=none"
POSE = "TRAIN.model_type=pose"
BOTH = "TRAIN.model_type=image+pose"


@dataclass(frozen=True)
class Row:
    """One row of the tables. A row without seeds needs no training of a network."""

    name: str
    title: str
    seeds: tuple[int, ...] = ()
    config: str | None = None  # instead of the set's own config
    assignments: tuple[str, ...] = ()  # config assignments of the training
    extraction: tuple[str, ...] = ()  # config assignments of the extraction; empty: that of the set's config
    released: bool = False  # predicted by the released weights; the set's training data are not used
    sets: tuple[str, ...] = ("synthetic", "demo", "zero-shot")


FIRST_SEED = SEEDS[:1]
ROWS = (
    Row("least_squares", "extractor, least squares"),
    Row("pelvis_height", "extractor, training pelvis height"),
    Row("place", "extractor, training people's place", sets=("demo",)),  # one place in one world
    Row("on_floor", "extractor, lowest foot on the floor"),
    Row("linear", "linear map of the cached pose"),
    Row("true_root", "extractor with **true** root depth"),
    Row("original", "original recipe (older extraction)", SEEDS, "config/original.yml", extraction=OLDER_EXTRACTION),
    Row(
        "image",
        "PoseNet, image only (older extraction)",
        FIRST_SEED,
        assignments=("TRAIN.model_type=image", NO_FEATURES),
        extraction=OLDER_EXTRACTION,
    ),
    Row("pose", "PoseNet, pose only", SEEDS, assignments=(POSE, NO_FEATURES)),
    Row("posenet", "PoseNet, image and pose", SEEDS, assignments=(BOTH,)),
    Row("joint_features", "PoseNet, pose and joint features", SEEDS, assignments=(POSE, FEATURES), sets=MANY_PEOPLE),
    Row(
        "ensemble",
        "pose and joint features, ensemble of four",
        SEEDS,
        assignments=(POSE, FEATURES, "TRAIN.ensemble_size=4"),
        sets=MANY_PEOPLE,
    ),
    Row(
        "more_renders",
        "image, pose and joint features, 6,000 renders",
        FIRST_SEED,
        BEST,
        (BOTH, f"DATA.extra_roots=[{LARGER}]"),
        sets=MANY_PEOPLE,
    ),
    Row("released", "released weights", extraction=DEFAULT_EXTRACTION, released=True, sets=MANY_PEOPLE),
    Row(
        "extra_data",
        "pose and joint features, synthetic people as extra data",
        FIRST_SEED,
        BEST,
        (f"DATA.extra_roots=[{SYNTHETIC}, {MORE}]", "TRAIN.num_epochs=10"),
        sets=("demo",),
    ),
    Row("bound", "2D + **true** depth (bound)"),
)
ROW_BY_NAME = {row.name: row for row in ROWS}


@dataclass(frozen=True)
class Part:
    """One test part of a set, and its training data."""

    name: str
    train_root: str
    test_root: str
    runs: str  # the folder of its trainings within results/accuracy
    config: str


SETS: dict[str, tuple[Part, ...]] = {
    "synthetic": (Part("held-out people", SYNTHETIC, SYNTHETIC, "synthetic", PRESET),),
    "demo": tuple(
        Part(f"camera {k}", *(f"data/demo/test_camera_{k}",) * 2, f"demo/camera_{k}", DEFAULT_CONFIG) for k in ROTATIONS
    ),
    "zero-shot": tuple(
        Part(f"camera {k}", SYNTHETIC, f"data/demo/zero_shot_camera_{k}", "synthetic", PRESET) for k in ROTATIONS
    ),
}
TITLES = {
    "synthetic": "Synthetic, unseen people",
    "demo": "Demo, camera held out",
    "zero-shot": "Demo, zero-shot",
}
Results = dict[str, dict[str, list[dict[str, Any]]]]  # set → row → one result per seed


def result_path(set_name: str, row: Row, seed: int | None) -> Path:
    """Returns the file of a row's result."""
    return RESULTS / set_name / (f"{row.name}.json" if seed is None else f"{row.name}-{seed}.json")


def gather() -> Results:
    """Returns all existing results."""
    found: Results = {}
    for set_name in SETS:
        for row in ROWS:
            paths = [result_path(set_name, row, seed) for seed in row.seeds or (None,)]
            existing = [read_json(path) for path in paths if path.exists()]
            if existing:
                found.setdefault(set_name, {})[row.name] = existing
    return found
