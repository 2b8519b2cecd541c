"""Contact with the floor: exact height, flat feet, shoes, and balance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.synthetic.geometry.rotations import rotation_x, rotation_y
from data.synthetic.pose.clinical_angles import ankle, hip
from data.synthetic.pose.contact import (
    centre_of_mass,
    is_balanced,
    lowest,
    outside_by,
    seat_under,
    stand_on_floor,
    with_flat_feet,
)
from data.synthetic.pose.figure import Figure
from data.synthetic.pose.legs import Foot, on_feet, stature
from data.synthetic.pose.posture import Posture


@pytest.mark.parametrize(("sole", "air"), [(0.0, 0.0), (25.0, 0.0), (0.0, 300.0)])
def test_the_lowest_point_lies_on_the_floor(figure: Figure, sole: float, air: float) -> None:
    figure = replace(figure, sole_mm=sole)
    for posture in (Posture(), Posture(root=rotation_x(1.5)), Posture(root=rotation_y(2.0), knee=np.array([1.0, 0]))):
        pose, posed = stand_on_floor(figure, figure.pose(posture), air)
        assert lowest(figure, posed) == pytest.approx(air, abs=1e-6)
        assert posed.vertices[figure.body_vertices, 2].min() >= air - 1e-6
        assert figure.model.pose(figure.shape, pose).vertices == pytest.approx(posed.vertices, abs=1e-6)


def test_shoes_lift_who_stands_but_not_who_lies(figure: Figure) -> None:
    heights = []
    for posture in (Posture(), Posture(root=rotation_x(-np.pi / 2), hip=np.stack([hip(i, 0.7) for i in range(2)]))):
        people = (figure, replace(figure, sole_mm=30.0))
        bare, shod = (stand_on_floor(person, person.pose(posture))[0].root_world[2] for person in people)
        heights.append(shod - bare)
    assert heights == pytest.approx([30, 0])


def sole_heights(figure: Figure, posture: Posture, side: str) -> tuple[float, float]:
    _, posed = stand_on_floor(figure, figure.pose(posture))
    foot = posed.vertices[figure.vertices_of(f"foot.{side}", f"toe1-1.{side}")]
    forward = -posed.rotations[figure.model.bone(f"foot.{side}")][:, 1]
    along = foot @ forward
    back, front = (np.quantile(along, share) for share in (0.15, 0.85))
    return float(foot[along < back, 2].min()), float(foot[along > front, 2].min())


def test_a_tilted_foot_is_laid_flat_and_a_raised_one_is_left(figure: Figure) -> None:
    tilted = Posture(ankle=np.stack([ankle(0, np.radians(12)), ankle(1, np.radians(10), np.radians(8))]))
    assert max(sole_heights(figure, tilted, "L")) > 15
    flat = with_flat_feet(figure, tilted)
    for side in "LR":
        assert max(sole_heights(figure, flat, side)) < 12
    lifted = Posture(hip=np.stack([hip(0, 1.0), np.eye(3)]), ankle=np.stack([ankle(0, 0.3), np.eye(3)]))
    assert np.allclose(with_flat_feet(figure, lifted).ankle[0], lifted.ankle[0])


def test_feet_beyond_an_ankles_reach_stay(figure: Figure) -> None:
    leaning = Posture(root=rotation_x(np.radians(60)), ankle=np.stack([ankle(i, np.radians(20)) for i in range(2)]))
    assert np.allclose(with_flat_feet(figure, leaning).ankle, leaning.ankle)


def test_balance_sees_who_would_fall(figure: Figure) -> None:
    def balanced(posture: Posture) -> bool:
        return is_balanced(figure, stand_on_floor(figure, figure.pose(posture))[1])

    assert balanced(with_flat_feet(figure, Posture()))
    assert not balanced(with_flat_feet(figure, Posture(root=rotation_x(np.radians(35)))))
    assert not balanced(Posture(hip=np.stack([hip(0, 0, np.radians(40)), np.eye(3)])))


def test_the_centre_of_mass_lies_in_the_middle_and_follows_the_limbs(figure: Figure) -> None:
    _, heads = figure.model.forward(figure.shape, figure.pose(Posture()))
    centre = centre_of_mass(figure, heads)
    height = np.ptp(figure.shape.vertices[figure.body_vertices, 2])
    floor = stand_on_floor(figure, figure.pose(Posture()))[0].root_world[2] - figure.shape.heads[0, 2]
    assert abs(centre[0]) < 1 and 0.5 < (centre[2] + floor) / height < 0.6
    raised = Posture(hip=np.stack([hip(0, np.radians(90)), np.eye(3)]))
    moved = centre_of_mass(figure, figure.model.forward(figure.shape, figure.pose(raised))[1])
    assert moved[1] < centre[1] - 50 and moved[2] > centre[2] + 30


@given(st.floats(-150, 150), st.floats(-150, 150))
def test_the_distance_to_the_hull_is_in_mm(x: float, y: float) -> None:
    square = np.array([[-50.0, -50], [50, -50], [50, 50], [-50, 50]])
    assert outside_by(np.array([x, y]), square) == pytest.approx(max(abs(x), abs(y)) - 50, abs=1e-6)


def test_a_line_holds_nobody() -> None:
    assert outside_by(np.zeros(2), np.array([[-1.0, 0], [1, 0]])) == np.inf


@pytest.mark.parametrize("share", [0.55, 0.8, 1.0])
def test_feet_are_placed_as_required(figure: Figure, share: float) -> None:
    feet = (Foot(150, -120, 0.2, load=0.6), Foot(-130, 100, 0.1, load=0.4))
    posture = on_feet(figure, Posture(root=rotation_x(0.2)), stature(figure) * share, feet)
    _, posed = stand_on_floor(figure, figure.pose(posture))
    left, right = (posed.heads[figure.model.bone(f"foot.{side}")] for side in "LR")
    assert left - right == pytest.approx([280, -220, 0], abs=1)
    assert is_balanced(figure, posed)
    for side in "LR":
        assert max(sole_heights(figure, posture, side)) < 12


def test_a_raised_heel_stands_on_its_ball(figure: Figure) -> None:
    feet = (Foot(120, 0, 0.0), Foot(-120, 200, 0.0, heel=0.8))
    heel, ball = sole_heights(figure, on_feet(figure, Posture(), stature(figure), feet), "R")
    assert heel > 50 and ball < 25


def test_a_seat_lies_under_the_thighs(figure: Figure) -> None:
    sitting = Posture(hip=np.stack([hip(i, np.pi / 2) for i in range(2)]), knee=np.full(2, np.pi / 2))
    _, posed = stand_on_floor(figure, figure.pose(sitting))
    x, y, z = seat_under(figure, posed)
    hips = posed.heads[figure.model.bone("upperleg01.L")]
    assert abs(x) < 1 and y == pytest.approx(hips[1], abs=1) and hips[2] - 260 < z < hips[2] - 40
