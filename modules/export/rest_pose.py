"""Measures a person's rest pose, a T-pose with the person's own bone lengths, from the person's poses.

Axes of the rest pose: x to the person's left, y up, z ahead.
"""

from __future__ import annotations

import numpy as np

from model.skeleton import JOINT_NAMES, MIRROR, NUM_JOINTS, PARENTS

JOINT = {name: index for index, name in enumerate(JOINT_NAMES)}
TRIADS: dict[int, tuple[int, int, int]] = {
    JOINT["pelvis"]: (JOINT["left_hip"], JOINT["right_hip"], JOINT["spine1"]),
    JOINT["spine3"]: (JOINT["left_collar"], JOINT["right_collar"], JOINT["neck"]),
}
"""Joints with three children that move with them: left, right, and the one above."""
DIRECTIONS = {
    "knee": (0, -1, 0), "ankle": (0, -1, 0), "foot": (0, -0.4, 0.9165151), "spine2": (0, 1, 0), "spine3": (0, 1, 0),
    "head": (0, 1, 0), "shoulder": (1, 0, 0), "elbow": (1, 0, 0), "wrist": (1, 0, 0), "hand": (1, 0, 0),
}  # fmt: skip
"""Of the bone that ends in a joint, for the left side; unit vectors."""
_FLIP = np.array([-1.0, 1, 1])


def unit(vectors: np.ndarray) -> np.ndarray:
    """Returns vectors (..., 3) at length 1; those shorter than a micrometre stay as good as zero."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-3))


def rest_offsets(joints_mm: np.ndarray) -> np.ndarray:
    """Returns each joint's offset from its parent in the rest pose: (24, 3) mm, of the root zero.

    `joints_mm` (T, 24, 3) are one person's poses, without NaN. Lengths are medians over the frames, equal on both sides.
    Joints of TRIADS keep the median arrangement of their children; every other bone points along DIRECTIONS.
    """
    offsets = np.zeros((NUM_JOINTS, 3))
    lengths = np.median(np.linalg.norm(joints_mm - joints_mm[:, list(np.maximum(PARENTS, 0))], axis=-1), 0)
    lengths = (lengths + lengths[list(MIRROR)]) / 2
    for joint, name in enumerate(JOINT_NAMES):
        side, _, part = name.rpartition("_")
        if part in DIRECTIONS:
            offsets[joint] = lengths[joint] * np.array(DIRECTIONS[part]) * (_FLIP if side == "right" else 1)
    for joint, children in TRIADS.items():
        offsets[list(children)] = _arrangement(joints_mm[:, joint], joints_mm[:, list(children)])
    return offsets


def triad_axes(joint_mm: np.ndarray, children_mm: np.ndarray) -> np.ndarray:
    """Returns the axes (T, 3, 3), as columns, of a joint (T, 3) with its left, right and upper child (T, 3, 3).

    x goes from the right child to the left one, y towards the upper one.
    """
    x = unit(children_mm[:, 0] - children_mm[:, 1])
    above = children_mm[:, 2] - joint_mm
    y = unit(above - (above * x).sum(-1, keepdims=True) * x)
    return np.stack([x, y, np.cross(x, y)], -1)


def _arrangement(joint_mm: np.ndarray, children_mm: np.ndarray) -> np.ndarray:
    """Returns the median offsets (3, 3) of left, right and upper child in the joint's own axes, mirror-symmetric."""
    axes = triad_axes(joint_mm, children_mm)
    left, right, above = np.median((children_mm - joint_mm[:, None]) @ axes, 0)
    side = (left + right * _FLIP) / 2
    return np.stack([side, side * _FLIP, above * [0, 1, 1]])
