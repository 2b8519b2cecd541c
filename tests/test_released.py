"""Released weights: the file gives back what was written, broken ones are told, and a training starts from them."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from model.model import PoseNet, PoseNetSpec
from modules import dataset, runs
from modules.config import PROJECT_ROOT, Config, Train
from modules.evaluation import calibration_of, predict_all
from modules.lifting import place_least_squares
from modules.metrics import world_mpjpe
from modules.released import read_released, write_released
from modules.trainer import Trainer
from modules.utils import UserError, write_json
from tests.builders import make_rows


def content_of(**spec: Any) -> dict[str, Any]:
    shape = PoseNetSpec(**{"model_type": "pose", **spec})
    network = PoseNet(shape)
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
    return {
        "version": runs.CHECKPOINT_VERSION, "spec": shape.as_dict(), "config": Config().model_dump(mode="json"),
        "facts": {"pelvis_height_mm": 901.25}, "key": "key", "fingerprint": "extractor", "model": network.state_dict(),
    }  # fmt: skip


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path, content = tmp_path / "posenet.safetensors", content_of()
    write_released(path, content, commit="abc")
    read = runs.load_checkpoint(path)
    assert {name: read[name] for name in content if name != "model"} == {
        name: value for name, value in content.items() if name != "model"
    }
    assert read["commit"] == "abc" and read["model"].keys() == content["model"].keys()
    for name, value in content["model"].items():
        exact = value.numel() < 1024
        torch.testing.assert_close(read["model"][name], value, rtol=0 if exact else 1e-3, atol=0 if exact else 1e-6)
    assert float(read["model"]["root_cues"][1]) == 1e6  # beyond what half precision can say
    assert path.stat().st_size < 0.6 * sum(value.numel() * 4 for value in content["model"].values())
    runs.restore_network(read, path)


@pytest.mark.parametrize("kind", ["missing", "empty", "truncated", "text", "another's", "another version"])
def test_a_broken_file_is_told(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "posenet.safetensors"
    if kind == "another version":
        write_released(path, {**content_of(), "version": 0})
    elif kind == "another's":
        save_file({"w": torch.zeros(3)}, path)
    elif kind != "missing":
        write_released(path, content_of())
        whole = path.read_bytes()
        path.write_bytes({"empty": b"", "truncated": whole[: len(whole) // 2], "text": b"hello, " * 40}[kind])
    with pytest.raises(UserError, match=r"posenet\.safetensors: (these weights|this checkpoint)") as caught:
        runs.load_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_a_training_starts_from_them(tmp_path: Path) -> None:
    path, content = tmp_path / "start.safetensors", content_of(root="learned")
    write_released(path, content)
    rows = make_rows(tmp_path / "rows", 12)
    train = Train(model_type="pose", root="learned", batch_size=4, init_from=str(path))
    (tmp_path / "run").mkdir()
    trainer = Trainer(Config(TRAIN=train), rows, rows, tmp_path / "run", "key", "fingerprint")
    for name, value in read_released(path)["model"].items():
        if name != "root_cues":  # fitted to the rows of every training
            torch.testing.assert_close(trainer.network.state_dict()[name].cpu(), value, msg=name)


def test_the_pose_branch_starts_from_its_part_of_both(tmp_path: Path) -> None:
    path, content = tmp_path / "start.safetensors", content_of(model_type="image+pose")
    write_released(path, content)
    start = runs.starting_weights(Train(model_type="pose", init_from=str(path)))
    assert start is not None and start.keys() == PoseNet(PoseNetSpec(model_type="pose")).state_dict().keys()


@pytest.mark.parametrize(
    ("train", "says"),
    [
        (
            {"root": "height"},
            r"a network with root: learned, not height; set TRAIN\.root to it, or TRAIN\.init_from to null",
        ),
        ({"model_type": "image+pose", "root": "learned"}, "a network with model_type: pose, not image"),
        ({"input_shape": 256, "output_shape": 64, "root": "learned"}, "a network with input_shape: 128, not 256"),
    ],
)
def test_weights_of_another_shape_are_refused(tmp_path: Path, train: dict[str, Any], says: str) -> None:
    path = tmp_path / "start.safetensors"
    write_released(path, content_of(root="learned"))
    with pytest.raises(UserError, match=says) as caught:
        runs.starting_weights(Train(**{"model_type": "pose", **train}, init_from=str(path)))
    assert "\n" not in str(caught.value)


def test_other_weights_make_another_run(tmp_path: Path) -> None:
    path = tmp_path / "start.safetensors"
    config = Config(TRAIN=Train(init_from=str(path)))
    keys = set()
    for _ in range(2):
        write_released(path, content_of())
        keys.add(runs.run_key(config, "cache"))
    assert len({*keys, runs.run_key(Config(), "cache")}) == 3


def test_released_weights_answer_for_their_own_extractor_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "posenet.safetensors"
    monkeypatch.setattr(runs, "RELEASED", path)
    assert runs.released_for(Config()) is None
    write_released(path, content_of())
    assert runs.released_for(Config()) == path
    assert runs.released_for(Config.model_validate({"EXTRACT": {"weights": "full"}})) is None


def release(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pre_models.release", *map(str, arguments)]
    return subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)


def test_a_run_is_released(tmp_path: Path) -> None:
    run, out = tmp_path / "run", tmp_path / "out.safetensors"
    run.mkdir()
    runs.save_checkpoint(run / "best_03.pt", {**content_of(), "epoch": 3, "score": 87.5})
    write_json(run / runs.COMPLETE, {"best": "best_03.pt"})
    assert release("--run", run, "--out", out).returncode == 0
    read = runs.load_checkpoint(out)
    assert (read["epoch"], read["score"], read["run"]) == (3, 87.5, "run")
    refused = release("--run", run, "--out", tmp_path / "out.pt")
    assert refused.returncode == 2 and "released weights are a .safetensors file" in refused.stderr


def test_the_released_weights_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that git holds: whole, small, of the default extractor, and nearer to the truth than the extractor alone."""
    content = runs.load_checkpoint(runs.RELEASED)
    assert runs.released_for(Config()) == runs.RELEASED and runs.RELEASED.stat().st_size <= 40e6
    rows = make_rows(tmp_path, 40, noise=10.0, size=0.9)
    # These people were never photographed: every joint looks like the mean of all that training has seen.
    mean = content["model"]["looks_mean"].numpy()
    monkeypatch.setattr(dataset, "read_looks", lambda rows, weights: np.tile(mean, (len(rows), 2, 24, 1)))
    predicted, doubt = predict_all(Config(), content, runs.RELEASED, rows)
    truth = rows["joints_world_mm"]
    assert world_mpjpe(predicted, truth) < 0.8 * world_mpjpe(place_least_squares(rows.columns), truth)
    assert doubt is not None and calibration_of(content) is not None
