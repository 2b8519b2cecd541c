"""Run folders: only finished runs are chosen, the key holds what decides a training, and one process locks a folder."""

from pathlib import Path

import pytest

from modules.config.load import parse_config
from modules.config.schema import Config
from modules.config.sections import Data, Seed
from modules.files.atomic import write_json
from modules.runs import folders
from modules.utils import UserError


def make_run(parent: Path, stamp: str, complete: bool, key: str = "k", last: bool = True) -> Path:
    folder = parent / f"POSENET_{stamp}"
    folder.mkdir(parents=True)
    write_json(folder / folders.STARTED, {"key": key})
    if last:
        (folder / folders.LAST).touch()
    if complete:
        write_json(folder / folders.COMPLETE, {"best": "best_03.pt"})
        (folder / "best_03.pt").touch()
    return folder


def test_newest_complete_and_unfinished(tmp_path: Path) -> None:
    assert folders.newest_complete(tmp_path) is None
    old = make_run(tmp_path, "20260101000000", True)
    other = make_run(tmp_path, "20260102000000", True, key="other")
    cut = make_run(tmp_path, "20260103000000", False)
    make_run(tmp_path, "20260104000000", False, last=False)
    (tmp_path / "POSENET_notes").mkdir()
    (tmp_path / "POSENET_20270101000000").write_text("a file")
    assert folders.newest_complete(tmp_path) == other
    assert folders.newest_complete(tmp_path, key="k") == old
    assert folders.newest_complete(tmp_path, key="none") is None
    assert folders.newest_unfinished(tmp_path, "k") == cut
    assert folders.newest_unfinished(tmp_path, "other") is None
    assert folders.best_checkpoint(old) == old / "best_03.pt"
    with pytest.raises(UserError, match="this is not a finished training"):
        folders.best_checkpoint(cut)
    (other / "best_03.pt").unlink()  # a summary without its best weights is not a finished run
    assert folders.newest_complete(tmp_path) == old


def test_new_folders_never_collide(tmp_path: Path) -> None:
    first, second = folders.new_folder(tmp_path), folders.new_folder(tmp_path)
    assert first != second and folders.RUN_NAME.fullmatch(first.name)


def test_the_run_key_depends_on_what_decides_the_training(tmp_path: Path) -> None:
    key = folders.run_key(Config(), "cache")
    listed = Config(DATA=Data(root=str(tmp_path)))
    keys = set()
    for names in (["1_F_1_1.jpg"], ["1_F_1_2.jpg"]):
        write_json(tmp_path / "task04_train" / "validation.json", names)
        keys.add(folders.run_key(listed, "cache"))
    assert len(keys) == 2
    assert key == folders.run_key(
        parse_config({"TEST": {"output": "a.json"}, "RESULTS": {"root": "x"}}, "test"), "cache"
    )
    for tree in (
        {"DATA": {"cache": str(tmp_path)}}, {"TRAIN": {"accelerator": "cpu"}}, {"DATALOADER": {"num_workers": 2}},
        {"PERFORMANCE_RECORD": {"column_list": ["epoch"]}},
    ):  # fmt: skip
        assert key == folders.run_key(parse_config(tree, "test"), "cache"), "a run resumes on another machine"
    assert key != folders.run_key(Config(SEED=Seed(random_seed=1)), "cache")
    assert key != folders.run_key(parse_config({"TRAIN": {"precision": "32-true"}}, "test"), "cache")
    assert key != folders.run_key(Config(), "another cache")
    extra = Config(DATA=Data(extra_roots=[str(tmp_path)]))
    keys = {key, folders.run_key(extra, "cache")}
    for content in ("one", "two"):
        write_json(tmp_path / "cache/blazepose-heavy-adaptive/train/cache.json", {"parts": 1, "key": content})
        keys.add(folders.run_key(extra, "cache"))
    assert len(keys) == 4


def test_a_data_root_is_the_same_however_it_is_written(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "mine", target_is_directory=True)
    (tmp_path / "mine").mkdir()
    spelt = [f"{tmp_path}/mine", f"{tmp_path}/mine/", f"{tmp_path}/other/../mine", f"{tmp_path}/link"]
    configs = [Config(DATA=Data(root=root)) for root in spelt]
    assert len({folders.run_key(config, "cache") for config in configs}) == 1
    assert all(folders.origin(config) == folders.origin(configs[0]) for config in configs)
    inside = Config(DATA=Data(root="data/demo/../demo/test_camera_4/"))
    assert folders.origin(inside)["root"] == Config().DATA.root


def test_results_are_named_after_run_and_data_set(tmp_path: Path) -> None:
    """A second test on other data does not overwrite the first."""
    run = tmp_path / "POSENET_20260101000000"
    names = [
        folders.results_folder(Config(DATA=Data(root=root)), run).name for root in ("data/one", "data/two/", "data/two")
    ]
    assert names == [f"{run.name}-one", f"{run.name}-two", f"{run.name}-two"]
    released = folders.results_folder(Config(DATA=Data(root="data/one")), tmp_path / "posenet.safetensors")
    assert released.name == "posenet-one"


def test_a_run_folder_is_locked_by_one_process(tmp_path: Path) -> None:
    run = folders.new_folder(tmp_path)
    (run / folders.STARTED).write_text("{}")
    with (
        folders.locked(run),
        pytest.raises(UserError, match="another process is training in this folder"),
        folders.locked(run),
    ):
        pass
    with folders.locked(run):  # released
        pass
