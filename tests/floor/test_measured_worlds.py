"""Up and floor, measured on people whose floor is known."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.floor.people import Recording
from modules.floor.up import angle_deg
from modules.floor.worlds import LYING_MM, World, measure_worlds
from tests.conftest import rotation
from tests.floor.crowd import CAMERAS, SOLE_MM, camera, crowd, moved, person, recording

Z = np.array([0.0, 0, 1])
AXES = [np.eye(3)[[0, 1, 2]], np.eye(3)[[1, 2, 0]], np.eye(3)[[2, 0, 1]], np.diag([1.0, -1, -1]), np.eye(3)]


def measured(*recordings: Recording) -> list[World]:
    return measure_worlds(recordings, "labels", SOLE_MM)


def only(*recordings: Recording) -> World:
    worlds = measured(*recordings)
    assert len(worlds) == 1, worlds
    return worlds[0]


def shifted(joints: np.ndarray, height_mm: float) -> np.ndarray:
    return joints + [0, 0, height_mm]


@pytest.mark.parametrize("axes", AXES)
@pytest.mark.parametrize("floor", [-700.0, 0.0, 431.0])
def test_people_on_an_axis_aligned_floor(rng: np.random.Generator, axes: np.ndarray, floor: float) -> None:
    everybody = crowd(rng, ["stand"] * 12 + ["sit", "jump", "lie", "bend", "bend"])
    world = only(moved(recording("1_A", everybody), axes, axes @ Z * floor))
    assert world.up == tuple(axes @ Z) and world.up_how == "axis" and world.refusal is None
    assert world.floor_mm == pytest.approx(floor, abs=8)
    assert world.spread_mm is not None and world.spread_mm < 40
    assert world.floor_error_mm is not None and 5 < world.floor_error_mm < 20


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_the_estimate_moves_with_the_world(seed: int) -> None:
    rng = np.random.default_rng(seed)
    recordings = [recording(f"1_{i}", crowd(rng, ["stand"] * 12 + ["sit", "jump", "bend"])) for i in range(3)]
    R, t = rotation(rng), rng.uniform(-3000, 3000, 3)
    up = R @ Z
    if angle_deg(up, np.eye(3)[np.abs(up).argmax()] * np.sign(up[np.abs(up).argmax()])) < 3:
        return  # near enough to an axis to be taken for it
    world = only(*(moved(one, R, t) for one in recordings))
    assert world.up is not None and world.up_how == "plane"
    assert angle_deg(np.array(world.up), up) < 1.0
    assert world.up_error_deg is not None and 0.1 < world.up_error_deg < 1.0
    assert world.floor_mm == pytest.approx(up @ t, abs=12)


def test_a_tilted_world_whose_feet_are_on_one_line_is_refused(rng: np.random.Generator) -> None:
    walk = crowd(rng, ["stand"] * 40)
    walk[:, :, 1] -= walk[:, :1, 1]  # along x alone
    a = np.radians(30)
    tilt = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    world = only(moved(recording("1_A", walk), tilt, np.zeros(3)))
    assert world.up is None and world.floor_mm is None
    assert world.refusal is not None and "their feet do not show the ground's tilt" in world.refusal


def test_one_side_bent_forward_does_not_tilt_up(rng: np.random.Generator) -> None:
    """Most people bend by 45 degrees to the same side, so that their mean is far from up."""
    bent = np.stack([person(rng, "bend") for _ in range(30)])
    aside = bent.copy()
    aside[:, 12:] += [400, 0, -150]
    everybody = np.concatenate([aside, crowd(rng, ["stand"] * 10)])
    assert only(recording("1_A", everybody)).up == (0, 0, 1)


def test_a_camera_whose_frame_is_the_world_says_nothing_about_axes(rng: np.random.Generator) -> None:
    """The world is the frame of a camera that looks down by 8 degrees: near an axis, but not along it."""
    a = np.radians(98)
    R = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
    t = -R @ np.array([0, -4000.0, 1500])
    own = dataclasses.replace(CAMERAS[0], R=np.eye(3), t=np.zeros(3))
    few = moved(recording("1_A", crowd(rng, ["stand"] * 6)), R, t)
    many = moved(recording("1_A", crowd(rng, ["stand"] * 60)), R, t)
    assert only(dataclasses.replace(few, cameras=[own])).up is None
    world = only(dataclasses.replace(many, cameras=[own]))
    assert world.up is not None and angle_deg(np.array(world.up), R @ Z) < 1


def test_label_noise_and_outliers(rng: np.random.Generator) -> None:
    everybody = crowd(rng, ["stand"] * 40)
    everybody[:4] += rng.normal(0, 400, (4, 1, 3))
    everybody += rng.normal(0, 15, everybody.shape)
    everybody[5, 3] = np.nan
    world = only(recording("1_A", everybody))
    assert world.up == (0, 0, 1) and world.floor_mm == pytest.approx(-10, abs=25)


def test_people_who_lie_or_stand_on_their_hands_give_no_floor(rng: np.random.Generator) -> None:
    standing = recording("1_A", crowd(rng, ["stand"] * 10))
    lying = recording("1_B", shifted(crowd(rng, ["lie"] * 5), 500), [camera(4000, 900, 1600)])
    upside_down = recording("1_C", shifted(crowd(rng, ["handstand"] * 5), 500), [camera(4000, -900, 1600)])
    # No shared level can be claimed for them either: they are pooled only as long as nothing contradicts it.
    alone = measured(lying)[0], measured(upside_down)[0]
    assert all(world.floor_mm is None and world.refusal for world in alone)
    assert {name for world in measured(standing, lying) for name in world.recordings} == {"1_A", "1_B"}


def test_two_floors_are_refused(rng: np.random.Generator) -> None:
    podium = np.concatenate([crowd(rng, ["stand"] * 10), shifted(crowd(rng, ["stand"] * 6), 300)])
    world = only(recording("1_A", podium))
    assert world.up == (0, 0, 1) and world.floor_mm is None
    assert world.refusal is not None and world.refusal.startswith("people stand on two floors, 30")


def test_feet_on_no_common_level_are_refused(rng: np.random.Generator) -> None:
    stairs = np.stack([shifted(person(rng), 100.0 * i) for i in range(10)])
    world = only(recording("1_A", stairs))
    assert world.floor_mm is None and "on no common level" in str(world.refusal)


def test_recordings_with_a_floor_each_and_few_labels(rng: np.random.Generator) -> None:
    floors = {f"1_P{i}": 137.0 * (i - 4) for i in range(9)}
    worlds = measured(
        *(
            recording(
                name,
                shifted(crowd(rng, ["stand", "stand", "sit", "jump", "bend"]), floor),
                [camera(4000, i * 300, 1600)],
            )
            for i, (name, floor) in enumerate(floors.items())
        )
    )
    assert len(worlds) == 9
    for world in worlds:
        assert world.up == (0, 0, 1)
        assert world.floor_mm == pytest.approx(floors[world.recordings[0]], abs=15)


def test_one_label_is_too_few(rng: np.random.Generator) -> None:
    others = [
        recording(f"1_{i}", shifted(crowd(rng, ["stand"] * 5), i * 200.0), [camera(4000, i * 300, 1600)])
        for i in (1, 2, 3)
    ]
    worlds = measured(recording("1_few", crowd(rng, ["stand"]), [camera(-4000, 0, 1600)]), *others)
    few = next(world for world in worlds if world.recordings == ("1_few",))
    assert few.up == (0, 0, 1) and few.refusal == "only 1 person is on their feet"


def test_two_jumps_of_one_height_are_no_second_floor(rng: np.random.Generator) -> None:
    cameras = [camera(4000, 0, 1600, {"world_up": np.array([0.0, 0, 1])})]
    people = crowd(rng, ["stand"] * 6)
    people[:2, :, 2] += 200
    assert only(recording("1_jumps", people[:5], cameras)).floor_mm == pytest.approx(0, abs=20)
    people[2, :, 2] += 200
    assert "two floors" in str(only(recording("1_step", people, cameras)).refusal)


def test_people_who_lie_where_somebody_stands_confirm_the_floor(rng: np.random.Generator) -> None:
    cameras = [camera(4000, 0, 1600, {"world_up": np.array([0.0, 0, 1])})]
    people = crowd(rng, ["stand", *["lie"] * 4])
    people[1:, :, 2] -= people[1:, :, 2].min(1, keepdims=True) - SOLE_MM - LYING_MM
    world = only(recording("1_floor", people, cameras))
    assert world.floor_mm == pytest.approx(0, abs=20) and world.labels == 5
    people[1:, :, 2] += 450
    assert only(recording("1_bed", people, cameras)).refusal == "only 1 person is on their feet"
    people[0, :, 2] += 300  # a jump over somebody who lies on the floor
    people[1:, :, 2] -= 450
    assert only(recording("1_jump", people, cameras)).floor_mm is None


def test_a_studio_is_shared_even_by_a_recording_without_a_label(rng: np.random.Generator) -> None:
    people = [recording(f"1_P{i}", crowd(rng, ["stand"] * 3)) for i in range(10)]
    world = only(*people, recording("1_none", np.zeros((0, 24, 3))))
    assert len(world.recordings) == 11 and world.labels >= 25
    assert world.floor_mm == pytest.approx(0, abs=8)
    alone = measured(people[0])[0]
    assert world.floor_error_mm is not None and alone.floor_error_mm is not None
    assert world.floor_error_mm < 0.6 * alone.floor_error_mm


def test_a_recording_on_another_floor_keeps_its_own(rng: np.random.Generator) -> None:
    people = [recording(f"1_P{i}", crowd(rng, ["stand"] * 4)) for i in range(9)]
    stage = recording("1_stage", shifted(crowd(rng, ["stand"] * 4), 300))
    worlds = measured(*people, stage)
    floors = {name: world.floor_mm for world in worlds for name in world.recordings}
    assert floors["1_stage"] == pytest.approx(300, abs=15) and floors["1_P0"] == pytest.approx(0, abs=8)


def test_two_studios_share_a_floor_by_their_cameras(rng: np.random.Generator) -> None:
    elsewhere = [camera(3000, 500, 1500), camera(-3000, 500, 1500)]
    first = [recording(f"1_P{i}", crowd(rng, ["stand"] * 4)) for i in range(4)]
    second = [recording(f"2_P{i}", shifted(crowd(rng, ["stand"] * 4), 800), elsewhere) for i in range(4)]
    floors = sorted((world.floor_mm, len(world.recordings)) for world in measured(*first, *second))
    assert [count for _, count in floors] == [4, 4]
    assert [floor for floor, _ in floors] == [pytest.approx(0, abs=10), pytest.approx(800, abs=10)]


def test_a_declared_up_is_kept_and_a_declared_floor_is_not_measured(rng: np.random.Generator) -> None:
    people = crowd(rng, ["stand"] * 5)
    up_only = [camera(4000, 0, 1600, {"world_up": Z})]
    both = [camera(4000, 0, 1600, {"world_up": Z, "floor_height_mm": 5.0})]
    assert measured(recording("1_A", people, both)) == []
    world = only(recording("1_A", people, up_only))
    assert world.up_how == "declared" and world.floor_mm == pytest.approx(0, abs=10)


def test_cameras_that_contradict_the_people(rng: np.random.Generator) -> None:
    sideways = np.array([[0.0, 1, 0], [-1, 0, 0], [0, 0, 1]])
    turned = [dataclasses.replace(c, R=sideways @ c.R, t=sideways @ c.t) for c in CAMERAS]
    world = only(recording("1_A", crowd(rng, ["stand"] * 10), turned))
    assert world.up is None and "images along" in str(world.refusal)


def test_json_round_trip(rng: np.random.Generator) -> None:
    for world in measured(recording("1_A", crowd(rng, ["stand"] * 5)), recording("1_B", np.zeros((0, 24, 3)))):
        assert World.from_json(json.loads(json.dumps(dataclasses.asdict(world)))) == world
