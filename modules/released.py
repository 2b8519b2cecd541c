"""A trained network as one small file that anyone may load: half-precision safetensors, and all that it must remember.

It holds what predicting needs of a checkpoint (see modules.runs), nothing of the optimizer, and no code: the header is JSON.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from modules.utils import UserError, write_bytes

SUFFIX = ".safetensors"
_HEADER = "worldpose"
_REMEMBERED = ("version", "spec", "config", "facts", "key", "fingerprint")
_SMALL = 1024  # numbers: smaller tensors stay as they are, so that no fitted constant is rounded


def write_released(path: Path, content: dict[str, Any], **about: Any) -> None:
    """Write a checkpoint's network in half precision, atomically; `about` goes into the header beside what it remembers."""
    weights = {name: _halved(tensor).contiguous() for name, tensor in content["model"].items()}
    header = {name: content[name] for name in _REMEMBERED} | about
    write_bytes(path, save(weights, {_HEADER: json.dumps(header)}))


def _halved(tensor: torch.Tensor) -> torch.Tensor:
    large = tensor.is_floating_point() and tensor.numel() >= _SMALL
    return tensor.half() if large else tensor


def read_released(path: Path) -> dict[str, Any]:
    """The same as a checkpoint's content, in full precision. UserError where it is missing, damaged or not ours."""
    if not path.is_file():
        raise UserError(
            f"{path}: these weights are missing; restore them (`git checkout` brings the released ones back)"
        )
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads((file.metadata() or {})[_HEADER])
            model = {name: _full(file.get_tensor(name)) for name in file.keys()}  # noqa: SIM118  (it is no dictionary)
    except (SafetensorError, KeyError, ValueError, OSError):
        raise UserError(
            f"{path}: these weights are damaged or not WorldPose's; restore them, or train without them"
        ) from None
    return {**header, "model": model}


def _full(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.float() if tensor.is_floating_point() else tensor
