"""A posture that belongs to no body: the turns of a plain figure's joints, which any shape can take.

The figure stands upright with its legs straight down, its arms hanging and its thumbs to the front; x is its left, -y its
front, z up. Every turn is of a part against the part that carries it; sides come as left, right. Angles are radians.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

SIDES = ("L", "R")
SIGNS = (1.0, -1.0)  # what goes to the left goes by +1
FLIP = np.diag([-1.0, 1.0, 1.0])


def _still() -> np.ndarray:
    return np.eye(3)


def _pair() -> np.ndarray:
    return np.stack([np.eye(3), np.eye(3)])


def _zeros() -> np.ndarray:
    return np.zeros(2)


@dataclass(frozen=True)
class Posture:
    """All turns of the figure; the default is how it stands."""

    root: np.ndarray = field(default_factory=_still)  # (3, 3) the pelvis in the world
    chest: np.ndarray = field(default_factory=_still)  # (3, 3) against the pelvis
    head: np.ndarray = field(default_factory=_still)  # (3, 3) against the chest
    shoulder: np.ndarray = field(default_factory=_pair)  # (2, 3, 3) upper arm against the chest
    elbow: np.ndarray = field(default_factory=_zeros)  # (2,) flexion
    pronation: np.ndarray = field(default_factory=_zeros)  # (2,) the palm turned back, from the thumb in front
    wrist: np.ndarray = field(default_factory=lambda: np.zeros((2, 2)))  # (2, 2) flexion, ulnar deviation
    curl: np.ndarray = field(default_factory=lambda: np.full((2, 5), 0.2))  # (2, 5) of the fingers, 0 flat to 1 a fist
    hip: np.ndarray = field(default_factory=_pair)  # (2, 3, 3) thigh against the pelvis
    knee: np.ndarray = field(default_factory=_zeros)  # (2,) flexion
    ankle: np.ndarray = field(default_factory=_pair)  # (2, 3, 3) foot against the shin
    toes: np.ndarray = field(default_factory=_zeros)  # (2,) bent upwards

    def turned(self, turn: np.ndarray) -> Posture:
        """The whole figure turned in the world."""
        return replace(self, root=turn @ self.root)

    def mirrored(self) -> Posture:
        """What a mirror shows: left and right exchanged."""
        turns = {name: FLIP @ getattr(self, name) @ FLIP for name in ("root", "chest", "head")}
        pairs = {name: (FLIP @ getattr(self, name) @ FLIP)[::-1].copy() for name in ("shoulder", "hip", "ankle")}
        plain = ("elbow", "pronation", "wrist", "curl", "knee", "toes")
        return Posture(**turns, **pairs, **{name: getattr(self, name)[::-1].copy() for name in plain})
