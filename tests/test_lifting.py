"""Lifting: round trips through the crop, exactness with exact input, and that the answer moves with the world."""

from pathlib import Path

import numpy as np
import pytest

from modules import lifting
from modules.cache import Rows
from modules.dataset import PoseDataset, from_uvd, pose_inputs, to_uvd
from modules.pose_utils import world2cam
from modules.skeleton import FEET
from tests.builders import make_rows


def yawed(columns: dict[str, np.ndarray], yaw: float, shift: np.ndarray) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The same rows in a world turned about z by `yaw` and shifted; floor and labels move along."""
    c, s = np.cos(yaw), np.sin(yaw)
    Q = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    R = columns["R"] @ Q.T
    moved = {
        "R": R, "t": columns["t"] - np.einsum("bij,j->bi", R, shift), "world_up": columns["world_up"] @ Q.T,
        "floor_height_mm": columns["floor_height_mm"] + shift[2], "joints_world_mm": columns["joints_world_mm"] @ Q.T + shift,
    }  # fmt: skip
    return {**columns, **moved}, Q


def test_crop_round_trip(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 6)
    cam = world2cam(rows["joints_world_mm"], rows["R"], rows["t"])
    pose = lifting.cam_to_crop(cam, rows["R_cam2crop"], rows["K_crop"])
    np.testing.assert_allclose(lifting.crop_to_cam(pose, rows["R_cam2crop"], rows["K_crop"]), cam, atol=1e-7)
    np.testing.assert_allclose(lifting.lift(pose, rows.columns), rows["joints_world_mm"], atol=1e-7)
    back = from_uvd(to_uvd(pose), pose.depth_root_mm)
    np.testing.assert_allclose(back.joints_px, pose.joints_px, atol=1e-10)
    np.testing.assert_allclose(back.depth_rel_mm, pose.depth_rel_mm, atol=1e-10)


def test_exact_extraction_is_placed_exactly(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 5, noise=0.0)
    truth = rows["joints_world_mm"]
    np.testing.assert_allclose(lifting.place_least_squares(rows.columns), truth, atol=1e-4)
    np.testing.assert_allclose(lifting.lift(lifting.cached_crop_pose(rows.columns), rows.columns), truth, atol=1e-4)
    depth = world2cam(truth, rows["R"], rows["t"])[..., 2]
    np.testing.assert_allclose(lifting.true_depth_bound(rows.columns, depth), truth, atol=1e-6)


def test_place_at_height_puts_the_pelvis_there(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 5, noise=0.0)
    placed = lifting.place_at_height(rows.columns, 950.0)
    np.testing.assert_allclose(placed[:, 0, 2], 950, atol=1e-6)
    heights = rows["joints_world_mm"][:, 0, 2]
    exact = np.stack([lifting.place_at_height(rows.take([i]).columns, heights[i])[0] for i in range(5)])
    np.testing.assert_allclose(exact, rows["joints_world_mm"], atol=1e-4)


def test_place_at_height_needs_world_up_and_a_ray_that_gets_there_within_belief(tmp_path: Path) -> None:
    upless, rows = make_rows(tmp_path / "upless", 2, floor=False), make_rows(tmp_path / "rows", 2)
    far = lifting.camera_heights(rows.columns).min() - 200.0  # the ray gets there, at several times the distance
    for unplaced, height in ((upless, 950.0), (rows, 1e6), (rows, far)):
        placed = lifting.place_at_height(unplaced.columns, height)
        np.testing.assert_array_equal(placed, lifting.place_least_squares(unplaced.columns))


def test_on_the_floor_the_lowest_foot_meets_it_on_the_same_rays(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 8, noise=2.0, size=0.9)
    world = lifting.place_on_floor(rows.columns)
    heights = np.einsum("bni,bi->bn", world, rows["world_up"]) - rows["floor_height_mm"][:, None]
    np.testing.assert_allclose(heights[:, FEET].min(1), 0, atol=1e-6)
    before, after = (
        world2cam(joints, rows["R"], rows["t"]) for joints in (lifting.place_least_squares(rows.columns), world)
    )
    np.testing.assert_allclose(after[..., :2] / after[..., 2:], before[..., :2] / before[..., 2:], atol=1e-9)


def test_who_cannot_be_brought_to_the_floor_stays(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3, noise=2.0)
    placed = lifting.place_least_squares(rows.columns)
    for floor in (np.full(3, np.nan), rows["floor_height_mm"] + lifting.camera_heights(rows.columns) - 10):
        without = {**rows.columns, "floor_height_mm": floor}
        np.testing.assert_allclose(lifting.place_on_floor(without), placed, atol=1e-9)


def test_floor_heights_are_the_worlds(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 5)
    cam = world2cam(rows["joints_world_mm"], rows["R"], rows["t"])
    heights = lifting.floor_heights(cam @ rows["R_cam2crop"].swapaxes(-1, -2), rows.columns)
    np.testing.assert_allclose(heights, rows["joints_world_mm"][..., 2], atol=1e-7)
    centres = -np.einsum("bji,bj->bi", rows["R"], rows["t"])
    np.testing.assert_allclose(lifting.camera_heights(rows.columns), centres[:, 2])


@pytest.mark.parametrize("yaw", [0.0, 1.1, -2.9])
def test_moving_the_world_moves_the_answer_and_nothing_that_the_network_sees(tmp_path: Path, yaw: float) -> None:
    rows, shift = make_rows(tmp_path, 4), np.array([4000.0, -9000, 700])
    moved, Q = yawed(dict(rows.columns), yaw, shift)
    pose = lifting.cached_crop_pose(rows.columns)
    for place in (lambda c: lifting.lift(pose, c), lifting.place_least_squares):
        np.testing.assert_allclose(place(moved), place(rows.columns) @ Q.T + shift, atol=1e-6)
    at = lifting.place_at_height(rows.columns, 950.0) @ Q.T + shift
    np.testing.assert_allclose(lifting.place_at_height(moved, 950.0), at, atol=1e-6)
    before, after = pose_inputs(pose, dict(rows.columns)), pose_inputs(lifting.cached_crop_pose(moved), moved)
    for name in before:
        np.testing.assert_allclose(after[name], before[name], atol=1e-9, err_msg=name)
    sample, turned = (PoseDataset(Rows(c, rows.crop_files), 128)[0] for c in (rows.columns, moved))
    for name in sample:
        np.testing.assert_allclose(turned[name], sample[name], atol=1e-6, err_msg=name)


def test_the_level_frame_stands_upright_and_looks_where_the_crop_does(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 6)
    frame = lifting.level_frame(rows.columns)
    np.testing.assert_allclose(frame @ frame.swapaxes(1, 2), np.broadcast_to(np.eye(3), (6, 3, 3)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(frame), 1)
    to_level = frame @ rows["R_cam2crop"] @ rows["R"]
    np.testing.assert_allclose(np.einsum("bij,bj->bi", to_level, rows["world_up"]), [[0, 0, 1]] * 6, atol=1e-12)
    assert (frame[:, 1, 2] > 0).all() and np.allclose(frame[:, 0, 2], 0)  # the crop's axis points forward, not aside


def test_the_level_frame_of_a_camera_that_looks_straight_down_is_a_frame() -> None:
    down = {"R_cam2crop": np.eye(3)[None], "R": np.diag([1.0, -1, -1])[None], "world_up": np.array([[0.0, 0, 1]])}
    frame = lifting.level_frame(down)[0]
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(frame[1], [0, -1, 0], atol=1e-12)  # forward is the image's up
