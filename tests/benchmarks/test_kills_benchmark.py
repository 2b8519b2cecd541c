"""The harness of kills: what it compares, and that it finds a difference. Kills are in tests/scripts/test_kill.py."""

import json
from pathlib import Path

import pytest
import torch

from benchmarks.kills.digests import digests
from benchmarks.kills.stages import STAGES, Place
from modules.config.paths import PROJECT_ROOT


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
