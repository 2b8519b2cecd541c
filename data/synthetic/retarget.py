"""Bring a frame of a clip to our figure: the same turns of the same joints, in our axes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.synthetic.clips import Clip
from data.synthetic.posture import Posture
from data.synthetic.turns import from_quaternions

# The clips' x (front), y (up), z (right) in our axes: -y, z, -x.
CLIP_TO_OURS = np.array([[0.0, 0, -1], [-1, 0, 0], [0, 1, 0]])
MM = 1000.0
# The humanoid of the clips, from the wheel's humanoid/humanoid.urdf (which is four times life size): where each joint
# lies from the one that carries it, m. A clip's heights are this humanoid's.
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
# How far the flesh goes beyond a joint, m: what touches the floor first (a foot of 0.055 m under the ankle, the head's top).
FLESH_M = {"right_ankle": 0.05, "left_ankle": 0.05, "right_wrist": 0.04, "left_wrist": 0.04, "neck": 0.1, "root": 0.09,
           "right_knee": 0.05, "left_knee": 0.05, "chest": 0.11, "right_elbow": 0.04, "left_elbow": 0.04}  # fmt: skip


@dataclass(frozen=True)
class Humanoid:
    """One frame of a clip on the clip's own humanoid, in our axes."""

    turns: dict[str, np.ndarray]  # (3, 3) of each part against the part that carries it
    joints_mm: dict[str, np.ndarray]  # (3,) in the clip's world

    @property
    def clearance_mm(self) -> float:
        """How far its lowest part is above the clip's floor; below 0 where it sinks in."""
        return min(float(self.joints_mm[name][2]) - flesh * MM for name, flesh in FLESH_M.items())


def humanoid_at(clip: Clip, frame: int) -> Humanoid:
    """Forward kinematics of the clip's own skeleton."""
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
    """The humanoid's turns as a posture. Hands stay as the default has them: the clips have none.

    A knee that a clip stretches too far (by up to 13 degrees) is straight here.
    """
    turns = humanoid.turns

    def pair(joint: str) -> np.ndarray:
        return np.stack([turns[f"left_{joint}"], turns[f"right_{joint}"]])

    # A knee bends by +x of ours, an elbow by -x.
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
