"""A posture independent of body shape: rotations of the joints of a generic figure.

In the zero posture the figure stands upright with straight legs, hanging arms and thumbs to the front; x is its left, -y its
front, z up. Rotations are relative to the parent segment; pairs are ordered left, right. Angles are radians.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

SIDES = ("L", "R")
SIGNS = (1.0, -1.0)  # sign of lateral directions: left is positive
FLIP = np.diag([-1.0, 1.0, 1.0])


def _still() -> np.ndarray:
    return np.eye(3)


def _pair() -> np.ndarray:
    return np.stack([np.eye(3), np.eye(3)])


def _zeros() -> np.ndarray:
    return np.zeros(2)


@dataclass(frozen=True)
class Posture:
    """All joint rotations of the figure; the default is the zero posture."""

    root: np.ndarray = field(default_factory=_still)  # (3, 3) pelvis in the world
    chest: np.ndarray = field(default_factory=_still)  # (3, 3) relative to the pelvis
    head: np.ndarray = field(default_factory=_still)  # (3, 3) relative to the chest
    shoulder: np.ndarray = field(default_factory=_pair)  # (2, 3, 3) upper arm relative to the chest
    elbow: np.ndarray = field(default_factory=_zeros)  # (2,) flexion
    pronation: np.ndarray = field(default_factory=_zeros)  # (2,) 0: thumb in front; positive turns the palm back
    wrist: np.ndarray = field(default_factory=lambda: np.zeros((2, 2)))  # (2, 2) flexion, ulnar deviation
    curl: np.ndarray = field(default_factory=lambda: np.full((2, 5), 0.2))  # (2, 5) of the fingers, 0 flat to 1 fist
    hip: np.ndarray = field(default_factory=_pair)  # (2, 3, 3) thigh relative to the pelvis
    knee: np.ndarray = field(default_factory=_zeros)  # (2,) flexion
    ankle: np.ndarray = field(default_factory=_pair)  # (2, 3, 3) foot relative to the shin
    toes: np.ndarray = field(default_factory=_zeros)  # (2,) extension

    def turned(self, turn: np.ndarray) -> Posture:
        """Returns the posture rotated in the world."""
        return replace(self, root=turn @ self.root)

    def mirrored(self) -> Posture:
        """Returns the mirror image, with left and right swapped."""
        turns = {name: FLIP @ getattr(self, name) @ FLIP for name in ("root", "chest", "head")}
        pairs = {name: (FLIP @ getattr(self, name) @ FLIP)[::-1].copy() for name in ("shoulder", "hip", "ankle")}
        plain = ("elbow", "pronation", "wrist", "curl", "knee", "toes")
        return Posture(**turns, **pairs, **{name: getattr(self, name)[::-1].copy() for name in plain})
