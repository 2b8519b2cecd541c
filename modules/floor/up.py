"""Measures the up direction of a world from the people in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from modules.floor.people import body_directions
from modules.floor.plane import Tilt, fit_tilt

STRAIGHT_DEG = 15.0  # the bend of a body that counts as straight
BENT_DEG = 25.0  # the bend that the straightest bodies may have if too few are straight
MIN_STRAIGHT = 3
KERNEL_DEG = 8.0  # width of the kernel with which the most frequent direction is found
MOST_STARTS = 500  # directions of which the densest is sought, so that many labels do not take a matrix of all pairs
AROUND_DEG = 25.0  # straight bodies within this of the most frequent direction support it
SUPPORT = 0.4  # of the straight bodies, at least
CAMERAS_DEG = 60.0  # cameras may look down, but not by more than this in the mean
SNAP_DEG = 25.0
"""The people's direction may be this far from a world axis that is up, divided by the root of the number of recordings,
within SNAP_RANGE_DEG. In the synthetic set 95 % of samples of 1, 3, 5, 10, 30 and 100 recordings were within 19, 13, 10,
7, 4 and 2 degrees (`python -m benchmarks.floor`)."""
SNAP_RANGE_DEG = 5.0, 10.0, 15.0  # least, most, and most where the cameras' mean up is near the axis too
CAMERAS_NEAR_DEG = 45.0
TILT_KNOWN_DEG = 1.0  # a plane whose tilt is known this well decides
TILT_DIFFERS = 1.0, 3.0  # degrees and standard errors that it must be away from an axis to overrule it
TILT_FAR_DEG = 20.0  # a plane farther than this from the people's direction is not the ground
MIN_FEET = 10  # people for a plane


@dataclass(frozen=True)
class Up:
    """An up direction."""

    direction: np.ndarray  # (3,) unit vector
    uncertainty_deg: float
    how: str  # declared; axis: the nearest world axis; plane: the normal of the ground under the feet
    tilt: Tilt | None = None  # of the ground under the feet


def measure_up(joints: np.ndarray, groups: np.ndarray, cameras: np.ndarray, axes_are_level: bool = True) -> Up | str:
    """Measures up from people (N, 24, 3) in worlds of the same up, and from the mean up (3,) of their cameras.

    The most frequent direction of straight bodies decides, so that people who bend, lie or stand on their hands do not.
    It becomes the nearest world axis, or the normal of the plane under the feet if that is known well and differs; each
    recording, `groups` (N,), may have a floor of its own. `axes_are_level` is False for a world that is a camera's own
    frame, whose axes say nothing about up. Returns a sentence if up is ambiguous.
    """
    people = people_direction(joints)
    if isinstance(people, str):
        return people
    if angle_deg(people, cameras) > CAMERAS_DEG:
        return f"up is ambiguous: people are upright along {spell(people)}, images along {spell(_unit(cameras))}"
    tilt = _ground(joints, groups, people)
    axis = nearest_axis(people)
    near = axes_are_level and angle_deg(axis, people) <= _snap_deg(axis, cameras, len(np.unique(groups)))
    if near and not _overrules(tilt, axis):
        return Up(axis, angle_deg(axis, people), "axis", tilt)
    if tilt is not None:
        return Up(tilt.normal, tilt.uncertainty_deg, "plane", tilt)
    return (
        f"up is ambiguous: people are upright along {spell(people)}, which is no axis of the world, and their feet do not "
        "show the ground's tilt"
    )


def people_direction(joints: np.ndarray) -> np.ndarray | str:
    """Returns the most frequent direction (3,) of the straight bodies among people (N, 24, 3), or why there is none."""
    straight = _straight(joints)
    if len(straight) < MIN_STRAIGHT:
        return f"up is ambiguous: only {len(straight)} of {len(joints)} people have a straight body"
    direction, support = _most_frequent(straight)
    if support < SUPPORT:
        return f"up is ambiguous: straight bodies have no common direction ({support:.0%} of them agree)"
    return direction


def _straight(joints: np.ndarray) -> np.ndarray:
    """Returns the directions (M, 3) of the straight bodies; of the straightest few if there are too few."""
    along, bend = body_directions(joints)
    limit = np.sort(bend)[MIN_STRAIGHT - 1] if len(bend) >= MIN_STRAIGHT else 0.0
    return np.asarray(along[bend <= np.clip(limit, STRAIGHT_DEG, BENT_DEG)])


def _ground(joints: np.ndarray, groups: np.ndarray, people: np.ndarray) -> Tilt | None:
    """Returns the plane under the feet if its tilt is known well and plausible, else None."""
    tilt = fit_tilt(joints, groups, people) if len(joints) >= MIN_FEET else None
    if tilt is None or tilt.uncertainty_deg > TILT_KNOWN_DEG or angle_deg(tilt.normal, people) > TILT_FAR_DEG:
        return None
    return tilt


def _snap_deg(axis: np.ndarray, cameras: np.ndarray, recordings: int) -> float:
    """Returns how far the people's direction may be from an axis that is up."""
    least, most, most_with_cameras = SNAP_RANGE_DEG
    limit = most_with_cameras if angle_deg(axis, cameras) < CAMERAS_NEAR_DEG else most
    return float(np.clip(SNAP_DEG / np.sqrt(recordings), least, limit))


def nearest_axis(direction: np.ndarray) -> np.ndarray:
    """Returns the world axis (3,), +x to -z, that is nearest to a direction (3,)."""
    place = int(np.abs(direction).argmax())
    return np.asarray(np.where(np.arange(3) == place, np.sign(direction[place]), 0.0))


def angle_deg(one: np.ndarray, other: np.ndarray) -> float:
    """Returns the angle between two directions (3,) in degrees."""
    cosine = float(one @ other) / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-9)
    return float(np.degrees(np.arccos(np.clip(cosine, -1, 1))))


def spell(direction: np.ndarray) -> str:
    """Returns a direction (3,) as text: (0, 0, 1), with two decimals where needed."""
    return "(" + ", ".join(f"{x + 0.0:.0f}" if x == round(x) else f"{x:.2f}" for x in direction.round(2)) + ")"


def _overrules(tilt: Tilt | None, axis: np.ndarray) -> bool:
    """Returns whether the plane under the feet is significantly not perpendicular to the axis."""
    degrees, errors = TILT_DIFFERS
    return tilt is not None and angle_deg(tilt.normal, axis) > max(degrees, errors * tilt.uncertainty_deg)


def _most_frequent(directions: np.ndarray) -> tuple[np.ndarray, float]:
    """Returns the mode of unit vectors (N, 3) by mean shift from the densest one, and the share of them around it."""
    kappa = 1 / np.radians(KERNEL_DEG) ** 2
    starts = directions[:: max(1, len(directions) // MOST_STARTS)]
    mode = starts[np.exp(kappa * (starts @ directions.T - 1)).sum(1).argmax()]
    for _ in range(50):
        mode = _unit(np.exp(kappa * (directions @ mode - 1)) @ directions)
    return mode, float((directions @ mode > np.cos(np.radians(AROUND_DEG))).mean())


def _unit(vector: np.ndarray) -> np.ndarray:
    return np.asarray(vector / np.maximum(np.linalg.norm(vector), 1e-9))
