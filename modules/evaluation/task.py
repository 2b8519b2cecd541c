"""Loads the test task: the requested images as cache rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from modules.cache.store import cache_folder, open_cache
from modules.cache.table import Rows
from modules.config.schema import Config
from modules.files.layout import Frame, list_frames
from modules.utils import UserError


@dataclass(frozen=True)
class Task:
    """The requested test images as cache rows, in the order of the sample submission."""

    names: list[str]
    frames: list[Frame]
    rows: Rows
    cache_key: str
    fingerprint: str

    def take(self, mask: np.ndarray) -> Task:
        """Returns the images where the mask is true."""
        kept = np.flatnonzero(mask)
        names, frames = [self.names[i] for i in kept], [self.frames[i] for i in kept]
        return Task(names, frames, self.rows.take(mask), self.cache_key, self.fingerprint)


def load_task(config: Config, requested: Sequence[Frame]) -> Task:
    """Finds the requested test images in the cache. Raises UserError if the cache is missing or stale."""
    rows, manifest = open_cache(config, "test", list_frames(config.data_root, "test"))
    index = {name: place for place, name in enumerate(rows["file_name"])}
    names = [frame.requested_name for frame in requested]
    missing = next((frame for frame in requested if frame.file_name not in index), None)
    if missing is not None:
        folder = cache_folder(config, "test")
        raise UserError(f"{folder}: {missing.file_name} is not in this cache; delete it and extract again")
    chosen = rows.take([index[frame.file_name] for frame in requested])
    return Task(names, list(requested), chosen, manifest["key"], manifest["fingerprint"])
