"""Compares labels and cameras with the declared unit, up direction and floor, without images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from model.skeleton import JOINT_NAMES, ROOT
from modules.floor.people import is_standing
from modules.floor.worlds import SOLE_MM

LEG_MM = (550.0, 1150.0)  # thigh plus shin, from a small child to a very tall adult
FLOOR_MM = 250.0  # largest distance between the lowest foot joint and where it is in standing people
STANDING_MM = 120.0  # likewise, with at least FEWEST_STANDING standing people
FEWEST_STANDING = 3
GROUNDED = 0.3  # quantile of standing people's lowest feet: some jump
FAR_OFF = np.cos(np.radians(60))  # people bend and cameras look down, but in the median by less than this
COMMON = 0.4  # unit vectors whose mean is shorter than this have no common direction
NEAR_AXIS = np.cos(np.radians(35))  # a direction within this angle of a world axis is taken to be that axis
SAME_UP = np.cos(np.radians(5))
SAME_FLOOR_MM = 20.0


@dataclass(frozen=True)
class Declared:
    """The world frame that one camera file declares."""

    path: Path
    recording: str
    world_up: np.ndarray  # (3,)
    floor_height_mm: float | None


@dataclass(frozen=True)
class Finding:
    """A sentence for the report, and whether it is a problem or only a note."""

    sentence: str
    is_problem: bool


def leg_length(joints: np.ndarray) -> float:
    """Returns the length of thigh plus shin, mean of both legs, median over labels (N, 24, 3), in the labels' unit."""
    total = np.zeros(len(joints))
    for side in ("left", "right"):
        hip, knee, ankle = (joints[:, JOINT_NAMES.index(f"{side}_{part}")] for part in ("hip", "knee", "ankle"))
        total += (np.linalg.norm(knee - hip, axis=-1) + np.linalg.norm(ankle - knee, axis=-1)) / 2
    return float(np.median(total))


def unit_problem(joints: np.ndarray) -> str | None:
    """Returns a sentence if the legs of labels (N, 24, 3) are not human in mm, with the unit in which they are."""
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


def floor_problem(joints: np.ndarray, world_up: np.ndarray, floor_height_mm: float) -> str | None:
    """Returns a sentence if people (N, 24, 3) are upside down along world_up, or their feet are far from the floor."""
    feet = (
        joints[:, [JOINT_NAMES.index(name) for name in ("left_foot", "right_foot", "left_ankle", "right_ankle")]]
        @ world_up
    )
    if np.median(joints[:, ROOT] @ world_up - feet.min(1)) < 0:
        return "along world_up the feet are above the pelvis; reverse world_up, or leave both fields out"
    lowest, allowed = float(np.median(feet.min(1) - floor_height_mm)), FLOOR_MM
    standing = is_standing(joints, world_up)
    if standing.sum() >= FEWEST_STANDING:
        lowest, allowed = float(np.quantile(feet.min(1)[standing] - floor_height_mm, GROUNDED)), STANDING_MM
    if abs(lowest - SOLE_MM) <= allowed:
        return None
    side = "above" if lowest > 0 else "below"
    fix = f"write floor_height_mm about {floor_height_mm + lowest - SOLE_MM:.0f}, or leave both fields out"
    return f"the lower foot is {abs(lowest):.0f} mm {side} floor_height_mm; {fix}"


def people_up(joints: np.ndarray) -> np.ndarray | None:
    """Returns the median direction (3,) from ankles to neck of people (N, 24, 3); None if they have none in common."""
    ankles = joints[:, [JOINT_NAMES.index("left_ankle"), JOINT_NAMES.index("right_ankle")]].mean(1)
    along = joints[:, JOINT_NAMES.index("neck")] - ankles
    lengths = np.linalg.norm(along, axis=-1, keepdims=True)
    return _direction(np.median(along / np.maximum(lengths, 1e-9), axis=0)) if len(joints) else None


def cameras_up(rotations: Sequence[np.ndarray]) -> np.ndarray | None:
    """Returns the mean up direction (3,) of the images in the world, from world→camera rotations (3, 3).

    None if there is no camera, or no direction in common.
    """
    return _direction(np.mean([-R[1] for R in rotations], axis=0)) if len(rotations) else None


def _direction(mean: np.ndarray) -> np.ndarray | None:
    """Returns a mean of unit vectors at unit length; None if it is shorter than COMMON."""
    length = float(np.linalg.norm(mean))
    return mean / length if length > COMMON else None


def up_finding(world_up: np.ndarray, people: np.ndarray | None, cameras: np.ndarray | None) -> Finding | None:
    """Compares world_up (3,) with the up directions of people and of cameras.

    It is a problem only if both contradict world_up in the same way. People may lie, and cameras may look down or be
    mounted sideways, so that either alone is a note.
    """
    people = people if people is not None and people @ world_up < FAR_OFF else None
    cameras = cameras if cameras is not None and cameras @ world_up < FAR_OFF else None
    up = spell(world_up)
    if people is not None and cameras is not None and people @ cameras > FAR_OFF:
        fits = spell(_axis(people))  # people are the better measurement: cameras are often tilted
        return Finding(f"world_up is {up}, but people and cameras are upright along {fits}; write that", True)
    if people is not None:
        fits = spell(_axis(people))
        return Finding(f"world_up is {up}, but people are upright along {fits}; fix it unless they lie or bend", False)
    if cameras is not None:
        fits = spell(_axis(cameras))
        unless = "unless they look down or are mounted sideways"
        return Finding(f"world_up is {up}, but cameras are upright along {fits}; fix it {unless}", False)
    return None


def _axis(direction: np.ndarray) -> np.ndarray:
    """Returns the world axis near a direction (3,), else the direction itself: a world frame may be tilted."""
    place = int(np.abs(direction).argmax())
    near = abs(direction[place]) > NEAR_AXIS
    return np.where(np.arange(3) == place, np.sign(direction[place]), 0.0) if near else direction


def spell(vector: np.ndarray) -> str:
    """Returns a vector as text: (0, 0, 1), with two decimals where needed."""
    return "(" + ", ".join(f"{x + 0.0:.0f}" if x == round(x) else f"{x:.2f}" for x in vector) + ")"


def disagreement(declared: Sequence[Declared], floor_mm: float) -> str | None:
    """Returns which file declares another up than the first, or a floor more than floor_mm away; None if all agree."""
    for other in declared[1:]:
        one = declared[0]
        here, there = one.floor_height_mm, other.floor_height_mm
        apart = here is not None and there is not None and abs(here - there) > floor_mm
        if apart or one.world_up @ other.world_up < SAME_UP:
            return f"{one.path} declares {_world_text(one)}, but {other.path.name} {_world_text(other)}"
    return None


def _world_text(declared: Declared) -> str:
    """Returns the declared up and floor in words."""
    floor = "" if declared.floor_height_mm is None else f" and floor_height_mm {declared.floor_height_mm:.0f}"
    return f"world_up {spell(declared.world_up)}{floor}"
