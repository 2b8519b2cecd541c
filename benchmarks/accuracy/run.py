"""Computes the rows: prepares and extracts the data, trains, predicts the test images, and scores."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks import frozen
from benchmarks.accuracy.baselines import BASELINES, Fits, fit
from benchmarks.accuracy.rows import ROWS, SETS, SYNTHETIC, Part, Row, result_path
from benchmarks.accuracy.scores import score
from benchmarks.record import made_by
from benchmarks.rotations import results_folder
from modules.cache.splits import split_rows
from modules.cache.store import open_cache
from modules.cache.table import Rows
from modules.config.load import config_arguments, load_config
from modules.config.paths import PROJECT_ROOT, project_path
from modules.config.schema import Config
from modules.evaluation.prediction import predict_world
from modules.files.atomic import read_json, write_json
from modules.files.hashing import digest, sha256_file
from modules.files.layout import list_frames
from modules.inference.prediction import fallback_world, mean_crop_pose
from modules.runs import checkpoints, folders
from modules.utils import UserError

DEMO_ROOT = re.compile(r"data/demo/test_camera_([1-4])")
TIMED = 256  # images whose prediction is timed


@dataclass(frozen=True)
class Training:
    """The labelled rows to train and fit on."""

    train: Rows
    validation: Rows
    key: str  # of the cache

    @cached_property
    def fits(self) -> Fits:
        """The fitted numbers of the baselines."""
        return fit(self.train, self.validation)


@dataclass(frozen=True)
class Test:
    """A test part with its rows. They hold the truth, which is removed before any prediction."""

    part: Part
    training: Training | None  # None for the released weights
    test: Rows
    key: str  # of the cache
    kinds: pd.DataFrame | None  # of every test image, for the frozen set
    differing: int | None  # images whose bytes differ from the frozen ones


def make_rows(set_name: str, names: list[str], seeds: list[int], again: bool) -> None:
    """Computes the requested rows of a set whose results do not exist or are stale."""
    loaded: dict[tuple[bool, tuple[str, ...]], list[Test]] = {}
    for row, seed in _requested(set_name, names, seeds):
        needs = row.released, row.extraction
        if needs not in loaded:
            loaded[needs] = load_parts(SETS[set_name], row.extraction, trains=not row.released)
        tests = loaded[needs]
        path = result_path(set_name, row, seed)
        key = row_key(row, seed, tests)
        if path.exists() and read_json(path).get("key") == key and not again:
            print(f"{path.relative_to(PROJECT_ROOT)}: exists already")
            continue
        result = make_row(set_name, row, seed, tests)
        write_json(path, {**result, "key": key})
        worlds = [part["overall"]["world_mpjpe"] for part in result["parts"].values()]
        print(f"{path.relative_to(PROJECT_ROOT)}: world MPJPE {np.mean(worlds):.1f} mm", flush=True)


def _requested(set_name: str, names: list[str], seeds: list[int]) -> Iterator[tuple[Row, int | None]]:
    chosen = [row for row in ROWS if row.name in names and set_name in row.sets]
    for row in chosen:
        if not row.seeds:
            yield row, None
    for seed in seeds:  # the first seed of every row before the second of any
        yield from ((row, seed) for row in chosen if seed in row.seeds)


def load_parts(parts: Sequence[Part], extraction: Sequence[str], trains: bool = True) -> list[Test]:
    """Reads the parts of a set, each data set once, without training data unless `trains`; extracts what is missing.

    UserError if the synthetic set is not the frozen one.
    """
    trainings: dict[str, Training] = {}
    tests = []
    for part in parts:
        if trains and part.train_root not in trainings:
            config, rows, key = read_split(part.config, part.train_root, "train", extraction)
            trainings[part.train_root] = Training(*split_rows(rows, config), key)
        _, test, key = read_split(part.config, part.test_root, "test", extraction)
        if not test["labelled"].all():
            raise UserError(f"{part.test_root}: a test image has no label; make the set again")
        is_frozen = part.test_root == SYNTHETIC
        kinds = frozen.read_list()[frozen.KINDS] if is_frozen else None
        differing = len(frozen.check(project_path(SYNTHETIC))) if is_frozen else None
        tests.append(Test(part, trainings.get(part.train_root), test, key, kinds, differing))
    return tests


def read_split(config_file: str, root: str, split: str, extraction: Sequence[str]) -> tuple[Config, Rows, str]:
    """Returns a split's config, rows and cache key; prepares and extracts the split first if necessary."""
    assignments = [f"DATA.root={root}", *extraction]
    options = config_arguments(config_file, assignments)
    _run("-m", "data.prepare", *options)
    _run("extract_train_info.py", "--split", split, *options)
    config = load_config(project_path(config_file), assignments)
    rows, manifest = open_cache(config, split, list_frames(config.data_root, split))
    return config, rows, manifest["key"]


def _run(*command: str, stdout: int | None = subprocess.DEVNULL) -> None:
    status = subprocess.run([sys.executable, *command], cwd=PROJECT_ROOT, check=False, stdout=stdout).returncode
    if status != 0:
        raise SystemExit(status)  # the child process has printed the reason


def row_config(row: Row, part: Part, seed: int) -> tuple[str, list[str]]:
    """Returns the config file and the assignments of a row's training."""
    folder = training_folder(row, part, seed)
    assignments = [
        f"DATA.root={part.train_root}",
        *row.extraction,
        f"SEED.random_seed={seed}",
        f"RESULTS.root={folder}",
        *row.assignments,
    ]
    if row.config is None:
        return part.config, assignments
    epochs = load_config(project_path(part.config)).TRAIN.num_epochs  # as many as PoseNet trains on this set
    return row.config, [f"TRAIN.num_epochs={epochs}", *assignments]


def training_folder(row: Row, part: Part, seed: int) -> str:
    """Returns the folder of a row's training; the default PoseNet on the demo is shared with benchmarks.rotations."""
    rotation = DEMO_ROOT.fullmatch(part.train_root)
    if rotation and row.name == "posenet":
        return results_folder(int(rotation[1]), seed).relative_to(PROJECT_ROOT).as_posix()
    return f"results/accuracy/{part.runs}/{row.name}-{seed}"


def row_key(row: Row, seed: int | None, tests: list[Test]) -> str:
    """Returns a hash of a row's data and of its training settings that are not the default.

    New settings with a default and changed code leave it as it is; the result records the commit.
    """
    settings: list[Any] = []
    for test in tests:
        training = sha256_file(checkpoints.RELEASED) if test.training is None else test.training.key
        settings.append([test.part.name, [training, test.key]])
        if seed is not None:
            file, assignments = row_config(row, test.part, seed)
            settings.append(
                load_config(project_path(file), assignments).model_dump(
                    mode="json", include={"SEED", "TRAIN"}, exclude_defaults=True
                )
            )
    return digest([row.name, frozen.VERSION, settings])


def make_row(set_name: str, row: Row, seed: int | None, tests: list[Test]) -> dict[str, Any]:
    """Trains if the row needs it, predicts every test image, and scores."""
    command = f"python -m benchmarks.accuracy --set {set_name} --row {row.name}"
    result: dict[str, Any] = {
        "command": command if seed is None else f"{command} --seed {seed}", **made_by(), "seed": seed,
        "frozen_version": frozen.VERSION, "parts": {},
    }  # fmt: skip
    for test in tests:
        started = time.process_time()
        details: dict[str, Any]
        if row.released:
            world, details = predict_released(row, test)
        elif seed is None:
            world, details = predict_baseline(BASELINES[row.name], test), {}
        else:
            world, details = train_and_predict(row, seed, test)
        cpu = details.pop("cpu_minutes", 0.0) + (time.process_time() - started) / 60
        scores = score(world, test.test, test.kinds)
        result["parts"][test.part.name] = {
            **scores, "differing_in_bytes": test.differing, **details, "cpu_minutes": round(cpu, 2),
        }  # fmt: skip
    return result


def predict_baseline(method: Callable[[Rows, Fits], np.ndarray], test: Test) -> np.ndarray:
    """Returns a baseline's joints (B, 24, 3) world mm; images without a person get the same fallback as PoseNet's."""
    assert test.training is not None
    world = fallback_world(mean_crop_pose(test.training.train), test.test["R"], test.test["t"]).copy()
    found = test.test["found"].astype(bool)
    world[found] = method(test.test.take(found), test.training.fits)
    return world


def predict_released(row: Row, test: Test) -> tuple[np.ndarray, dict[str, Any]]:
    """Returns the joints (B, 24, 3) world mm of the released weights, and their size and time."""
    config, path = with_features(row, test), checkpoints.RELEASED
    checkpoint = checkpoints.load_checkpoint(path)
    return predict_world(config, checkpoint, path, test.test), _cost(config, checkpoint, path, test.test)


def with_features(row: Row, test: Test) -> Config:
    """Extracts the test images' joint features that the released weights need, and returns the config of their cache."""
    assignments = [f"DATA.root={test.part.test_root}", *row.extraction]
    features = checkpoints.load_checkpoint(checkpoints.RELEASED)["config"]["TRAIN"]["joint_features"]
    options = config_arguments(test.part.config, assignments)
    _run("extract_train_info.py", "--split", "test", "--joint-features", features, *options)
    return load_config(project_path(test.part.config), assignments)


def train_and_predict(row: Row, seed: int, test: Test) -> tuple[np.ndarray, dict[str, Any]]:
    """Returns the joints (B, 24, 3) world mm of a row's training, and its size, time and validation score."""
    file, assignments = row_config(row, test.part, seed)
    config = load_config(project_path(file), assignments)
    features = config.TRAIN.joint_features
    if config.DATA.extra_roots or features != "none":
        _run("extract_train_info.py", "--split", "train", *config_arguments(file, assignments))
    if features != "none":
        options = config_arguments(file, [*assignments, f"DATA.root={test.part.test_root}"])
        _run("extract_train_info.py", "--split", "test", "--joint-features", features, *options)
    minutes = _train(config, file, assignments)
    run = trained_run(config, test)
    if run is None:
        raise UserError(f"{config.results_root}: the finished training is missing; start the same command again")
    path = folders.best_checkpoint(run)
    checkpoint = checkpoints.load_checkpoint(path)
    world = predict_world(config, checkpoint, path, test.test)
    summary = read_json(run / folders.COMPLETE)
    names = ("best_epoch", "best_score", "extractor_score", "epochs", "minutes")
    training = {name: summary[name] for name in names}
    return world, {
        "cpu_minutes": minutes, **_cost(config, checkpoint, path, test.test), "training": training
    }  # fmt: skip


def _cost(config: Config, checkpoint: dict[str, Any], path: Path, rows: Rows) -> dict[str, Any]:
    """Returns a network's size and time."""
    network = checkpoints.restore_network(checkpoint, path)
    size = sum(p.numel() for p in network.parameters())
    return {"parameters": size, "ms_per_image": round(_ms_per_image(config, checkpoint, path, rows), 2)}


def trained_run(config: Config, test: Test) -> Path | None:
    """Returns the newest complete training of this config on this part's cache."""
    assert test.training is not None
    return folders.newest_complete(config.results_root / "train", key=folders.run_key(config, test.training.key))


def _train(config: Config, file: str, assignments: list[str]) -> float:
    """Trains, or keeps the existing run; returns the training's CPU minutes over all of its starts."""
    spent_path = config.results_root / "cpu_minutes.json"
    spent = float(read_json(spent_path)) if spent_path.exists() else 0.0
    before = _child_seconds()
    try:
        _run("train.py", "--reuse", *config_arguments(file, assignments), stdout=None)
    finally:
        spent += (_child_seconds() - before) / 60
        write_json(spent_path, round(spent, 2))
    return spent


def _child_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _ms_per_image(config: Config, checkpoint: dict[str, Any], path: Path, rows: Rows) -> float:
    """Times prediction from the cache in batches, including the decoding of crops: the second of two passes."""
    some = rows.take(np.flatnonzero(rows["found"])[:TIMED])
    for _ in range(2):
        started = time.perf_counter()
        predict_world(config, checkpoint, path, some)
    return 1e3 * (time.perf_counter() - started) / len(some)
