"""test.py before anything is tested: which run it takes, and what it says of the others."""

import importlib.util
import logging
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from modules import cache, runs
from modules.config import PROJECT_ROOT, Config, parse_config
from modules.utils import log, write_json


@pytest.fixture
def script() -> ModuleType:
    """test.py as a module, under a name that is not the standard library's."""
    spec = importlib.util.spec_from_file_location("worldpose_test", PROJECT_ROOT / "test.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def said(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    monkeypatch.setattr(log, "propagate", True)
    caplog.set_level(logging.INFO, "worldpose")
    return caplog


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


def test_a_newer_run_of_another_config_is_named(
    script: ModuleType, said: pytest.LogCaptureFixture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "read_manifest", lambda folder: {"key": "cache"})
    config, other = config_of(tmp_path), config_of(tmp_path, model_type="pose")
    older = finish_run(other, "20260101000000")
    own = finish_run(config, "20260102000000")
    assert script.newest_run(config) == own and "another config" not in said.text
    assert script.newest_run(other) == older and f"a newer run of another config stands in {own}" in said.text
    said.clear()
    newer = finish_run(other, "20260103000000")
    assert script.newest_run(config) == own
    assert f"{newer}; name it with --run, or give test.py the same --set" in said.text
    said.clear()
    assert script.newest_run(config_of(tmp_path, num_epochs=7)) == newer and "another config" not in said.text
