"""Which weights answer a test, and what is said where it is not the training that the config asks for."""

import logging
import re
import shlex
from pathlib import Path

import pytest
import torch

from model.model import PoseNetSpec, make_posenet
from modules.config.load import parse_config
from modules.config.schema import Config
from modules.runs import checkpoints, choice, folders
from modules.runs.choice import choose_run, describe_weights, named_run, weights_line
from modules.runs.released import write_released
from modules.utils import UserError
from tests.runs.finished import config_of, finish_run


@pytest.fixture(autouse=True)
def cached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Every data set has a complete cache, and there are no released weights."""
    monkeypatch.setattr(choice, "read_manifest", lambda folder: {"key": "cache"})
    for module in (checkpoints, choice):
        monkeypatch.setattr(module, "RELEASED", tmp_path / "nowhere.safetensors")


@pytest.fixture
def released(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Released weights for the default extractor."""
    path, spec = tmp_path / "posenet.safetensors", PoseNetSpec(model_type="pose")
    content = {
        "version": folders.CHECKPOINT_VERSION, "spec": spec.as_dict(), "config": Config().model_dump(mode="json"),
        "facts": {}, "key": "", "fingerprint": "", "model": make_posenet(spec).state_dict(),
    }  # fmt: skip
    write_released(path, content, epoch=7, score=90.0)
    for module in (checkpoints, choice):
        monkeypatch.setattr(module, "RELEASED", path)
    return path


def refused(config: Config, *options: str) -> str:
    with pytest.raises(UserError) as caught:
        choose_run(config, options)
    return str(caught.value)


def test_the_newest_run_of_the_config_answers(tmp_path: Path, released: Path) -> None:
    config, other = config_of(tmp_path), config_of(tmp_path, model_type="pose")
    finish_run(config, "20260101000000")
    newest = finish_run(config, "20260102000000")
    finish_run(other, "20260103000000")
    assert choose_run(config) == newest


def test_another_config_is_an_error_that_names_the_run_the_difference_and_two_commands(
    tmp_path: Path, released: Path
) -> None:
    run = finish_run(config_of(tmp_path, num_epochs=5), "20260101000000")
    options = ["--config", "config/my own.yml"]
    message = refused(config_of(tmp_path), *options)
    assert message.startswith(f"{run}: this run stands there, but it is not the training that the config asks for")
    assert "(TRAIN.num_epochs is 5 there and 20 here)" in message
    train, test = re.findall(r"`(.*?)`", message)
    assert shlex.split(train) == ["python", "train.py", "--reuse", *options]
    assert shlex.split(test) == ["python", "test.py", *options, "--run", str(run)]


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        ("images", "(the training images, cameras, labels or validation list have changed since)"),
        ("cache", "(there is no complete cache of the training images)"),
        ("extractor", "(EXTRACT.weights is heavy there and full here)"),
        ("unfinished", "(it was interrupted)"),
    ],
)
def test_the_difference_is_named(
    tmp_path: Path, released: Path, monkeypatch: pytest.MonkeyPatch, spoil: str, says: str
) -> None:
    config = config_of(tmp_path)
    run = finish_run(config, "20260101000000")
    if spoil == "images":
        monkeypatch.setattr(choice, "read_manifest", lambda folder: {"key": "another"})
    elif spoil == "cache":
        monkeypatch.setattr(choice, "read_manifest", lambda folder: None)
    elif spoil == "extractor":
        monkeypatch.setattr(choice, "read_manifest", lambda folder: {"key": "of the other weights"})
        config = parse_config({**config.model_dump(mode="json"), "EXTRACT": {"weights": "full"}}, "test")
    else:
        (run / folders.COMPLETE).unlink()
        (run / folders.LAST).touch()
    message = refused(config)
    assert says in message and str(run) in message
    assert len(re.findall(r"`python", message)) == (1 if spoil == "unfinished" else 2)


def test_the_released_weights_answer_where_nothing_was_trained_and_say_so(
    tmp_path: Path, released: Path, log_records: list[logging.LogRecord]
) -> None:
    config = config_of(tmp_path)
    assert choose_run(config) == released
    (record,) = log_records
    assert record.levelno == logging.WARNING and "nothing has been trained on" in record.getMessage()
    finish_run(config_of(tmp_path / ".." / tmp_path.name, num_epochs=2), "20260101000000")  # the same folder
    refused(config)


def test_a_data_set_is_the_same_by_another_path(tmp_path: Path, released: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "link").symlink_to(data)
    results = {"root": str(tmp_path)}
    config = config_of(data)
    config = config.model_copy(update={"RESULTS": config.RESULTS.model_copy(update=results)})
    run = finish_run(config, "20260101000000")
    for root in (f"{data}/", f"{data}/../data", str(tmp_path / "link")):
        same = config.model_copy(update={"DATA": config.DATA.model_copy(update={"root": root})})
        assert choose_run(same) == run


def test_without_training_and_released_weights_the_message_says_what_to_run(tmp_path: Path) -> None:
    assert "nothing has been trained on" in refused(config_of(tmp_path))
    assert "run python train.py first" in refused(config_of(tmp_path))


def test_released_names_the_released_weights(released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert named_run("released") == released
    monkeypatch.chdir(tmp_path)
    assert named_run("results/train/POSENET_1") == tmp_path / "results/train/POSENET_1"


def test_weights_are_described_by_file_and_training(released: Path) -> None:
    described = describe_weights(released, checkpoints.load_checkpoint(released))
    assert described == {
        "file": str(released), "released": True, "trained_on": [Config().DATA.root], "epoch": 7, "validation_score": 90.0,
    }  # fmt: skip
    assert weights_line(described).startswith(f"answered by {released} (the released weights; trained on data/demo")
    own = {**described, "released": False, "epoch": torch.tensor(3).item()}
    assert "your training" in weights_line(own) and "epoch 3" in weights_line(own)
