"""Derives joint rotations from joint positions, which determine them but for the twist about a single bone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from model.skeleton import JOINT_NAMES, NUM_JOINTS, PARENTS, ROOT
from modules.export.rest_pose import JOINT, TRIADS, rest_offsets, unit

BEND_DEG = 10.0  # a hinge that bends by less does not show its axis
CHILDREN = {joint: [child for child, parent in enumerate(PARENTS) if parent == joint] for joint in range(NUM_JOINTS)}


@dataclass(frozen=True)
class Hinge:
    """A knee or elbow: the joints above, at and below it, and its axis in the rest pose."""

    above: int
    at: int
    below: int
    axis: tuple[float, float, float]  # about which it bends by positive angles


HINGES = [
    *(
        Hinge(JOINT[f"{side}_hip"], JOINT[f"{side}_knee"], JOINT[f"{side}_ankle"], (1, 0, 0))
        for side in ("left", "right")
    ),
    Hinge(JOINT["left_shoulder"], JOINT["left_elbow"], JOINT["left_wrist"], (0, -1, 0)),
    Hinge(JOINT["right_shoulder"], JOINT["right_elbow"], JOINT["right_wrist"], (0, 1, 0)),
]


@dataclass(frozen=True)
class Rig:
    """A skeleton of fixed bones and its rotations over T frames."""

    offsets_mm: np.ndarray  # (24, 3) of each joint from its parent, in the rest pose
    rotations: np.ndarray  # (T, 24, 3, 3) from the axes of the rest pose to those of the joints
    root_mm: np.ndarray  # (T, 3)

    @property
    def local(self) -> np.ndarray:
        """Each joint's rotation in its parent's axes: (T, 24, 3, 3); the root's own."""
        parents = self.rotations[:, np.maximum(PARENTS, 0)]
        parents[:, ROOT] = np.eye(3)
        return np.asarray(parents.swapaxes(-1, -2) @ self.rotations)

    def joints_mm(self) -> np.ndarray:
        """Returns the joints that offsets and rotations lead to: (T, 24, 3) mm."""
        joints = np.repeat(self.root_mm[:, None], NUM_JOINTS, 1)
        for joint, parent in enumerate(PARENTS):
            if parent >= 0:
                joints[:, joint] = joints[:, parent] + self.rotations[:, parent] @ self.offsets_mm[joint]
        return joints


def fit_rig(joints_mm: np.ndarray) -> Rig:
    """Fits a rig to one person's joints (T, 24, 3) mm without NaN, in right-handed axes.

    Joints with three children: the rotation that best fits them (Kabsch 1976). Joints with one: the smallest rotation from
    the parent's that points the bone at the child, from where the bones before it end, so that differences of length do
    not add up along a limb. Thigh, shank, upper arm and forearm are then twisted so that the axis
    of knee or elbow is perpendicular to its plane; where it bends by less than BEND_DEG, the axis of the last frame that
    shows it is kept, in the axes of the trunk. Hands, feet and head turn with the bone before them.
    """
    offsets = rest_offsets(joints_mm)
    rotations = np.broadcast_to(np.eye(3), (len(joints_mm), NUM_JOINTS, 3, 3)).copy()
    placed = joints_mm.copy()  # where the rig's joints come to lie
    for joint in range(NUM_JOINTS):
        parent, children = rotations[:, max(PARENTS[joint], 0)], CHILDREN[joint]
        if joint in TRIADS:
            children = list(TRIADS[joint])
            rotations[:, joint] = best_rotation(offsets[children], joints_mm[:, children] - placed[:, [joint]])
        elif children:
            bone = unit(joints_mm[:, children[0]] - placed[:, joint])
            rotations[:, joint] = smallest_rotation(parent @ unit(offsets[children[0]]), bone) @ parent
        else:
            rotations[:, joint] = parent
        for child in children:
            placed[:, child] = placed[:, joint] + rotations[:, joint] @ offsets[child]
        for hinge in HINGES:
            if joint == hinge.at:
                _twist(hinge, placed, offsets, rotations)
    return Rig(offsets, rotations, joints_mm[:, ROOT].copy())


def best_rotation(rest: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Returns the rotations (T, 3, 3) that take points (N, 3) nearest to points (T, N, 3), all relative to one joint."""
    U, _, Vt = np.linalg.svd(seen.swapaxes(-1, -2) @ rest)
    signs = np.ones(U.shape[:-1])
    signs[:, 2] = np.sign(np.linalg.det(U @ Vt))
    return np.asarray(U * signs[:, None] @ Vt)


def smallest_rotation(start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Returns the rotations (T, 3, 3) by the smallest angle from unit vectors (T, 3) to others.

    Opposite vectors: half a turn about an axis perpendicular to `start` that is fixed for it.
    """
    axis, cosine = np.cross(start, end), (start * end).sum(-1)
    x, y, z = axis.T
    zero = np.zeros_like(x)
    skew = np.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).reshape(-1, 3, 3)
    opposite = cosine < -1 + 1e-9
    turned = np.eye(3) + skew + skew @ skew / np.where(opposite, 1.0, 1 + cosine)[:, None, None]
    across = unit(np.cross(start, np.eye(3)[np.abs(start).argmin(-1)]))
    half_turn = 2 * across[:, :, None] * across[:, None] - np.eye(3)
    return np.asarray(np.where(opposite[:, None, None], half_turn, turned))


def _twist(hinge: Hinge, placed: np.ndarray, offsets: np.ndarray, rotations: np.ndarray) -> None:
    """Turns the bones above and below a hinge about themselves, so that their axes fit the hinge's plane."""
    upper, lower = (
        unit(placed[:, end] - placed[:, start]) for start, end in ((hinge.above, hinge.at), (hinge.at, hinge.below))
    )
    trunk = rotations[:, PARENTS[hinge.above]]
    normal = np.cross(upper, lower)
    bent = np.linalg.norm(normal, axis=-1) > np.sin(np.radians(BEND_DEG))
    bent |= (upper * lower).sum(-1) < 0  # folded by more than 90 degrees; its sine is small again near 180
    axis = np.asarray(hinge.axis, float)
    untwisted = rotations[:, hinge.above] @ axis
    if JOINT_NAMES[hinge.at].endswith("knee"):
        bent &= (normal * (trunk @ axis)).sum(-1) > 0  # else the knee would bend forwards, by an error of the estimate
    in_trunk = (trunk.swapaxes(-1, -2) @ unit(normal)[..., None])[..., 0]
    if bent.any():
        shown = np.maximum.accumulate(np.where(bent, np.arange(len(bent)), -1))
        shown[shown < 0] = np.flatnonzero(bent)[0]
        axes = (trunk @ in_trunk[shown][..., None])[..., 0]
    else:
        axes = untwisted
    for joint, child, bone in ((hinge.above, hinge.at, upper), (hinge.at, hinge.below, lower)):
        rotations[:, joint] = _with_axis(offsets[child], axis, bone, axes, rotations[:, joint])


def _with_axis(
    offset: np.ndarray, axis: np.ndarray, bone: np.ndarray, wanted: np.ndarray, untwisted: np.ndarray
) -> np.ndarray:
    """Returns the rotations that point a bone's rest offset along `bone` (T, 3) and its axis as near as can be to `wanted`.

    Where the wanted axis is that of the bone itself, the rotations stay untwisted.
    """
    across = wanted - (wanted * bone).sum(-1, keepdims=True) * bone
    clear = np.linalg.norm(across, axis=-1) > 0.1
    across = unit(across)
    along = unit(offset)
    rest = np.stack([along, axis, np.cross(along, axis)], -1)
    seen = np.stack([bone, across, np.cross(bone, across)], -1)
    return np.asarray(np.where(clear[:, None, None], seen @ rest.T, untwisted))
