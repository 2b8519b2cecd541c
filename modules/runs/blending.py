"""The released weights beside a training: what they predict for the validation images, and the blend of both networks.

A blend is chosen on validation people who are not trained on (`Recipe.blended`). Its checkpoint holds the released
network too, so that a run stays what it is when the project gets other released weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modules.cache.joint_features import fill_joint_features, have_joint_features
from modules.cache.splits import holds_out_people
from modules.cache.table import Rows
from modules.config.schema import Config
from modules.files.locking import only_writer
from modules.inference.prediction import predict_outputs, prediction_loader
from modules.metrics import METRICS
from modules.recipes import RECIPES, recipe_of
from modules.recipes.base import Released
from modules.runs.checkpoints import RELEASED, load_checkpoint, released_for, restore_network
from modules.training.devices import prediction_device
from modules.utils import log


def released_on(config: Config, train: Rows, validation: Rows) -> Released | None:
    """Returns the released network on the validation rows; None if `released_outputs` is, or people in them are trained on."""
    return released_outputs(config, validation) if holds_out_people(train, validation) else None


def released_outputs(config: Config, validation: Rows) -> Released | None:
    """Returns the released network on labelled rows; their missing joint features are computed and cached.

    None if TRAIN.blend_released is false, the network is not PoseNet or uses other joint features, or the released weights
    are of another extractor.
    """
    wanted = config.TRAIN.blend_released and RECIPES[config.TRAIN.model].blends
    if not wanted or released_for(config) is None:
        return None
    content = load_checkpoint(RELEASED)
    recipe = recipe_of({"spec": content["spec"]})
    if config.TRAIN.joint_features not in ("none", recipe.joint_features):
        log.info("not blended with the released weights, whose joint features are %s", recipe.joint_features)
        return None
    if recipe.joint_features != "none" and not have_joint_features(validation, recipe.joint_features).all():
        with only_writer(validation.crop_files[0].parents[1], "extracts into"):
            fill_joint_features(validation, recipe.joint_features, config.EXTRACT.engine)
    device, unlabelled = prediction_device(config.TRAIN), validation.without_truth()
    network = restore_network(content, RELEASED).to(device.device)
    outputs = predict_outputs(network, prediction_loader(unlabelled, recipe.dataset), device)
    score = METRICS[config.TRAIN.metric_function](recipe.lift(outputs, unlabelled), validation["joints_world_mm"])
    return Released(outputs, score, {name: content[name] for name in ("spec", "model")}, recipe.joint_features)


def blend_note(facts: Mapping[str, Any]) -> str:
    """Returns what a line of the log says of a blend; empty without one."""
    if "blend" not in facts:
        return ""
    return f"  (released weights: {facts['blend']['pose']:.0%} of the pose, {facts['blend']['root']:.0%} of the root)"
