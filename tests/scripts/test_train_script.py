"""train.py around the training itself: the folders it leaves, its log, and extra data sets."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lightning_fabric import Fabric

import train
from modules import extractors, trainer
from modules.cache import store
from modules.cache.table import Rows
from modules.config.load import parse_config
from modules.config.schema import Config
from modules.config.sections import Data, Results
from modules.files import layout
from modules.files.atomic import write_json
from modules.runs import folders
from modules.trainer import TrainingJob
from modules.utils import UserError, log
from tests.builders import make_rows

Start = Callable[..., tuple[Path, dict[str, Any]]]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Returns a function that starts a training on made-up rows, of which two have no label; no network is trained."""
    rows = make_rows(tmp_path / "rows", 8)
    labelled = np.arange(8) >= 2
    rows = Rows({**rows.columns, "labelled": labelled, "pose": np.array(["1"] * 8, object)}, rows.crop_files)
    monkeypatch.setattr(store, "open_cache", lambda *_: (rows, {"key": "cache", "fingerprint": "made-up"}))
    monkeypatch.setattr(layout, "list_frames", lambda *_: [])
    monkeypatch.setattr(extractors, "configured_fingerprint", lambda config: "made-up")

    def fit(fabric: Fabric, job: TrainingJob, *_: Any) -> dict[str, Any]:
        return {"images": len(job.train_rows) + len(job.validation_rows)}

    monkeypatch.setattr(trainer, "fit", fit)
    monkeypatch.setattr(log, "handlers", [])
    monkeypatch.setattr(log, "propagate", True)  # restored after the test, whatever the console changes
    (tmp_path / "task04_train").mkdir()

    def start(validation: Any, resume: Path | None = None, extra: tuple[Path, ...] = ()) -> tuple[Path, dict[str, Any]]:
        data = Data(root=str(tmp_path), validation=validation, extra_roots=[str(path) for path in extra])
        config = Config(DATA=data, RESULTS=Results(root=str(tmp_path)))
        return train.train(config, argparse.Namespace(resume=resume, reuse=False, quiet=False))

    return start


@pytest.mark.parametrize(
    ("validation", "listed", "says"),
    [
        ("list", None, "this list is missing"),
        ("list", ["1_F_1_77.jpg"], "not among the training images"),
        ("list", [f"1_F{150 + i % 5}A_1_{i}.jpg" for i in range(8)], "left to train on"),
        ("list", ["1_F150A_1_0.jpg"], "left to validate on"),
        ("pose", None, "only one pose"),
    ],
)
def test_a_refused_training_leaves_no_folder(
    start: Start, tmp_path: Path, validation: str, listed: list[str] | None, says: str
) -> None:
    if listed is not None:
        write_json(tmp_path / "task04_train" / "validation.json", listed)
    with pytest.raises(UserError, match=says):
        start(validation)
    assert not (tmp_path / "train").exists()


def test_the_log_names_the_images_left_out_and_the_console_counts_them(
    start: Start, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, summary = start("person")
    assert summary == {"images": 6} and folder.parent == tmp_path / "train"
    text, console = (folder / "train_log.log").read_text(encoding="utf-8"), capsys.readouterr().out
    for where in (text, console):
        assert "not trained on: 2 images (no label), such as 1_F150A_1_0.jpg" in where
        assert "validation persons: " in where
    assert text.count("(no label)") == 3 and "1_F151A_1_1.jpg (no label)" in text
    assert console.count("(no label)") == 1


def test_a_relative_run_folder_is_reported_in_full(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=f"^{tmp_path / 'train' / 'old'}: there is no {folders.LAST}"):
        start("person", Path("train/old"))


def test_extra_data_sets_are_trained_on_without_their_validation_images(start: Start, tmp_path: Path) -> None:
    others = tmp_path / "other", tmp_path / "third"
    write_json(others[0] / "task04_train" / "validation.json", ["1_F152A_1_2.jpg"])
    assert start("person")[1]["images"] == 6  # two of eight have no label
    folder, summary = start("person", extra=others)
    assert summary["images"] == 6 + 5 + 6
    assert f"{others[0]}: 5 extra training images" in (folder / "train_log.log").read_text(encoding="utf-8")


def test_an_extra_data_set_without_usable_images_is_refused(start: Start, tmp_path: Path) -> None:
    names = [f"1_F{150 + i % 5}A_1_{i}.jpg" for i in range(8)]
    write_json(tmp_path / "other" / "task04_train" / "validation.json", names)
    with pytest.raises(UserError, match="no labelled image with a person is left to train on"):
        start("person", extra=(tmp_path / "other",))
    assert not (tmp_path / "train").exists()


def test_no_data_set_is_named_twice(tmp_path: Path) -> None:
    for roots in (["data/demo/test_camera_4"], ["a", "a"]):
        with pytest.raises(UserError, match="is named twice; name each data set once"):
            parse_config({"DATA": {"extra_roots": roots}}, "a.yml")


def test_a_cache_of_another_extractor_version_is_refused(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extractors, "configured_fingerprint", lambda config: "another")
    with pytest.raises(
        UserError, match=r"blazepose-heavy-adaptive/train: this cache was made by another version.*; run python"
    ):
        start("person")
    assert not (tmp_path / "train").exists()
    monkeypatch.setattr(extractors, "configured_fingerprint", lambda config: None)  # weights that are not installed
    assert start("person")[1] == {"images": 6}
