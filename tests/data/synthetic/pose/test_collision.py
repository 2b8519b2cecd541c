"""Collisions: limbs that intersect are found, and the rest pose is accepted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from data.synthetic.pose.clinical_angles import hip, shoulder
from data.synthetic.pose.collision import collides, deepest_overlap, fit_capsules, segment_distances
from data.synthetic.pose.figure import Figure
from data.synthetic.pose.posture import Posture


def caught(figure: Figure, posture: Posture) -> tuple[str, str] | None:
    capsules = fit_capsules(figure)
    posed = figure.model.pose(figure.shape, figure.pose(posture))
    first, second, depth = deepest_overlap(figure, capsules, posed.heads, posed.rotations)
    assert collides(figure, capsules, posed) == (depth > 0)
    return (first, second) if depth > 0 else None


def test_rest_and_arms_held_out_pass(figure: Figure) -> None:
    capsules = fit_capsules(figure)
    rest = figure.model.pose(figure.shape, figure.model.at_rest(figure.shape))
    assert not collides(figure, capsules, rest)
    assert caught(figure, Posture(shoulder=np.stack([shoulder(index, 0.2, 1.2) for index in range(2)]))) is None
    assert capsules.radii.min() > 10 and capsules.radii.max() < 320


def test_an_arm_through_the_belly_is_caught(figure: Figure) -> None:
    inward = np.stack([shoulder(0, np.radians(10), np.radians(15), np.radians(-88)), np.eye(3)])
    parts = caught(figure, Posture(shoulder=inward, elbow=np.array([np.radians(90), 0.0])))
    assert parts is not None and any(part in ("forearm.L", "hand.L", "upperarm.L") for part in parts)


def test_legs_that_cross_through_each_other_are_caught(figure: Figure) -> None:
    crossed = np.stack([hip(index, 0, np.radians(-25)) for index in range(2)])
    aside = np.stack([shoulder(index, 0.2, 1.2) for index in range(2)])  # where a stout person's arms hang, they touch
    parts = caught(figure, Posture(hip=crossed, shoulder=aside))
    assert parts is not None and {part[-1] for part in parts} == {"L", "R"}


def test_arms_that_cross_through_each_other_are_caught(figure: Figure) -> None:
    across = np.stack([shoulder(index, np.radians(125), np.radians(88)) for index in range(2)])
    parts = caught(figure, Posture(shoulder=across))
    assert parts is not None and {part[-1] for part in parts} == {"L", "R"}


points = st.lists(st.floats(-100, 100), min_size=6, max_size=6).map(lambda v: np.array(v).reshape(1, 2, 3))


@given(points, points)
@example(np.zeros((1, 2, 3)), np.array([[[0, 0, 1.5e-6], [0, 0, 0]]]))  # so short that its squared length underflows
@example(np.array([[[0, 0, 0], [1.0, 0, 0]]]), np.array([[[0.5, 0, 3e-5], [0.5 + 1e-5, 0, 0]]]))
def test_segment_distance_is_the_least_over_the_segments(first: np.ndarray, second: np.ndarray) -> None:
    ways = np.linspace(0, 1, 41)
    dense = [segment[0, 0] + ways[:, None] * (segment[0, 1] - segment[0, 0]) for segment in (first, second)]
    least = np.linalg.norm(dense[0][:, None] - dense[1][None], axis=2).min()
    found = segment_distances(first, second)[0]
    assert found <= least + 1e-6
    assert (
        least - found <= 0.025 * sum(np.linalg.norm(np.diff(segment[0], axis=0)) for segment in (first, second)) + 1e-6
    )


def test_a_known_distance() -> None:
    first, second = np.array([[[0.0, 0, 0], [10, 0, 0]]]), np.array([[[5.0, -5, 7], [5, 5, 7]]])
    assert segment_distances(first, second) == pytest.approx([7])
