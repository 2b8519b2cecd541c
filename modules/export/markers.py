"""Names of the joints in motion capture files: SMPL's, or those of Halpe26 where it has the joint."""

from __future__ import annotations

from model.skeleton import JOINT_NAMES

SMPL = {name: name for name in JOINT_NAMES}
HALPE26 = {
    "pelvis": "Hip", "right_hip": "RHip", "right_knee": "RKnee", "right_ankle": "RAnkle", "right_foot": "RBigToe",
    "left_hip": "LHip", "left_knee": "LKnee", "left_ankle": "LAnkle", "left_foot": "LBigToe", "neck": "Neck", "head": "Head",
    "right_shoulder": "RShoulder", "right_elbow": "RElbow", "right_wrist": "RWrist", "left_shoulder": "LShoulder",
    "left_elbow": "LElbow", "left_wrist": "LWrist",
}  # fmt: skip
"""Without heels, small toes, nose, eyes and ears, which SMPL-24 does not have; SMPL's foot is the base of the toes."""
NAME_SETS = {"smpl": SMPL, "halpe26": HALPE26}


def markers(name_set: str) -> tuple[list[int], list[str]]:
    """Returns the joints of a name set, as indices into SMPL-24, and their names in the file."""
    names = NAME_SETS[name_set]
    return [JOINT_NAMES.index(joint) for joint in names], list(names.values())
