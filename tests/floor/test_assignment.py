"""Test recordings get the floor of the training world that they are in, or that of their views."""

from __future__ import annotations

import numpy as np
import pytest

from modules.floor.assignment import VIEWED_SOLE_MM, assign_worlds
from modules.floor.cameras import Range, group_by_camera
from modules.floor.people import Recording
from modules.floor.views import triangulated_people
from modules.floor.worlds import World, measure_worlds
from modules.pose_utils import Camera
from modules.rig.triangulation import project
from tests.floor.crowd import CAMERAS, SOLE_MM, camera, crowd, recording

Z = np.array([0.0, 0, 1])
NOBODY = np.zeros((0, 24, 3))
ANOTHER = camera(2900, -2900, 1750)  # in the same studio


def assign(test: list[Recording], training: list[Recording]) -> dict[str, World]:
    known = measure_worlds(training, "labels", SOLE_MM)
    return {name: world for world in assign_worlds(test, training, known) for name in world.recordings}


def studio(
    rng: np.random.Generator, floor: float = 0.0, cameras: list[Camera] = CAMERAS, name: str = "1_A"
) -> Recording:
    return recording(name, crowd(rng, ["stand"] * 10) + [0, 0, floor], cameras)


def raised(one: Camera, height_mm: float) -> Camera:
    centre = one.centre_world + [0, 0, height_mm]
    return Camera(one.K, one.R, -one.R @ centre, one.image_size)


@pytest.mark.parametrize("seen_by", [CAMERAS[1], ANOTHER])
def test_the_training_world_is_known_by_its_cameras(rng: np.random.Generator, seen_by: Camera) -> None:
    world = assign([recording("2_B", NOBODY, [seen_by])], [studio(rng)])["2_B"]
    assert world.source == "training recording 1_A"
    assert world.up == (0, 0, 1) and world.floor_mm == pytest.approx(0, abs=10)


def test_a_camera_elsewhere_gets_nothing(rng: np.random.Generator) -> None:
    world = assign([recording("2_B", NOBODY, [raised(ANOTHER, 2500)])], [studio(rng)])["2_B"]
    assert world.up is None and world.floor_mm is None and world.refusal == "there are no people to measure it on"


def test_one_of_many_worlds_is_never_taken_by_chance(rng: np.random.Generator) -> None:
    """All worlds have cameras in about the same places, but a floor each: only up is known."""
    training = [
        studio(rng, 200.0 * i, [camera(4000, 10.0 + 150 * i, 1600), camera(-3000, 150.0 * i, 1700)], f"1_P{i}")
        for i in range(6)
    ]
    world = assign([recording("2_B", NOBODY, [ANOTHER])], training)["2_B"]
    assert world.up == (0, 0, 1) and world.floor_mm is None and "different floors" in str(world.refusal)


def test_a_training_world_that_is_declared(rng: np.random.Generator) -> None:
    declared = [
        camera(4000, 0, 1600, {"world_up": Z, "floor_height_mm": 12.0}),
        camera(-4000, 0, 1600, {"world_up": Z, "floor_height_mm": 12.0}),
    ]
    world = assign([recording("2_B", NOBODY, declared[:1])], [studio(rng, 0, declared)])
    assert world == {}  # the test camera declares it too
    bare = camera(4000, 0, 1600)
    assert assign([recording("2_B", NOBODY, [bare])], [studio(rng, 0, declared)])["2_B"].floor_mm == 12.0


def test_views_overrule_a_training_world_with_another_floor(rng: np.random.Generator) -> None:
    seen = crowd(rng, ["stand"] * 6) + [0, 0, 300.0 + VIEWED_SOLE_MM - SOLE_MM]
    worlds = assign([recording("2_B", seen), recording("2_C", seen - [0, 0, 290])], [studio(rng)])
    assert worlds["2_B"].source == "views" and worlds["2_B"].floor_mm == pytest.approx(300, abs=12)
    assert worlds["2_C"].source == "training recording 1_A"


def test_the_range_of_cameras() -> None:
    place = Range.of(CAMERAS, Z)
    assert place.holds(ANOTHER)
    assert not place.holds(raised(ANOTHER, 600))
    assert place.holds(raised(ANOTHER, 600), 3.0)
    assert not place.holds(camera(9000, 0, 1700))


def columns(people: np.ndarray, cameras: list[Camera], noise: np.random.Generator) -> dict[str, np.ndarray]:
    """Returns the columns of the images of these people, with the 2D joints 3 px off."""
    pixels = project(people, cameras)[0] + noise.normal(0, 3, (len(cameras), len(people), 24, 2))
    count = len(people)
    return {
        "camera": np.repeat([str(i) for i in range(len(cameras))], count),
        "sequence": np.tile([str(i) for i in range(count)], len(cameras)),
        "found": np.ones(len(cameras) * count, bool), "joints_px": pixels.reshape(-1, 24, 2),
        "confidence": np.full((len(cameras) * count, 24), 0.9), "K": np.repeat([c.K for c in cameras], count, 0),
        "R": np.repeat([c.R for c in cameras], count, 0), "t": np.repeat([c.t for c in cameras], count, 0),
    }  # fmt: skip


def test_people_are_triangulated_from_their_views(rng: np.random.Generator) -> None:
    people = crowd(rng, ["stand"] * 5)
    rows = columns(people, CAMERAS, rng)
    rows["found"][[0, 6]] = False  # one of three views of moments 0 and 1
    rows["joints_px"][2] += 400  # another person in a view of moment 2
    found = triangulated_people(rows)
    assert found.shape == (5, 24, 3)
    assert np.linalg.norm(found - people, axis=-1).max() < 60
    floor = measure_worlds([recording("1_A", found)], "views", SOLE_MM)[0]
    assert floor.up == (0, 0, 1) and floor.floor_mm == pytest.approx(0, abs=10)


def test_one_view_shows_no_depth(rng: np.random.Generator) -> None:
    assert triangulated_people(columns(crowd(rng, ["stand"] * 3), CAMERAS[:1], rng)).shape == (0, 24, 3)
    rows = columns(crowd(rng, ["stand"] * 4), CAMERAS, rng)
    rows["found"][:8] = False
    assert triangulated_people(rows).shape == (0, 24, 3)


def test_views_that_disagree_are_nobody(rng: np.random.Generator) -> None:
    rows = columns(crowd(rng, ["stand"] * 3), CAMERAS[:2], rng)
    rows["joints_px"][0] += [0, 300]
    assert np.isnan(triangulated_people(rows)[0]).all() and np.isfinite(triangulated_people(rows)[1:]).all()


def test_group_by_camera() -> None:
    one, other, third = CAMERAS
    groups = group_by_camera([[one], [other], [third, raised(one, 20)], [raised(other, 500)]])
    assert groups[0] == groups[2] and len(set(groups)) == 3
