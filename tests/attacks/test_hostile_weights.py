"""Checkpoints and released weights of strangers: no code runs, no small file fills the memory, no field is trusted."""

import json
import pickle
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from model.model import PoseNetSpec, make_posenet
from modules.config.schema import Config
from modules.files.atomic import write_json
from modules.runs import checkpoints, folders
from modules.runs.folders import CHECKPOINT_VERSION
from tests.attacks.program import Program, refused
from tests.builders import FACTS

DAMAGED = "damaged or not (PoseNet's|GroundPose's)"


@pytest.fixture(scope="module")
def content() -> dict[str, Any]:
    """A whole checkpoint."""
    spec = PoseNetSpec(model_type="pose")
    return {
        "version": CHECKPOINT_VERSION, "spec": spec.as_dict(), "config": Config().model_dump(mode="json"), "facts": FACTS,
        "key": "key", "fingerprint": "extractor", "model": make_posenet(spec).state_dict(),
    }  # fmt: skip


@pytest.mark.parametrize("where", ["version", "spec", "config", "facts", "model", "another"])
@pytest.mark.parametrize("how", ["torch", "legacy torch", "pickle"])
def test_a_pickle_in_a_checkpoint_does_not_run(tmp_path: Path, content: dict[str, Any], how: str, where: str) -> None:
    path, mark = tmp_path / "best_01.pt", tmp_path / "ran"
    hostile = {**content, where: Program(mark)}
    if how == "pickle":
        path.write_bytes(pickle.dumps({**hostile, "model": hostile["model"] if where == "model" else {}}))
    else:
        torch.save(hostile, path, _use_new_zipfile_serialization=how == "torch")
    with refused(path, DAMAGED, mark):
        checkpoints.load_checkpoint(path)


def test_a_script_for_torch_is_no_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "best_01.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.save(torch.jit.script(nn.Identity()), str(path))
        with refused(path, DAMAGED):
            checkpoints.load_checkpoint(path)


def test_a_compressed_checkpoint_is_refused_before_it_fills_the_memory(tmp_path: Path, content: dict[str, Any]) -> None:
    """torch writes its parts as they are, but reads compressed ones: a thousand times as large as the file."""
    whole, path = tmp_path / "whole.pt", tmp_path / "best_01.pt"
    torch.save(content, whole)
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name in source.namelist():
            target.writestr(name, bytes(20_000_000) if name.endswith("/data/0") else source.read(name))
    assert path.stat().st_size < whole.stat().st_size
    with refused(path, DAMAGED):
        checkpoints.load_checkpoint(path)


SPECS: dict[str, Any] = {
    "a text": "pose", "a list": [1], "nothing": None, "an unknown field": {"device": "cuda"}, "huge": {"ensemble_size": 10**6},
    "negative": {"ensemble_size": -1}, "a text for a number": {"input_shape": "128"}, "an unknown recipe": {"model": "os"},
    "a recipe that is a list": {"model": [1]}, "a number for a choice": {"root": 7}, "a text for a bool": {"bone_prior": "no"},
}  # fmt: skip


@pytest.mark.parametrize("case", SPECS)
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_an_architecture_of_any_size_is_refused(
    tmp_path: Path, content: dict[str, Any], case: str, suffix: str
) -> None:
    path = tmp_path / f"best_01{suffix}"
    given = SPECS[case]
    spec = {**content["spec"], **given} if isinstance(given, dict) else given
    if suffix == ".pt":
        torch.save({**content, "spec": spec}, path)
    else:
        header = {name: value for name, value in content.items() if name != "model"} | {"spec": spec}
        path.write_bytes(safetensors({}, json.dumps(header)))
    with refused(path, DAMAGED):
        checkpoints.load_checkpoint(path)


FIELDS: dict[str, Callable[[dict[str, Any]], object]] = {
    "no network": lambda found: found.pop("model"),
    "a network that is a list": lambda found: found.update(model=[1]),
    "weights that are text": lambda found: found.update(model=dict.fromkeys(found["model"], "x")),
    "no config": lambda found: found.pop("config"),
    "a config without sections": lambda found: found.update(config={"DATA": 3}),
    "a root that is a number": lambda found: found.update(config={**found["config"], "DATA": {"root": 3}}),
    "facts that are a text": lambda found: found.update(facts="none"),
    "no mean pose": lambda found: found.update(facts={"pelvis_height_mm": 900.0}),
    "a mean pose of 23 joints": lambda found: found.update(facts={**FACTS, "mean_pose_crop_mm": [[0.0] * 3] * 23}),
    "a mean pose of texts": lambda found: found.update(facts={**FACTS, "mean_pose_crop_mm": [["0"] * 3] * 24}),
    "a height that is a list": lambda found: found.update(facts={**FACTS, "pelvis_height_mm": [900.0]}),
    "a place that is a number": lambda found: found.update(facts={**FACTS, "place": 3.0}),
    "a place without a width": lambda found: found.update(facts={**FACTS, "place": {"mean_mm": [0.0, 0.0, 900.0]}}),
    "an uncertainty of one joint": lambda found: found.update(
        facts={**FACTS, "uncertainty": {"offset": [0.1], "slope": 1.0, "spread": [0.4]}}
    ),
    "a width of the place that is true": lambda found: found.update(facts={**FACTS, "place_root_log_sd": True}),
    "a key that is a number": lambda found: found.update(key=7),
}


@pytest.mark.parametrize("case", FIELDS)
def test_a_field_that_is_missing_or_of_another_type(tmp_path: Path, content: dict[str, Any], case: str) -> None:
    path, hostile = tmp_path / "best_01.pt", dict(content)
    FIELDS[case](hostile)
    torch.save(hostile, path)
    with refused(path, DAMAGED):
        checkpoints.load_checkpoint(path)


@pytest.mark.parametrize("best", ["../../etc/passwd", "/etc/passwd", "best_01.safetensors", 5, None, ["best_01.pt"]])
def test_a_summary_names_no_file_elsewhere(tmp_path: Path, best: object) -> None:
    write_json(tmp_path / folders.COMPLETE, {"best": best})
    with refused(tmp_path / folders.COMPLETE, "no summary of a training"):
        folders.best_checkpoint(tmp_path)


def safetensors(tensors: dict[str, Any], header: str | None = None, data: bytes = b"") -> bytes:
    """A safetensors file with these entries, whatever they say."""
    entries = {**({} if header is None else {"__metadata__": {"groundpose": header}}), **tensors}
    text = json.dumps(entries).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(begin: int, end: int, *shape: int) -> dict[str, Any]:
    return {"dtype": "F32", "shape": list(shape), "data_offsets": [begin, end]}


OURS = json.dumps({"version": CHECKPOINT_VERSION})
FILES: dict[str, bytes] = {
    "a header of an exabyte": struct.pack("<Q", 2**60) + b"{}",
    "a header longer than the file": struct.pack("<Q", 99_000_000) + b"{}",
    "a header of a gigabyte of spaces": struct.pack("<Q", 2**30) + b"{" + b" " * 2000,
    "overlapping offsets": safetensors({"a": entry(0, 16, 4), "b": entry(8, 24, 4)}, OURS, bytes(24)),
    "offsets backwards": safetensors({"a": entry(16, 0, 4)}, OURS, bytes(16)),
    "offsets behind the end": safetensors({"a": entry(0, 10**15, 10**15 // 4)}, OURS, bytes(16)),
    "a shape that overflows": safetensors({"a": entry(0, 16, 2**62, 4)}, OURS, bytes(16)),
    "a hole": safetensors({"a": entry(0, 16, 4)}, OURS, bytes(64)),
    "an unknown type": safetensors({"a": {**entry(0, 16, 4), "dtype": "PICKLE"}}, OURS, bytes(16)),
    "deep brackets": struct.pack("<Q", 100_005) + b'{"a":' + b"[" * 100_000,
    "a header of ours that is a list": safetensors({}, "[1]"),
    "a header of ours with deep brackets": safetensors({}, "[" * 100_000),
    "a header of ours with a huge number": safetensors({}, "7" * 5000),
    "a header of ours without fields": safetensors({}, OURS),
    "another's metadata": safetensors({"a": entry(0, 16, 4)}, None, bytes(16)),
}


@pytest.mark.parametrize("case", FILES)
def test_hostile_safetensors(tmp_path: Path, case: str) -> None:
    path = tmp_path / "posenet.safetensors"
    path.write_bytes(FILES[case])
    with refused(path, DAMAGED):
        checkpoints.load_checkpoint(path)
