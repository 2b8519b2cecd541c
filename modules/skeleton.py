"""The 24 SMPL body joints: their order, parents, mirror partners, and the spellings that label files use."""

from __future__ import annotations

import re
from collections.abc import Sequence

JOINT_NAMES: tuple[str, ...] = (
    "pelvis", "left_hip", "right_hip", "spine1", "left_knee", "right_knee", "spine2", "left_ankle",
    "right_ankle", "spine3", "left_foot", "right_foot", "neck", "left_collar", "right_collar", "head",
    "left_shoulder", "right_shoulder", "left_elbow", "right_elbow", "left_wrist", "right_wrist",
    "left_hand", "right_hand",
)  # fmt: skip
PARENTS: tuple[int, ...] = (-1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 9, 9, 12, 13, 14, 16, 17, 18, 19, 20, 21)
NUM_JOINTS = len(JOINT_NAMES)
ROOT = JOINT_NAMES.index("pelvis")
FEET = [JOINT_NAMES.index(name) for name in ("left_ankle", "right_ankle", "left_foot", "right_foot")]
EDGES: tuple[tuple[int, int], ...] = tuple((parent, child) for child, parent in enumerate(PARENTS) if parent >= 0)


def _mirror_name(name: str) -> str:
    if name.startswith("left_"):
        return "right_" + name.removeprefix("left_")
    return "left_" + name.removeprefix("right_") if name.startswith("right_") else name


MIRROR: tuple[int, ...] = tuple(JOINT_NAMES.index(_mirror_name(name)) for name in JOINT_NAMES)
"""MIRROR[j] is the joint that j becomes when left and right change places."""

# What others call the same joint, after sides are split off and separators dropped.
_SYNONYMS: dict[str, str] = {
    "root": "pelvis", "pelv": "pelvis", "hips": "pelvis", "midhip": "pelvis", "hip": "hip", "upleg": "hip", "thigh": "hip",
    "spine": "spine1", "bell": "spine1", "belly": "spine1", "spin": "spine2", "chest": "spine3", "thor": "spine3",
    "thorax": "spine3", "knee": "knee", "kne": "knee", "leg": "knee", "ankle": "ankle", "ank": "ankle", "foot": "foot",
    "toe": "foot", "toes": "foot", "toebase": "foot", "neck": "neck", "neck1": "neck", "collar": "collar", "cla": "collar",
    "clavicle": "collar", "head": "head", "shoulder": "shoulder", "sho": "shoulder", "arm": "shoulder", "elbow": "elbow",
    "elb": "elbow", "forearm": "elbow", "wrist": "wrist", "wri": "wrist", "hand": "hand", "han": "hand",
}  # fmt: skip
_SIDED = frozenset(name.removeprefix("left_") for name in JOINT_NAMES if name.startswith("left_"))


def canonical_joint(name: str) -> str | None:
    """The JOINT_NAMES spelling of `name`, or None where it is not recognised.

    Case, separators and camel case do not matter; the side may be `left`/`right`/`l`/`r`, before or after the part.
    """
    words = re.findall(r"[a-z]+\d*|\d+", re.sub(r"([a-z])([A-Z])", r"\1 \2", name).lower())
    compact = "".join(words)
    for side in ("left", "right"):
        for mark in (side, side[0]):
            for part in (compact.removeprefix(mark), compact.removesuffix(mark)):
                base = _SYNONYMS.get(part, part)
                if part != compact and base in _SIDED:
                    return f"{side}_{base}"
    base = _SYNONYMS.get(compact, compact)
    return base if base in JOINT_NAMES else None


def joint_order(names: Sequence[str]) -> tuple[list[int], bool]:
    """Where each of JOINT_NAMES stands in `names`, and whether the names were recognised.

    All recognised: reordered by name. None recognised and 24 of them: taken in our order, with False.
    Raises ValueError where only some are recognised, one is missing or doubled, or the number is another.
    """
    known = [canonical_joint(name) for name in names]
    missing = [name for name in JOINT_NAMES if name not in known]
    if len(names) != NUM_JOINTS:
        lacking = f", and lacks {', '.join(missing)}" if any(known) and missing else ""
        raise ValueError(f"has {len(names)} joint names, but the SMPL body has {NUM_JOINTS}{lacking}")
    if not any(known):
        return list(range(NUM_JOINTS)), False
    unknown = [name for name, found in zip(names, known, strict=True) if found is None]
    if unknown:
        raise ValueError(f"has joint names that are not SMPL's: {', '.join(map(repr, unknown))}")
    if missing:
        raise ValueError(f"names a joint twice and lacks {', '.join(missing)}")
    return [known.index(name) for name in JOINT_NAMES], True
