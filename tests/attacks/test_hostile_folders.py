"""Configs, data sets and run folders of strangers: no tag runs, and no link leads a write elsewhere."""

import json
from pathlib import Path

import pytest

from modules.config.load import load_config
from modules.config.paths import PROJECT_ROOT
from modules.config.yaml_text import read_yaml
from modules.files.atomic import atomic_folder, write_text
from modules.runs import folders
from modules.runs.differences import config_of_run
from modules.utils import UserError
from tests.attacks.program import refused

TAGS = (
    "!!python/object/apply:os.mkdir [{mark}]", "!!python/object/new:os.mkdir [{mark}]", "!!python/name:os.mkdir",
    "!!python/module:os", "!!python/object:os.mkdir {{path: {mark}}}", "!!python/tuple [1]", "!mkdir {mark}", "!!binary x",
)  # fmt: skip


@pytest.mark.parametrize("tag", TAGS)
@pytest.mark.parametrize("place", ["{tag}", "TRAIN: {tag}", "TRAIN: {{num_epochs: {tag}}}", "{{? {tag} : 3}}"])
def test_a_yaml_tag_does_not_run(tmp_path: Path, tag: str, place: str) -> None:
    path, mark = tmp_path / "train_config.yaml", tmp_path / "ran"
    path.write_text(place.format(tag=tag.format(mark=mark)))
    with refused(path, "not a readable YAML file", mark):
        read_yaml(path)
    with refused(path, "not a readable YAML file", mark):
        load_config(path, [])
    assert config_of_run(tmp_path) == {} and not mark.exists()


def test_an_assignment_with_a_tag_does_not_run(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    with pytest.raises(UserError, match="not valid YAML"):
        load_config(
            PROJECT_ROOT / "config/train_config.yml", [f"TRAIN.num_epochs=!!python/object/apply:os.mkdir [{mark}]"]
        )
    assert not mark.exists()


@pytest.mark.parametrize("started", ["[1]", "7", '"x"', "null"])
def test_a_run_whose_start_is_no_object_is_none_of_ours(tmp_path: Path, started: str) -> None:
    run = tmp_path / "POSENET_20250101000000"
    run.mkdir()
    (run / folders.STARTED).write_text(started)
    assert folders.runs_started_with(tmp_path, key="k") == []


def test_a_temporary_folder_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.tex").touch()
    (tmp_path / ".results.tmp").symlink_to(mine)
    with pytest.raises(OSError, match="File exists"), atomic_folder(tmp_path / "results") as folder:
        (folder / "x").touch()
    assert [path.name for path in mine.iterdir()] == ["thesis.tex"]


def test_a_file_that_is_a_link_is_replaced_and_not_written_through(tmp_path: Path) -> None:
    mine, link = tmp_path / "mine", tmp_path / "table.md"
    mine.write_text("mine")
    link.symlink_to(mine)
    write_text(link, "ours")
    assert mine.read_text() == "mine" and link.read_text() == "ours" and not link.is_symlink()


def test_the_manifest_of_a_stranger_is_text_alone(tmp_path: Path) -> None:
    path = tmp_path / "summary.json"
    path.write_text(json.dumps({"best": "best_01.pt/../../x"}))
    with refused(path, "no summary of a training"):
        folders.best_checkpoint(tmp_path)
