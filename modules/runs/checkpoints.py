"""Writes checkpoints atomically, and reads them without running code."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from model.blend import BlendedNet, Shares
from modules.config.paths import PROJECT_ROOT, project_path
from modules.config.schema import Config
from modules.config.train import Train
from modules.files.atomic import atomic_path
from modules.files.zip_files import is_stored
from modules.recipes import RECIPES, recipe_of
from modules.runs.content import BLENDED, is_complete
from modules.runs.folders import CHECKPOINT_VERSION, best_checkpoint
from modules.runs.released import SUFFIX, read_released
from modules.utils import UserError

RELEASED = PROJECT_ROOT / "pre_models" / "posenet" / "posenet.safetensors"


def released_for(config: Config) -> Path | None:
    """Returns the released weights, if they exist and were trained on the configured extractor; else None."""
    if not RELEASED.is_file():
        return None
    trained, extract = load_checkpoint(RELEASED)["config"]["EXTRACT"], config.EXTRACT
    same = (trained["extractor"], trained["weights"]) == (extract.extractor, extract.weights)
    return RELEASED if same else None


def facts_for(checkpoint: Mapping[str, Any], config: Config) -> dict[str, Any]:
    """Returns a checkpoint's facts that hold for the configured data set: the training people's place is in their own world."""
    same_world = project_path(checkpoint["config"]["DATA"]["root"]).resolve() == config.data_root.resolve()
    return {name: fact for name, fact in checkpoint["facts"].items() if same_world or not name.startswith("place")}


def weights_of(path: Path, content: dict[str, Any]) -> dict[str, Any]:
    """Returns what a report says of the weights that predicted: their file, and their training."""
    config, file = content["config"], path.resolve()
    return {
        "path": str(file), "released": file == RELEASED.resolve(), "data_root": config["DATA"]["root"],
        "epoch": content.get("epoch"), "config": config, "blend": content["facts"].get("blend"),
    }  # fmt: skip


def weights_sentence(weights: dict[str, Any]) -> str:
    """Returns the line of a report that names the weights, from what `weights_of` returns."""
    roots = " and ".join([weights["data_root"], *weights["config"]["DATA"]["extra_roots"]])
    kind = "the released ones, " if weights["released"] else ""
    sentence = f"Weights: {kind}{weights['path']}, trained on {roots}, epoch {weights['epoch']}"
    if (blend := weights["blend"]) is None:
        return sentence
    return f"{sentence}, with {blend['pose']:.0%} of the released weights' pose and {blend['root']:.0%} of their root"


def save_checkpoint(path: Path, content: dict[str, Any]) -> None:
    """Writes a checkpoint atomically; a full disk leaves the old one intact."""
    try:
        with atomic_path(path) as temporary, open(temporary, "wb") as handle:
            torch.save({"version": CHECKPOINT_VERSION, **content}, handle)
    except (OSError, RuntimeError) as error:
        # torch raises a RuntimeError while it handles the OSError of the file.
        cause = error if isinstance(error, OSError) else error.__context__
        why = getattr(cause, "strerror", None) or str(error).splitlines()[0]
        raise UserError(f"{path}: the checkpoint cannot be written ({why}); free some space and start again") from None


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Reads a checkpoint's tensors and plain values without running code. Raises UserError if it is missing or damaged."""
    content = read_released(path) if path.suffix == SUFFIX else _read_checkpoint(path)
    if content.get("version") != CHECKPOINT_VERSION:
        raise UserError(f"{path}: this checkpoint is of an earlier version; train again, or use the released weights")
    if not is_complete(content):
        raise _damaged(path)
    return content


def load_training(path: Path) -> dict[str, Any]:
    """Reads a model.pt, from which a training resumes. Raises UserError if it is missing, damaged or another checkpoint."""
    content = load_checkpoint(path)
    if not content.keys() >= {"epoch", "optimizer", "scheduler", "stopper", "record", "partial"}:
        raise UserError(f"{path}: this checkpoint holds no training to resume; train again without --resume")
    return content


def _read_checkpoint(path: Path) -> dict[str, Any]:
    if not path.exists():
        raise UserError(f"{path}: this checkpoint is missing; run python train.py")
    try:
        if not is_stored(path):  # torch's format since 1.6; it would also unpack compressed parts of any size
            raise _damaged(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception:  # torch's reader of a damaged pickle raises nearly every kind of error, AssertionError too
        raise _damaged(path) from None
    if not isinstance(content, dict):
        raise _damaged(path)
    return content


def _damaged(path: Path) -> UserError:
    return UserError(f"{path}: this checkpoint is damaged or not PoseNet's; train again, or use another --run")


def restore_network(content: Mapping[str, Any], path: Path) -> nn.Module:
    """Returns a checkpoint's network, blended with the released one if it holds that.

    Raises UserError if the weights do not fit their architecture.
    """
    network = recipe_of({"spec": content["spec"]}).network()
    try:
        network.load_state_dict(content["model"])
    except RuntimeError:
        raise UserError(f"{path}: the weights do not fit the architecture it names; train again") from None
    if BLENDED not in content:
        return network
    shares = content["facts"]["blend"]
    return BlendedNet(network, restore_network(content[BLENDED], path), Shares(shares["pose"], shares["root"]))


def starting_weights(train: Train) -> dict[str, torch.Tensor] | None:
    """Returns the weights of TRAIN.init_from, or None. Raises UserError if they do not fit the config."""
    if train.init_from is None:
        return None
    path = best_checkpoint(project_path(train.init_from))
    content = load_checkpoint(path)
    theirs = recipe_of(content).spec.as_dict()
    ours = RECIPES[train.model].spec_of(train).as_dict()
    network = recipe_of({"spec": ours}).network()
    wanted = network.state_dict()
    if ours.get("model_type") == "pose":  # the pose branch of an image+pose network can be used
        theirs = {**theirs, "model_type": "pose" if "pose" in theirs["model_type"] else theirs["model_type"]}
    for name in sorted({*ours, *theirs} - {"bone_prior", "floor_contact"}):  # which follow from `root`
        found, configured = (spec.get(name, "PoseNet") for spec in (theirs, ours))  # only PoseNet's has no `model`
        if found != configured:
            raise UserError(
                f"TRAIN.init_from: {path} holds a network with {name}: {found}, not {configured}; set "
                f"TRAIN.{name} to {found}, or TRAIN.init_from to null"
            )
    if not wanted.keys() <= content["model"].keys():
        raise UserError(f"TRAIN.init_from: the weights in {path} do not fit the architecture it names; use other ones")
    return {name: content["model"][name] for name in wanted}
