"""Checks that a checkpoint of any origin has the fields that are read from it, before anything is made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from pydantic import TypeAdapter, ValidationError

from model.model import PoseNetSpec
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
}  # what the config does not set

BLENDED = "released"  # entry of a blended checkpoint: spec and weights of the released network
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
    whole = sections and _is_tta(config["EXTRACT"]) and _are_named(tensors)
    return whole and _is_ours(content["spec"]) and _is_blend(content)


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
