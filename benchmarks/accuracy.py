"""The accuracy table: every answer beside those that could embarrass it, on people and cameras that nothing was trained on.

    python -m benchmarks.accuracy                                          all rows; what stands is kept
    python -m benchmarks.accuracy --set synthetic --row posenet --seed 42  one row
    python -m benchmarks.accuracy --table-only                             only write the tables of what stands

Three sets: `synthetic` (held-out people; the frozen list of benchmarks/frozen), `demo` (four rotations: a real person,
each camera held out once) and `zero-shot` (trained on the synthetic set alone, tested on every frame and camera of the
demo). Each row is a JSON in docs/results/accuracy with its command, commit, seed and minutes of CPU; the tables in
docs/accuracy.md and both READMEs are written from them. Data, extraction and training are the project's own scripts.
"""

from __future__ import annotations

import argparse
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
from benchmarks.accuracy_rows import ROWS, SEEDS, SETS, SYNTHETIC, Part, Row, gather, result_path
from benchmarks.accuracy_tables import write_tables
from benchmarks.placements import PLACEMENTS, Fits, fit, place_least_squares
from benchmarks.record import made_by
from benchmarks.rotations import results_folder
from benchmarks.synthetic_set import LIMBS
from modules import metrics, runs
from modules.cache import Rows, open_cache
from modules.config import PROJECT_ROOT, Config, config_arguments, load_config, project_path
from modules.dataset import split_rows
from modules.evaluation import predict
from modules.layout import list_frames
from modules.prediction import fallback_world, mean_crop_pose
from modules.utils import UserError, digest, read_json, run_script, write_json

DEMO_ROOT = re.compile(r"data/demo/test_camera_([1-4])")
WORST = 20
BROKEN_DOWN = ("world_mpjpe", "root", "root_relative_mpjpe")  # of each kind of view, and of the worst images
TIMED = 256  # images whose prediction is timed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=list(SETS), nargs="+", default=list(SETS), help="default: all")
    parser.add_argument("--row", choices=[row.name for row in ROWS], nargs="+", default=[row.name for row in ROWS])
    parser.add_argument("--seed", type=int, nargs="+", default=list(SEEDS), help="default: all that a row has")
    parser.add_argument("--again", action="store_true", help="make the rows anew that stand")
    parser.add_argument("--table-only", action="store_true", help="run nothing, write the tables of what stands")
    arguments = parser.parse_args()
    if not arguments.table_only:
        for set_name in arguments.set:
            make_rows(set_name, arguments.row, arguments.seed, arguments.again)
    write_tables(gather())


def make_rows(set_name: str, names: list[str], seeds: list[int], again: bool) -> None:
    """Make the rows of a set that are asked for and do not stand."""
    loaded: dict[tuple[str, ...], list[Test]] = {}
    for row, seed in _asked(set_name, names, seeds):
        if row.extraction not in loaded:
            loaded[row.extraction] = load_parts(SETS[set_name], row.extraction)
        tests = loaded[row.extraction]
        path = result_path(set_name, row, seed)
        key = row_key(row, seed, tests)
        if path.exists() and read_json(path).get("key") == key and not again:
            print(f"{path.relative_to(PROJECT_ROOT)}: stands already")
            continue
        result = make_row(set_name, row, seed, tests)
        write_json(path, {**result, "key": key})
        worlds = [part["overall"]["world_mpjpe"] for part in result["parts"].values()]
        print(f"{path.relative_to(PROJECT_ROOT)}: world MPJPE {np.mean(worlds):.1f} mm", flush=True)


def _asked(set_name: str, names: list[str], seeds: list[int]) -> Iterator[tuple[Row, int | None]]:
    chosen = [row for row in ROWS if row.name in names and set_name in row.sets]
    for row in chosen:
        if not row.seeds:
            yield row, None
    for seed in seeds:  # every row once before any twice
        yield from ((row, seed) for row in chosen if seed in row.seeds)


@dataclass(frozen=True)
class Training:
    """What is trained and fitted on."""

    train: Rows
    validation: Rows
    key: str  # of the cache

    @cached_property
    def fits(self) -> Fits:
        """What the answers without learning take from it."""
        return fit(self.train, self.validation)


@dataclass(frozen=True)
class Test:
    """A part with its rows, read once for all answers. Truth is in them: what predicts takes it away first."""

    part: Part
    training: Training
    test: Rows
    key: str  # of the cache
    kinds: pd.DataFrame | None  # of every test image, where the set is the frozen one
    differing: int | None  # of its images, in bytes


def load_parts(parts: Sequence[Part], extraction: Sequence[str]) -> list[Test]:
    """Make and extract in this way what does not stand, and read it, each data set once.

    UserError where the synthetic set is not the frozen one.
    """
    trainings: dict[str, Training] = {}
    tests = []
    for part in parts:
        if part.train_root not in trainings:
            config, rows, key = _read(part.config, part.train_root, "train", extraction)
            trainings[part.train_root] = Training(*split_rows(rows, config), key)
        _, test, key = _read(part.config, part.test_root, "test", extraction)
        if not test["labelled"].all():
            raise UserError(f"{part.test_root}: a test image has no label; make the set again")
        is_frozen = part.test_root == SYNTHETIC
        kinds = frozen.read_list()[frozen.KINDS] if is_frozen else None
        differing = len(frozen.check(project_path(SYNTHETIC))) if is_frozen else None
        tests.append(Test(part, trainings[part.train_root], test, key, kinds, differing))
    return tests


def _read(config_file: str, root: str, split: str, extraction: Sequence[str]) -> tuple[Config, Rows, str]:
    """A split's config, rows and cache key; made and extracted first where they do not stand."""
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
        raise SystemExit(status)  # the child has said why


def row_config(row: Row, part: Part, seed: int) -> tuple[str, list[str]]:
    """The config file and the assignments of a row's training."""
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
    passes = load_config(project_path(part.config)).TRAIN.num_epochs  # as many as PoseNet has on this set
    return row.config, [f"TRAIN.num_epochs={passes}", *assignments]


def training_folder(row: Row, part: Part, seed: int) -> str:
    """Where a row's training stands; the default PoseNet's on the demo are those of benchmarks.rotations."""
    rotation = DEMO_ROOT.fullmatch(part.train_root)
    if rotation and row.name == "several_posenet":
        return results_folder(int(rotation[1]), seed).relative_to(PROJECT_ROOT).as_posix()
    return f"results/accuracy/{part.runs}/{row.name}-{seed}"


def row_key(row: Row, seed: int | None, tests: list[Test]) -> str:
    """What decides a row: its data, and what its training sets that is not the default.

    So a setting that comes later, or a default, stales no row; neither does the code, whose commit stands beside it.
    """
    settings: list[Any] = []
    for test in tests:
        settings.append([test.part.name, [test.training.key, test.key]])
        if seed is not None:
            file, assignments = row_config(row, test.part, seed)
            settings.append(
                load_config(project_path(file), assignments).model_dump(
                    mode="json", include={"SEED", "TRAIN"}, exclude_defaults=True
                )
            )
    return digest([row.name, frozen.VERSION, settings])


def make_row(set_name: str, row: Row, seed: int | None, tests: list[Test]) -> dict[str, Any]:
    """Train where the row needs it, answer every test image, and score it."""
    command = f"python -m benchmarks.accuracy --set {set_name} --row {row.name}"
    result: dict[str, Any] = {
        "command": command if seed is None else f"{command} --seed {seed}", **made_by(), "seed": seed,
        "frozen_version": frozen.VERSION, "parts": {},
    }  # fmt: skip
    for test in tests:
        started = time.process_time()
        answer: dict[str, Any]
        if seed is None:
            world, answer = place(PLACEMENTS[row.method], test), {}
        else:
            world, answer = train_and_predict(row, seed, test)
        cpu = answer.pop("cpu_minutes", 0.0) + (time.process_time() - started) / 60
        result["parts"][test.part.name] = {**score(world, test), **answer, "cpu_minutes": round(cpu, 2)}
    return result


def place(method: Callable[[Rows, Fits], np.ndarray], test: Test) -> np.ndarray:
    """A placement's answer for every test image: the training mean straight ahead where nobody was found, as PoseNet does."""
    world = fallback_world(mean_crop_pose(test.training.train), test.test["R"], test.test["t"]).copy()
    found = test.test["found"].astype(bool)
    world[found] = method(test.test.take(found), test.training.fits)
    return world


def train_and_predict(row: Row, seed: int, test: Test) -> tuple[np.ndarray, dict[str, Any]]:
    """The answer of a training with this seed, made now or in an earlier run of this benchmark, and what it cost."""
    file, assignments = row_config(row, test.part, seed)
    config = load_config(project_path(file), assignments)
    looks = config.TRAIN.looks
    if config.further or looks != "none":
        _run("extract_train_info.py", "--split", "train", *config_arguments(file, assignments))
    if looks != "none":
        options = config_arguments(file, [*assignments, f"DATA.root={test.part.test_root}"])
        _run("extract_train_info.py", "--split", "test", "--looks", looks, *options)
    minutes = _train(config, file, assignments)
    run = runs.newest_complete(config.results_root / "train", key=runs.run_key(config, test.training.key))
    if run is None:
        raise UserError(
            f"{config.results_root}: the training that just ended is not there; start the same command again"
        )
    path = runs.best_checkpoint(run)
    checkpoint = runs.load_checkpoint(path)
    world = predict(config, checkpoint, path, test.test)
    summary = read_json(run / runs.COMPLETE)
    return world, {
        "cpu_minutes": minutes, "parameters": sum(p.numel() for p in runs.restore_network(checkpoint, path).parameters()),
        "ms_per_image": round(_ms_per_image(config, checkpoint, path, test.test), 2),
        "training": {name: summary[name] for name in ("best_epoch", "best_score", "extractor_score", "epochs", "minutes")},
    }  # fmt: skip


def _train(config: Config, file: str, assignments: list[str]) -> float:
    """Train, or keep what stands; the CPU minutes that the training took, over all of its starts."""
    spent_path = config.results_root / "cpu_minutes.json"
    spent = float(read_json(spent_path)) if spent_path.exists() else 0.0
    before = _children_seconds()
    try:
        _run("train.py", "--reuse", *config_arguments(file, assignments), stdout=None)
    finally:
        spent += (_children_seconds() - before) / 60
        write_json(spent_path, round(spent, 2))
    return spent


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _ms_per_image(config: Config, checkpoint: dict[str, Any], path: Path, rows: Rows) -> float:
    """Of predicting from the cache, crops decoded, in batches: the second of two passes."""
    some = rows.take(np.flatnonzero(rows["found"])[:TIMED])
    for _ in range(2):
        started = time.perf_counter()
        predict(config, checkpoint, path, some)
    return 1e3 * (time.perf_counter() - started) / len(some)


def score(world: np.ndarray, test: Test) -> dict[str, Any]:
    """Every metric of the 24 joints and of the 12 limb joints; by joint, by kind of view, and the worst images."""
    reference = test.test["joints_world_mm"]
    errors = metrics.joint_errors(world, reference).mean(1)
    worst = np.argsort(-errors)[:WORST]
    found = test.test["found"].astype(bool)
    extractor = place_least_squares(test.test.take(found).columns)
    return {
        "images": len(world), "not_found": int((~found).sum()), "differing_in_bytes": test.differing,
        "overall": rounded(metrics.evaluate(world, reference)), "limbs": rounded(limb_scores(world, reference)),
        "exchanged_before": round(float(metrics.are_exchanged(extractor, reference[found]).mean()), 4),
        "exchanged": round(float(metrics.are_exchanged(world[found], reference[found]).mean()), 4),
        "per_joint": {name: rounded(values) for name, values in metrics.per_joint(world, reference).items()},
        "kinds": by_kind(world, reference, test.kinds) if test.kinds is not None else {},
        "worst": [
            {"image": str(test.test["file_name"][index]), **broken_down(world[[index]], reference[[index]])} for index in worst
        ],
    }  # fmt: skip


def rounded(values: dict[str, float]) -> dict[str, float]:
    """To four digits behind the point: what stands in git should not change in digits that nobody reads."""
    return {name: round(float(value), 4) for name, value in values.items()}


def limb_scores(world: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """World and root-relative error of hips, knees, ankles, shoulders, elbows and wrists, defined alike by all."""
    relative = metrics.joint_errors(metrics.relative(world), metrics.relative(reference))[:, LIMBS]
    return {
        "world_mpjpe": float(metrics.joint_errors(world, reference)[:, LIMBS].mean()),
        "root_relative_mpjpe": float(relative.mean()),
    }


def by_kind(world: np.ndarray, reference: np.ndarray, kinds: pd.DataFrame) -> dict[str, dict[str, dict[str, float]]]:
    """World, root and root-relative error of the images of each kind, and how many they are."""
    return {
        str(kind): {
            str(value): {"images": int(at.sum())} | broken_down(world[at], reference[at])
            for value in sorted(kinds[kind].unique())
            for at in [(kinds[kind] == value).to_numpy()]
        }
        for kind in kinds
    }


def broken_down(world: np.ndarray, reference: np.ndarray) -> dict[str, float]:
    """World, root and root-relative error of some images."""
    return rounded({name: metrics.METRICS[name](world, reference) for name in BROKEN_DOWN})


if __name__ == "__main__":
    run_script(main)
