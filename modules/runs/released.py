"""Reads and writes released networks: half-precision safetensors files with a JSON header and no code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from modules.files.atomic import write_bytes
from modules.files.json_text import parse_json
from modules.utils import UserError

SUFFIX = ".safetensors"
_HEADER = "groundpose"
_STORED = ("version", "spec", "config", "facts", "key", "fingerprint")
_SMALL = 1024  # tensors with fewer numbers keep their precision, so that no fitted constant is rounded


def write_released(path: Path, content: dict[str, Any], **about: Any) -> None:
    """Writes a checkpoint's network in half precision, atomically; `about` is added to the header.

    The training people's place is left out, since it holds in their own world alone.
    """
    weights = {name: _halved(tensor).contiguous() for name, tensor in content["model"].items()}
    facts = {name: fact for name, fact in content["facts"].items() if not name.startswith("place")}
    header = {name: content[name] for name in _STORED} | {"facts": facts} | about
    write_bytes(path, save(weights, {_HEADER: json.dumps(header)}))


def _halved(tensor: torch.Tensor) -> torch.Tensor:
    large = tensor.is_floating_point() and tensor.numel() >= _SMALL
    return tensor.half() if large else tensor


def read_released(path: Path) -> dict[str, Any]:
    """Reads a released file as a checkpoint's content, in full precision. Raises UserError if it is missing or damaged."""
    if not path.is_file():
        raise UserError(
            f"{path}: these weights are missing; restore them (`git checkout` brings the released ones back)"
        )
    try:
        with safe_open(path, framework="pt") as file:
            header = dict(parse_json((file.metadata() or {})[_HEADER].encode()))
            model = {name: _full(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118  (not a dictionary)
    except (SafetensorError, KeyError, TypeError, ValueError, OSError):
        raise UserError(
            f"{path}: these weights are damaged or not GroundPose's; restore them, or train without them"
        ) from None
    return {**header, "model": model}


def _full(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor
