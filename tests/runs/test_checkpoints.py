"""Checkpoints: round trips, and refusal of damaged files, other architectures and other versions; code is in tests/attacks."""

from pathlib import Path

import pytest
import torch

from model.model import PoseNetSpec, make_posenet
from modules.config.schema import Config
from modules.config.train import Train
from modules.evaluation.testing import load_run
from modules.files.atomic import write_json
from modules.runs import checkpoints
from modules.runs.folders import COMPLETE
from modules.runs.released import write_released
from modules.utils import UserError
from tests.builders import FACTS


def content_of(spec: PoseNetSpec, weights: dict[str, torch.Tensor]) -> dict[str, object]:
    config = Config().model_dump(mode="json")
    return {"spec": spec.as_dict(), "config": config, "facts": FACTS, "key": "", "fingerprint": "", "model": weights}


def test_checkpoint_round_trip(tmp_path: Path) -> None:
    spec = PoseNetSpec(model_type="pose")
    network = make_posenet(spec)
    path = tmp_path / "best_01.pt"
    checkpoints.save_checkpoint(path, content_of(spec, network.state_dict()))
    restored = checkpoints.restore_network(checkpoints.load_checkpoint(path), path)
    for name, value in network.state_dict().items():
        assert torch.equal(value, restored.state_dict()[name])
    assert [p.name for p in tmp_path.iterdir()] == ["best_01.pt"]


@pytest.mark.parametrize("kind", ["missing", "empty", "truncated", "text", "other version", "no checkpoint"])
def test_broken_checkpoints_are_refused(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "best_01.pt"
    checkpoints.save_checkpoint(path, content_of(PoseNetSpec(), {"w": torch.rand(1000)}))
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
        checkpoints.load_checkpoint(path)
    assert "\n" not in str(caught.value)


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "best_01.pt"
    spec = PoseNetSpec(model_type="pose")
    checkpoints.save_checkpoint(path, content_of(spec, {"w": torch.rand(3)}))
    with pytest.raises(UserError, match="do not fit the architecture"):
        checkpoints.restore_network(checkpoints.load_checkpoint(path), path)


@pytest.mark.parametrize("version", [1, 2, 3, None])
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_checkpoint_of_an_earlier_version_is_refused_with_a_sentence(
    tmp_path: Path, version: int | None, suffix: str
) -> None:
    """Version 3 and earlier are WorldPose's, whose networks had other names for their weights."""
    path = tmp_path / f"best_01{suffix}"
    content = {"version": version, "spec": {}, "config": {}, "facts": {}, "key": "", "fingerprint": "", "model": {}}
    if suffix == ".pt":
        torch.save(content if version is not None else {"spec": {}, "model": {}}, path)
    else:
        write_released(path, content)
    with pytest.raises(UserError) as refused:
        checkpoints.load_checkpoint(path)
    assert str(refused.value) == (
        f"{path}: this checkpoint is of an earlier version; train again, or use the released weights"
    )


def test_a_run_of_an_earlier_version_is_neither_tested_nor_started_from(tmp_path: Path) -> None:
    run = tmp_path / "POSENET_20250101000000"
    run.mkdir()
    torch.save(
        {"version": 3, "spec": {"members": 1}, "model": {"members.0.shift.bias": torch.zeros(72)}}, run / "best_03.pt"
    )
    write_json(run / COMPLETE, {"best": "best_03.pt"})
    for use in (
        lambda: checkpoints.starting_weights(Train(init_from=str(run))),
        lambda: load_run(run),
    ):
        with pytest.raises(UserError, match=r"best_03\.pt: this checkpoint is of an earlier version; train"):
            use()
