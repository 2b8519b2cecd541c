"""Floor, camera height and level frame of cache rows."""

from pathlib import Path

import numpy as np

from modules.cache.floor import camera_heights, floor_heights, level_frame
from modules.pose_utils import world2cam
from tests.builders import make_rows


def test_floor_heights_are_the_worlds(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 5)
    cam = world2cam(rows["joints_world_mm"], rows["R"], rows["t"])
    heights = floor_heights(cam @ rows["R_cam2crop"].swapaxes(-1, -2), rows.columns)
    np.testing.assert_allclose(heights, rows["joints_world_mm"][..., 2], atol=1e-7)
    centres = -np.einsum("bji,bj->bi", rows["R"], rows["t"])
    np.testing.assert_allclose(camera_heights(rows.columns), centres[:, 2])


def test_the_level_frame_is_upright_and_faces_where_the_crop_does(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 6)
    frame = level_frame(rows.columns)
    np.testing.assert_allclose(frame @ frame.swapaxes(1, 2), np.broadcast_to(np.eye(3), (6, 3, 3)), atol=1e-12)
    np.testing.assert_allclose(np.linalg.det(frame), 1)
    to_level = frame @ rows["R_cam2crop"] @ rows["R"]
    np.testing.assert_allclose(np.einsum("bij,bj->bi", to_level, rows["world_up"]), [[0, 0, 1]] * 6, atol=1e-12)
    assert (frame[:, 1, 2] > 0).all() and np.allclose(frame[:, 0, 2], 0)  # the crop's axis points forward, not aside


def test_without_world_up_the_level_frame_is_that_of_the_image(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 6)
    without = {**rows.columns, "world_up": np.full((6, 3), np.nan)}
    image_up = {**rows.columns, "world_up": -rows["R"][:, 1]}
    np.testing.assert_allclose(level_frame(without), level_frame(image_up), atol=1e-12)


def test_the_level_frame_of_a_camera_that_looks_straight_down_is_a_rotation() -> None:
    down = {"R_cam2crop": np.eye(3)[None], "R": np.diag([1.0, -1, -1])[None], "world_up": np.array([[0.0, 0, 1]])}
    frame = level_frame(down)[0]
    np.testing.assert_allclose(frame @ frame.T, np.eye(3), atol=1e-12)
    np.testing.assert_allclose(frame[1], [0, -1, 0], atol=1e-12)  # forward is the image's up
