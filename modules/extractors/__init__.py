"""The pretrained pose models by name. A further one is a file in this folder and a line in `EXTRACTORS`."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from modules.extractors.base import Extractor
from modules.utils import UserError

EXTRACTORS = {"blazepose": "modules.extractors.blazepose:BlazePoseExtractor"}


def create_extractor(name: str, weights: str, **options: Any) -> Extractor:
    """The extractor of that name, holding `weights`; only its own libraries are imported.

    UserError where the name is unknown, or the extractor cannot find its weights.
    """
    if name not in EXTRACTORS:
        raise UserError(f"EXTRACT.extractor: there is no {name!r}; known are {', '.join(EXTRACTORS)}")
    module, _, cls = EXTRACTORS[name].partition(":")
    extractor: Extractor = getattr(import_module(module), cls)(weights, **options)
    return extractor
