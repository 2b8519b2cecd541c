"""Left/right swaps: found in several views and against known points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.rig.swaps import find_swaps, find_swaps_by_points, swap_sides
from tests.rig.walking_body import CAMERAS, MIRROR, look_at, views, walk


@given(st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_swapped_sides_are_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    px, weights = views(walk(30, 5), noise=4)
    swapped = rng.random((3, 30)) < 0.2
    swapped &= swapped.sum(0) < 2  # two of three swapped look like the third one swapped, but for the neighbours
    found = find_swaps(swap_sides(px, swapped, MIRROR), weights, CAMERAS, MIRROR)
    np.testing.assert_array_equal(found, swapped)


def test_continuity_tells_two_swapped_views_from_the_third_one_swapped() -> None:
    px, weights = views(walk(30, 5), noise=4)
    swapped = np.zeros((3, 30), dtype=bool)
    swapped[:2, 12] = True
    found = find_swaps(swap_sides(px, swapped, MIRROR), weights, CAMERAS, MIRROR)
    np.testing.assert_array_equal(found, swapped)


@pytest.mark.parametrize("count", [5, 12])
def test_swaps_of_many_cameras_are_found_among_their_likely_assignments(count: int) -> None:
    """A third of the views of every frame are swapped, which 2^12 assignments would take too long to try."""
    angles = 2 * np.pi * np.arange(count) / count + 0.2
    cameras = [look_at((4000 * np.cos(angle), 4000 * np.sin(angle), 1500 + 100 * k)) for k, angle in enumerate(angles)]
    px, weights = views(walk(5, 5), cameras, noise=4)
    swapped = np.random.default_rng(count).permuted(np.tile(np.arange(count) < count // 3, (5, 1)), axis=1).T
    found = find_swaps(swap_sides(px, swapped, MIRROR), weights, cameras, MIRROR)
    np.testing.assert_array_equal(found, swapped)


def test_swapping_twice_is_nothing_and_weights_go_along() -> None:
    px, _ = views(walk())
    weights = np.random.default_rng(0).random(px.shape[:3])
    swapped = np.random.default_rng(1).random(px.shape[:2]) < 0.5
    for values in (px, weights):
        once = swap_sides(values, swapped, MIRROR)
        assert (once != values).any()
        np.testing.assert_array_equal(swap_sides(once, swapped, MIRROR), values)


def test_one_view_is_matched_to_known_points() -> None:
    points = walk()
    px, weights = views(points, noise=10)
    swapped = np.arange(len(points)) % 7 == 0
    shown = swap_sides(px[0], swapped, MIRROR)
    np.testing.assert_array_equal(find_swaps_by_points(points, shown, weights[0], CAMERAS[0], MIRROR), swapped)
