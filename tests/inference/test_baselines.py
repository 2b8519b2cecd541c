"""The baselines without learning: pelvis at a height, lowest foot on the floor, and their fallback to least squares."""

from pathlib import Path

import numpy as np

from model.skeleton import FEET
from modules.cache.floor import camera_heights
from modules.inference.baselines import place_at_height, place_least_squares, place_on_floor
from modules.pose_utils import world2cam
from tests.builders import make_rows


def test_place_at_height_puts_the_pelvis_there(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 5, noise=0.0)
    placed = place_at_height(rows.columns, 950.0)
    np.testing.assert_allclose(placed[:, 0, 2], 950, atol=1e-6)
    heights = rows["joints_world_mm"][:, 0, 2]
    exact = np.stack([place_at_height(rows.take([i]).columns, heights[i])[0] for i in range(5)])
    np.testing.assert_allclose(exact, rows["joints_world_mm"], atol=1e-4)


def test_place_at_height_needs_world_up_and_a_plausible_depth(tmp_path: Path) -> None:
    without_up, rows = make_rows(tmp_path / "without_up", 2, floor=False), make_rows(tmp_path / "rows", 2)
    far = camera_heights(rows.columns).min() - 200.0  # reached at several times the distance
    for unplaceable, height in ((without_up, 950.0), (rows, 1e6), (rows, far)):
        placed = place_at_height(unplaceable.columns, height)
        np.testing.assert_array_equal(placed, place_least_squares(unplaceable.columns))


def test_on_the_floor_the_lowest_foot_meets_it_on_the_same_rays(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 8, noise=2.0, size=0.9)
    world = place_on_floor(rows.columns)
    heights = np.einsum("bni,bi->bn", world, rows["world_up"]) - rows["floor_height_mm"][:, None]
    np.testing.assert_allclose(heights[:, FEET].min(1), 0, atol=1e-6)
    before, after = (world2cam(joints, rows["R"], rows["t"]) for joints in (place_least_squares(rows.columns), world))
    np.testing.assert_allclose(after[..., :2] / after[..., 2:], before[..., :2] / before[..., 2:], atol=1e-9)


def test_without_a_plausible_floor_nobody_is_scaled(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3, noise=2.0)
    placed = place_least_squares(rows.columns)
    for floor in (np.full(3, np.nan), rows["floor_height_mm"] + camera_heights(rows.columns) - 10):
        without = {**rows.columns, "floor_height_mm": floor}
        np.testing.assert_allclose(place_on_floor(without), placed, atol=1e-9)
