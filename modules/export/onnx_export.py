"""Writes a trained network as ONNX, and checks it against PyTorch on cached images."""

from __future__ import annotations

import importlib
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from model.inputs import CROP_SIZE
from model.skeleton import JOINT_NAMES
from modules.cache.store import open_cache
from modules.cache.table import Rows
from modules.config.schema import Config
from modules.export.description import software
from modules.export.world_network import CAMERA, WorldNetwork, input_name, output_names
from modules.files.atomic import atomic_path, write_bytes
from modules.files.layout import list_frames
from modules.inference.prediction import prediction_loader
from modules.inference.uncertainty import Calibration
from modules.recipes import recipe_of
from modules.recipes.posenet import PoseNetRecipe
from modules.runs.checkpoints import load_checkpoint, restore_network
from modules.runs.folders import best_checkpoint
from modules.utils import UserError, log

OPSET = 20
IMAGES = 32  # on which the file is checked: one batch of the loader
MOST_MM = 0.1  # by which a joint of the file may differ from PyTorch's
NAME, INPUTS = "posenet.onnx", "inputs.npz"


@dataclass(frozen=True)
class ExportedNetwork:
    """A network's ONNX file, and the largest distance of a joint from PyTorch's on so many cached images."""

    path: Path
    images: int
    difference_mm: float


def export_network(run: Path, config: Config, folder: Path) -> ExportedNetwork:
    """Writes posenet.onnx, and inputs.npz with the inputs of up to 32 test images and PyTorch's joints for them.

    The network takes what modules.dataset describes and returns joints_world_mm, and expected_error_mm if it is calibrated;
    the first axis of everything is the batch. `run` is a run folder or a .safetensors file; the config names the cache.
    Raises UserError if packages or the cache are missing, or the network is not PoseNet.
    """
    onnxruntime = _packages()
    path = best_checkpoint(run)
    checkpoint = load_checkpoint(path)
    if "place_root_log_sd" in checkpoint["facts"]:
        log.info("%s: test.py also uses where the training people stood, which the exported network does not", path)
        facts = {name: fact for name, fact in checkpoint["facts"].items() if name != "place_root_log_sd"}
        checkpoint = {**checkpoint, "facts": facts}
    recipe = recipe_of(checkpoint)
    if not isinstance(recipe, PoseNetRecipe):
        raise UserError(
            f"{path}: only PoseNet can be exported, not the {recipe.title}; name a run of TRAIN.model=PoseNet"
        )
    rows = _cached_rows(config.with_tta_of(checkpoint["config"]["EXTRACT"]["test_time_augmentation"]))
    batch = {
        name: value
        for name, value in next(iter(prediction_loader(rows, recipe.dataset))).items()
        if "target" not in name
    }
    network = restore_network(checkpoint, path).eval()
    with torch.no_grad():
        expected = recipe.lift([network(batch)], rows)
    numbers = checkpoint["facts"].get("uncertainty")
    world = WorldNetwork(network, None if numbers is None else Calibration.of(numbers)).eval()
    inputs = batch | {name: torch.as_tensor(rows[name]) for name in CAMERA}
    content, used = _encode(world, inputs, {"weights": str(path), **software()})
    arrays = {input_name(name): value.numpy() for name, value in inputs.items() if input_name(name) in used}
    found = onnxruntime.InferenceSession(content).run(["joints_world_mm"], arrays)[0]
    difference = float(np.linalg.norm(found - expected, axis=-1).max())
    if not difference <= MOST_MM:
        raise RuntimeError(f"the exported network differs from PyTorch's by {difference:.3g} mm")
    write_bytes(folder / NAME, content)
    with atomic_path(folder / INPUTS) as temporary, open(temporary, "wb") as handle:
        np.savez(handle, **arrays, torch_joints_world_mm=expected)
    return ExportedNetwork(folder / NAME, len(rows), difference)


def _packages() -> Any:
    """Returns onnxruntime. Raises UserError if it or what the exporter needs is not installed."""
    try:
        for name in ("onnx", "onnxscript"):
            importlib.import_module(name)
        return importlib.import_module("onnxruntime")
    except ImportError as error:
        raise UserError(
            f"--onnx: the package {error.name} is not installed; run python -m pip install -r requirements-export.txt"
        ) from None


def _cached_rows(config: Config) -> Rows:
    """Returns up to IMAGES test images with a person, from the cache. Raises UserError if there are none."""
    rows, _ = open_cache(config, "test", list_frames(config.data_root, "test"))
    found = np.flatnonzero(rows["found"])[:IMAGES]
    if not len(found):
        raise UserError(
            f"{config.data_root}: no test image shows a person to check the network on; name another DATA.root"
        )
    return rows.take(found)


def _encode(world: WorldNetwork, inputs: dict[str, torch.Tensor], about: dict[str, Any]) -> tuple[bytes, set[str]]:
    """Returns the ONNX file of a network, and the names of its inputs: those of `inputs` that it uses."""
    batch = torch.export.Dim("batch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that all inputs share the axis `batch`
        program = torch.onnx.export(
            world, (), kwargs={"inputs": inputs}, dynamo=True, verbose=False, opset_version=OPSET,
            dynamic_shapes={"inputs": {name: {0: batch} for name in inputs}},
            input_names=[input_name(name) for name in inputs], output_names=output_names(world),
        )  # fmt: skip
    assert program is not None
    proto = program.model_proto
    used = {name for node in proto.graph.node for name in node.input}
    for unused in [entry for entry in proto.graph.input if entry.name not in used]:
        proto.graph.input.remove(unused)
    facts = {"crop_size_px": CROP_SIZE, "joint_names": JOINT_NAMES, "opset": OPSET, **about}
    for name, value in facts.items():
        proto.metadata_props.add(key=name, value=value if isinstance(value, str) else json.dumps(value))
    return proto.SerializeToString(), {entry.name for entry in proto.graph.input}
