"""Synthetic people: exact heights and masses, codes, and reproducibility by seed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.synthetic.body.model import Shape
from data.synthetic.body.people import (
    CLASS_LIMITS,
    body_mass_class,
    height_mm,
    mass_index,
    sample_person,
    volume_litres,
)
from tests.data.synthetic.body.example_people import model, person, shape

SEEDS = range(6)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_person_is_as_tall_and_as_heavy_as_its_code_says(seed: int) -> None:
    who = person(seed)
    assert height_mm(model(), shape(seed)) == pytest.approx(10 * int(who.code[1:4]), abs=1.0)
    index = mass_index(model(), shape(seed))
    assert body_mass_class(index) == who.code[4]
    assert index == pytest.approx(who.body_mass_index, abs=0.1)
    assert who.code[0] == who.sex


def test_the_same_seed_makes_the_same_person_and_another_another() -> None:
    assert sample_person(np.random.default_rng(3), model()) == person(3)
    assert len({person(seed).phenotypes for seed in SEEDS}) == len(SEEDS)


def test_people_vary_in_their_proportions_and_not_only_in_size() -> None:
    legs = [shape(s).heads[model().bone("upperleg01.L")][2] - shape(s).heads[model().bone("foot.L")][2] for s in SEEDS]
    shares = np.array(legs) / [person(s).height_mm for s in SEEDS]
    assert 0.01 < np.ptp(shares) < 0.12


def test_a_cube_holds_its_volume() -> None:
    corners = np.array([[x, y, z] for x in (0, 100) for y in (0, 100) for z in (0, 100)], dtype=float)
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    triangles = np.array([t for a, b, c, d in faces for t in ((a, b, c), (a, c, d))])

    class Cube:
        surfaces = {"body": triangles}  # noqa: RUF012

    nothing = np.zeros((0, 3))
    assert volume_litres(Cube(), Shape(corners, nothing, nothing)) == pytest.approx(1.0)  # type: ignore[arg-type]


@given(st.sampled_from("ABCD"), st.floats(0, 1))
def test_every_index_within_a_class_gets_that_letter(letter: str, share: float) -> None:
    low, high = CLASS_LIMITS[letter]
    assert body_mass_class(low + share * (high - low)) == letter
