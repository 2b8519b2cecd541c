"""The pretrained pose models of stage 1, by name.

In: raw RGB images and their cameras.
Out: one `Estimate` per image: the person's box, 2D joints and root-relative 3D joints.
"""

from __future__ import annotations

from collections.abc import Callable

from modules.config.schema import Config
from modules.extractors.base import Extractor
from modules.utils import UserError


def _blazepose() -> type[Extractor]:
    from modules.extractors.blazepose.extractor import BlazePoseExtractor  # noqa: PLC0415  (imports only its libraries)

    return BlazePoseExtractor


def _metrabs() -> type[Extractor]:
    from modules.extractors.metrabs.extractor import MetrabsExtractor  # noqa: PLC0415  (imports only its libraries)

    return MetrabsExtractor


EXTRACTORS: dict[str, Callable[[], type[Extractor]]] = {"blazepose": _blazepose, "metrabs": _metrabs}


def configured_extractor(config: Config, threads: int | None = None) -> Extractor:
    """Loads the extractor that EXTRACT.extractor names, to use so many threads; None: all processors.

    Raises UserError if it is unknown or its weights are missing.
    """
    return extractor_class(config).from_config(config, threads)


def configured_fingerprint(config: Config) -> str | None:
    """Returns the configured extractor's fingerprint without loading it; None if its weights are missing.

    Raises UserError if the extractor is unknown.
    """
    return extractor_class(config).fingerprint_from_config(config)


def extractor_class(config: Config) -> type[Extractor]:
    """Returns the class that EXTRACT.extractor names. Raises UserError if it is unknown."""
    name = config.EXTRACT.extractor
    if name not in EXTRACTORS:
        raise UserError(f"EXTRACT.extractor: there is no extractor {name!r}; set it to one of {', '.join(EXTRACTORS)}")
    return EXTRACTORS[name]()
