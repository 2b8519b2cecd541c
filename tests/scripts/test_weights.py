"""The real scripts: which weights predict, how that is said on the console, and that the advised commands work."""

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from modules.config.load import load_config
from modules.config.paths import PROJECT_ROOT
from modules.runs import folders
from tests.conftest import RunScript, options

pytestmark = pytest.mark.slow


def report_of(results: Path, run: str, root: Path) -> tuple[str, dict[str, Any], dict[str, Any]]:
    """Returns the first line of table.md, and the weights that tested.json and metrics.json name."""
    folder = results / "test" / f"{run}-{root.name}"
    named = [json.loads((folder / name).read_text())["weights"] for name in ("tested.json", "metrics.json")]
    return (folder / "table.md").read_text().splitlines()[0], named[0], named[1]


def test_every_report_names_the_weights(finished: tuple[Path, Path], small_root: Path, run_script: RunScript) -> None:
    results, run = finished
    first_line, tested, metrics = report_of(results, run.name, small_root)
    assert tested == metrics and Path(tested["path"]) == run / "best_01.pt"
    assert (tested["released"], tested["data_root"], tested["epoch"]) == (False, str(small_root), 1)
    assert tested["config"] == load_config(run / "train_config.yaml").model_dump(mode="json")
    assert first_line == f"Weights: {run / 'best_01.pt'}, trained on {small_root}, epoch 1"
    said = run_script("test.py", "--reuse", "--json", *options(small_root, results)).stdout.splitlines()
    assert json.loads(said[-1])["weights"] == tested and first_line in said


def test_results_of_other_weights_are_not_reused(
    finished: tuple[Path, Path], small_root: Path, tmp_path: Path, run_script: RunScript
) -> None:
    """A copied run has another path, so that its report would name a file that was not read."""
    results, run = finished
    shutil.copytree(results, tmp_path / "copy")
    arguments = options(small_root, tmp_path / "copy")
    assert "tested already" not in run_script("test.py", "--reuse", *arguments).stdout
    assert report_of(tmp_path / "copy", run.name, small_root)[1]["path"].startswith(str(tmp_path / "copy"))
    assert "tested already" in run_script("test.py", "--reuse", *arguments).stdout


def test_another_config_is_refused_and_both_advised_commands_work(
    finished: tuple[Path, Path], small_root: Path, tmp_path: Path, run_script: RunScript
) -> None:
    run = finished[1]
    shutil.copytree(finished[0] / "train", tmp_path / "train")
    arguments = options(small_root, tmp_path, "TRAIN.model_type=image+pose")
    refused = run_script("test.py", *arguments, check=False)
    (sentence,) = refused.stderr.splitlines()
    assert (
        refused.returncode == 2
        and not (tmp_path / "test").exists()
        and not (tmp_path / "pred_submission.json").exists()
    )
    assert f"error: {tmp_path / 'train' / run.name}: this training on {small_root} is not of this config" in sentence
    assert "(TRAIN.model_type is pose there, image+pose here)" in sentence
    train, test = (shlex.split(command)[1:] for command in re.findall("`([^`]+)`", sentence))
    small = "from benchmarks.kills.small_network import use_small_network; use_small_network()"
    for script, *advised in (test, train):
        run_script(script, *advised, setup=small)
    assert report_of(tmp_path, run.name, small_root)[1]["config"]["TRAIN"]["model_type"] == "pose"
    own = folders.newest_complete(tmp_path / "train")
    assert own is not None and own.name != run.name
    run_script("test.py", *arguments, setup=small)
    assert report_of(tmp_path, own.name, small_root)[1]["config"]["TRAIN"]["model_type"] == "image+pose"


def test_the_released_weights_say_so_at_the_start_and_at_the_end(
    finished: tuple[Path, Path], small_root: Path, tmp_path: Path, run_script: RunScript
) -> None:
    released, unlabelled = tmp_path / "posenet.safetensors", tmp_path / "unlabelled"
    run_script("pre_models/release.py", "--run", str(finished[1]), "--out", str(released))
    shutil.copytree(small_root, unlabelled, ignore=shutil.ignore_patterns("cache", "labels"))
    arguments = options(unlabelled, tmp_path / "out")

    def start(*more: str) -> list[str]:
        """Starts test.py with these released weights; returns its lines."""
        setup = f"import pathlib; from modules.runs import checkpoints; checkpoints.RELEASED = pathlib.Path({str(released)!r})"
        return run_script("test.py", *arguments, *more, setup=setup).stdout.splitlines()

    warning = (
        f"warning: nothing has been trained on {unlabelled} in {tmp_path / 'out' / 'train'}, so the released weights are "
        f"used: {released}"
    )
    lines = start()
    assert lines.count(warning) == 2 and lines[-1] == warning
    assert f"Weights: the released ones, {released}, trained on {small_root}, epoch 1" in lines
    assert start("--quiet") == [warning, warning]
    summary = json.loads(start("--quiet", "--run", "released", "--json")[0])  # no warning before it
    assert summary["weights"]["released"] and summary["weights"]["path"] == str(released) and summary["methods"] is None
    folder = Path(summary["folder"])
    assert json.loads((folder / "tested.json").read_text())["weights"] == summary["weights"]
    assert not (folder / "metrics.json").exists()


def test_submission_sh_follows_run_sh(
    finished: tuple[Path, Path], small_root: Path, tmp_path: Path, run_script: RunScript
) -> None:
    """It passes its arguments to test.py; another output does not change which run is used."""
    shutil.copytree(finished[0] / "train", tmp_path / "train")
    arguments = options(small_root, tmp_path)
    run_script("test.py", *arguments)
    command = [
        "bash",
        str(PROJECT_ROOT / "submission.sh"),
        *arguments,
        "--set",
        f"TEST.output={tmp_path / 'other.json'}",
    ]
    environment = {"PATH": "/usr/bin:/bin", "GROUNDPOSE_ENVIRONMENT": sys.prefix}
    subprocess.run(command, env=environment, check=True)
    assert (tmp_path / "other.json").read_bytes() == (tmp_path / "pred_submission.json").read_bytes()
    assert [folder.name for folder in (tmp_path / "test").iterdir()] == [f"{finished[1].name}-{small_root.name}"]
