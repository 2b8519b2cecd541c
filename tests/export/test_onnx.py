"""The exported network, run by onnxruntime alone, and what cannot be exported."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from model.model import PoseNetSpec, make_posenet
from model.skeleton import JOINT_NAMES
from modules.config.paths import PROJECT_ROOT
from modules.config.schema import Config
from modules.export import onnx_export
from modules.export.onnx_export import export_network
from modules.runs import checkpoints
from modules.runs.folders import COMPLETE
from modules.utils import UserError
from tests.builders import FACTS
from tests.export.tested_set import make_set

CALIBRATION = {"offset": [0.1] * 24, "slope": 0.9, "spread": [0.4] * 24}


def make_run(folder: Path, spec: dict[str, Any] | None = None, seed: int = 1, **facts: Any) -> Path:
    """A finished run of a pose branch whose weights are random, so that nothing is as untrained."""
    torch.manual_seed(seed)
    network = make_posenet(PoseNetSpec(model_type="pose"))
    for weights in network.parameters():
        torch.nn.init.normal_(weights, std=0.02)
    content = {
        "spec": spec or network.spec.as_dict(), "config": Config().model_dump(mode="json"), "model": network.state_dict(),
        "facts": {**FACTS, "uncertainty": CALIBRATION, **facts}, "fingerprint": "0", "key": "0",
    }  # fmt: skip
    folder.mkdir()
    checkpoints.save_checkpoint(folder / "best_01.pt", content)
    (folder / COMPLETE).write_text('{"best": "best_01.pt"}')
    return folder


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an exported pose branch."""
    folder = tmp_path_factory.mktemp("onnx")
    config = make_set(folder, 6)
    exported = export_network(make_run(folder / "run"), config, folder / "out")
    assert exported.images == 5 and exported.difference_mm <= 0.1  # nobody is in the sixth
    return folder / "out"


def test_the_network_takes_any_batch_and_names_its_units(exported: Path) -> None:
    session = onnxruntime.InferenceSession(str(exported / "posenet.onnx"))
    names = [entry.name for entry in session.get_inputs()]
    assert {"joints_u_v_depth", "root_depth_mm", "K_crop_px", "t_world2cam_mm", "R_world2cam"} <= set(names)
    assert not any("image" in name for name in names)  # the pose branch does not look at it
    assert [entry.name for entry in session.get_outputs()] == ["joints_world_mm", "expected_error_mm"]
    about = session.get_modelmeta().custom_metadata_map
    assert about["opset"] == "20" and json.loads(about["joint_names"]) == list(JOINT_NAMES) and "commit" in about
    model = onnx.load(str(exported / "posenet.onnx"))
    onnx.checker.check_model(model, full_check=True)
    assert [(one.domain, one.version) for one in model.opset_import if one.domain == ""] == [("", 20)]
    with np.load(exported / "inputs.npz") as file:
        for batch in (1, 2, 5):
            inputs = {name: file[name][:batch] for name in names}
            joints, error = session.run(None, inputs)
            assert joints.shape == (batch, 24, 3) and error.shape == (batch, 24) and (error > 0).all()
            assert np.abs(joints - file["torch_joints_world_mm"][:batch]).max() < 0.1


def test_the_example_needs_neither_torch_nor_this_project(exported: Path) -> None:
    source = (PROJECT_ROOT / "docs" / "onnx_example.py").read_text(encoding="utf-8")
    assert not {"torch", "modules", "model"} & {
        line.split()[1] for line in source.splitlines() if line.startswith("import ")
    }
    done = subprocess.run(
        [sys.executable, str(PROJECT_ROOT / "docs" / "onnx_example.py"), str(exported)],
        capture_output=True, text=True, check=True, cwd=exported,
    )  # fmt: skip
    assert "pelvis" in done.stdout and "5 images, at most 0.0" in done.stdout


def test_what_cannot_be_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = make_set(tmp_path, 2)
    original = make_run(tmp_path / "original", {"model": "OriginalPoseNet"}, depth_max_mm=5000.0)
    with pytest.raises(UserError, match="only PoseNet can be exported, not the original recipe"):
        export_network(original, config, tmp_path / "out")
    with pytest.raises(UserError, match="this is not a finished training"):
        export_network(tmp_path, config, tmp_path / "out")
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    with pytest.raises(
        UserError, match=r"^--onnx: the package onnxscript is not installed; .* requirements-export.txt"
    ):
        export_network(original, config, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_network_that_differs_is_not_written(exported: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = (exported / "posenet.onnx").read_bytes()  # of another run: the weights are not those that PyTorch has
    names = {entry.name for entry in onnxruntime.InferenceSession(content).get_inputs()}
    monkeypatch.setattr(onnx_export, "_encode", lambda *_: (content, names))
    with pytest.raises(RuntimeError, match="differs from PyTorch's by"):
        export_network(make_run(tmp_path / "run", seed=2), make_set(tmp_path, 3), tmp_path / "out")
    assert not (tmp_path / "out").exists()
