"""Joints in the crop's camera: round trips to the camera and to the coordinates that networks see."""

from pathlib import Path

import numpy as np
import torch

from modules.cache.crop_joints import (
    CropPose,
    cached_crop_pose,
    cached_joints_cam,
    cam_to_crop,
    crop_to_cam,
    from_uvd,
    root_relative,
    to_uvd,
)
from modules.inference.lifting import lift
from modules.pose_utils import world2cam
from tests.builders import make_rows


def test_crop_round_trip(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 6)
    joints_cam = world2cam(rows["joints_world_mm"], rows["R"], rows["t"])
    pose = cam_to_crop(joints_cam, rows["R_cam2crop"])
    np.testing.assert_allclose(crop_to_cam(pose.joints_mm, rows["R_cam2crop"]), joints_cam, atol=1e-7)
    uvd = to_uvd(pose, rows["K_crop"])
    np.testing.assert_allclose(lift(uvd, pose.root_mm, rows.columns), rows["joints_world_mm"], atol=1e-7)
    np.testing.assert_allclose(from_uvd(uvd, pose.root_mm, rows["K_crop"]), pose.joints_mm, atol=1e-7)
    again = to_uvd(CropPose(from_uvd(uvd, pose.root_mm, rows["K_crop"]), pose.root_mm), rows["K_crop"])
    np.testing.assert_allclose(again, uvd, atol=1e-10)
    in_torch = from_uvd(*(torch.from_numpy(x) for x in (uvd, pose.root_mm, rows["K_crop"])))
    np.testing.assert_allclose(in_torch, pose.joints_mm, atol=1e-7)


def test_the_cached_pose_is_the_extractors_rays_at_its_depths(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 4, noise=8.0)
    joints_cam = cached_joints_cam(rows.columns)
    projected = np.einsum("bij,bnj->bni", rows["K"], joints_cam / joints_cam[..., 2:])[..., :2]
    np.testing.assert_allclose(projected, rows["joints_px"], atol=1e-8)
    np.testing.assert_allclose(root_relative(joints_cam[..., 2])[0], rows["depth_root_mm"], atol=1e-8)
    np.testing.assert_allclose(root_relative(joints_cam[..., 2])[1], rows["depth_rel_mm"], atol=1e-8)
    pose = cached_crop_pose(rows.columns)
    np.testing.assert_allclose(crop_to_cam(pose.joints_mm, rows["R_cam2crop"]), joints_cam, atol=1e-8)
    np.testing.assert_array_equal(pose.root_mm, pose.joints_mm[:, 0, 2])


def test_uvd_of_a_known_point_and_of_a_jittered_root() -> None:
    """A point on the axis is at the crop's centre; the depth is relative to `root_mm`, not to the pelvis."""
    K_crop = np.array([[[300.0, 0, 127.5], [0, 300, 127.5], [0, 0, 1]]])
    joints = np.tile([0.0, 0.0, 3000.0], (1, 24, 1))
    joints[0, 5] = [128 * 3500 / 300, 0, 3500]  # at the right edge, half a metre behind the pelvis
    uvd = to_uvd(CropPose(joints, np.array([3000.0])), K_crop)
    np.testing.assert_allclose(uvd[0, [0, 5]], [[0, 0, 0], [1, 0, 0.5]], atol=1e-12)
    jittered = to_uvd(CropPose(joints, np.array([2900.0])), K_crop)
    np.testing.assert_allclose(jittered[..., 2] - uvd[..., 2], 0.1, atol=1e-12)
