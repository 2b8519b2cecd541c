"""Checks that a checkpoint of any origin has the fields that are read from it, before anything is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from pydantic import TypeAdapter, ValidationError

from model.model import PoseNetSpec
from model.skeleton import NUM_JOINTS
from modules.config.train import Train
from modules.recipes import RECIPES

_FIELDS = {"spec": dict, "config": dict, "facts": dict, "key": str, "fingerprint": str, "model": dict}
_READ = {
    ("EXTRACT", "extractor"): str,
    ("EXTRACT", "weights"): str,
    ("DATA", "root"): str,
    ("DATA", "extra_roots"): list,
}
_NO_KEYS: dict[str, tuple[Any, ...]] = {
    "resnet_type": (18,),
    "bone_prior": (False, True),
    "floor_contact": (False, True),
}  # what the config does not set

BLENDED = "released"  # entry of a blended checkpoint: spec and weights of the released network
# Shapes of the facts. Those of `place`, and of what a recipe adds, may be absent; the height is None without a floor.
_FACTS: dict[str, tuple[int, ...]] = {"mean_pose_crop_mm": (NUM_JOINTS, 3), "pelvis_height_mm": ()}
_MORE_FACTS: dict[str, tuple[int, ...]] = {"place_root_log_sd": (), "depth_max_mm": ()}
_GROUPS: dict[str, dict[str, tuple[int, ...]]] = {
    "place": {"mean_mm": (3,), "covariance_mm2": (3, 3), "root_log_sd": ()},
    "uncertainty": {"offset": (NUM_JOINTS,), "slope": (), "spread": (NUM_JOINTS,)},
}


MOST = 4096  # for a field of an architecture that the config does not know


def is_complete(content: Any) -> bool:
    """Returns whether a checkpoint's content has every field of its type, an architecture of ours, and tensors.

    An architecture is ours if each of its values is one that the config allows, so that no file asks for a network of any size.
    """
    if not isinstance(content, dict) or not all(isinstance(content.get(name), kind) for name, kind in _FIELDS.items()):
        return False
    config, tensors = content["config"], content["model"]
    sections = all(
        isinstance(config.get(section), dict) and isinstance(config[section].get(key), kind)
        for (section, key), kind in _READ.items()
    )
    whole = sections and _is_tta(config["EXTRACT"]) and _are_facts(content["facts"], content["spec"])
    return whole and _are_named(tensors) and _is_ours(content["spec"]) and _is_blend(content)


def _is_tta(extract: Mapping[str, Any]) -> bool:
    value = extract.get("test_time_augmentation")
    return isinstance(value, bool) or value == "adaptive"


def _are_named(tensors: Mapping[Any, Any]) -> bool:
    return all(isinstance(name, str) and isinstance(tensor, torch.Tensor) for name, tensor in tensors.items())


def _is_blend(content: Mapping[str, Any]) -> bool:
    """Returns whether content has no blend, or shares from 0 to 1 and a network of ours to blend with."""
    facts, stored = content["facts"].get("blend"), content.get(BLENDED)
    if facts is None and stored is None:
        return True
    if not isinstance(facts, dict) or not isinstance(stored, dict) or not isinstance(stored.get("spec"), dict):
        return False
    shares = [facts.get(name) for name in ("pose", "root")]
    valid = all(isinstance(share, float) and 0 <= share <= 1 for share in shares)
    known = facts.get("joint_features") == stored["spec"].get("joint_features")
    weights = stored.get("model")
    return valid and known and isinstance(weights, dict) and _are_named(weights) and _is_ours(stored["spec"])


def _are_facts(facts: Mapping[Any, Any], spec: Mapping[Any, Any]) -> bool:
    """Returns whether the facts that are read have their shapes, and whether those of the spec's recipe are there."""
    required = all(
        name in facts and (_has_shape(facts[name], shape) or (name, facts[name]) == ("pelvis_height_mm", None))
        for name, shape in _FACTS.items()
    )
    more = all(_has_shape(facts[name], shape) for name, shape in _MORE_FACTS.items() if name in facts)
    groups = all(
        isinstance(facts[group], dict)
        and all(_has_shape(facts[group].get(name), shape) for name, shape in shapes.items())
        for group, shapes in _GROUPS.items()
        if group in facts
    )
    return required and more and groups and (spec.get("model") != "OriginalPoseNet" or "depth_max_mm" in facts)


def _has_shape(value: Any, shape: tuple[int, ...]) -> bool:
    """Returns whether nested lists of numbers have this shape."""
    if not shape:
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, list) and len(value) == shape[0] and all(_has_shape(one, shape[1:]) for one in value)


def _is_ours(spec: Mapping[Any, Any]) -> bool:
    """Returns whether a spec names a recipe and fields of its architecture, with values that the config allows."""
    recipe = spec.get("model", "PoseNet")
    if not isinstance(recipe, str) or recipe not in RECIPES:
        return False
    known: type[PoseNetSpec] = RECIPES[recipe].spec_type
    return all(name in known.__dataclass_fields__ and _is_allowed(name, value) for name, value in spec.items())


def _is_allowed(name: str, value: Any) -> bool:
    """Returns whether a value may stand in this field of a spec."""
    if name in _NO_KEYS:
        return type(value) is type(_NO_KEYS[name][0]) and value in _NO_KEYS[name]
    field = Train.model_fields.get(name) if name != "model" else None  # which names a recipe, as is checked
    if field is None:  # of a recipe of one's own
        return isinstance(value, str | bool) or (isinstance(value, int | float) and 0 <= value <= MOST)
    kind: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    try:
        TypeAdapter(kind).validate_python(value, strict=True)
    except ValidationError:
        return False
    return True
