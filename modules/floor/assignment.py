"""Gives test recordings an up and a floor without reading a test label: from the training part's worlds, or from views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from modules.floor.cameras import SAME_CENTRE_MM, Range, is_same_camera
from modules.floor.people import Recording
from modules.floor.up import angle_deg
from modules.floor.worlds import World, declared_worlds, measure_worlds
from modules.pose_utils import Camera

VIEWS = "views"
VIEWED_SOLE_MM = 44.0
"""Height of a standing person's lowest foot joint over the ground, as triangulated from BlazePose's 2D joints: the median
over the recordings of the synthetic set's test part (`python -m benchmarks.floor`)."""
SAME_FLOOR_MM = 40.0  # worlds whose floors differ by less have the same floor
SAME_UP_DEG = 2.0
LESS_NEAR = 3.0  # times the margins within which a camera is in a world's place
CONTRADICTS_MM = 60.0  # a floor in the test recording's views that differs by more overrules a training world's


@dataclass(frozen=True)
class _Place:
    """A world of the training part, and where its cameras are."""

    world: World
    cameras: Sequence[Camera]
    centres: np.ndarray  # (C, 3) world mm
    range: Range

    @classmethod
    def of(cls, world: World, cameras: Sequence[Camera]) -> _Place:
        """Returns the place of a world whose up is known."""
        centres = np.stack([camera.centre_world for camera in cameras])
        return cls(world, cameras, centres, Range.of(cameras, np.array(world.up)))

    def near(self, camera: Camera) -> list[Camera]:
        """Returns the cameras of the world that may be the same as this one."""
        near = np.linalg.norm(self.centres - camera.centre_world, axis=1) < SAME_CENTRE_MM
        return [self.cameras[int(index)] for index in np.flatnonzero(near)]


def assign_worlds(test: Sequence[Recording], training: Sequence[Recording], known: Sequence[World]) -> list[World]:
    """Returns the worlds of the test recordings that do not declare their floor.

    The people of `test` are triangulated from the views of its moments, and may be none; `known` was measured on `training`. A
    recording's world is the known one in whose place its cameras are, unless its views contradict that; else what its
    views show. Where several known worlds are possible, their common up is known, but no floor.
    """
    cameras = {one.name: one.cameras for one in training}
    places = [
        _Place.of(world, [camera for name in world.recordings for camera in cameras[name]])
        for world in [*known, *declared_worlds([one for one in training if one.is_declared])]
        if world.up is not None
    ]
    undeclared = [one for one in test if not one.is_declared]
    views = measure_worlds(undeclared, VIEWS, VIEWED_SOLE_MM)
    own = {name: world for world in views for name in world.recordings}
    homes = {one.name: _home(one, places, own[one.name]) if one.declared_floor is None else None for one in undeclared}
    shared: dict[World, list[str]] = {}
    for name, home in homes.items():
        if home is not None:
            shared.setdefault(home, []).append(name)
    kept = [replace(world, recordings=tuple(n for n in world.recordings if homes[n] is None)) for world in views]
    return [replace(home, recordings=tuple(names)) for home, names in shared.items()] + [
        w for w in kept if w.recordings
    ]


def _home(recording: Recording, places: Sequence[_Place], viewed: World) -> World | None:
    """Returns the training world of a recording, or None if it has none or its views know better."""
    possible = _possible(recording, places)
    up = recording.declared_up
    possible = [world for world in possible if up is None or _turn(world.up, up) < SAME_UP_DEG]
    if not possible:
        return None
    best = max(possible, key=lambda world: (world.floor_mm is not None, world.labels))
    source = f"training recording {best.recordings[0]}"
    if all(_is_same(world, best) for world in possible if world.floor_mm is not None):
        return None if _contradicts(viewed, best) else replace(best, source=source)
    if viewed.up is not None or any(_turn(world.up, best.up) > SAME_UP_DEG for world in possible):
        return None
    why = f"its cameras are where those of {len(possible)} training worlds with different floors are, and {viewed.refusal}"
    return World((), source, up=best.up, up_how=best.up_how, up_error_deg=best.up_error_deg, refusal=why)


def _possible(recording: Recording, places: Sequence[_Place]) -> list[World]:
    """Returns the worlds that share a camera with the recording, else those in whose place all its cameras are.

    With the latter come the worlds that are less near, so that a recording is never given one of many worlds by chance.
    """
    same = [
        place.world
        for place in places
        if any(is_same_camera(camera, other) for camera in recording.cameras for other in place.near(camera))
    ]
    near, less_near = (
        [place.world for place in places if all(place.range.holds(camera, m) for camera in recording.cameras)]
        for m in (1.0, LESS_NEAR)
    )
    return same or (less_near if near else [])


def _turn(one: Sequence[float] | np.ndarray | None, other: Sequence[float] | np.ndarray | None) -> float:
    """Returns the angle between two directions in degrees."""
    return angle_deg(np.asarray(one, dtype=float), np.asarray(other, dtype=float))


def _is_same(one: World, other: World) -> bool:
    """Returns whether two worlds have the same up and floor."""
    if one.floor_mm is None or other.floor_mm is None:
        return False
    return _turn(one.up, other.up) < SAME_UP_DEG and abs(one.floor_mm - other.floor_mm) < SAME_FLOOR_MM


def _contradicts(viewed: World, home: World) -> bool:
    """Returns whether the floor or the up in a recording's views is another one than its training world's."""
    if viewed.up is None or home.floor_mm is None:
        return False
    if _turn(viewed.up, home.up) > 2 * SAME_UP_DEG:
        return True
    return viewed.floor_mm is not None and abs(viewed.floor_mm - home.floor_mm) > CONTRADICTS_MM
