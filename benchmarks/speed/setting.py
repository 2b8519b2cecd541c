"""Shared by the parts of the speed benchmark: sizes, data sets, and measuring in turns."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from modules.cache.extraction import extract_split
from modules.cache.splits import split_rows
from modules.cache.store import open_cache
from modules.cache.table import Rows
from modules.config.schema import Config
from modules.files.layout import Frame, list_frames

Rates = dict[str, float]


@dataclass(frozen=True)
class Sizes:
    """The amount of work of each part, and the number of repeats."""

    repeats: int = 5
    memory_repeats: int = 2
    warm_ups: int = 1  # rounds that do not count
    images: int = 96  # of extraction and of the loaders
    stage_copies: int = 5  # of these, where the whole extraction is measured, so that its start matters less
    training_rows: int = 96  # six batches of the default size
    predicted_rows: int = 10_000  # at most
    poses: int = 10_000  # lifted at once
    looped_poses: int = 300  # and one by one
    copies: int = 10  # of the data set, where memory is measured
    copied_images: int | None = None  # images per copy; None: all
    least_seconds: float = 0.5  # a short piece of work is repeated for so long
    installs: bool = True  # install mediapipe if necessary


QUICK = Sizes(
    repeats=1, memory_repeats=1, warm_ups=0, images=4, stage_copies=1, training_rows=4, predicted_rows=4, poses=200,
    looped_poses=10, copies=2, copied_images=4, least_seconds=0.0, installs=False,
)  # fmt: skip
"""For a test of the benchmark itself; its figures mean nothing."""


@dataclass
class Setting:
    """One run of the benchmark: the config, a temporary folder with its cache, and the measurements left out."""

    config: Config  # whose cache lies in `folder`
    options: list[str]  # the arguments that made it, for child processes
    folder: Path
    sizes: Sizes
    left_out: list[str] = field(default_factory=list)  # a sentence for each row that could not be measured

    @cached_property
    def rows(self) -> tuple[Rows, Rows]:
        """Training and validation rows of the data set, extracted into the run's own cache."""
        extract_split(self.config, "train")
        rows, _ = open_cache(self.config, "train", list_frames(self.config.data_root, "train"))
        return split_rows(rows, self.config)

    def some_rows(self, count: int) -> Rows:
        """Returns at most so many training rows, evenly chosen."""
        return self.rows[0].take(evenly(len(self.rows[0]), count))


def evenly(size: int, count: int) -> np.ndarray:
    """Returns at most `count` evenly spaced indices below `size`."""
    return np.linspace(0, size - 1, min(size, count)).round().astype(int)


def at(config: Config, root: Path, cache: Path) -> Config:
    """Returns the config with another data root and cache."""
    return config.model_copy(update={"DATA": config.DATA.model_copy(update={"root": str(root), "cache": str(cache)})})


def repeat_root(source: Path, target: Path, copies: int, limit: int | None = None) -> list[Frame]:
    """Makes a data root with `copies` times the training images of `source` (evenly chosen, at most `limit`), as links.

    The images, cameras and labels of every copy have their own POSE name. Returns the linked frames.
    """
    frames = list_frames(source, "train")
    chosen = [frames[index] for index in evenly(len(frames), limit or len(frames))]
    return [_link(frame, target, f"{frame.pose}-{copy}") for copy in range(copies) for frame in chosen]


def _link(frame: Frame, root: Path, pose: str) -> Frame:
    name = f"{pose}_{frame.person}_{frame.camera}_{frame.sequence}{frame.image_path.suffix}"
    linked = replace(frame, root=root, pose=pose, file_name=name)
    for new, old in (
        (linked.image_path, frame.image_path), (linked.camera_path, frame.camera_path), (linked.label_path, frame.label_path),
    ):  # fmt: skip
        if old.exists() and not new.is_symlink():
            new.parent.mkdir(parents=True, exist_ok=True)
            new.symlink_to(old.resolve())
    return linked


def say(sentence: str) -> None:
    """Prints progress to stderr; stdout is for the tables."""
    print(sentence, file=sys.stderr, flush=True)


def take_turns(contenders: Mapping[str, Callable[[], Rates]], sizes: Sizes) -> dict[str, list[float]]:
    """Runs every contender once per repeat, in alternating order; returns the rates by name."""
    found: dict[str, list[float]] = {}
    for repeat in range(-sizes.warm_ups, sizes.repeats):
        order = list(contenders.values())
        for contender in reversed(order) if repeat % 2 else order:
            for name, value in contender().items():
                if repeat >= 0:
                    found.setdefault(name, []).append(value)
    return found


def rate(name: str, count: int, work: Callable[[], Any], least_seconds: float = 0.0) -> Callable[[], Rates]:
    """Returns a contender that does `count` pieces of work, repeated until `least_seconds` have passed."""

    def run() -> Rates:
        started, done = time.perf_counter(), 0
        while done == 0 or time.perf_counter() - started < least_seconds:
            work()
            done += count
        return {name: done / (time.perf_counter() - started)}

    return run


def pair(title: str, unit: str, ours: tuple[str, list[float]], other: tuple[str, list[float]]) -> dict[str, Any]:
    """Returns a row of the result: GroundPose and the alternative, each with its rate in every repeat."""
    sides = {
        side: {"what": what, "rates": [float(f"{value:.4g}") for value in values]}
        for side, (what, values) in (("ours", ours), ("other", other))
    }
    return {"title": title, "unit": unit, **sides}


def ratios(row: dict[str, Any]) -> tuple[float, float, float]:
    """Returns the median, lowest and highest ratio of our rate to the alternative's, over the repeats."""
    found = [ours / other for ours, other in zip(row["ours"]["rates"], row["other"]["rates"], strict=True)]
    return statistics.median(found), min(found), max(found)
