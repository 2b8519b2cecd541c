"""Retargeting of motion-capture clips: the same joint rotations, converted to the project's axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.synthetic.geometry.rotations import from_quaternions
from data.synthetic.pose.clips import Clip
from data.synthetic.pose.posture import Posture

# Converts the clips' x (front), y (up), z (right) to -y, z, -x.
CLIP_TO_OURS = np.array([[0.0, 0, -1], [-1, 0, 0], [0, 1, 0]])
MM = 1000.0
# The clips' humanoid, from the wheel's humanoid/humanoid.urdf (four times life size): the offset of each joint
# from its parent, m. Heights in a clip refer to this humanoid.
LINKS = {
    "chest": ("root", (0.0, 0.236151, 0.0)),
    "neck": ("chest", (0.0, 0.223894, 0.0)),
    "right_hip": ("root", (0.0, 0.0, 0.084887)),
    "right_knee": ("right_hip", (0.0, -0.421546, 0.0)),
    "right_ankle": ("right_knee", (0.0, -0.40987, 0.0)),
    "right_shoulder": ("chest", (-0.02405, 0.2435, 0.18311)),
    "right_elbow": ("right_shoulder", (0.0, -0.274788, 0.0)),
    "right_wrist": ("right_elbow", (0.0, -0.258947, 0.0)),
    "left_hip": ("root", (0.0, 0.0, -0.084887)),
    "left_knee": ("left_hip", (0.0, -0.421546, 0.0)),
    "left_ankle": ("left_knee", (0.0, -0.40987, 0.0)),
    "left_shoulder": ("chest", (-0.02405, 0.2435, -0.18311)),
    "left_elbow": ("left_shoulder", (0.0, -0.274788, 0.0)),
    "left_wrist": ("left_elbow", (0.0, -0.258947, 0.0)),
}
LEG_M = 0.421546 + 0.40987
# Radius of the flesh about a joint, m: what touches the floor first (a foot of 0.055 m under the ankle, the head's top).
FLESH_M = {"right_ankle": 0.05, "left_ankle": 0.05, "right_wrist": 0.04, "left_wrist": 0.04, "neck": 0.1, "root": 0.09,
           "right_knee": 0.05, "left_knee": 0.05, "chest": 0.11, "right_elbow": 0.04, "left_elbow": 0.04}  # fmt: skip


@dataclass(frozen=True)
class Humanoid:
    """One frame of a clip on the clip's own humanoid, in the project's axes."""

    turns: dict[str, np.ndarray]  # (3, 3) of each segment relative to its parent
    joints_mm: dict[str, np.ndarray]  # (3,) in the clip's world

    @property
    def clearance_mm(self) -> float:
        """The height of its lowest part above the clip's floor; negative if it penetrates the floor."""
        return min(float(self.joints_mm[name][2]) - flesh * MM for name, flesh in FLESH_M.items())


def humanoid_at(clip: Clip, frame: int) -> Humanoid:
    """Returns one frame by forward kinematics of the clip's own skeleton."""
    turns = {"root": _ours(from_quaternions(clip.columns["root"][frame]))}
    world = {"root": turns["root"]}
    joints = {"root": CLIP_TO_OURS @ clip.columns["root_position"][frame] * MM}
    for name, (carrier, offset) in LINKS.items():
        joints[name] = joints[carrier] + world[carrier] @ CLIP_TO_OURS @ np.array(offset) * MM
        if name not in clip.columns:
            continue
        value = clip.columns[name][frame]
        turns[name] = _ours(from_quaternions(value) if value.ndim else _about_clip_z(float(value)))
        world[name] = world[carrier] @ turns[name]
    return Humanoid(turns, joints)


def posture_of(humanoid: Humanoid) -> Posture:
    """Returns the humanoid's rotations as a posture, with default hands, as the clips contain none.

    Knees that a clip overextends (by up to 13 degrees) are set straight.
    """
    turns = humanoid.turns

    def pair(joint: str) -> np.ndarray:
        return np.stack([turns[f"left_{joint}"], turns[f"right_{joint}"]])

    # Knee flexion is about +x, elbow flexion about -x.
    knee, elbow = (_about_x(pair(joint)) for joint in ("knee", "elbow"))
    return Posture(
        root=turns["root"], chest=turns["chest"], head=turns["neck"], shoulder=pair("shoulder"), elbow=np.maximum(-elbow, 0.0),
        hip=pair("hip"), knee=np.maximum(knee, 0.0), ankle=pair("ankle"),
    )  # fmt: skip


def _ours(turn: np.ndarray) -> np.ndarray:
    return CLIP_TO_OURS @ turn @ CLIP_TO_OURS.T


def _about_clip_z(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


def _about_x(turns: np.ndarray) -> np.ndarray:
    return np.arctan2(turns[:, 2, 1], turns[:, 1, 1])
