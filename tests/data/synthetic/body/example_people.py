"""The body model, loaded once for all tests of synthetic people, and some example people."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.spatial.transform import Rotation

from data.synthetic.body.model import BodyModel, Pose, Posed, Shape
from data.synthetic.body.people import Person, people_model, sample_person, shape_of


@cache
def model() -> BodyModel:
    return people_model()


@cache
def person(seed: int) -> Person:
    return sample_person(np.random.default_rng(seed), model())


@cache
def shape(seed: int) -> Shape:
    return shape_of(model(), person(seed))


def posed(of: Shape, degrees: dict[str, tuple[float, float, float]], root_world: np.ndarray | None = None) -> Posed:
    """Returns a pose in which the named bones are rotated about x, y and z (degrees)."""
    pose = model().at_rest(of)
    rotations = pose.rotations.copy()
    for bone, angles in degrees.items():
        rotations[model().bone(bone)] = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    return model().pose(of, Pose(rotations, pose.root_world if root_world is None else root_world))


BENT: dict[str, tuple[float, float, float]] = {
    "upperleg01.L": (-80, 5, 10), "lowerleg01.L": (85, 0, 0), "upperleg01.R": (25, 20, 0), "foot.R": (20, 0, 5),
    "upperarm01.L": (10, -70, 20), "lowerarm01.L": (30, 40, 0), "upperarm01.R": (-30, 50, 0), "wrist.R": (20, 0, 30),
    "spine04": (15, 5, 0), "spine02": (10, 0, 15), "neck02": (0, 10, 20), "toe2-1.L": (-20, 0, 0),
}  # fmt: skip
