"""Recognises the usual spellings of the SMPL-24 joint names in label files."""

from __future__ import annotations

import re
from collections.abc import Sequence

from model.skeleton import JOINT_NAMES, NUM_JOINTS

# Other data sets' names of the same joints, without the side and without separators.
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
    """Returns the spelling of a joint name in JOINT_NAMES, or None if the name is not recognised.

    Case, separators and camel case do not matter. The side may be `left`/`right`/`l`/`r`, before or after the part.
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
    """Returns the index in `names` of each of JOINT_NAMES, and whether the names were recognised.

    If all names are recognised, joints are reordered by name. If none is and there are 24, they are taken to be in
    SMPL order, and the second value is False. Raises ValueError if only some are recognised, if one is missing or
    given twice, or if there are not 24.
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
