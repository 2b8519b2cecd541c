"""The split into training and validation rows: groups are never mixed, and what is left out is logged."""

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modules.cache import splits
from modules.cache.splits import extra_rows, log_split, split_rows
from modules.cache.table import Rows
from modules.config.schema import Config
from modules.config.sections import Data
from modules.utils import UserError
from tests.builders import make_rows


def config_for(root: Path, **data: Any) -> Config:
    (root / "task04_train").mkdir(exist_ok=True)
    return Config(DATA=Data(root=str(root), **data))


def test_split_by_list(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 5)
    config = config_for(tmp_path)
    with pytest.raises(UserError, match=r"validation.json: this list is missing"):
        split_rows(rows, config)
    listed = rows["file_name"][[1, 4]].tolist()
    path = tmp_path / "task04_train" / "validation.json"
    path.write_text(json.dumps(listed))
    train, validation = split_rows(rows, config)
    assert validation["file_name"].tolist() == listed and len(train) == 3
    path.write_text(json.dumps([*listed, "1_F1_1_77.jpg"]))
    with pytest.raises(UserError, match="1_F1_1_77.jpg is not among"):
        split_rows(rows, config)
    path.write_text("[]")
    with pytest.raises(UserError, match="non-empty"):
        split_rows(rows, config)


def test_split_by_person_keeps_people_whole(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 15)
    train, validation = split_rows(rows, config_for(tmp_path, validation="person", validation_share=0.4))
    assert len(set(validation["person"])) == 2
    assert not set(train["person"]) & set(validation["person"])
    assert len(train) + len(validation) == 15


def test_of_many_validation_images_a_sample_validates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(splits, "VALIDATED_ROWS", 4)
    rows, config = make_rows(tmp_path, 15), config_for(tmp_path, validation="person", validation_share=0.4)
    train, validation = split_rows(rows, config)
    assert (
        len(validation) == 4
        and len(train) == 9
        and {*train["file_name"], *validation["file_name"]} < set(rows["file_name"])
    )
    assert not set(train["person"]) & set(validation["person"])
    assert validation["file_name"].tolist() == split_rows(rows, config)[1]["file_name"].tolist()


@pytest.mark.parametrize("how", ["pose", "camera", "sequence"])
def test_other_groups_stay_whole(tmp_path: Path, how: str) -> None:
    rows = make_rows(tmp_path, 12)
    sequences = np.array([str(i // 3) for i in range(12)], object)  # 4 groups of three rows
    rows = Rows({**rows.columns, how: sequences, "person": np.array(["F150A"] * 12, object)}, rows.crop_files)
    train, validation = split_rows(rows, config_for(tmp_path, validation=how, validation_share=0.25))
    assert len(train) == 9 and len(validation) == 3
    assert len(set(validation[how])) == 1 and not set(train[how]) & set(validation[how])


def test_sequences_of_two_people_are_two_groups(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 10)  # five people
    rows = Rows(
        {**rows.columns, "sequence": np.array(["1"] * 10, object), "pose": np.array(["1"] * 10, object)},
        rows.crop_files,
    )
    train, validation = split_rows(rows, config_for(tmp_path, validation="sequence", validation_share=0.2))
    assert len(set(validation["person"])) == 1 and not set(train["person"]) & set(validation["person"])


def test_split_needs_two_groups(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="only one pose"):
        split_rows(make_rows(tmp_path, 4), config_for(tmp_path, validation="pose"))


def test_rows_without_label_or_person_are_left_out_and_logged(
    tmp_path: Path, log_records: list[logging.LogRecord]
) -> None:
    """At INFO their number and an example; at DEBUG, which only the log file keeps, every name."""
    rows = make_rows(tmp_path, 10)
    found, labelled = np.ones(10, bool), np.ones(10, bool)
    found[0], labelled[1:3] = False, False
    rows = Rows({**rows.columns, "found": found, "labelled": labelled}, rows.crop_files)
    config = config_for(tmp_path, validation="person")
    train, validation = split_rows(rows, config)
    assert len(train) + len(validation) == 7
    log_split(rows, validation, config)
    messages = {level: [r.getMessage() for r in log_records if r.levelname == level] for level in ("INFO", "DEBUG")}
    name = rows["file_name"]
    assert messages["INFO"] == [
        f"validation persons: {validation['person'][0]}",
        f"not trained on: 2 images (no label), such as {name[1]}",
        f"not trained on: 1 images (no person found), such as {name[0]}",
    ]
    assert messages["DEBUG"] == [
        *(f"not trained on: {name[i]} (no label)" for i in (1, 2)),
        f"not trained on: {name[0]} (no person found)",
    ]


def test_nothing_left_to_train_on_is_refused(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 4).without_truth()
    with pytest.raises(
        UserError, match=r"no labelled image.*\(4 of 4 images have no label, in 0 no person was found\)"
    ):
        split_rows(rows, config_for(tmp_path, validation="person"))


def test_extra_rows_are_labelled_with_a_person_and_not_on_their_validation_list(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 6)
    found, labelled = np.ones(6, bool), np.ones(6, bool)
    found[0], labelled[1] = False, False
    rows = Rows({**rows.columns, "found": found, "labelled": labelled}, rows.crop_files)
    config = config_for(tmp_path)
    names = rows["file_name"].tolist()
    assert extra_rows(rows, config)["file_name"].tolist() == names[2:]
    path = tmp_path / "task04_train" / "validation.json"
    path.write_text(json.dumps([names[3]]))
    assert extra_rows(rows, config)["file_name"].tolist() == [names[2], *names[4:]]
    path.write_text(json.dumps(names))
    with pytest.raises(
        UserError, match="no labelled image with a person is left to train on; add labels, or remove it from"
    ):
        extra_rows(rows, config)
