"""What the parts of benchmarks.speed share: how much to measure, on which rows, and taking turns."""

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

from modules.cache import Rows, open_cache
from modules.config import Config
from modules.dataset import split_rows
from modules.extraction import extract_split
from modules.layout import Frame, list_frames

Rates = dict[str, float]


@dataclass(frozen=True)
class Sizes:
    """How much each part works on, and how often it is repeated."""

    repeats: int = 5
    memory_repeats: int = 2
    warm_ups: int = 1  # rounds that do not count
    images: int = 96  # of extraction and of the loaders
    training_rows: int = 96  # six batches of the default size
    predicted_rows: int = 10_000  # at most: all there are
    poses: int = 10_000  # lifted at once
    looped_poses: int = 300  # and one by one
    copies: int = 10  # of the data set, where memory is measured
    copied_images: int | None = None  # of which there are so many in each; None: all
    least_seconds: float = 0.5  # that a short piece of work is repeated for
    installs: bool = True  # mediapipe, where it is not there yet


QUICK = Sizes(
    repeats=1, memory_repeats=1, warm_ups=0, images=4, training_rows=4, predicted_rows=4, poses=200, looped_poses=10,
    copies=2, copied_images=4, least_seconds=0.0, installs=False,
)  # fmt: skip
"""To try the benchmark: its figures say nothing."""


@dataclass
class Setting:
    """One run of the benchmark: the config, its cache in a folder of the run's own, and what had to be left out."""

    config: Config  # whose cache lies in `folder`
    options: list[str]  # the arguments that made it, for child processes
    folder: Path
    sizes: Sizes
    left_out: list[str] = field(default_factory=list)  # a sentence for each row that could not be measured

    @cached_property
    def rows(self) -> tuple[Rows, Rows]:
        """Training and validation rows of the data set, extracted here."""
        extract_split(self.config, "train")
        rows, _ = open_cache(self.config, "train", list_frames(self.config.data_root, "train"))
        return split_rows(rows, self.config)

    def some_rows(self, count: int) -> Rows:
        """At most so many training rows, evenly chosen."""
        return self.rows[0].take(evenly(len(self.rows[0]), count))


def evenly(size: int, count: int) -> np.ndarray:
    """At most `count` indices below `size`, evenly apart."""
    return np.linspace(0, size - 1, min(size, count)).round().astype(int)


def at(config: Config, root: Path, cache: Path) -> Config:
    """The config for another data root and cache."""
    return config.model_copy(update={"DATA": config.DATA.model_copy(update={"root": str(root), "cache": str(cache)})})


def repeat_root(source: Path, target: Path, copies: int, limit: int | None = None) -> list[Frame]:
    """A data root whose training images are `copies` times those of `source` (evenly chosen, at most `limit`), as links.

    Every copy is a recording of its own: its images, cameras and labels carry another POSE.
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
    """Tell whoever waits; standard output is for the tables."""
    print(sentence, file=sys.stderr, flush=True)


def take_turns(contenders: Mapping[str, Callable[[], Rates]], sizes: Sizes) -> dict[str, list[float]]:
    """Let every contender run once per repeat, in turn, every other time in the opposite order: rates by name."""
    found: dict[str, list[float]] = {}
    for repeat in range(-sizes.warm_ups, sizes.repeats):
        order = list(contenders.values())
        for contender in reversed(order) if repeat % 2 else order:
            for name, value in contender().items():
                if repeat >= 0:
                    found.setdefault(name, []).append(value)
    return found


def rate(name: str, count: int, work: Callable[[], Any], least_seconds: float = 0.0) -> Callable[[], Rates]:
    """A contender whose work does `count` things; it is done again until `least_seconds` have gone by."""

    def run() -> Rates:
        begun, done = time.perf_counter(), 0
        while done == 0 or time.perf_counter() - begun < least_seconds:
            work()
            done += count
        return {name: done / (time.perf_counter() - begun)}

    return run


def pair(title: str, unit: str, ours: tuple[str, list[float]], other: tuple[str, list[float]]) -> dict[str, Any]:
    """A row of the result: what WorldPose does and what it is measured beside, each with its rates, repeat by repeat."""
    sides = {
        side: {"what": what, "rates": [float(f"{value:.4g}") for value in values]}
        for side, (what, values) in (("ours", ours), ("other", other))
    }
    return {"title": title, "unit": unit, **sides}


def ratios(row: dict[str, Any]) -> tuple[float, float, float]:
    """Ours over the other's, of each repeat: median, lowest, highest."""
    found = [ours / other for ours, other in zip(row["ours"]["rates"], row["other"]["rates"], strict=True)]
    return statistics.median(found), min(found), max(found)
