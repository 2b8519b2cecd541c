"""Digests of what a stage leaves, without times and logs, so that two runs can be compared."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import torch

from modules.files.hashing import digest
from modules.runs import folders

TIMES = ("seconds", "images_per_second", "minutes")
LEFT_OUT = (".log", ".lock", ".py", ".pyc")  # logs, and what holds no result


def digests(folder: Path) -> dict[str, str]:
    """Returns a digest for every file below a folder, by its relative name, with the newest run's folder called RUN.

    Unfinished runs beside a finished one, which a kill before the first checkpoint leaves, are left out.
    """
    found = {}
    finished = folders.newest_complete(folder / "train")
    others = [run for run in folders.run_folders(folder / "train") if run != finished] if finished else []
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.suffix not in LEFT_OUT and not any(path.is_relative_to(run) for run in others):
            name = str(path.relative_to(folder))
            found[name.replace(finished.name, "RUN") if finished else name] = _digest(path)
    return found


def _digest(path: Path) -> str:
    if path.suffix == ".pt":
        return _of_tensors(torch.load(path, map_location="cpu", weights_only=True))
    if path.name == "summary.json":
        return digest(_timeless(json.loads(path.read_text(encoding="utf-8"))))
    if path.name == "record.csv":
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8"))))
        return digest(_timeless(rows))
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _timeless(value: Any) -> Any:
    """Returns a tree without the entries that are times."""
    if isinstance(value, dict):
        return {name: _timeless(one) for name, one in value.items() if name not in TIMES}
    return [_timeless(one) for one in value] if isinstance(value, list) else value


def _of_tensors(content: Any) -> str:
    """Returns the digest of a checkpoint's values and of the bytes of its tensors."""

    def plain(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            data = value.contiguous().numpy().tobytes()
            return [str(value.dtype), list(value.shape), hashlib.sha256(data).hexdigest()]
        if isinstance(value, dict):
            return {str(name): plain(one) for name, one in value.items()}
        return [plain(one) for one in value] if isinstance(value, list | tuple) else value

    return digest(plain(_timeless(content)))
