"""The ray map: rays of pixels in level axes, and where they meet the floor."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from model.model import ImageAndPoseNet, ImageOnlyNet, PoseNetSpec
from model.ray_map import CHANNELS, FARTHEST_M, ray_map
from model.skeleton import ROOT
from modules.cache.crop_joints import cached_crop_pose
from modules.cache.floor import level_frame
from modules.cache.table import Rows
from modules.pose_utils import cam2pixel, world2cam
from modules.simulation.pose_inputs import pose_inputs
from tests.builders import make_rows
from tests.model.samples import batch_of


def inputs_of(rows: Rows) -> dict[str, torch.Tensor]:
    """Returns the inputs of the rows' cached poses, as a dataset gives them."""
    inputs = pose_inputs(cached_crop_pose(rows.columns), rows.columns)
    return {name: torch.from_numpy(np.asarray(values, np.float32)) for name, values in inputs.items()}


def test_rays_are_those_of_the_pixels_in_level_axes(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 4)
    rays = ray_map(inputs_of(rows), 64).numpy()
    for u, v in ((0, 0), (40, 63), (31, 7)):
        pixel = (np.array([u, v]) + 0.5) * 4 - 0.5  # of the 256 px crop
        for row in range(4):
            ray = np.linalg.solve(rows["K_crop"][row], [*pixel, 1.0])
            level = level_frame(rows.columns)[row] @ (ray / np.linalg.norm(ray))
            np.testing.assert_allclose(rays[row, :3, v, u], level, atol=1e-5)


def test_the_floor_is_as_far_as_a_point_on_it(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 4)
    rays = ray_map(inputs_of(rows), 128).numpy()
    assert rays.shape == (4, CHANNELS, 128, 128) and (rays[:, 4] == 1).all()
    below = rows["joints_world_mm"][:, ROOT] * [1.0, 1.0, 0.0]  # the floor is at z = 0
    in_crop = np.einsum("bij,bj->bi", rows["R_cam2crop"], world2cam(below[:, None], rows["R"], rows["t"])[:, 0])
    pixels = cam2pixel(in_crop[:, None], rows["K_crop"])[:, 0]
    u, v = ((pixels + 0.5) / 2 - 0.5).round().astype(int).T
    expected = np.log(np.linalg.norm(in_crop, axis=1) / 1e3)
    inside = (u >= 0) & (u < 128) & (v >= 0) & (v < 128)
    assert inside.any()
    found = rays[inside, 3, v[inside], u[inside]]
    np.testing.assert_allclose(found, expected[inside], atol=0.03)  # half a pixel


def test_rays_that_miss_the_floor_are_at_the_farthest_distance() -> None:
    K_crop = torch.tensor([[300.0, 0.0, 127.5], [0.0, 300.0, 127.5], [0.0, 0.0, 1.0]]).repeat(2, 1, 1)
    heights = torch.tensor([0, 0, 0, 1.0, -0.8]).expand(2, 24, 5)  # of the pelvis over the floor and the camera, m
    distances = ray_map(batch_of(2) | {"K_crop": K_crop, "pose_features": heights}, 64)[:, 3]  # of a level camera
    torch.testing.assert_close(distances[:, :32], torch.full((2, 32, 64), FARTHEST_M).log())
    assert (distances[:, -1] < distances[:, 32]).all()


def test_a_row_without_a_floor_has_no_ray_map(tmp_path: Path) -> None:
    inputs = inputs_of(make_rows(tmp_path, 3, floor=False))
    assert not ray_map(inputs, 64).any()
    known = inputs_of(make_rows(tmp_path / "floor", 3))
    mixed = {name: torch.cat([known[name], inputs[name]]) for name in known}
    torch.testing.assert_close(ray_map(mixed, 64)[:3], ray_map(known, 64))


def test_a_turn_and_shift_of_the_world_changes_nothing(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3)
    turn = np.array([[0.6, -0.8, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 1.0]])
    shift = np.array([500.0, -200.0, 70.0])
    R = rows["R"] @ turn.T
    moved = {"R": R, "t": rows["t"] - R @ shift, "floor_height_mm": rows["floor_height_mm"] + 70.0}
    again = Rows({**rows.columns, **moved}, rows.crop_files)
    torch.testing.assert_close(ray_map(inputs_of(again), 64), ray_map(inputs_of(rows), 64), atol=1e-4, rtol=0)


def test_networks_with_a_ray_map_learn_from_it(tmp_path: Path) -> None:
    batch = batch_of(2)
    for kind in (ImageOnlyNet, ImageAndPoseNet):
        network = kind(replace(PoseNetSpec(), ray_map=True)).eval()
        assert network.image.of_rays is not None
        first = network(batch).heatmaps
        network.image.of_rays.weight.data.normal_(std=0.1)
        seen, raised = network(batch), network({**batch, "pose_features": batch["pose_features"] + 1})
        assert not torch.equal(seen.heatmaps[0], first[0])
        if kind is ImageOnlyNet:  # pelvis and camera are both a metre higher: the camera's height is the same
            torch.testing.assert_close(seen.uvd, raised.uvd, atol=1e-6, rtol=1e-3)
        seen.uvd.sum().backward()
        assert network.image.of_rays.weight.grad.abs().sum() > 0
