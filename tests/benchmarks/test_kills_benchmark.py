"""The harness of kills: what it compares, what it finds, and kills of stages that are not in tests/scripts/test_kill.py."""

import json
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
import torch

from benchmarks.kills import __main__ as kills
from benchmarks.kills.digests import digests
from benchmarks.kills.stages import STAGES, Place
from modules.config.paths import PROJECT_ROOT
from tests.forked_scripts import ForkedScripts


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
def scripts() -> Iterator[ForkedScripts]:
    made = ForkedScripts()
    yield made
    made.close()


@pytest.mark.slow
@pytest.mark.usefixtures("demo_root")
@pytest.mark.parametrize("name", ["fetching weights", "joint features"])
def test_a_killed_stage_ends_with_the_same_files(
    name: str, scripts: ForkedScripts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five kills; `python -m benchmarks.kills` makes 200 of every stage."""
    monkeypatch.setattr(kills, "RESULT", tmp_path / "kills.json")
    stage = next(stage for stage in STAGES if stage.name == name)
    counts = {"kills": 0, "rounds": 0, "rounds_identical": 0, "differing": []}
    kills.run_stage(kills.Killer(stage, tmp_path / "work", scripts), counts, 5, monotonic() + 120)
    assert counts["kills"] == 5 and counts["rounds_identical"] == counts["rounds"] and not counts["differing"]
    assert json.loads((tmp_path / "kills.json").read_text())["stages"][name]["kills"] == 5
