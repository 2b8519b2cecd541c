"""Run folders and checkpoints: what a training leaves behind, and how it is found and read again."""

from __future__ import annotations

import contextlib
import fcntl
import pickle
import re
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

from modules.cache import cache_folder, read_manifest
from modules.config import PROJECT_ROOT, Config, Train, project_path
from modules.layout import read_validation_list
from modules.recipes import recipe_named, recipe_of
from modules.released import SUFFIX, read_released
from modules.utils import UserError, atomic_path, digest, read_json, sha256_file

CHECKPOINT_VERSION = 3
RUN_NAME = re.compile(r"POSENET_\d{14}")
LAST = "model.pt"
STARTED, COMPLETE = "run.json", "summary.json"
RELEASED = PROJECT_ROOT / "pre_models" / "posenet" / "posenet.safetensors"


def run_key(config: Config, cache_key: str) -> str:
    """What decides a training's outcome: the config's sections that reach it, the caches' content, what validates."""
    sections = config.model_dump(mode="json", include={"SEED", "DATA", "TRAIN", "PERFORMANCE_RECORD"})
    listed = sorted(read_validation_list(config.data_root) or ()) if config.DATA.validation == "list" else []
    content = [CHECKPOINT_VERSION, sections, cache_key, listed]
    if config.TRAIN.init_from is not None:
        content.append(sha256_file(best_checkpoint(project_path(config.TRAIN.init_from))))
    return digest(content + [_further_key(further) for further in config.further])


def _further_key(further: Config) -> list[Any]:
    """The same of a further data set that is learned from."""
    manifest = read_manifest(cache_folder(further, "train")) or {}
    return [manifest.get("key"), sorted(read_validation_list(further.data_root) or ())]


def origin(config: Config) -> dict[str, str]:
    """What a run's data were: a run answers only for the same root, extractor and weights unless it is named."""
    return {"root": config.DATA.root, "extractor": config.EXTRACT.extractor, "weights": config.EXTRACT.weights}


def new_folder(parent: Path, name: str | None = None) -> Path:
    """Make `POSENET_<YYYYmmddHHMMSS>` below `parent`; two starts within a second get two folders."""
    while True:
        folder = parent / (name or time.strftime("POSENET_%Y%m%d%H%M%S"))
        try:
            folder.mkdir(parents=True, exist_ok=name is not None)
            return folder
        except OSError as error:
            if not folder.exists():  # else it is another start's
                raise UserError(
                    f"{folder}: this folder cannot be made ({error.strerror}); set RESULTS.root to where you may write"
                ) from None
            time.sleep(0.3)


@contextlib.contextmanager
def held(run: Path) -> Iterator[None]:
    """Keep a run folder for this process; UserError where another one trains in it. A killed process holds nothing."""
    with open(run / STARTED, "rb") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                f"{run}: another process is training in this folder; wait until it ends, or stop it"
            ) from None
        yield


def run_folders(parent: Path) -> list[Path]:
    """The run folders below `parent`, newest first."""
    found = [path for path in parent.glob("POSENET_*") if path.is_dir() and RUN_NAME.fullmatch(path.name)]
    return sorted(found, key=lambda path: path.name, reverse=True)


def newest_complete(parent: Path, **started: str) -> Path | None:
    """The newest run that finished, among those whose run.json holds these values."""
    return next((run for run in run_folders(parent) if is_complete(run) and _started_with(run, started)), None)


def is_complete(run: Path) -> bool:
    """Whether a run finished and its best checkpoint is still there."""
    return (run / COMPLETE).exists() and (run / read_json(run / COMPLETE)["best"]).exists()


def newest_unfinished(parent: Path, key: str) -> Path | None:
    """The newest run of this key that was cut off after its first checkpoint."""
    runs = (run for run in run_folders(parent) if not (run / COMPLETE).exists() and (run / LAST).exists())
    return next((run for run in runs if _started_with(run, {"key": key})), None)


def _started_with(run: Path, values: dict[str, str]) -> bool:
    return not values or ((run / STARTED).exists() and read_json(run / STARTED).items() >= values.items())


def best_checkpoint(run: Path) -> Path:
    """The best_XX.pt of a complete run, or a released network's file itself. UserError where it is neither."""
    if run.suffix == SUFFIX:
        return run
    if not is_complete(run):
        raise UserError(f"{run}: this is no finished training; run python train.py, or name another with --run")
    return run / read_json(run / COMPLETE)["best"]


def released_for(config: Config) -> Path | None:
    """The released weights, where they stand and were taught on the configured extractor's answers."""
    if not RELEASED.is_file():
        return None
    taught, asked = load_checkpoint(RELEASED)["config"]["EXTRACT"], config.EXTRACT
    same = (taught["extractor"], taught["weights"]) == (asked.extractor, asked.weights)
    return RELEASED if same else None


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Write a checkpoint atomically; a full disk leaves the old one as it was."""
    try:
        with atomic_path(path) as temporary, open(temporary, "wb") as handle:
            torch.save({"version": CHECKPOINT_VERSION, **content}, handle)
    except (OSError, RuntimeError) as error:
        # torch puts an error of its own in front of the file's.
        refused = error if isinstance(error, OSError) else error.__context__
        why = getattr(refused, "strerror", None) or str(error).splitlines()[0]
        raise UserError(f"{path}: the checkpoint cannot be written ({why}); free some space and start again") from None


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint's tensors and plain values; code inside it is never run. UserError where it is damaged."""
    content = read_released(path) if path.suffix == SUFFIX else _read_checkpoint(path)
    if content.get("version") != CHECKPOINT_VERSION:
        raise UserError(f"{path}: this checkpoint is of another version of WorldPose; train again")
    return _with_members(content)


# Layers of the pose branch, or of what reads the image alone, that stood in the network itself before.
_ALONE = ("embed", "embed_looks", "decide", "shift", "root", "swap", "doubt")


def _with_members(content: dict[str, Any]) -> dict[str, Any]:
    """A PoseNet's checkpoint of before its pose branch could be several networks, as that of the one which it was."""
    spec = content.get("spec")
    if not isinstance(spec, dict) or "members" in spec or "model" in spec:
        return content
    renamed = {
        f"members.0.{name}" if name.split(".")[0] in _ALONE else name: values
        for name, values in content["model"].items()
    }
    return {**content, "model": renamed}


def _read_checkpoint(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise UserError(f"{path}: this checkpoint is missing; run python train.py")
    damaged = UserError(f"{path}: this checkpoint is damaged or no PoseNet's; train again, or use another --run")
    if not zipfile.is_zipfile(path):  # torch's own format since 1.6; anything else is not ours
        raise damaged
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, KeyError, pickle.UnpicklingError, zipfile.BadZipFile):
        raise damaged from None
    if not isinstance(content, dict):
        raise damaged
    return content


def restore_network(content: dict[str, Any], path: Path) -> nn.Module:
    """The network that a checkpoint holds. UserError where its weights are of another architecture."""
    network = recipe_of(content).network()
    try:
        network.load_state_dict(content["model"])
    except RuntimeError:
        raise UserError(f"{path}: the weights do not fit the architecture it names; train again") from None
    return network


def starting_weights(train: Train) -> dict[str, torch.Tensor] | None:
    """The weights that TRAIN.init_from starts a network from, or None. UserError where they do not fit what is configured."""
    if train.init_from is None:
        return None
    path = best_checkpoint(project_path(train.init_from))
    content = load_checkpoint(path)
    theirs = recipe_of(content).spec.as_dict()  # whole, though it may be of before a field was thought of
    ours = recipe_named(train.model).spec_of(train).as_dict()
    network = recipe_of({"spec": ours}).network()
    wanted = network.state_dict()
    if ours.get("model_type") == "pose":  # which is a part of a network that sees both
        theirs = {**theirs, "model_type": "pose" if "pose" in theirs["model_type"] else theirs["model_type"]}
    for name in sorted({*ours, *theirs}):
        if ours.get(name) != theirs.get(name):
            raise UserError(
                f"TRAIN.init_from: {path} holds a network with {name}: {theirs.get(name)}, not {ours.get(name)}; set "
                f"TRAIN.{name} to it, or TRAIN.init_from to null"
            )
    if not wanted.keys() <= content["model"].keys():
        raise UserError(f"TRAIN.init_from: the weights in {path} do not fit the architecture it names; use other ones")
    return {name: content["model"][name] for name in wanted}
