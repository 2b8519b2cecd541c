"""Defines what a calibration format is: a module that recognises a file and reads its cameras."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from modules.calibrations.source import Source

MM_PER_UNIT = {"mm": 1.0, "cm": 10.0, "m": 1000.0}
WORLD_TO_CAMERA, CENTRES = "R and t map world to camera", "R maps world to camera, beside centres"
AUTO, ARBITRARY = "auto", "arbitrary"  # a unit to be found by plausibility; a unit that only the user knows


@dataclass(frozen=True)
class FileCamera:
    """One camera of a file, in OpenCV's axes with pixel centres at integers; only the unit of t is still the file's."""

    K: np.ndarray  # (3, 3) px
    R: np.ndarray | None = None  # (3, 3) world to camera; None: the file holds intrinsics alone
    t: np.ndarray | None = None  # (3,) in the file's unit: cam = R @ world + t
    image_size: tuple[int, int] | None = None  # (width, height) px
    distortion: np.ndarray | None = None  # as in modules.pose_utils.Camera


@dataclass(frozen=True)
class FileRig:
    """The cameras of a file by name, and what has to be said of them."""

    cameras: Mapping[str, FileCamera]
    unit: str  # a key of MM_PER_UNIT, AUTO or ARBITRARY
    usual_up: str | None = None  # the axis that points up by custom of the format; no file declares it
    notes: tuple[str, ...] = ()  # sentences
    rule: str = WORLD_TO_CAMERA  # of the format
    moves: bool = False  # whether these are the places of one moving camera, which need not look at one place
    # Points (P, 3) that a moving camera shows, by its name.
    people: Mapping[str, np.ndarray] = field(default_factory=dict)


class Format(Protocol):
    """A calibration format. Each is a module of this package."""

    NAME: str  # for --format
    TITLE: str  # for messages

    def sniff(self, source: Source) -> bool:
        """Returns whether the content is of this format, by its structure; never by the file's suffix alone."""
        ...

    def read(self, source: Source) -> FileRig:
        """Returns the cameras of a source that `sniff` recognised. Raises UserError that names file, field and fix."""
        ...
