"""test.py before anything is tested: runs that cannot predict, the extraction it starts, and the paths it prints."""

import argparse
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from model.model import PoseNetSpec, make_posenet
from modules.cache.store import cache_folder, write_manifest
from modules.config.load import parse_config
from modules.config.paths import PROJECT_ROOT
from modules.config.schema import Config
from modules.config.sections import Extract, TestTimeAugmentation
from modules.evaluation import testing
from modules.files import layout, submission
from modules.files.atomic import write_json
from modules.runs import checkpoints, choice, folders
from modules.utils import UserError
from tests.builders import FACTS
from tests.conftest import sets


@pytest.fixture
def script() -> ModuleType:
    """Returns test.py as a module; `import test` would find the standard library's."""
    spec = importlib.util.spec_from_file_location("groundpose_test", PROJECT_ROOT / "test.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def config_of(tmp_path: Path, **train: Any) -> Config:
    (tmp_path / "task04_train").mkdir(exist_ok=True)
    tree = {"DATA": {"root": str(tmp_path), "validation": "person"}, "RESULTS": {"root": str(tmp_path)}, "TRAIN": train}
    return parse_config(tree, "test")


def finish_run(config: Config, stamp: str) -> Path:
    """Makes a run folder as a finished training of this config leaves it, but with an empty checkpoint."""
    run = config.results_root / "train" / f"POSENET_{stamp}"
    run.mkdir(parents=True)
    write_manifest(cache_folder(config, "train"), {"key": "cache", "parts": 1})
    write_json(run / folders.STARTED, {"key": folders.run_key(config, "cache"), **folders.origin(config)})
    write_json(run / folders.COMPLETE, {"best": "best_01.pt"})
    (run / "best_01.pt").touch()
    return run


@pytest.fixture
def started(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Returns a function that starts test.py on a data set without a cache; an extraction fails the test."""
    config = config_of(tmp_path)
    monkeypatch.setattr(submission, "requested_frames", lambda config: [])
    monkeypatch.setattr(layout, "list_frames", lambda root, split: [])
    monkeypatch.setattr(choice, "_warning_of_changes", lambda *_: "")  # of training images that are not there
    monkeypatch.setattr(script, "start_console", lambda arguments: None)
    monkeypatch.setattr(
        script, "extract_in_child", lambda arguments, joint_features: pytest.fail("the extraction was started")
    )
    monkeypatch.setattr(testing, "configured_fingerprint", lambda config: "installed")

    def start(*arguments: str) -> None:
        keys = (f"DATA.root={config.DATA.root}", f"RESULTS.root={config.RESULTS.root}", "DATA.validation=person")
        monkeypatch.setattr(sys, "argv", ["test.py", *sets(keys), *arguments])
        script.main()

    return start


def save_weights(
    run: Path,
    extractor: str = "blazepose",
    fingerprint: str = "installed",
    tta: TestTimeAugmentation = True,
    **model: Any,
) -> None:
    spec = PoseNetSpec(model_type="pose")
    config = Config(EXTRACT=Extract(extractor=extractor, test_time_augmentation=tta)).model_dump(mode="json")
    content = {
        "spec": spec.as_dict(),
        "config": config,
        "model": model or make_posenet(spec).state_dict(),
        "facts": FACTS,
    }
    checkpoints.save_checkpoint(run / "best_01.pt", {**content, "fingerprint": fingerprint, "key": "0"})


def test_a_run_that_cannot_predict_is_refused_before_the_extraction(
    started: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "RELEASED", tmp_path / "nowhere.safetensors")
    with pytest.raises(UserError, match="there is no training on"):
        started()
    monkeypatch.chdir(tmp_path)
    for name in ("nowhere", "unfinished"):
        (tmp_path / "unfinished").mkdir(exist_ok=True)
        with pytest.raises(UserError, match=f"^{tmp_path / name}: this is not a finished training"):  # absolute
            started("--run", name)
    run = finish_run(config_of(tmp_path), "20260101000000")
    for arguments in ([], ["--run", str(run)]):
        with pytest.raises(UserError, match="this checkpoint is damaged"):
            started(*arguments)
    for save, says in (
        (lambda: save_weights(run, extractor="metrabs"), "trained on another extractor's cache"),
        (lambda: save_weights(run, fingerprint="other weights"), "trained on another extractor's cache"),
        (lambda: save_weights(run, w=torch.rand(3)), "the weights do not fit"),
    ):
        save()
        with pytest.raises(UserError, match=says):
            started("--run", str(run))
    save_weights(run)
    with pytest.raises(pytest.fail.Exception, match="the extraction was started"):
        started("--run", str(run))


def test_the_paths_of_the_summary_are_absolute(
    script: ModuleType,
    started: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(script, "extract_in_child", lambda arguments, joint_features: None)
    monkeypatch.setattr(testing, "load_run", lambda run: testing.TrainedRun(run, run / "best_01.pt", {}))
    monkeypatch.setattr(testing, "with_run_extraction", lambda config, run: config)
    monkeypatch.setattr(testing, "check_run", lambda config, run: "none")
    monkeypatch.setattr(testing, "run_test", lambda config, run, *_: (tmp_path / run.place.name, ""))
    write_json(tmp_path / "POSENET_1" / testing.TESTED, {"weights": {"path": "best_01.pt"}})
    monkeypatch.chdir(tmp_path)
    started("--json", "--run", "POSENET_1", "--set", "TEST.output=answers.json")
    summary = json.loads(capsys.readouterr().out.splitlines()[-1])
    paths = {name: summary[name] for name in ("run", "folder", "output")}
    assert paths == {
        "run": str(tmp_path / "POSENET_1"), "folder": str(tmp_path / "POSENET_1"),
        "output": str(PROJECT_ROOT / "answers.json"),
    }  # fmt: skip


def test_the_extraction_follows_the_run(
    script: ModuleType, started: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test images are extracted with or without test-time augmentation, as the run's training images were.

    The adaptive augmentation and the full one may replace each other, and so may float32 and bfloat16.
    """

    def installed(config: Config) -> str:
        return f"installed, {config.EXTRACT.tta}" + ", bf16" * (config.EXTRACT.engine == "openvino-bf16")

    monkeypatch.setattr(testing, "configured_fingerprint", installed)
    calls: list[list[str]] = []
    monkeypatch.setattr(
        script, "extract_in_child", lambda arguments, joint_features: calls.append(arguments.assignments)
    )
    monkeypatch.setattr(testing, "run_test", lambda *_: (tmp_path, ""))
    write_json(tmp_path / testing.TESTED, {"weights": {}})
    run = finish_run(config_of(tmp_path), "20260101000000")
    for trained, configured, expected in (
        (True, "true", None),
        (True, "false", "EXTRACT.test_time_augmentation=true"),
        (False, "true", "EXTRACT.test_time_augmentation=false"),
        (False, "false", None),
        (True, "adaptive", None),
        ("adaptive", "true", None),
        ("adaptive", "false", "EXTRACT.test_time_augmentation=adaptive"),
        (False, "adaptive", "EXTRACT.test_time_augmentation=false"),
    ):
        assignment = f"EXTRACT.test_time_augmentation={configured}"
        for precision, engine in (("", "auto"), (", bf16", "auto"), ("", "openvino-bf16"), (", bf16", "openvino-bf16")):
            save_weights(run, fingerprint=f"installed, {trained}{precision}", tta=trained)
            started("--run", str(run), "--set", f"EXTRACT.engine={engine}", "--set", assignment)
            added = calls.pop()[-1]
            assert added == (expected or assignment)
    save_weights(run, fingerprint="other weights, True")
    with pytest.raises(UserError, match="trained on another extractor's cache"):
        started("--run", str(run), "--set", "EXTRACT.test_time_augmentation=adaptive")


def test_the_extraction_in_a_child_gets_the_runs_joint_features(
    script: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []

    def run(command: list[str], check: bool) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        return subprocess.CompletedProcess(command, 3)

    monkeypatch.setattr(script.subprocess, "run", run)
    arguments = argparse.Namespace(config="a.yml", assignments=["DATA.root=x"], quiet=True)
    with pytest.raises(SystemExit) as ended:
        script.extract_in_child(arguments, "full")
    assert ended.value.code == 3
    options = "--split test --joint-features full --config a.yml --set DATA.root=x --quiet"
    assert commands[0][2:] == options.split() and commands[0][1].endswith("extract_train_info.py")


def test_results_of_another_data_set_of_the_same_name_are_kept(tmp_path: Path) -> None:
    """Results are in a folder named by run and data set, such as results/test/posenet-mine."""
    mine, other, folder = tmp_path / "a" / "mine", tmp_path / "b" / "mine", tmp_path / "results"
    mine.mkdir(parents=True)
    other.mkdir(parents=True)
    config = parse_config({"DATA": {"root": str(mine)}}, "test")
    testing._keep_other_results(folder, config)
    for root in (mine, tmp_path / "moved away" / "mine"):
        write_json(folder / testing.TESTED, {"data_root": str(root)})
        testing._keep_other_results(folder, config)
    write_json(folder / testing.TESTED, {"data_root": str(other)})
    with pytest.raises(UserError, match=f"this folder holds the results of {other}, a data set of the same name"):
        testing._keep_other_results(folder, config)
