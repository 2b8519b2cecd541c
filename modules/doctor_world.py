"""What labels and camera files say about the world without an image: the unit, which way is up, and where the floor is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from modules.skeleton import JOINT_NAMES, ROOT

LEG_MM = (550.0, 1150.0)  # thigh and shin together, from a small child to a very tall adult
FLOOR_MM = 250.0  # how far the lowest foot joint of a standing person may be from the floor
FAR_OFF = np.cos(np.radians(60))  # people bend and cameras look down, but neither by more than this in the median
COMMON = 0.4  # length of a mean of unit vectors below which they have no direction in common
NEAR_AXIS = np.cos(np.radians(35))  # what lies nearer to a world axis than this means the axis
SAME_UP = np.cos(np.radians(5))
SAME_FLOOR_MM = 20.0


@dataclass(frozen=True)
class Declared:
    """What one camera file declares about its world."""

    path: Path
    recording: str
    world_up: np.ndarray  # (3,)
    floor_height_mm: float | None


@dataclass(frozen=True)
class Finding:
    """A sentence, and whether it is held against the data set."""

    sentence: str
    is_complaint: bool


def leg_length(joints: np.ndarray) -> float:
    """Median over labels (N, 24, 3) of thigh and shin together, mean of both legs, in the labels' unit."""
    total = np.zeros(len(joints))
    for side in ("left", "right"):
        hip, knee, ankle = (joints[:, JOINT_NAMES.index(f"{side}_{part}")] for part in ("hip", "knee", "ankle"))
        total += (np.linalg.norm(knee - hip, axis=-1) + np.linalg.norm(ankle - knee, axis=-1)) / 2
    return float(np.median(total))


def unit_complaint(joints: np.ndarray) -> str | None:
    """A sentence where the labels' legs are not human in mm; the unit that would make them so is named."""
    leg = leg_length(joints)
    for factor, unit in ((1.0, None), (1000.0, "metres"), (10.0, "centimetres")):
        if LEG_MM[0] <= leg * factor <= LEG_MM[1]:
            return unit and (
                f"labels: thigh and shin together measure {leg:.4g}, so the labels are in {unit}; "
                f"multiply annotations.3d_pos by {factor:.0f} (and t in extrinsics, if it is in {unit} too)"
            )
    return (
        f"labels: thigh and shin together measure {leg:.4g} mm, which no human's do; check the joint order and the unit"
    )


def floor_complaint(joints: np.ndarray, world_up: np.ndarray, floor_height_mm: float) -> str | None:
    """A sentence where people stand on their heads along world_up, or nobody's feet are near the declared floor."""
    feet = (
        joints[:, [JOINT_NAMES.index(name) for name in ("left_foot", "right_foot", "left_ankle", "right_ankle")]]
        @ world_up
    )
    if np.median(joints[:, ROOT] @ world_up - feet.min(1)) < 0:
        return "along world_up the feet are above the pelvis; turn world_up round, or leave both fields out"
    lowest = float(np.median(feet.min(1) - floor_height_mm))
    if abs(lowest) <= FLOOR_MM:
        return None
    side = "over" if lowest > 0 else "under"
    mend = f"write floor_height_mm about {floor_height_mm + lowest:.0f}, or leave both fields out"
    return f"the lower foot stands {abs(lowest):.0f} mm {side} floor_height_mm; {mend}"


def upright(joints: np.ndarray) -> np.ndarray | None:
    """The direction (3,) in which most people of (N, 24, 3) stand, from ankles to neck; None where they share none."""
    ankles = joints[:, [JOINT_NAMES.index("left_ankle"), JOINT_NAMES.index("right_ankle")]].mean(1)
    along = joints[:, JOINT_NAMES.index("neck")] - ankles
    lengths = np.linalg.norm(along, axis=-1, keepdims=True)
    return _direction(np.median(along / np.maximum(lengths, 1e-9), axis=0)) if len(joints) else None


def held(rotations: Sequence[np.ndarray]) -> np.ndarray | None:
    """The mean direction (3,) of the images' up in the world, from world→camera rotations; None where there is none."""
    return _direction(np.mean([-R[1] for R in rotations], axis=0)) if len(rotations) else None


def _direction(mean: np.ndarray) -> np.ndarray | None:
    length = float(np.linalg.norm(mean))
    return mean / length if length > COMMON else None


def up_finding(world_up: np.ndarray, people: np.ndarray | None, cameras: np.ndarray | None) -> Finding | None:
    """What the directions of people and cameras say against world_up: a complaint only where both say the same.

    People may lie, and cameras may look down or be mounted sideways: either alone is told, not held against the data set.
    """
    people = people if people is not None and people @ world_up < FAR_OFF else None
    cameras = cameras if cameras is not None and cameras @ world_up < FAR_OFF else None
    up = spell(world_up)
    if people is not None and cameras is not None and people @ cameras > FAR_OFF:
        fits = spell(_axis(people))  # the better measured of the two: cameras lean
        return Finding(f"world_up is {up}, but people stand, and cameras are held, along {fits}; write that", True)
    if people is not None:
        fits = spell(_axis(people))
        return Finding(f"world_up is {up}, but people stand along {fits}; mend it unless they lie or bend", False)
    if cameras is not None:
        fits = spell(_axis(cameras))
        unless = "unless they look down or are mounted sideways"
        return Finding(f"world_up is {up}, but cameras are held along {fits}; mend it {unless}", False)
    return None


def _axis(direction: np.ndarray) -> np.ndarray:
    """The world axis that a direction is near to; else itself, for a world need not stand upright."""
    place = int(np.abs(direction).argmax())
    near = abs(direction[place]) > NEAR_AXIS
    return np.where(np.arange(3) == place, np.sign(direction[place]), 0.0) if near else direction


def spell(vector: np.ndarray) -> str:
    """(0, 0, 1), or two decimals where they are needed."""
    return "(" + ", ".join(f"{x + 0.0:.0f}" if x == round(x) else f"{x:.2f}" for x in vector) + ")"


def disagreement(declared: Sequence[Declared], floor_mm: float) -> str | None:
    """Which file declares another up than the first one, or a floor further off than floor_mm; None where all agree."""
    for other in declared[1:]:
        one = declared[0]
        here, there = one.floor_height_mm, other.floor_height_mm
        apart = here is not None and there is not None and abs(here - there) > floor_mm
        if apart or one.world_up @ other.world_up < SAME_UP:
            return f"{one.path} declares {_declares(one)}, but {other.path.name} {_declares(other)}"
    return None


def _declares(declared: Declared) -> str:
    floor = "" if declared.floor_height_mm is None else f" and floor_height_mm {declared.floor_height_mm:.0f}"
    return f"world_up {spell(declared.world_up)}{floor}"
