"""The contract of every extractor: images and cameras in, one estimate per image out, in the same order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from modules.config.schema import Config
from modules.pose_utils import Camera


@dataclass(frozen=True)
class Estimate:
    """The pose of the one person that an extractor selected in one image."""

    score: float  # 0..1, that this is a person
    box_xywh: np.ndarray  # (4,) left, top, width, height of the person, undistorted px
    joints_px: np.ndarray  # (24, 2) undistorted px, SMPL order; NaN where no ray of the lens maps to a joint
    confidence: np.ndarray  # (24,) 0..1
    joints_rel_mm: np.ndarray  # (24, 3) relative to the pelvis joint, camera axes, mm
    root_cam_mm: np.ndarray | None = None  # (3,) if the extractor estimates the pelvis; None: placed by least squares
    people: int | None = None  # number of detections, if the extractor reports it
    person: int | None = None  # index of this person among them, in the extractor's order
    choice: str = "confident"  # the rule that selected the person


PERSON_BOX = "person_box"  # the choice of a person by a hint
Hint = (
    np.ndarray
)  # where the wanted person is, px of the raw image: a box (4,) left, top, width, height, or a point (2,)


class Extractor(Protocol):
    """A pretrained pose model. Its fingerprint changes with everything that changes its estimates."""

    name: str
    needs_world_up: bool  # whether every camera passed to `estimate` must have a world_up
    runs_in_workers: bool  # whether several processes with one thread each are faster than one process

    @property
    def fingerprint(self) -> str:
        """A hex digest of the model, its options and its decoder."""
        ...

    @classmethod
    def from_config(cls, config: Config, threads: int | None = None) -> Extractor:
        """Loads the model with the config's weights and options. Raises UserError if the weights are missing.

        `threads` is for models that run in workers; None: as many as there are processors.
        """
        ...

    @classmethod
    def fingerprint_from_config(cls, config: Config) -> str | None:
        """Returns the fingerprint of `from_config(config)` without loading the model; None if its weights are missing.

        Training calls this beside torch, so it must not import the model's own runtime.
        """
        ...

    def estimate(
        self, images_rgb: Sequence[np.ndarray], cameras: Sequence[Camera], hints: Sequence[Hint | None] = ()
    ) -> list[Estimate | None]:
        """Returns one estimate per raw RGB image (H, W, 3) uint8, in order; None if no person was found.

        `hints` is passed only if the data set has a list of person boxes; None: any person.
        """
        ...
