"""Lifting: exact with exact input, and equivariant to a change of the world's axes."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from modules.cache.crop_joints import cached_crop_pose, to_uvd
from modules.cache.table import Rows
from modules.dataset import PoseDataset
from modules.inference.baselines import (
    place_at_height,
    place_extractor,
    place_least_squares,
    place_on_floor,
    true_depth_bound,
)
from modules.inference.lifting import lift
from modules.pose_utils import world2cam
from modules.simulation.pose_inputs import pose_inputs
from tests.builders import make_rows


def yawed(columns: dict[str, np.ndarray], yaw: float, shift: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Returns the rows in a world rotated about z by `yaw` and shifted, with floor and labels; and the rotation."""
    c, s = np.cos(yaw), np.sin(yaw)
    Q = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    R = columns["R"] @ Q.T
    moved = {
        "R": R, "t": columns["t"] - np.einsum("bij,j->bi", R, shift), "world_up": columns["world_up"] @ Q.T,
        "floor_height_mm": columns["floor_height_mm"] + shift[2], "joints_world_mm": columns["joints_world_mm"] @ Q.T + shift,
    }  # fmt: skip
    return {**columns, **moved}, Q


def lift_cached(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Lifts the extractor's pose through the crop."""
    pose = cached_crop_pose(columns)
    return lift(to_uvd(pose, columns["K_crop"]), pose.root_mm, columns)


def test_exact_extraction_is_placed_exactly(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 5, noise=0.0)
    truth = rows["joints_world_mm"]
    np.testing.assert_allclose(place_least_squares(rows.columns), truth, atol=1e-4)
    np.testing.assert_allclose(place_extractor(rows.columns), truth, atol=1e-4)
    np.testing.assert_allclose(lift_cached(rows.columns), truth, atol=1e-4)
    depth = world2cam(truth, rows["R"], rows["t"])[..., 2]
    np.testing.assert_allclose(true_depth_bound(rows.columns, depth), truth, atol=1e-6)


@pytest.mark.parametrize("yaw", [0.0, 1.1, -2.9])
def test_moving_the_world_moves_the_result_and_changes_no_input(tmp_path: Path, yaw: float) -> None:
    rows, shift = make_rows(tmp_path, 4), np.array([4000.0, -9000, 700])
    moved, Q = yawed(dict(rows.columns), yaw, shift)
    for place in (lift_cached, place_least_squares, place_extractor, place_on_floor):
        np.testing.assert_allclose(place(moved), place(rows.columns) @ Q.T + shift, atol=1e-6)
    at = place_at_height(rows.columns, 950.0) @ Q.T + shift
    np.testing.assert_allclose(place_at_height(moved, 950.0), at, atol=1e-6)
    before, after = (pose_inputs(cached_crop_pose(c), c) for c in (rows.columns, moved))
    for name in before:
        np.testing.assert_allclose(after[name], before[name], atol=1e-9, err_msg=name)
    sample, turned = (PoseDataset(Rows(c, rows.crop_files), 128)[0] for c in (rows.columns, moved))
    for name in sample:
        np.testing.assert_allclose(turned[name], sample[name], atol=1e-6, err_msg=name)
