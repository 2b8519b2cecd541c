"""Which weights are used: the run of the config, or before any training the released ones; otherwise an error."""

import logging
import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from model.model import PoseNetSpec, make_posenet
from modules.cache.inputs import inputs_digest
from modules.cache.store import cache_folder, write_manifest
from modules.config.load import dump_config, parse_config
from modules.config.schema import Config
from modules.files.atomic import write_json, write_text
from modules.files.layout import list_frames
from modules.runs import checkpoints, folders
from modules.runs.choice import choose_run
from modules.runs.released import write_released
from modules.utils import UserError
from tests.builders import FACTS

OPTIONS = ["--config", "my config.yml"]


@pytest.fixture(autouse=True)
def released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Released weights of BlazePose heavy in place of the project's, and the command line of `python test.py`."""
    path, spec = tmp_path / "weights" / "posenet.safetensors", PoseNetSpec(model_type="pose")
    content = {
        "version": folders.CHECKPOINT_VERSION, "spec": spec.as_dict(), "config": Config().model_dump(mode="json"),
        "facts": FACTS, "key": "", "fingerprint": "", "model": make_posenet(spec).state_dict(),
    }  # fmt: skip
    write_released(path, content)
    monkeypatch.setattr(checkpoints, "RELEASED", path)
    monkeypatch.setattr(sys, "argv", ["test.py", *OPTIONS])
    return path


def config_of(root: Path, **sections: dict[str, Any]) -> Config:
    """Returns a config on the data set `root`/mine, with its results in `root`."""
    data = {"root": str(root / "mine"), "validation": "person", **sections.pop("DATA", {})}
    return parse_config({"DATA": data, "RESULTS": {"root": str(root)}, **sections}, "test")


def extracted(config: Config, key: str = "cache") -> Config:
    """Writes the manifest of a complete cache of the training images; returns the config."""
    write_manifest(cache_folder(config, "train"), {"key": key, "parts": 1})
    return config


def trained(config: Config, stamp: str, finished: bool = True, key: str = "cache") -> Path:
    """Makes a run folder as train.py leaves it, but with an empty checkpoint."""
    run = config.results_root / "train" / f"POSENET_{stamp}"
    write_text(run / "train_config.yaml", dump_config(config))
    write_json(run / folders.STARTED, {"key": folders.run_key(config, key), **folders.origin(config)})
    if finished:
        write_json(run / folders.COMPLETE, {"best": "best_01.pt"})
        (run / "best_01.pt").touch()
    return run


def refusal(config: Config) -> tuple[str, list[list[str]]]:
    """Returns the one sentence with which a config is refused, and the words of the commands in it."""
    with pytest.raises(UserError) as refused:
        choose_run(config, None, OPTIONS)
    message = str(refused.value)
    assert "\n" not in message
    return message, [shlex.split(command) for command in re.findall("`([^`]+)`", message)]


def test_the_run_of_the_config_is_used(tmp_path: Path, log_records: list[logging.LogRecord]) -> None:
    config, other = extracted(config_of(tmp_path)), config_of(tmp_path, TRAIN={"model_type": "image+pose"})
    trained(config, "20260101000000")
    own = trained(config, "20260102000000")
    trained(config, "20260103000000", finished=False)
    assert choose_run(config, None, OPTIONS) == (own, "") and log_records == []
    newer = trained(other, "20260104000000")
    assert choose_run(config, None, OPTIONS) == (own, "")
    assert [record.getMessage() for record in log_records] == [
        f"{newer} is newer, but of another config; name it with --run, or give test.py its --set"
    ]
    assert choose_run(other, None, OPTIONS) == (newer, "")


def test_training_data_that_have_changed_since_are_warned_of(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    image = config.data_root / "task04_train" / "images" / "1_F_1" / "1_F_1_1.jpg"
    label = config.data_root / "task04_train" / "labels" / "1_F" / "3D_1_F_1.json"
    write_text(image, "image")
    write_text(label, "one")
    frames = list_frames(config.data_root, "train")
    write_manifest(cache_folder(config, "train"), {"key": "cache", "parts": 1, "inputs": inputs_digest(frames)})
    run = trained(config, "20260101000000")
    assert choose_run(config, None, OPTIONS) == (run, "")
    write_text(label, "two")
    chosen, warning = choose_run(config, None, OPTIONS)
    assert chosen == run and warning.startswith(f"warning: {run}: training images, cameras or labels have changed")
    assert choose_run(config, run, OPTIONS) == (run, "")
    image.unlink()
    assert choose_run(config, None, OPTIONS) == (run, "")


@pytest.mark.parametrize(
    "changed",
    [
        {"TEST": {"output": "a.json", "sample_submission": "b.json"}},
        {"PERFORMANCE_RECORD": {"column_list": ["epoch"]}},
        {"DATALOADER": {"num_workers": 2}},
        {"TRAIN": {"accelerator": "cpu"}},
        {"EXTRACT": {"batch_size": 3}},
    ],
)
def test_what_does_not_determine_a_training_does_not_hide_its_run(
    tmp_path: Path, changed: dict[str, dict[str, Any]]
) -> None:
    own = trained(extracted(config_of(tmp_path)), "20260101000000")
    assert choose_run(config_of(tmp_path, **changed), None, OPTIONS) == (own, "")


@pytest.mark.parametrize("spelt", ["mine/", "other/../mine", "link", "link/"])
def test_a_data_root_is_the_same_however_it_is_spelt(tmp_path: Path, spelt: str) -> None:
    own = trained(extracted(config_of(tmp_path)), "20260101000000")
    (tmp_path / "link").symlink_to("mine", target_is_directory=True)
    (tmp_path / "other").mkdir()
    same = {"root": f"{tmp_path}/{spelt}"}
    assert choose_run(config_of(tmp_path, DATA=same), None, OPTIONS) == (own, "")
    message, _ = refusal(config_of(tmp_path, DATA=same, TRAIN={"num_epochs": 3}))
    assert "(TRAIN.num_epochs is 20 there, 3 here)" in message


def test_a_run_of_another_config_is_not_used(tmp_path: Path) -> None:
    config = extracted(
        config_of(tmp_path, TRAIN={"num_epochs": 3, "model_type": "image+pose", "weight_decay": 0.0, "root": "learned"})
    )
    there = config_of(tmp_path)
    trained(there, "20260101000000")
    newest = trained(there, "20260102000000")
    trained(there, "20260103000000", finished=False)  # cannot predict
    message, commands = refusal(config)
    assert message.startswith(f"{newest}: this training on {config.DATA.root} is not of this config (TRAIN.")
    assert message.count(" there, ") == 3 and "; and 1 more)" in message
    assert commands == [["python", "train.py", *OPTIONS], ["python", "test.py", *OPTIONS, "--run", str(newest)]]


def test_a_run_on_other_training_images_is_not_used(tmp_path: Path) -> None:
    config = extracted(config_of(tmp_path), key="of other images")
    run = trained(config, "20260101000000", key="of the old images")
    message, commands = refusal(config)
    assert (
        message.startswith(f"{run}: ")
        and "the training images, the extractor's weights or a validation list" in message
    )
    assert [command[1] for command in commands] == ["train.py", "test.py"]


def test_without_a_cache_the_extraction_is_advised(tmp_path: Path) -> None:
    config = config_of(tmp_path)
    run = trained(config, "20260101000000")
    message, commands = refusal(config)
    assert message.startswith(f"{run}: whether this training is of this config is unknown")
    assert commands == [
        ["python", "extract_train_info.py", "--split", "train", *OPTIONS],
        ["python", "test.py", *OPTIONS, "--run", str(run)],
    ]
    assert choose_run(extracted(config), None, OPTIONS) == (run, "")
    message, commands = refusal(config_of(tmp_path, DATA={"cache": str(tmp_path / "c")}, TRAIN={"num_epochs": 3}))
    assert "(TRAIN.num_epochs is 20 there, 3 here)" in message and commands[0][1] == "train.py"


def test_an_unfinished_run_of_the_config_is_named(tmp_path: Path) -> None:
    config = extracted(config_of(tmp_path))
    cut = trained(config, "20260102000000", finished=False)
    message, commands = refusal(config)
    assert message.startswith(f"{cut}: the training of this config has not finished")
    assert commands == [
        ["python", "train.py", "--reuse", *OPTIONS], ["python", "test.py", *OPTIONS, "--run", "released"],
    ]  # fmt: skip
    other = trained(config_of(tmp_path, TRAIN={"num_epochs": 3}), "20260101000000")
    assert refusal(config)[1][1] == ["python", "test.py", *OPTIONS, "--run", str(other)]


def test_a_run_of_another_extractor_is_named_with_the_options_of_its_extraction(tmp_path: Path) -> None:
    config = extracted(config_of(tmp_path))
    metrabs = config_of(
        tmp_path, EXTRACT={"extractor": "metrabs", "weights": "metrabs_s"},
        METRABS={"num_aug": 1, "region": [0.0, 0.0, 0.5, 1.0]},
    )  # fmt: skip
    run = trained(metrabs, "20260102000000", key="of MeTRAbs")
    message, (train, test) = refusal(config)
    assert message.startswith(f"{run}: ") and "EXTRACT.extractor is metrabs there, blazepose here" in message
    assert train == ["python", "train.py", *OPTIONS] and test[-2:] == ["--run", str(run)]
    assignments = dict(part.split("=", 1) for part in test if "=" in part)
    assert assignments == {
        "EXTRACT.extractor": "metrabs", "EXTRACT.weights": "metrabs_s", "METRABS.num_aug": "1",
        "METRABS.region": "[0.0, 0.0, 0.5, 1.0]",
    }  # fmt: skip
    like_config = trained(config_of(tmp_path, TRAIN={"num_epochs": 3}), "20260101000000")
    assert refusal(config)[0].startswith(f"{like_config}: ")  # older, but of the configured extractor


@pytest.mark.parametrize("content", [None, "TRAIN: [", "TRAIN:\n  model_type: pose\n  looks: none\n"])
def test_a_run_whose_config_cannot_be_compared_is_named(tmp_path: Path, content: str | None) -> None:
    config = extracted(config_of(tmp_path))
    run = trained(config_of(tmp_path, TRAIN={"num_epochs": 3}), "20260101000000")
    (run / "train_config.yaml").unlink()
    if content is not None:
        (run / "train_config.yaml").write_text(content)
    message, commands = refusal(config)
    assert "its config cannot be read, or is of another version" in message and len(commands) == 2


def test_before_any_training_the_released_weights_are_used_with_a_warning(tmp_path: Path, released: Path) -> None:
    config = config_of(tmp_path)
    trained(config_of(tmp_path, DATA={"root": str(tmp_path / "others")}), "20260101000000")  # on other data
    run, warning = choose_run(config, None, OPTIONS)
    assert run == released
    assert warning.startswith(f"warning: nothing has been trained on {config.DATA.root} in {tmp_path / 'train'}")
    trained(config, "20260102000000", finished=False)
    assert "is unknown" in refusal(config)[0]


def test_released_weights_of_another_extractor_are_not_used(tmp_path: Path, released: Path) -> None:
    config = config_of(tmp_path, EXTRACT={"weights": "full"})
    message, commands = refusal(config)
    assert "the released weights are not of blazepose full" in message and commands == [
        ["python", "train.py", *OPTIONS]
    ]
    trained(config, "20260101000000", finished=False)
    extraction = ["--set", "EXTRACT.weights=heavy"]
    assert refusal(config)[1][1] == ["python", "test.py", *OPTIONS, *extraction, "--run", "released"]
    released.unlink()
    assert refusal(config)[1][1] == ["python", "test.py", *OPTIONS, "--run", "released"]


def test_what_run_names_is_used(tmp_path: Path, released: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = extracted(config_of(tmp_path))
    trained(config, "20260101000000")
    monkeypatch.chdir(tmp_path)
    assert choose_run(config, Path("released"), OPTIONS) == (released, "")
    assert choose_run(config, Path("train/x"), OPTIONS) == (tmp_path / "train" / "x", "")
    assert choose_run(config, Path("./mine.safetensors"), OPTIONS) == (tmp_path / "mine.safetensors", "")


def test_weights_are_described_for_reports(tmp_path: Path, released: Path) -> None:
    content = checkpoints.load_checkpoint(released)
    weights = checkpoints.weights_of(released, {**content, "epoch": 7})
    assert (weights["path"], weights["released"], weights["epoch"]) == (str(released), True, 7)
    assert weights["data_root"] == weights["config"]["DATA"]["root"] == Config().DATA.root
    data = {**content["config"]["DATA"], "extra_roots": ["data/more"]}
    other = checkpoints.weights_of(tmp_path / "best_03.pt", {**content, "epoch": 3, "config": {"DATA": data}})
    assert not other["released"]
    assert checkpoints.weights_sentence(other) == (
        f"Weights: {tmp_path / 'best_03.pt'}, trained on {Config().DATA.root} and data/more, epoch 3"
    )
    assert "Weights: the released ones, " in checkpoints.weights_sentence(weights)
