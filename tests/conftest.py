"""Shared pieces of the tests: cameras, a small data set in the competition layout, the real demo."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: small nets, and threads that wait for a busy core spin

import numpy as np
import pytest

from model.skeleton import JOINT_NAMES
from modules.config.paths import PROJECT_ROOT
from modules.pose_utils import Camera
from modules.utils import log
from tests.forked_scripts import ForkedScripts

# A suite started in the background (`./run_tests.sh &`) is born deaf to Ctrl-C, and so would be what it starts.
signal.signal(signal.SIGINT, signal.default_int_handler)

# TensorFlow never runs beside torch: these are collected in a process of their own (tests/extractors/test_metrabs.py).
collect_ignore = [] if "GROUNDPOSE_STANDINS" in os.environ else ["extractors/in_tensorflow"]

RunScript = Callable[..., subprocess.CompletedProcess[str]]

# A file is one worker's. These take longest and begin first, so that no worker waits at the end for another's last file;
# the second needs no demo, which the first prepares.
LONGEST = (
    "benchmarks/test_kills_benchmark.py", "data/synthetic/test_generate.py", "scripts/test_end_to_end.py",
    "extractors/test_metrabs.py", "scripts/test_bad_input.py", "benchmarks/test_speed_benchmark.py",
    "benchmarks/test_fuzz.py", "test_console.py", "extractors/test_blazepose.py", "test_trainer.py",
    "scripts/test_stale.py", "scripts/test_test_script.py", "docs/test_extending.py",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Moves the tests of LONGEST to the front, in its order."""
    place = {Path(__file__).parent / name: number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get(item.path, len(LONGEST)))


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(7)


@pytest.fixture
def log_records(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[logging.LogRecord]]:
    """Yields the records of the project's log within the test, each once, whatever logging an earlier test has started."""
    records: list[logging.LogRecord] = []
    listener, level = logging.Handler(), log.level
    monkeypatch.setattr(listener, "emit", records.append)
    monkeypatch.setattr(log, "handlers", [listener])
    log.setLevel(logging.DEBUG)
    yield records
    log.setLevel(level)


def rotation(rng: np.random.Generator) -> np.ndarray:
    """A random rotation matrix."""
    q, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def looking_camera(rng: np.random.Generator, distortion: bool = False) -> Camera:
    """A camera 3-5 m from the world's origin, 1.5-2 m above a floor at z = 0, that looks at (0, 0, 900) mm."""
    yaw, distance = rng.uniform(0, 2 * np.pi), rng.uniform(3000, 5000)
    centre = np.array([distance * np.cos(yaw), distance * np.sin(yaw), rng.uniform(1500, 2000)])
    forward = np.array([0, 0, 900]) - centre
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0, 0, 1])
    right /= np.linalg.norm(right)
    R = np.stack([right, np.cross(forward, right), forward])
    coefficients = np.array([-0.05, 0.13, 6e-4, 7e-4, 0.0]) if distortion else None
    K = np.array([[1500.0, 0, 950], [0, 1490, 545], [0, 0, 1]])
    return Camera(K, R, -R @ centre, (1920, 1080), coefficients, np.array([0.0, 0, 1]), 0.0)


def standing_person(rng: np.random.Generator) -> np.ndarray:
    """24 joints of somebody about 1.7 m tall near the origin, world mm, z up, with some noise."""
    x = {"left": 1.0, "right": -1.0}
    height = {
        "pelvis": 950, "hip": 900, "spine1": 1050, "knee": 500, "spine2": 1180, "ankle": 90, "spine3": 1240, "foot": 30,
        "neck": 1430, "collar": 1380, "head": 1580, "shoulder": 1400, "elbow": 1130, "wrist": 890, "hand": 810,
    }  # fmt: skip
    width = {
        "hip": 90,
        "knee": 95,
        "ankle": 95,
        "foot": 100,
        "collar": 70,
        "shoulder": 180,
        "elbow": 230,
        "wrist": 240,
        "hand": 245,
    }
    joints = []
    for name in JOINT_NAMES:
        side, _, part = name.rpartition("_")
        forward = 120.0 if part == "foot" else 0.0
        joints.append([x.get(side, 0.0) * width.get(part, 0), forward, height[part]])
    return np.array(joints) + rng.normal(scale=25, size=(24, 3))


FAST = ("EXTRACT.weights=full", "EXTRACT.test_time_augmentation=false")  # faster; pip alone fetches these weights


@pytest.fixture(scope="session")
def scripts() -> Iterator[ForkedScripts]:
    """The processes from which those of scripts are forked."""
    made = ForkedScripts()
    yield made
    made.close()


@pytest.fixture(scope="session")
def run_script(scripts: ForkedScripts) -> RunScript:
    """Run one of the project's scripts in a process of its own (`ForkedScripts.run`); the result holds both streams."""

    def run(script: str, *arguments: str, check: bool = True, **limits: Any) -> subprocess.CompletedProcess[str]:
        result = scripts.run(script, *arguments, **limits)
        if check and result.returncode != 0:
            raise AssertionError(f"{script} ended with {result.returncode}:\n{result.stdout}\n{result.stderr}")
        return result

    return run


@pytest.fixture(scope="session")
def demo_root() -> Path:
    """The demo with test camera 4, prepared as ./run.sh does."""
    root = PROJECT_ROOT / "data" / "demo" / "test_camera_4"
    with open(PROJECT_ROOT / "data" / "demo" / "prepare.py", "rb") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)  # several test processes want the same folder
        subprocess.run([sys.executable, "-m", "data.demo.prepare"], cwd=PROJECT_ROOT, check=True)
    return root


@pytest.fixture(scope="session")
def small_root(demo_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few real images of the demo as a data set of their own: 12 to train, 3 to validate, 4 to test."""
    root = tmp_path_factory.mktemp("small")
    copy_frames(demo_root, root, "train", {"0", "18", "36", "54", "65"})
    copy_frames(demo_root, root, "test", {"75", "83", "91", "99"})
    names = [f"1_demo_{camera}_65.jpg" for camera in (1, 2, 3)]
    (root / "task04_train" / "validation.json").write_text(json.dumps(names))
    sample = [{"file_name": f"1_demo_4_{frame}.jpg", "3d_pos": [[0, 0, 0]] * 24} for frame in (99, 75, 91, 83)]
    (root / "sample_submission.json").write_text(json.dumps(sample))
    return root


def options(root: Path, results: Path, *extra: str) -> list[str]:
    """Arguments for a data root and a results folder of the test's own."""
    sample, output = root / "sample_submission.json", results / "pred_submission.json"
    assignments = [
        f"DATA.root={root}", f"RESULTS.root={results}", f"TEST.sample_submission={sample}", f"TEST.output={output}",
        "TRAIN.num_epochs=1", "TRAIN.view_steps=1", *FAST, *extra,
    ]  # fmt: skip
    return sets(assignments)


def sets(assignments: Iterable[str]) -> list[str]:
    """The arguments that set so many keys."""
    return [word for assignment in assignments for word in ("--set", assignment)]


REPORT = """import atexit, json, os, sys

def report():
    with open(os.path.join({folder!r}, f"{{os.getpid()}}.json"), "w") as file:
        json.dump([os.path.basename(sys.argv[0]), sorted(sys.modules)], file)

atexit.register(report)
"""


def reporting_imports(folder: Path) -> dict[str, str]:
    """Returns an environment in which every process of Python reports its imports at its end, into this folder."""
    (folder / "sitecustomize.py").write_text(REPORT.format(folder=str(folder)))
    return {**os.environ, "PYTHONPATH": str(folder)}


def imports_of(folder: Path, script: str) -> list[set[str]]:
    """Returns the reported imports of every process that ran a script."""
    reports = [json.loads(path.read_text()) for path in folder.glob("*.json")]
    return [set(modules) for name, modules in reports if name == script]


@dataclass(frozen=True)
class FirstStart:
    """All three stages, each started as a user does: their results, and the folder of their imports."""

    results: Path
    imports: Path

    @property
    def finished(self) -> tuple[Path, Path]:
        """The results folder and the run folder."""
        return self.results, next((self.results / "train").iterdir())


@pytest.fixture(scope="session")
def first_start(small_root: Path, tmp_path_factory: pytest.TempPathFactory) -> FirstStart:
    start = FirstStart(tmp_path_factory.mktemp("results"), tmp_path_factory.mktemp("imports"))
    for script in ("extract_train_info.py", "train.py", "test.py"):
        split = ("--split", "train") if script == "extract_train_info.py" else ()  # test.py extracts the others itself
        command = [sys.executable, str(PROJECT_ROOT / script), *split, *options(small_root, start.results)]
        environment = reporting_imports(start.imports)
        subprocess.run(command, cwd=start.results, env=environment, check=True)  # from any working folder
    return start


@pytest.fixture(scope="session")
def finished(small_root: Path, tmp_path_factory: pytest.TempPathFactory, run_script: RunScript) -> tuple[Path, Path]:
    """All three stages run once on the small data set, without new imports: (results folder, run folder)."""
    results = tmp_path_factory.mktemp("finished")
    for script in ("extract_train_info.py", "train.py", "test.py"):
        split = ("--split", "train") if script == "extract_train_info.py" else ()
        run_script(script, *split, *options(small_root, results))
    return results, next((results / "train").iterdir())


def copy_frames(source: Path, target: Path, split: str, sequences: set[str]) -> None:
    """Copy a split with only these sequence numbers."""
    for path in (source / f"task04_{split}").rglob("*"):
        wanted = path.is_file() and path.name != "validation.json"
        if wanted and (path.parent.name == "camera" or path.stem.split("_")[-1] in sequences):
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
