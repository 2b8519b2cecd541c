"""Run folders and checkpoints: only finished runs are picked, broken files are refused, code in them never runs."""

import os
import pickle
from pathlib import Path

import pytest
import torch

from model.model import PoseNet, PoseNetSpec
from modules import runs
from modules.config import Config, Data, Seed, parse_config
from modules.utils import UserError, write_json


def make_run(parent: Path, stamp: str, complete: bool, key: str = "k", last: bool = True) -> Path:
    folder = parent / f"POSENET_{stamp}"
    folder.mkdir(parents=True)
    write_json(folder / runs.STARTED, {"key": key})
    if last:
        (folder / runs.LAST).touch()
    if complete:
        write_json(folder / runs.COMPLETE, {"best": "best_03.pt"})
        (folder / "best_03.pt").touch()
    return folder


def test_newest_complete_and_unfinished(tmp_path: Path) -> None:
    assert runs.newest_complete(tmp_path) is None
    old = make_run(tmp_path, "20260101000000", True)
    other = make_run(tmp_path, "20260102000000", True, key="other")
    cut = make_run(tmp_path, "20260103000000", False)
    make_run(tmp_path, "20260104000000", False, last=False)
    (tmp_path / "POSENET_notes").mkdir()
    (tmp_path / "POSENET_20270101000000").write_text("a file")
    assert runs.newest_complete(tmp_path) == other
    assert runs.newest_complete(tmp_path, key="k") == old
    assert runs.newest_complete(tmp_path, key="none") is None
    assert runs.newest_unfinished(tmp_path, "k") == cut
    assert runs.newest_unfinished(tmp_path, "other") is None
    assert runs.best_checkpoint(old) == old / "best_03.pt"
    with pytest.raises(UserError, match="no finished training"):
        runs.best_checkpoint(cut)
    (other / "best_03.pt").unlink()  # a summary without its best weights is no finished run
    assert runs.newest_complete(tmp_path) == old


def test_new_folders_never_collide(tmp_path: Path) -> None:
    first, second = runs.new_folder(tmp_path), runs.new_folder(tmp_path)
    assert first != second and runs.RUN_NAME.fullmatch(first.name)


def test_key_follows_what_decides_the_outcome(tmp_path: Path) -> None:
    key = runs.run_key(Config(), "cache")
    listed = Config(DATA=Data(root=str(tmp_path)))
    keys = set()
    for names in (["1_F_1_1.jpg"], ["1_F_1_2.jpg"]):
        write_json(tmp_path / "task04_train" / "validation.json", names)
        keys.add(runs.run_key(listed, "cache"))
    assert len(keys) == 2
    assert key == runs.run_key(parse_config({"TEST": {"overlays": 1}, "RESULTS": {"root": "x"}}, "test"), "cache")
    assert key != runs.run_key(Config(SEED=Seed(random_seed=1)), "cache")
    assert key != runs.run_key(Config(), "another cache")
    further = Config(DATA=Data(also=[str(tmp_path)]))
    keys = {key, runs.run_key(further, "cache")}
    for content in ("one", "two"):
        write_json(tmp_path / "cache/blazepose-heavy-several/train/cache.json", {"parts": 1, "key": content})
        keys.add(runs.run_key(further, "cache"))
    assert len(keys) == 4


def test_checkpoint_round_trip(tmp_path: Path) -> None:
    spec = PoseNetSpec(model_type="pose")
    network = PoseNet(spec)
    path = tmp_path / "best_01.pt"
    runs.save_checkpoint(path, {"spec": spec.as_dict(), "model": network.state_dict()})
    restored = runs.restore_network(runs.load_checkpoint(path), path)
    for name, value in network.state_dict().items():
        assert torch.equal(value, restored.state_dict()[name])
    assert [p.name for p in tmp_path.iterdir()] == ["best_01.pt"]


@pytest.mark.parametrize("kind", ["missing", "empty", "truncated", "text", "other version", "no checkpoint"])
def test_broken_checkpoints(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "best_01.pt"
    runs.save_checkpoint(path, {"spec": {}, "model": {"w": torch.rand(1000)}})
    whole = path.read_bytes()
    if kind == "missing":
        path.unlink()
    elif kind == "other version":
        torch.save({"version": 0}, path)
    elif kind == "no checkpoint":
        torch.save([1, 2], path)
    else:
        path.write_bytes({"empty": b"", "truncated": whole[: len(whole) // 2], "text": b"hello"}[kind])
    with pytest.raises(UserError, match=r"best_01\.pt: this checkpoint is") as caught:
        runs.load_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_weights_of_another_architecture(tmp_path: Path) -> None:
    path = tmp_path / "best_01.pt"
    spec = PoseNetSpec(model_type="pose")
    runs.save_checkpoint(path, {"spec": spec.as_dict(), "model": {"w": torch.rand(3)}})
    with pytest.raises(UserError, match="do not fit the architecture"):
        runs.restore_network(runs.load_checkpoint(path), path)


class _Program:
    def __init__(self, mark: str) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (self.mark,)


@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_code_inside_a_checkpoint_is_never_run(tmp_path: Path, how: str) -> None:
    path, mark = tmp_path / "best_01.pt", tmp_path / "ran"
    if how == "torch":
        torch.save({"version": 1, "model": _Program(str(mark))}, path)
    else:
        path.write_bytes(pickle.dumps({"version": 1, "model": _Program(str(mark))}))
    with pytest.raises(UserError, match="damaged"):
        runs.load_checkpoint(path)
    assert not mark.exists()


def test_a_run_folder_is_held_by_one_process(tmp_path: Path) -> None:
    run = runs.new_folder(tmp_path)
    (run / runs.STARTED).write_text("{}")
    with runs.held(run), pytest.raises(UserError, match="another process is training in this folder"), runs.held(run):
        pass
    with runs.held(run):  # given back
        pass


@pytest.mark.parametrize("model_type", ["image+pose", "pose", "image"])
def test_a_checkpoint_of_before_there_were_members_answers_as_it_did(tmp_path: Path, model_type: str) -> None:
    torch.manual_seed(0)
    spec = PoseNetSpec(model_type=model_type)
    network = PoseNet(spec).eval()
    for weight in network.parameters():
        torch.nn.init.normal_(weight, std=0.02)
    before = {name.removeprefix("members.0."): value for name, value in network.state_dict().items()}
    assert not any(name.startswith("members") for name in before)
    then = {name: value for name, value in spec.as_dict().items() if name != "members"}
    path = tmp_path / "best_01.pt"
    runs.save_checkpoint(path, {"spec": then, "model": before})
    loaded = runs.restore_network(runs.load_checkpoint(path), path).state_dict()
    assert loaded.keys() == network.state_dict().keys()
    assert all(torch.equal(loaded[name], value) for name, value in network.state_dict().items())
