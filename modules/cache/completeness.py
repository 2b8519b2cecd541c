"""Tells whether a cache holds everything that the extraction of its present inputs would write."""

from __future__ import annotations

from collections.abc import Sequence

from modules.cache.joint_features import have_joint_features
from modules.cache.store import cache_folder, open_cache, read_manifest
from modules.config.schema import Config
from modules.extractors import configured_fingerprint
from modules.files.layout import Frame
from modules.utils import UserError


def is_extracted(config: Config, split: str, frames: Sequence[Frame], joint_features: str) -> bool:
    """Returns whether the extraction of a split, with the joint features of this network or `none`, has nothing to do."""
    manifest = read_manifest(cache_folder(config, split))
    if manifest is None or manifest.get("fingerprint") != configured_fingerprint(config):
        return False
    try:
        rows, _ = open_cache(config, split, frames)
    except UserError:  # missing, stale or damaged: the extraction says what it does about it
        return False
    people = rows.take(rows["found"].astype(bool))
    return joint_features == "none" or bool(have_joint_features(people, joint_features).all())
