"""The contract of every extractor: images and cameras in, one estimate per image out, in the same order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from modules.pose_utils import Camera


@dataclass(frozen=True)
class Estimate:
    """What an extractor says of the one person it chose in one image."""

    score: float  # 0..1, how sure it is that this is a person
    box_xywh: np.ndarray  # (4,) left, top, width, height of the person, undistorted px
    joints_px: np.ndarray  # (24, 2) undistorted px, SMPL order
    confidence: np.ndarray  # (24,) 0..1
    joints_rel_mm: np.ndarray  # (24, 3) relative to the pelvis joint, camera axes, mm
    root_cam_mm: np.ndarray | None = None  # (3,) where the extractor itself places the pelvis; None: by least squares
    people: int | None = None  # how many were seen, where the extractor tells
    person: int | None = None  # which of them, in the extractor's order, this is
    choice: str = "confident"  # the rule that chose


class Extractor(Protocol):
    """A pretrained pose model behind one method. `fingerprint` changes with whatever changes its answers."""

    name: str
    fingerprint: str
    needs_world_up: bool  # whether the cameras that it is given must say which way is up

    @classmethod
    def fingerprint_of(cls, weights: str) -> str | None:
        """The fingerprint of an extractor with these weights, found without loading them; None where they are absent.

        Called beside torch, so it must not import the extractor's own runtime.
        """
        ...

    def estimate(self, images_rgb: Sequence[np.ndarray], cameras: Sequence[Camera]) -> list[Estimate | None]:
        """One answer per raw RGB image (H, W, 3) uint8, in order; None where no person was found."""
        ...
