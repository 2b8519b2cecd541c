"""The 24 SMPL joints within anny's body: each is fixed to one bone and scaled by the person's own dimensions.

SMPL's template, mm in the pelvis' axes (forward, left, up), as in the public skeleton of the mean neutral body (PHC,
`smpl_humanoid.xml`, https://github.com/ZhengyiLuo/PHC; made from the model of Loper et al., "SMPL", ACM TOG 34(6), 2015; the
left side, offsets from the parent; stature about 1.72 m):

    left_hip  (-7, 70, -91)    spine1 (-27, 0, 109)   neck        (-43, 0, 214)    left_elbow (-28, 260, -13)
    left_knee (-5, 34, -375)   spine2   (1, 0, 135)   head         (51, 0, 65)     left_wrist  (-1, 249, 9)
    left_ankle(-44,-14, -398)  spine3  (25, 0, 53)    left_collar (-34, 79, 122)   left_hand  (-15, 84, -8)
    left_foot (119, 26, -56)                          left_shoulder (-9, 91, 30)

Anatomical hip centres lie at about +-85 mm (Harrington et al., J. Biomech. 40, 2007: 0.33 of the pelvis' width + 7 mm a side)
and higher. SMPL's are regressed from the skin and lie closer to the middle, and so do labels in its format. Limb joints are
the rotation centres of anny's limbs; those of the trunk lie between hips and neck in SMPL's proportions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from data.synthetic.body.model import BodyModel, Posed, Shape
from model.skeleton import JOINT_NAMES

# Position along the line from the mid-hips to the neck, and the offset in front of it, as shares of its length: from the
# template above, where that line is 603 mm long.
TRUNK: dict[str, tuple[float, float]] = {
    "pelvis": (0.151, 0.020), "spine1": (0.332, -0.013), "spine2": (0.556, 0.002), "spine3": (0.645, 0.050),
}  # fmt: skip
HEAD_UP, HEAD_FORWARD = 0.50, 0.36  # of anny's neck, from the neck's joint
COLLAR_OUTWARD = 0.46  # of the shoulder's distance from the middle: 79 of 170 mm
COLLAR_DROP, COLLAR_FORWARD = 0.050, 0.015  # of hips to neck: 30 and 9 of 603 mm below and in front of the shoulder
FOOT = 0.87  # of the way from the ankle to the start of anny's toes, so that it is 134 of 1720 mm from the ankle
HAND = 0.85  # of the way from the wrist to the knuckles: 84 mm in the template, whose knuckles are about 100 mm away

CARRIERS: dict[str, str] = {
    "pelvis": "root", "spine1": "spine04", "spine2": "spine02", "spine3": "spine02", "neck": "spine01", "head": "neck02",
    "hip": "root", "knee": "upperleg02", "ankle": "lowerleg02", "foot": "foot",
    "collar": "spine01", "shoulder": "shoulder01", "elbow": "upperarm02", "wrist": "lowerarm02", "hand": "wrist",
}  # fmt: skip
"""The bone that each joint is fixed to (`.L` or `.R` if it has a side): the parent's, as the joint moves with it."""

TURNING: dict[str, str] = {
    "hip": "upperleg01", "knee": "lowerleg01", "ankle": "foot",
    "shoulder": "upperarm01", "elbow": "lowerarm01", "wrist": "wrist",
}  # fmt: skip
FORWARD = np.array([0.0, -1.0, 0.0])
_SIDES = {"left_": ".L", "right_": ".R"}


@dataclass(frozen=True)
class JointPlaces:
    """The joints of one person: the bones that carry them (24,) and their positions (24, 3) mm in the rest pose."""

    bones: np.ndarray
    rest: np.ndarray

    def of(self, shape: Shape, posed: Posed) -> np.ndarray:
        """Returns the joints (24, 3) in world mm in a pose."""
        from_head = self.rest - shape.heads[self.bones]
        return (posed.rotations[self.bones] @ from_head[..., None])[..., 0] + posed.heads[self.bones]


def smpl_joints(model: BodyModel, shape: Shape, posed: Posed) -> np.ndarray:
    """Returns the 24 joints (24, 3) in world mm, in the order of the project's skeleton."""
    return joint_places(model, shape).of(shape, posed)


def joint_places(model: BodyModel, shape: Shape) -> JointPlaces:
    """Returns a person's joints in the rest pose; compute them once for many poses."""
    bones = [model.bone(_carrier(name)) for name in JOINT_NAMES]
    places = _at_rest(lambda bone: shape.heads[model.bone(bone)])
    return JointPlaces(np.array(bones), np.stack([places[name] for name in JOINT_NAMES]))


def anny_joints(model: BodyModel, shape: Shape, posed: Posed) -> np.ndarray:
    """Returns anny's bones with the closest names (24, 3) in world mm. They are not SMPL's joints; for comparison only."""
    bones = {"pelvis": "spine05", "spine1": "spine04", "spine2": "spine03", "spine3": "spine02", "neck": "neck01"}
    bones |= TURNING | {"head": "head", "collar": "clavicle", "foot": "toe2-1", "hand": "finger3-1"}
    joints = [posed.heads[model.bone(bones[part] + side)] for part, side in map(_part_and_side, JOINT_NAMES)]
    for name, side in (
        ("left_hip", ".L"),
        ("right_hip", ".R"),
    ):  # anny's own hip joints: the ends of its pelvis bones
        pelvis = model.bone("pelvis" + side)
        joints[JOINT_NAMES.index(name)] = posed.carried(pelvis, shape.tails[pelvis], shape)
    return np.stack(joints)


def _part_and_side(name: str) -> tuple[str, str]:
    for word, side in _SIDES.items():
        if name.startswith(word):
            return name.removeprefix(word), side
    return name, ""


def _carrier(name: str) -> str:
    part, side = _part_and_side(name)
    bone = CARRIERS[part]
    return bone if bone == "root" or bone.startswith("spine") else bone + side


def _at_rest(head: Callable[[str], np.ndarray]) -> dict[str, np.ndarray]:
    """Returns every joint's position in the rest pose; `head` returns the start of a bone."""
    hips = (head("upperleg01.L") + head("upperleg01.R")) / 2
    neck = head("neck01")
    length = float(np.linalg.norm(neck - hips))
    places = {name: hips + up * (neck - hips) + ahead * length * FORWARD for name, (up, ahead) in TRUNK.items()}
    to_head = head("head") - neck
    places |= {"neck": neck, "head": neck + HEAD_UP * to_head + HEAD_FORWARD * np.linalg.norm(to_head) * FORWARD}
    for word, side in _SIDES.items():
        places |= {word + part: head(bone + side) for part, bone in TURNING.items()}
        places |= {word + part: place for part, place in _ends(head, side, length).items()}
    return places


def _ends(head: Callable[[str], np.ndarray], side: str, length: float) -> dict[str, np.ndarray]:
    """Returns one side's joints without a bone of anny: the ball of the foot, the palm and the collar."""
    wrist, shoulder = head("wrist" + side), head("upperarm01" + side)
    knuckles = np.mean([head(f"finger{finger}-1{side}") for finger in (2, 3, 4, 5)], axis=0)
    ankle, ball = head("foot" + side), np.mean([head(f"toe{toe}-1{side}") for toe in (1, 2, 3, 4, 5)], axis=0)
    collar = shoulder + length * (COLLAR_FORWARD * FORWARD - [0, 0, COLLAR_DROP])
    return {
        "foot": ankle + (ball - ankle) * [FOOT, FOOT, 1],
        "hand": wrist + HAND * (knuckles - wrist),
        "collar": collar * [COLLAR_OUTWARD, 1, 1],
    }
