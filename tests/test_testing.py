"""test.py before anything is tested: which run it takes, and what it says of the others."""

import importlib.util
import json
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from model.model import PoseNet, PoseNetSpec
from modules import cache, evaluation, runs
from modules.config import PROJECT_ROOT, Config, Extract, parse_config
from modules.released import write_released
from modules.utils import UserError, write_json


@pytest.fixture
def script() -> ModuleType:
    """test.py as a module, under a name that is not the standard library's."""
    spec = importlib.util.spec_from_file_location("worldpose_test", PROJECT_ROOT / "test.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def config_of(tmp_path: Path, **train: Any) -> Config:
    (tmp_path / "task04_train").mkdir(exist_ok=True)
    tree = {"DATA": {"root": str(tmp_path), "validation": "person"}, "RESULTS": {"root": str(tmp_path)}, "TRAIN": train}
    return parse_config(tree, "test")


def finish_run(config: Config, stamp: str) -> Path:
    """A run folder as a finished training of this config leaves it, its weights left out."""
    run = config.results_root / "train" / f"POSENET_{stamp}"
    run.mkdir(parents=True)
    write_json(run / runs.STARTED, {"key": runs.run_key(config, "cache"), **runs.origin(config)})
    write_json(run / runs.COMPLETE, {"best": "best_01.pt"})
    (run / "best_01.pt").touch()
    return run


def hints(said: list[logging.LogRecord]) -> list[str]:
    """What was said since the last look, but for which run is tested."""
    told = [record.getMessage() for record in said]
    said.clear()
    return [text for text in told if not text.startswith("testing ")]


def test_a_newer_run_of_another_config_is_named(
    script: ModuleType, said: list[logging.LogRecord], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "read_manifest", lambda folder: {"key": "cache"})
    config, other = config_of(tmp_path), config_of(tmp_path, model_type="pose")
    older = finish_run(other, "20260101000000")
    own = finish_run(config, "20260102000000")
    assert script.newest_run(config) == own and hints(said) == []
    advice = "name it with --run, or give test.py the same --set"
    assert script.newest_run(other) == older
    assert hints(said) == [f"a newer run of another config stands in {own}; {advice}"]
    newer = finish_run(other, "20260103000000")
    assert script.newest_run(config) == own
    assert hints(said) == [f"a newer run of another config stands in {newer}; {advice}"]
    assert script.newest_run(config_of(tmp_path, num_epochs=7)) == newer and hints(said) == []


@pytest.fixture
def started(script: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Start test.py on a data set of which nothing is extracted; the extraction would fail the test."""
    config = config_of(tmp_path)
    monkeypatch.setattr(script, "asked_frames", lambda config: [])
    monkeypatch.setattr(script, "start_console", lambda arguments: None)
    monkeypatch.setattr(script, "extract_in_child", lambda arguments, looks: pytest.fail("the extraction was started"))
    monkeypatch.setattr(evaluation, "configured_fingerprint", lambda config: "installed")

    def start(*arguments: str) -> None:
        roots = ["--set", f"DATA.root={config.DATA.root}", "--set", f"RESULTS.root={config.RESULTS.root}"]
        monkeypatch.setattr(sys, "argv", ["test.py", *roots, *arguments])
        script.main()

    return start


def save_weights(run: Path, extractor: str = "blazepose", fingerprint: str = "installed", **model: Any) -> None:
    spec = PoseNetSpec(model_type="pose")
    config = Config(EXTRACT=Extract(extractor=extractor)).model_dump(mode="json")
    content = {"spec": spec.as_dict(), "config": config, "model": model or PoseNet(spec).state_dict()}
    runs.save_checkpoint(run / "best_01.pt", {**content, "fingerprint": fingerprint})


def test_a_run_that_cannot_answer_is_told_before_the_extraction(
    started: Callable[..., None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "RELEASED", tmp_path / "nowhere.safetensors")
    with pytest.raises(UserError, match="there is no finished training"):
        started()
    monkeypatch.chdir(tmp_path)
    for name in ("nowhere", "unfinished"):
        (tmp_path / "unfinished").mkdir(exist_ok=True)
        with pytest.raises(UserError, match=f"^{tmp_path / name}: this is no finished training"):  # absolute
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


def test_before_any_training_the_released_weights_answer(
    script: ModuleType, said: list[logging.LogRecord], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = tmp_path / "posenet.safetensors"
    monkeypatch.setattr(runs, "RELEASED", released)
    spec, config = PoseNetSpec(model_type="pose"), config_of(tmp_path)
    content = {"version": runs.CHECKPOINT_VERSION, "spec": spec.as_dict(), "config": config.model_dump(mode="json")}
    write_released(
        released, {**content, "facts": {}, "key": "", "fingerprint": "", "model": PoseNet(spec).state_dict()}
    )
    monkeypatch.setattr(cache, "read_manifest", lambda folder: {"key": "cache"})
    assert script.newest_run(config) == released
    assert "no training on" in hints(said)[0]
    own = finish_run(config, "20260101000000")
    assert script.newest_run(config) == own


def test_the_paths_of_the_summary_are_absolute(
    script: ModuleType,
    started: Callable[..., None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(script, "extract_in_child", lambda arguments, looks: None)
    monkeypatch.setattr(evaluation, "crops_of", lambda run: "one")
    monkeypatch.setattr(evaluation, "check_run", lambda config, run: "none")
    monkeypatch.setattr(evaluation, "run_test", lambda config, run, reuse: (tmp_path / run.name, ""))
    monkeypatch.chdir(tmp_path)
    started("--json", "--run", "POSENET_1", "--set", "TEST.output=answers.json")
    told = json.loads(capsys.readouterr().out.splitlines()[-1])
    paths = {name: told[name] for name in ("run", "folder", "output")}
    assert paths == {
        "run": str(tmp_path / "POSENET_1"), "folder": str(tmp_path / "POSENET_1"),
        "output": str(PROJECT_ROOT / "answers.json"),
    }  # fmt: skip
