"""Measures up and floor for many recordings, and lets those that share a world share one estimate.

Up is pooled over all recordings. A floor is shared by all of them if most of their people stand on one level, else by
the recordings of the same cameras, else each recording has its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from modules.floor.cameras import cameras_up, group_by_camera, is_world_frame
from modules.floor.people import Recording, is_on_feet, is_standing, lowest_feet, usable
from modules.floor.plane import WINDOW_MM, Level, find_level, second_level
from modules.floor.up import CAMERAS_DEG, Up, angle_deg, measure_up

SOLE_MM = 48.0
"""Height of a standing person's lowest foot joint over the ground: the median over the recordings of the synthetic set,
whose floors are exact (`python -m benchmarks.floor`)."""
PERSON_MM = 10.0  # standard deviation of SOLE_MM between people, measured in the same way
NOBODY = "there are no people to measure it on"
LYING_MM = 18.0
"""How much higher over the ground than SOLE_MM the lowest joint of a person is who lies, crawls or sits on it: the median of
91 people of `data/synthetic/many`, of whom 90 % are within 33 mm."""
OWN_SHARE = 0.4  # of a recording's people must agree on its floor: others sit on something, jump, or are mislabelled
SHARED_SHARE = 0.6  # of the people of several recordings, for one floor to be theirs
SHARED_MM = 40.0  # a recording whose own floor is farther than this from the shared one keeps its own


@dataclass(frozen=True)
class World:
    """Up and floor of recordings that share a world, or why there is none. Fields are JSON values."""

    recordings: tuple[str, ...]
    source: str  # where the people are from
    labels: int = 0  # people on the floor
    up: tuple[float, ...] | None = None  # unit vector; None if it is ambiguous
    up_how: str = ""  # declared, axis or plane
    up_error_deg: float | None = None
    tilt_deg: float | None = None  # of the ground under the feet against up, where the feet show it
    floor_mm: float | None = None  # along up
    floor_error_mm: float | None = None
    spread_mm: float | None = None  # of the feet on the floor, 10th to 90th percentile
    refusal: str | None = None  # one sentence if up or floor is missing

    @property
    def is_declared(self) -> bool:
        """Whether the floor is that of a camera file."""
        return self.floor_error_mm == 0

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> World:
        """Returns the world that `dataclasses.asdict` wrote."""
        up = values["up"]
        return cls(**{**values, "recordings": tuple(values["recordings"]), "up": up and tuple(up)})


@dataclass(frozen=True)
class _Feet:
    """The lowest foot joints of the people of one recording who are on their feet, and what the others lie on."""

    recording: Recording
    heights: np.ndarray  # (N,) mm along up
    standing: np.ndarray  # (N,) bool
    lying: np.ndarray  # (M,) mm along up where their foot joints would be if they stood where they lie


_HEIGHTS = "heights", "standing", "lying"


def measure_worlds(recordings: Sequence[Recording], source: str, sole_mm: float = SOLE_MM) -> list[World]:
    """Measures the world of every recording whose camera files do not all declare its floor.

    Where one of them does, the recording's world is declared.
    `source` tells where the people are from; `sole_mm` is how high their lowest foot joint is when they stand.
    """
    worlds = declared_worlds([one for one in recordings if not one.is_declared])
    recordings = [
        replace(one, joints_world=usable(one.joints_world)) for one in recordings if one.declared_floor is None
    ]
    ups = _ups(recordings)
    for one, up in zip(recordings, ups, strict=True):
        if isinstance(up, str):
            worlds.append(World((one.name,), source, refusal=up))
    groups: dict[tuple[float, ...], list[tuple[Recording, Up]]] = {}
    for one, up in zip(recordings, ups, strict=True):
        if isinstance(up, Up):
            groups.setdefault(tuple(up.direction.round(6)), []).append((one, up))
    for together in groups.values():
        up = together[0][1]
        feet = [_feet(one, up.direction) for one, _ in together]
        for own, level in _levels(feet):
            worlds.append(_world(own, level, up, source, sole_mm))
    return worlds


def declared_worlds(recordings: Sequence[Recording]) -> list[World]:
    """Returns the worlds of the recordings of which a camera file declares up and floor."""
    return [
        World(
            (one.name,), "the camera files", len(one.joints_world), _numbers(one.declared_up), "declared", 0.0,
            floor_mm=one.declared_floor, floor_error_mm=0.0,
        )
        for one in recordings if one.declared_floor is not None
    ]  # fmt: skip


def _numbers(direction: np.ndarray | None) -> tuple[float, ...] | None:
    return None if direction is None else tuple(float(x) for x in direction)


def _ups(recordings: Sequence[Recording]) -> list[Up | str]:
    """Returns the up direction of each recording: declared, or pooled over those whose cameras agree with it."""
    undeclared = [one for one in recordings if one.declared_up is None]
    pooled = _pooled_up(undeclared)
    ups: list[Up | str] = []
    for one in recordings:
        agrees = isinstance(pooled, Up) and angle_deg(cameras_up(one.cameras), pooled.direction) < CAMERAS_DEG
        if one.declared_up is not None:
            ups.append(Up(one.declared_up, 0.0, "declared"))
        else:
            ups.append(pooled if agrees or len(undeclared) == 1 else _pooled_up([one]))
    return ups


def _pooled_up(recordings: Sequence[Recording]) -> Up | str:
    """Measures one up direction for all of these recordings."""
    if not recordings:
        return NOBODY
    joints = np.concatenate([one.joints_world for one in recordings])
    if len(joints) == 0:
        return NOBODY
    groups = np.repeat(np.arange(len(recordings)), [len(one.joints_world) for one in recordings])
    cameras = [camera for one in recordings for camera in one.cameras]
    return measure_up(joints, groups, cameras_up(cameras), not any(is_world_frame(camera) for camera in cameras))


def _feet(recording: Recording, up: np.ndarray) -> _Feet:
    """Returns the lowest foot joints of the people of a recording who are on their feet, and where the others lie."""
    on_feet = is_on_feet(recording.joints_world, up)
    joints, others = recording.joints_world[on_feet], recording.joints_world[~on_feet]
    lying = (others @ up).min(1, initial=np.inf) - LYING_MM
    return _Feet(recording, lowest_feet(joints, up) @ up, is_standing(joints, up), lying)


def _levels(feet: Sequence[_Feet]) -> Iterable[tuple[list[_Feet], Level | str]]:
    """Yields groups of recordings with the level that they share, or the sentence of why they have none."""
    if len(feet) == 1:
        yield list(feet), _level(feet, OWN_SHARE)
        return
    shared = _level(feet, SHARED_SHARE)
    if isinstance(shared, Level):
        fits = [_fits(one, shared) for one in feet]
        yield [one for one, fit in zip(feet, fits, strict=True) if fit], shared
        for one, fit in zip(feet, fits, strict=True):
            if not fit:
                yield [one], _level([one], OWN_SHARE)
        return
    places = group_by_camera([one.recording.cameras for one in feet])
    apart = places if places.max() > 0 else np.arange(len(feet))
    for place in np.unique(apart):
        yield from _levels([one for one, own in zip(feet, apart, strict=True) if own == place])


def _level(feet: Sequence[_Feet], share: float) -> Level | str:
    """Finds the level of the feet of these recordings; a sentence if there is none, or people stand on another as well.

    Where too few people are on their feet, those who lie on the level of one who is count as well: a bed is no floor.
    """
    heights, standing, lying = (np.concatenate([getattr(one, name) for one in feet]) for name in _HEIGHTS)
    level = find_level(heights, share)
    if isinstance(level, str):
        confirmed = find_level(np.concatenate([heights, lying]), share)
        if isinstance(confirmed, str) or not (np.abs(heights - confirmed.height_mm) <= WINDOW_MM / 2).any():
            return level
        level = confirmed
    other = second_level(heights, standing, level.height_mm)
    return level if other is None else f"people stand on two floors, {abs(other - level.height_mm):.0f} mm apart"


def _fits(feet: _Feet, shared: Level) -> bool:
    """Returns whether a recording may share a level: its people show no other one."""
    own = find_level(feet.heights, OWN_SHARE)
    if isinstance(own, Level):
        return abs(own.height_mm - shared.height_mm) < SHARED_MM and isinstance(_level([feet], OWN_SHARE), Level)
    return second_level(feet.heights, feet.standing, shared.height_mm) is None


def _world(feet: Sequence[_Feet], level: Level | str, up: Up, source: str, sole_mm: float) -> World:
    """Returns the estimate as JSON values."""
    world = World(
        tuple(one.recording.name for one in feet), source, sum(len(one.heights) for one in feet),
        _numbers(up.direction), up.how, round(up.uncertainty_deg, 2),
        None if up.tilt is None else round(angle_deg(up.tilt.normal, up.direction), 2),
    )  # fmt: skip
    if isinstance(level, str):
        return replace(world, refusal=level)
    people = len({one.recording.name.rpartition("_")[2] for one in feet})
    return replace(
        world, labels=level.inliers, floor_mm=round(level.height_mm - sole_mm, 1), spread_mm=round(level.spread_mm, 1),
        floor_error_mm=round(float(np.hypot(level.error_mm, PERSON_MM / np.sqrt(people))), 1),
    )  # fmt: skip
