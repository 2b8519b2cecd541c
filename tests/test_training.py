"""train.py about the training itself: which folders it leaves, and what its log holds."""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import train
from modules import cache, layout, runs, trainer
from modules.cache import Rows
from modules.config import Config, Data, Results, parse_config
from modules.utils import UserError, log, write_json
from tests.builders import make_rows

Start = Callable[..., tuple[Path, dict[str, Any]]]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Start a training on made-up rows of which two have no label; nothing is learned in it."""
    rows = make_rows(tmp_path / "rows", 8)
    labelled = np.arange(8) >= 2
    rows = Rows({**rows.columns, "labelled": labelled, "pose": np.array(["1"] * 8, object)}, rows.crop_files)
    monkeypatch.setattr(cache, "open_cache", lambda *_: (rows, {"key": "cache", "fingerprint": "made-up"}))
    monkeypatch.setattr(layout, "list_frames", lambda *_: [])
    monkeypatch.setattr(train, "refuse_other_weights", lambda *_: None)
    monkeypatch.setattr(trainer, "fit", lambda fabric, config, rows, *_: {"images": len(rows[0]) + len(rows[1])})
    monkeypatch.setattr(log, "handlers", [])
    monkeypatch.setattr(log, "propagate", True)  # as it was, whatever the console makes of it
    (tmp_path / "task04_train").mkdir()

    def start(validation: Any, resume: Path | None = None, also: tuple[Path, ...] = ()) -> tuple[Path, dict[str, Any]]:
        data = Data(root=str(tmp_path), validation=validation, also=[str(path) for path in also])
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
        ("pose", None, "a single pose"),
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


def test_the_log_names_what_is_left_out_and_the_console_counts(
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


def test_a_relative_folder_to_go_on_with_is_named_in_full(
    start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=f"^{tmp_path / 'train' / 'old'}: there is no {runs.LAST}"):
        start("person", Path("train/old"))


def test_further_data_sets_teach_but_what_they_list_for_validation(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    others = tmp_path / "other", tmp_path / "third"
    write_json(others[0] / "task04_train" / "validation.json", ["1_F152A_1_2.jpg"])
    assert start("person")[1]["images"] == 6  # two of eight have no label
    folder, summary = start("person", also=others)
    assert summary["images"] == 6 + 5 + 6
    assert f"{others[0]}: 5 images are learned from, too" in (folder / "train_log.log").read_text(encoding="utf-8")


def test_a_further_data_set_without_anything_to_learn_is_refused(start: Start, tmp_path: Path) -> None:
    names = [f"1_F{150 + i % 5}A_1_{i}.jpg" for i in range(8)]
    write_json(tmp_path / "other" / "task04_train" / "validation.json", names)
    with pytest.raises(UserError, match="no labelled image with a person is left to learn from"):
        start("person", also=(tmp_path / "other",))
    assert not (tmp_path / "train").exists()


def test_no_data_set_is_learned_from_twice(tmp_path: Path) -> None:
    for also in (["data/demo/test_camera_4"], ["a", "a"]):
        with pytest.raises(UserError, match="is learned from already; name each data set once"):
            parse_config({"DATA": {"also": also}}, "a.yml")
