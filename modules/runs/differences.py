"""Says in which config keys a run differs from a config, among the keys that determine a training."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from modules.config.schema import Config
from modules.config.yaml_text import read_yaml
from modules.runs.folders import NOT_DETERMINING
from modules.utils import UserError

SHOWN_KEYS, SHOWN_CHARACTERS = 3, 60
_EXTRACTION, _TTA = ("EXTRACT.extractor", "EXTRACT.weights"), "EXTRACT.test_time_augmentation"
_SECTIONS = ("EXTRACT", "METRABS", "DATA", "TRAIN", "SEED")
_LEFT_OUT = {
    "DATA.root",
    "EXTRACT.batch_size",
    "EXTRACT.workers",
    "EXTRACT.engine",  # a run with one predicts with another
    *(f"{section}.{key}" for section, key in NOT_DETERMINING),
}

Differing = dict[str, tuple[Any, Any]]


def config_of_run(run: Path) -> dict[str, Any]:
    """Returns the config that a run was started with, as a tree; empty if it cannot be read."""
    try:
        return read_yaml(run / "train_config.yaml")
    except UserError:
        return {}


def differing_keys(config: Config, trained: dict[str, Any]) -> Differing | None:
    """Returns each determining key, such as TRAIN.num_epochs, whose value differs: (in `trained`, in `config`).

    DATA.root is left out, since its spelling does not matter; METRABS counts where one of both extracts with it. Returns
    None if `trained` has other keys, as the config of another version has.
    """
    theirs, ours = _determining(trained), _determining(config.model_dump(mode="json"))
    if theirs.keys() != ours.keys():
        return None
    extractors = {theirs["EXTRACT.extractor"], ours["EXTRACT.extractor"]}
    differing = {key: (theirs[key], value) for key, value in ours.items() if theirs[key] != value}
    if "metrabs" not in extractors:
        differing = {key: values for key, values in differing.items() if not key.startswith("METRABS.")}
    if extractors != {"blazepose"}:
        differing.pop(_TTA, None)
    return differing


def _determining(tree: dict[str, Any]) -> dict[str, Any]:
    """Returns the values of a config's tree by SECTION.key, but for those that do not determine a training."""
    sections = {name: tree.get(name) for name in _SECTIONS}
    values = {
        f"{name}.{key}": value
        for name, section in sections.items()
        if isinstance(section, dict)
        for key, value in section.items()
    }
    return {key: value for key, value in values.items() if key not in _LEFT_OUT}


def in_words(differing: Differing) -> str:
    """Returns the first differing keys with both values, and how many more there are."""
    shown = [f"{key} is {_brief(theirs)} there, {_brief(ours)} here" for key, (theirs, ours) in differing.items()]
    more = len(shown) - SHOWN_KEYS
    return "; ".join(shown[:SHOWN_KEYS]) + (f"; and {more} more" if more > 0 else "")


def extraction_options(differing: Differing) -> list[str]:
    """Returns the --set arguments by which a config extracts as the run did; test-time augmentation follows by itself."""
    keys = [key for key in differing if key in _EXTRACTION or key.startswith("METRABS.")]
    return [part for key in keys for part in ("--set", f"{key}={_text(differing[key][0])}")]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _brief(value: Any) -> str:
    text = _text(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 3] + "..."
