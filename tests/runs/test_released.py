"""Released weights: round trips, refusal of broken files, and trainings that start from them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from model.model import PoseNetSpec, make_posenet
from modules import dataset
from modules.config.schema import Config
from modules.config.train import Train
from modules.evaluation.prediction import calibration_of, predict_rows
from modules.files.atomic import write_json
from modules.inference.baselines import place_least_squares
from modules.metrics import world_mpjpe
from modules.runs import checkpoints, folders
from modules.runs.released import read_released, write_released
from modules.trainer import Trainer, TrainingJob
from modules.utils import UserError
from tests.builders import FACTS, make_rows
from tests.conftest import RunScript


def content_of(**spec: Any) -> dict[str, Any]:
    shape = PoseNetSpec(**{"model_type": "pose", **spec})
    network = make_posenet(shape)
    with torch.no_grad():
        for weight in network.parameters():
            weight.add_(torch.randn_like(weight) * 0.1)
    return {
        "version": folders.CHECKPOINT_VERSION, "spec": shape.as_dict(), "config": Config().model_dump(mode="json"),
        "facts": {**FACTS, "pelvis_height_mm": 901.25}, "key": "key", "fingerprint": "extractor", "model": network.state_dict(),
    }  # fmt: skip


def test_release_round_trip(tmp_path: Path) -> None:
    path, content = tmp_path / "posenet.safetensors", content_of()
    in_its_world = {"place": {"mean_mm": [0.0, 0, 900]}, "place_root_log_sd": 0.1}  # left out
    write_released(path, {**content, "facts": content["facts"] | in_its_world}, commit="abc")
    read = checkpoints.load_checkpoint(path)
    assert {name: read[name] for name in content if name != "model"} == {
        name: value for name, value in content.items() if name != "model"
    }
    assert read["commit"] == "abc" and read["model"].keys() == content["model"].keys()
    for name, value in content["model"].items():
        exact = value.numel() < 1024
        torch.testing.assert_close(read["model"][name], value, rtol=0 if exact else 1e-3, atol=0 if exact else 1e-6)
    assert float(read["model"]["pose.root_cues"][1]) == 1e6  # beyond the range of half precision
    assert path.stat().st_size < 0.6 * sum(value.numel() * 4 for value in content["model"].values())
    checkpoints.restore_network(read, path)


@pytest.mark.parametrize("kind", ["missing", "empty", "truncated", "text", "another's", "another version"])
def test_broken_files_are_refused(tmp_path: Path, kind: str) -> None:
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
        checkpoints.load_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_a_training_starts_from_them(tmp_path: Path) -> None:
    path, content = tmp_path / "start.safetensors", content_of(root="learned")
    write_released(path, content)
    rows = make_rows(tmp_path / "rows", 12)
    train = Train(model_type="pose", root="learned", batch_size=4, init_from=str(path))
    (tmp_path / "run").mkdir()
    trainer = Trainer(TrainingJob(Config(TRAIN=train), rows, rows, tmp_path / "run", "key", "fingerprint"))
    for name, value in read_released(path)["model"].items():
        if name != "pose.root_cues":  # fitted to the rows of every training
            torch.testing.assert_close(trainer.network.state_dict()[name].cpu(), value, msg=name)


def test_a_pose_network_starts_from_the_pose_branch_of_both(tmp_path: Path) -> None:
    path, together = tmp_path / "start.safetensors", {"bone_prior": True, "floor_contact": True}
    write_released(path, content_of(model_type="image+pose", **together))
    start = checkpoints.starting_weights(Train(model_type="pose", init_from=str(path)))
    wanted = make_posenet(PoseNetSpec(model_type="pose", **together)).state_dict()
    assert start is not None and start.keys() == wanted.keys()


@pytest.mark.parametrize(
    ("train", "says"),
    [
        (
            {"root": "height"},
            r"a network with root: learned, not height; set TRAIN\.root to learned, or TRAIN\.init_from to null",
        ),
        ({"model_type": "image+pose", "root": "learned"}, r"a network with model_type: pose, not image\+pose"),
        ({"input_shape": 256, "root": "learned"}, "a network with input_shape: 128, not 256"),
    ],
)
def test_starting_weights_of_another_architecture_are_refused(tmp_path: Path, train: dict[str, Any], says: str) -> None:
    path = tmp_path / "start.safetensors"
    write_released(path, content_of(root="learned"))
    with pytest.raises(UserError, match=says) as caught:
        checkpoints.starting_weights(Train(**{"model_type": "pose", **train}, init_from=str(path)))
    assert "\n" not in str(caught.value)


def test_other_starting_weights_make_another_run(tmp_path: Path) -> None:
    path = tmp_path / "start.safetensors"
    config = Config(TRAIN=Train(init_from=str(path)))
    keys = set()
    for _ in range(2):
        write_released(path, content_of())
        keys.add(folders.run_key(config, "cache"))
    assert len({*keys, folders.run_key(Config(), "cache")}) == 3


def test_released_weights_are_used_for_their_own_extractor_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "posenet.safetensors"
    monkeypatch.setattr(checkpoints, "RELEASED", path)
    assert checkpoints.released_for(Config()) is None
    write_released(path, content_of())
    assert checkpoints.released_for(Config()) == path
    assert checkpoints.released_for(Config.model_validate({"EXTRACT": {"weights": "full"}})) is None


def test_a_run_is_released(tmp_path: Path, run_script: RunScript) -> None:
    run, out = tmp_path / "run", tmp_path / "out.safetensors"
    run.mkdir()
    checkpoints.save_checkpoint(run / "best_03.pt", {**content_of(), "epoch": 3, "score": 87.5})
    write_json(run / folders.COMPLETE, {"best": "best_03.pt"})
    run_script("pre_models/release.py", "--run", str(run), "--out", str(out))
    read = checkpoints.load_checkpoint(out)
    assert (read["epoch"], read["score"], read["run"]) == (3, 87.5, "run")
    arguments = ["--run", str(run), "--out", str(tmp_path / "out.pt")]
    refused = run_script("pre_models/release.py", *arguments, check=False)
    assert refused.returncode == 2 and "released weights are a .safetensors file" in refused.stderr


def test_the_released_weights_improve_on_the_extractor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file in git: complete, small, of the default extractor, and nearer to the truth than the extractor alone."""
    content = checkpoints.load_checkpoint(checkpoints.RELEASED)
    assert checkpoints.released_for(Config()) == checkpoints.RELEASED and checkpoints.RELEASED.stat().st_size <= 40e6
    rows = make_rows(tmp_path, 40, noise=10.0, size=0.9)
    # The crops show nobody: each joint gets the mean features of the training set.
    mean = content["model"]["pose.features_mean"].numpy()
    monkeypatch.setattr(dataset, "read_joint_features", lambda rows, weights: np.tile(mean, (len(rows), 2, 24, 1)))
    predicted, log_error = predict_rows(Config(), content, checkpoints.RELEASED, rows)
    truth = rows["joints_world_mm"]
    assert world_mpjpe(predicted, truth) < 0.8 * world_mpjpe(place_least_squares(rows.columns), truth)
    assert log_error is not None and calibration_of(content) is not None
