"""The checks of unit, up direction and floor on synthetic people and cameras."""

import numpy as np

from modules.doctor.world_checks import cameras_up, floor_problem, leg_length, people_up, unit_problem, up_finding
from tests.conftest import looking_camera, rotation, standing_person


def test_units_are_found_by_leg_length(rng: np.random.Generator) -> None:
    people = np.stack([standing_person(rng) for _ in range(5)])
    assert unit_problem(people) is None and 700 < leg_length(people) < 950
    assert "in metres; multiply" in str(unit_problem(people / 1000))
    assert "in centimetres; multiply" in str(unit_problem(people / 10))
    assert "no human's" in str(unit_problem(people * 40))


def test_up_is_a_problem_only_where_people_and_cameras_agree(rng: np.random.Generator) -> None:
    x, y, z = np.eye(3)
    assert up_finding(z, z, z) is None and up_finding(z, None, None) is None
    both = up_finding(z, y, y)
    assert both and both.is_problem and both.sentence.endswith("along (0, 1, 0); write that")
    lying, overhead, apart = up_finding(z, y, z), up_finding(z, None, y), up_finding(z, x, y)
    for alone in (lying, overhead, apart):
        assert alone and not alone.is_problem and "fix it unless" in alone.sentence
    leaning = np.array([0.0, 0.8, 0.6])
    tilted = up_finding(np.array([0.0, 0.6, -0.8]), leaning, leaning)
    assert tilted and tilted.is_problem and "along (0.00, 0.80, 0.60)" not in tilted.sentence


def test_up_is_found_among_people_who_bend_and_cameras_that_look_down(rng: np.random.Generator) -> None:
    turn = rotation(rng)
    people = np.stack([standing_person(rng) @ turn.T for _ in range(9)])
    lying = np.stack([standing_person(rng)[:, [2, 0, 1]] @ turn.T for _ in range(4)])
    up = people_up(np.concatenate([people, lying]))
    assert up is not None and up @ turn[:, 2] > 0.9
    cameras = cameras_up([looking_camera(rng).R @ turn.T for _ in range(8)])
    assert cameras is not None and cameras @ turn[:, 2] > 0.9
    anyhow = np.stack([standing_person(rng) @ rotation(rng).T for _ in range(40)])
    anyhow = np.concatenate([anyhow, -anyhow])
    assert people_up(anyhow) is None and people_up(people[:0]) is None and cameras_up([]) is None


def test_the_floor_is_where_the_feet_are(rng: np.random.Generator) -> None:
    people, up = np.stack([standing_person(rng) for _ in range(5)]), np.array([0.0, 0, 1])
    assert floor_problem(people, up, 0.0) is None
    assert "floor_height_mm about" in str(floor_problem(people, up, -1000.0))
    assert "reverse world_up" in str(floor_problem(people, -up, 0.0))
