"""Kills at random moments and broken disks of every stage, and what the harness of them compares and finds."""

import json
import random
import signal
from pathlib import Path
from time import monotonic, sleep

import pytest
import torch

from benchmarks.disks.__main__ import problem_of
from benchmarks.kills import __main__ as kills
from benchmarks.kills import fetching, stages
from benchmarks.kills.digests import digests
from benchmarks.kills.stages import STAGES, Place, Stage
from modules.cache.inputs import SETTLED_NS
from modules.config.paths import PROJECT_ROOT
from modules.files.atomic import read_json
from tests.forked_scripts import ForkedScripts

KILLS = 28  # with those of other tests about 260, a tenth of the benchmark's
FEWER_KILLS = {
    "preparation of the demo": 12, "preparation of a rig's recording": 12, "extraction by two workers": 5, "testing": 12,
    "predict.py on a video": 12,
}  # fmt: skip
# By tests/cache/test_cluster.py, and by the benchmark alone, since OpenVINO takes seconds to start.
NOT_HERE = {"extraction by Dask", "extraction by two workers with OpenVINO"}
KILLED = [stage for stage in STAGES if stage.name not in NOT_HERE]


def random_moments() -> random.Random:
    """Returns a generator with a random seed, which is printed where a test fails."""
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed of the moments: {seed}")
    return random.Random(seed)


def leave(folder: Path, run: str = "POSENET_20250101000000", seconds: float = 1.0, weight: float = 0.5) -> None:
    """Writes what a small training leaves."""
    made = folder / "train" / run
    made.mkdir(parents=True)
    content = {
        "model": {"w": torch.full((3, 2), weight)},
        "record": [{"epoch": 1, "seconds": seconds}],
        "step": torch.tensor(3),
    }
    torch.save(content, made / "best_01.pt")
    (made / "record.csv").write_text(f"epoch,seconds\n1,{seconds}\n")
    (made / "summary.json").write_text(json.dumps({"best": "best_01.pt", "minutes": seconds}))
    (made / "train_log.log").write_text(f"{seconds} s\n")


def test_times_logs_and_the_name_of_the_run_are_left_out(tmp_path: Path) -> None:
    leave(tmp_path / "a")
    leave(tmp_path / "b", "POSENET_20260101000000", seconds=2.0)
    (tmp_path / "b" / "train" / "POSENET_20250101000000").mkdir()  # killed before its first checkpoint
    (tmp_path / "b" / "train" / "POSENET_20250101000000" / "run.json").touch()
    a, b = digests(tmp_path / "a"), digests(tmp_path / "b")
    assert a == b and set(a) == {f"train/RUN/{name}" for name in ("best_01.pt", "record.csv", "summary.json")}


@pytest.mark.parametrize("kind", ["weight", "another file", "a byte"])
def test_any_other_difference_is_found(tmp_path: Path, kind: str) -> None:
    for name in ("a", "b"):
        leave(tmp_path / name, weight=0.25 if (kind, name) == ("weight", "b") else 0.5)
        (tmp_path / name / "answer.json").write_text("[1]" if (kind, name) == ("a byte", "b") else "[2]")
    if kind == "another file":
        (tmp_path / "b" / ".answer.tmp.json").touch()
    assert digests(tmp_path / "a") != digests(tmp_path / "b")


def test_every_stage_names_a_script_and_arguments(tmp_path: Path) -> None:
    place = Place(tmp_path / "inputs", tmp_path / "work")
    assert len({stage.name for stage in STAGES}) == len(STAGES)
    for stage in STAGES:
        assert (PROJECT_ROOT / stage.script).is_file() and all(isinstance(word, str) for word in stage.arguments(place))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of all stages, which share data sets, caches and trained weights."""
    return tmp_path_factory.mktemp("stages")


@pytest.fixture
def smaller(monkeypatch: pytest.MonkeyPatch, demo_root: Path, tmp_path: Path) -> None:
    """Fewer images than the benchmark's, and counts of the test's own."""
    monkeypatch.setattr(kills, "RESULT", tmp_path / "kills.json")
    sizes = {
        "TRAINED_FRAMES": {"0", "36"}, "TESTED_FRAMES": {"75", "91"}, "VIDEO_FRAMES": 4, "DEMO_FRAMES": 8,
        "RIG_FRAMES": range(0, 100, 14),
    }  # fmt: skip
    for name, size in sizes.items():
        monkeypatch.setattr(stages, name, size)
    monkeypatch.setitem(fetching.SIZES, fetching.LARGEST, 4_000_000)


# From the n-th sync on, the disk is full; or the n-th rename is lost with the power, before the next one.
BREAKS = {
    "full": "import errno, itertools, os; real, calls = os.fsync, itertools.count(1)\n"
    "def fsync(handle):\n"
    "    if next(calls) >= {number}: raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))\n"
    "    real(handle)\n"
    "os.fsync = fsync",
    "lost": "from benchmarks.kills.lost_rename import lose_rename; lose_rename({number}, {folder!r})",
}


def break_disk(killer: kills.Killer, how: str, number: int) -> bool:
    """Runs a stage on a disk that breaks; returns whether it ended by itself, as it should."""
    done = killer.start(setup=BREAKS[how].format(number=number, folder=str(killer.place.work)))
    assert (how, done.returncode) == ("lost", -signal.SIGKILL) or problem_of(done) is None, done.stderr
    return done.returncode == 0


@pytest.mark.slow
@pytest.mark.usefixtures("smaller")
@pytest.mark.parametrize("stage", KILLED, ids=lambda stage: stage.name)
def test_a_stage_that_is_killed_on_a_broken_disk_ends_with_the_same_files(
    stage: Stage, scripts: ForkedScripts, folder: Path
) -> None:
    """Few of the kills of `python -m benchmarks.kills` and of the breaks of `python -m benchmarks.disks`, in any order."""
    killer, moments = kills.Killer(stage, folder, scripts), random_moments()
    killer.begin()
    sleep(SETTLED_NS / 1e9)  # hashes of younger inputs are not remembered, so that the cache would differ
    begun = monotonic()
    killer.run()
    last, expected = monotonic() - begun, digests(killer.place.work)
    killer.begin()
    left = ["kill"] * FEWER_KILLS.get(stage.name, KILLS) + list(BREAKS)
    moments.shuffle(left)
    number, whole = dict.fromkeys(BREAKS, moments.randint(1, 4)), True
    while left:
        begun, what, before = monotonic(), left[-1], killer.kills
        if what == "kill":
            ended, done = killer.run(moments.uniform(0.02, last)), killer.kills > before
        else:
            ended = break_disk(killer, what, number[what])
            done = not ended
            assert done or number[what] > 1 or not whole, what  # the first of a whole run is always met
            number[what] = max(1, number[what] - ended)  # fewer were left
        whole = ended
        if ended:
            assert digests(killer.place.work) == expected, left
            killer.begin()
        if done:
            left.pop()
        elif what == "kill":  # faster than the first run, so later kills come before such an end
            last = min(last, 0.9 * (monotonic() - begun))
    killer.run()
    assert digests(killer.place.work) == expected


@pytest.mark.slow
@pytest.mark.usefixtures("smaller")
def test_kills_are_counted(scripts: ForkedScripts, folder: Path) -> None:
    counts = {"kills": 0, "rounds": 0, "rounds_identical": 0, "differing": []}
    stage = next(stage for stage in STAGES if stage.name == "fetching weights")
    kills.run_stage(kills.Killer(stage, folder, scripts), counts, 5, monotonic() + 600)
    assert counts["kills"] == 5 and counts["rounds_identical"] == counts["rounds"] and not counts["differing"]
    assert read_json(kills.RESULT)["stages"][stage.name]["kills"] == 5
