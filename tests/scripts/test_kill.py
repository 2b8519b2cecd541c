"""SIGKILL at random moments of every stage, then the same command again: the results equal those without a kill.

GROUNDPOSE_KILL_TIMES=50 repeats every test 50 times, each time at other moments.
"""

import csv
import hashlib
import os
import random
import shutil
import signal
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np
import pytest
import torch

from modules.cache.store import open_cache
from modules.config.load import load_config
from modules.config.paths import PROJECT_ROOT
from modules.files.layout import list_frames
from modules.runs import checkpoints, folders
from tests.conftest import FAST, RunScript, sets

pytestmark = pytest.mark.slow

# Each stage with what it leaves in the results folder. test.py extracts the test images in a child process.
STAGES = (
    ("extract_train_info.py", ["--split", "train"], ("cache",)),
    ("train.py", ["--reuse"], ("train",)),
    ("test.py", ["--reuse"], ("test", "pred_submission.json")),
)
# Small networks, a checkpoint after every second step, and a fifth of the demo's frames.
SMALL = "from benchmarks.kills.small_network import use_small_network; use_small_network()"
SETUP = {
    "train.py": f"{SMALL}; import modules.trainer; modules.trainer.CHECKPOINT_STEPS = 1",
    "test.py": SMALL,
    "data/demo/prepare.py": "from benchmarks.kills.short_demo import use_short_demo; use_short_demo()",
}
KILLS = 5  # of each of the four stages: 20 moments
MOST_TRIES = 25
RunStage = Callable[..., bool]
TIMES = range(int(os.environ.get("GROUNDPOSE_KILL_TIMES", "1")))


def arguments(root: Path, results: Path) -> list[str]:
    assignments = [
        f"DATA.root={root}", f"DATA.cache={results / 'cache'}", f"RESULTS.root={results}", *FAST,
        f"TEST.sample_submission={root / 'sample_submission.json'}", f"TEST.output={results / 'pred_submission.json'}",
        "TRAIN.num_epochs=3", "TRAIN.batch_size=4", "TRAIN.view_steps=18",
        "TRAIN.joint_features=full", "TRAIN.real_view_share=0.5",
    ]  # fmt: skip
    return sets(assignments)


@pytest.fixture(scope="module")
def run_stage(run_script: RunScript) -> RunStage:
    """Runs a stage, kills it and its children after so many seconds, and returns whether it ended by itself."""

    def run(script: str, options: list[str], kill_after: float | None = None) -> bool:
        ended = run_script(script, *options, check=False, setup=SETUP.get(script, ""), kill_after=kill_after)
        assert ended.returncode in (0, -signal.SIGKILL), ended.stderr
        return ended.returncode == 0

    return run


def result_of(root: Path, results: Path) -> dict[str, Any]:
    """Returns everything that must not depend on kills."""
    options = arguments(root, results)
    config = load_config(PROJECT_ROOT / "config/train_config.yml", options[1::2])
    rows, _ = open_cache(config, "train", list_frames(root, "train"))
    run = folders.newest_complete(results / "train")
    assert run is not None
    with open(run / "record.csv", encoding="utf-8") as handle:
        record = [{k: v for k, v in row.items() if "second" not in k} for row in csv.DictReader(handle)]
    files = sorted(
        str(path.relative_to(results)).replace(run.name, "RUN") for path in results.rglob("*")
        if path.is_file() and not path.is_relative_to(results / "train")  # of its unfinished runs some may remain
    )  # fmt: skip
    assert not list(run.glob(".*"))  # nor a temporary file
    return {
        "rows": dict(rows.columns), "crops": [rows.read_crop(i) for i in range(len(rows))], "record": record,
        "weights": [checkpoints.load_checkpoint(path)["model"] for path in (run / folders.LAST, folders.best_checkpoint(run))],
        "submission": (results / "pred_submission.json").read_bytes(), "files": files,
    }  # fmt: skip


def assert_same(a: dict[str, Any], b: dict[str, Any]) -> None:
    for name, values in a["rows"].items():
        np.testing.assert_array_equal(values, b["rows"][name], err_msg=name)
    np.testing.assert_array_equal(a["crops"], b["crops"])
    assert a["record"] == b["record"] and len(a["record"]) == 3
    for one, other in zip(a["weights"], b["weights"], strict=True):
        assert one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)
    assert a["submission"] == b["submission"]
    assert a["files"] == b["files"]  # no temporary file is left behind


def random_moments() -> random.Random:
    """Returns a generator with a random seed, which is printed where a test fails."""
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed of the moments: {seed}")
    return random.Random(seed)


def demo_files(folder: Path) -> dict[str, Any]:
    """Returns the hash of every file that preparing the demo writes."""
    files: dict[str, Any] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_file() and path.suffix != ".py" and "cache" not in name.parts and "__pycache__" not in name.parts:
            files[str(name)] = hashlib.sha256(path.read_bytes()).hexdigest()
    return files


def kill_often(run: Callable[[float], bool], moments: random.Random, last: float, redo: Callable[[], None]) -> None:
    """Runs a stage until it was killed KILLS times, each within `last` seconds; `redo` undoes one that ended before.

    A stage that ended before its kill may have run faster than `last` says, so the later kills come before that end.
    """
    kills = 0
    for _ in range(MOST_TRIES):
        begun = monotonic()
        if run(moments.uniform(0.05, last)):
            last = min(last, 0.9 * (monotonic() - begun))
            redo()
        else:
            kills += 1
        if kills == KILLS:
            return
    raise AssertionError(f"it ended {MOST_TRIES - kills} times before it could be killed")


@pytest.mark.parametrize("time", TIMES)
def test_killed_preparation_ends_with_the_same_files(
    demo_root: Path, tmp_path: Path, run_stage: RunStage, time: int
) -> None:
    """Fetching, decoding, detecting, refining and writing. The undisturbed one takes its source from the demo's folder."""
    moments, whole, killed = random_moments(), tmp_path / "whole", tmp_path / "killed"
    shutil.copytree(demo_root.parent / "source", whole / "source", copy_function=os.link)

    def redo() -> None:
        made = [folder for folder in (killed / demo_root.name, killed / "frames") if folder.exists()]
        shutil.rmtree(moments.choice(made))

    begun = monotonic()
    assert run_stage("data/demo/prepare.py", ["--out", str(whole)])
    prepare = partial(run_stage, "data/demo/prepare.py", ["--out", str(killed)])
    kill_often(prepare, moments, monotonic() - begun, redo)
    assert prepare()
    assert demo_files(killed) == demo_files(whole) and len(demo_files(whole)) > 4 * 10


@dataclass(frozen=True)
class Undisturbed:
    """A data set, the results of its three stages, and the seconds of each."""

    root: Path
    result: dict[str, Any]
    seconds: dict[str, float]


@pytest.fixture(scope="module")
def undisturbed(small_root: Path, tmp_path_factory: pytest.TempPathFactory, run_stage: RunStage) -> Undisturbed:
    folder = tmp_path_factory.mktemp("undisturbed")
    root, whole = folder / "set", folder / "whole"
    shutil.copytree(small_root, root, ignore=shutil.ignore_patterns("cache"))
    seconds = {}
    for script, extra, _ in STAGES:
        begun = monotonic()
        assert run_stage(script, [*extra, *arguments(root, whole)])
        seconds[script] = monotonic() - begun
    return Undisturbed(root, result_of(root, whole), seconds)


@pytest.mark.parametrize("time", TIMES)
def test_killed_stages_end_with_the_same_results(
    undisturbed: Undisturbed, tmp_path: Path, run_stage: RunStage, time: int
) -> None:
    moments = random_moments()
    for script, extra, made in STAGES:

        def redo(made: tuple[str, ...] = made) -> None:
            for name in made:
                path = tmp_path / name
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

        stage = partial(run_stage, script, [*extra, *arguments(undisturbed.root, tmp_path)])
        kill_often(stage, moments, undisturbed.seconds[script], redo)
        assert stage()
    assert_same(undisturbed.result, result_of(undisturbed.root, tmp_path))


# From the n-th sync on, the disk is full; or the n-th rename is lost with the power, before the next one.
BREAKS = {
    "full": "import errno, itertools, os; real, calls = os.fsync, itertools.count(1)\n"
    "def fsync(handle):\n"
    "    if next(calls) >= {number}: raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))\n"
    "    real(handle)\n"
    "os.fsync = fsync",
    "lost": "from benchmarks.kills.lost_rename import lose_rename; lose_rename({number}, {folder!r})",
}


def test_what_a_broken_disk_left_is_repaired_by_the_same_command(
    undisturbed: Undisturbed, tmp_path: Path, run_script: RunScript, run_stage: RunStage
) -> None:
    """Every write and every rename: python -m benchmarks.disks."""
    moments, broken = random_moments(), 0
    for script, extra, _ in STAGES:
        command = [*extra, *arguments(undisturbed.root, tmp_path)]
        for how, lines in BREAKS.items():
            setup = lines.format(number=moments.randint(1, 3), folder=str(tmp_path))
            ended = run_script(script, *command, check=False, setup=f"{SETUP.get(script, '')}\n{setup}")
            assert ended.returncode in (0, 2 if how == "full" else -signal.SIGKILL), ended.stderr
            assert "Traceback" not in ended.stderr and ended.stderr.count("error: ") == (ended.returncode == 2)
            broken += ended.returncode != 0
        assert run_stage(script, command)
    assert broken >= 3  # of six
    assert_same(undisturbed.result, result_of(undisturbed.root, tmp_path))
