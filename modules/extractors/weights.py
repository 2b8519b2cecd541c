"""The folder of fetched weights, and the record that describes weights known by name."""

from __future__ import annotations

from dataclasses import dataclass

from modules.config.paths import PROJECT_ROOT

PRE_MODELS = PROJECT_ROOT / "pre_models"


@dataclass(frozen=True)
class KnownWeights:
    """Published weights: their name, their source, and what is known of their size, hash and licence."""

    name: str
    url: str
    what: str
    licence: str
    size_bytes: int | None = None  # None: not published
    sha256: str | None = None  # of the archive; None: not published
