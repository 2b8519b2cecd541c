"""The pretrained pose models by name. A further one is a file in this folder and a line in `EXTRACTORS`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from modules.config import Config
from modules.extractors.base import Extractor
from modules.utils import UserError

EXTRACTORS = {
    "blazepose": "modules.extractors.blazepose:BlazePoseExtractor",
    "metrabs": "modules.extractors.metrabs:MetrabsExtractor",
}
SECTIONS = {"metrabs": "METRABS"}  # extractors with a section of the config, which they receive as `options`


def configured_extractor(config: Config) -> Extractor:
    """The extractor that the config names, with its weights and options. UserError as `create_extractor`."""
    return create_extractor(config.EXTRACT.extractor, config.EXTRACT.weights, **_options(config))


def configured_fingerprint(config: Config) -> str | None:
    """The fingerprint of the extractor that the config names, as `installed_fingerprint`."""
    return installed_fingerprint(config.EXTRACT.extractor, config.EXTRACT.weights, **_options(config))


def _options(config: Config) -> dict[str, Any]:
    section = SECTIONS.get(config.EXTRACT.extractor)
    several = {"crops": config.EXTRACT.crops} if config.EXTRACT.takes_several else {}
    return several if section is None else {**several, "options": getattr(config, section)}


def create_extractor(name: str, weights: str, **options: Any) -> Extractor:
    """The extractor of that name, holding `weights`; only its own libraries are imported.

    UserError where the name is unknown, or the extractor cannot find its weights.
    """
    extractor: Extractor = _extractor_class(name)(weights, **options)
    return extractor


def installed_fingerprint(name: str, weights: str, **options: Any) -> str | None:
    """The fingerprint that `create_extractor` would answer with, without loading it; None where its weights are absent.

    UserError where the name is unknown.
    """
    fingerprint: str | None = _extractor_class(name).fingerprint_of(weights, **options)
    return fingerprint


def _extractor_class(name: str) -> Any:
    if name not in EXTRACTORS:
        raise UserError(f"EXTRACT.extractor: there is no {name!r}; known are {', '.join(EXTRACTORS)}")
    module, _, cls = EXTRACTORS[name].partition(":")
    return getattr(import_module(module), cls)
