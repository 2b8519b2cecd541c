"""Fits the statistics in the pose branch: input scales, axes of the joint features, root depth by pelvis height, bones."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from model.inputs import FEATURE_CHANNELS
from model.pose_branch import FLAGS, PoseBranch
from model.pose_member import FEATURE_AXES
from model.root_cues import UNKNOWN
from model.skeleton import EDGES, FEET, MIRROR, NUM_JOINTS, ROOT
from modules.cache.crop_joints import cached_crop_pose, cam_to_crop
from modules.cache.joint_features import read_joint_features
from modules.cache.table import Rows
from modules.pose_utils import world2cam
from modules.simulation.pose_inputs import pose_inputs

PELVIS_MM = 30.0  # standard deviation of the pelvis height between stances, in addition to that of the training rows
SOLE_MM = 15.0  # standard deviation of a standing foot's height between shoes, in addition to that of the training rows
BONE_MM = 20.0  # standard deviation of a bone's length in a pose, in addition to that between training people
MIN_VARIANCE = 1e-2  # of a principal axis of the standardised features, so that noise is not amplified


def row_inputs(rows: Rows) -> dict[str, np.ndarray]:
    """Returns the pose branch's inputs of the rows' cached poses, without joint features."""
    return pose_inputs(cached_crop_pose(rows.columns), rows.columns)


def fit_input_scale(branch: PoseBranch, views: Mapping[str, np.ndarray]) -> None:
    """Fits the mean and standard deviation of each input of the pose branch, over the views in which it is known.

    Inputs that are known in no view get (0, 1). The flags of floor and up keep their values.
    """
    batch = {name: torch.from_numpy(np.asarray(x, np.float32)) for name, x in views.items()}
    inputs, known = branch.inputs(batch).double(), branch.known_inputs(batch).double()
    count = known.sum(0).clamp_min(1)
    mean = (inputs * known).sum(0) / count
    std = (((inputs - mean) * known).square().sum(0) / (count - 1).clamp_min(1)).sqrt()
    std = torch.where(known.sum(0) > 0, std, 1.0).clamp_min(1e-3)
    flags = list(FLAGS) if branch.learns_root else list(FLAGS[:1])
    mean[flags], std[flags] = 0.0, 1.0
    branch.inputs_mean.copy_(mean)
    branch.inputs_std.copy_(std)


def fit_feature_axes(branch: PoseBranch, rows: Rows, joint_features: str) -> None:
    """Fits the mean and the principal axes of the joint features, scaled to unit variance (PCA whitening)."""
    cached = read_joint_features(rows, joint_features)[:, 0]
    features = cached.reshape(-1, FEATURE_CHANNELS).astype(np.float64)
    mean, std = features.mean(0), features.std(0) + 1e-3
    variances, axes = np.linalg.eigh(np.cov((features - mean) / std, rowvar=False, bias=True))
    whitened = axes / np.sqrt(variances.clip(MIN_VARIANCE))
    branch.features_mean.copy_(torch.from_numpy(mean))
    branch.features_axes.copy_(torch.from_numpy(whitened[:, ::-1][:, :FEATURE_AXES] / std[:, None]))


def fit_root_cues(rows: Rows) -> tuple[float, float, float]:
    """Fits the root depth by pelvis height: the mean height (m), its error (m), the extractor's relative depth error.

    Heights are over the floor; errors are root mean squares. Only rows that declare a floor count. If none does:
    (0, UNKNOWN, 0), which leaves the extractor's root depth unchanged.
    """
    heights = (rows["joints_world_mm"][:, ROOT] * rows["world_up"]).sum(-1) - rows["floor_height_mm"]
    has_floor = np.isfinite(heights)
    if not has_floor.any():
        return 0.0, UNKNOWN, 0.0
    rows, heights = rows.take(has_floor), heights[has_floor]
    pose = cached_crop_pose(rows.columns)
    features = pose_inputs(pose, rows.columns)["pose_features"]
    estimated_height, to_camera = features[:, ROOT, 3], features[:, ROOT, 4]  # m; to_camera: negative below the camera
    height = float(heights.mean()) / 1e3
    truth = world2cam(rows["joints_world_mm"], rows["R"], rows["t"])
    root_log = np.log(pose.root_mm / cam_to_crop(truth, rows["R_cam2crop"]).root_mm)
    height_at_true_depth = (estimated_height - to_camera) + to_camera * np.exp(-root_log)  # of the pelvis's 2D ray
    error = height_at_true_depth - height
    return height, float(np.hypot(np.sqrt((error**2).mean()), PELVIS_MM / 1e3)), float(np.sqrt((root_log**2).mean()))


def fit_contact(rows: Rows) -> tuple[float, ...]:
    """Fits the heights of the joints of FEET over the floor that carries them, and their error: (5,) mm.

    The height of each kind of joint is the median over the images of the lower side's; the error is that of the lowest of the
    four joints, compared with its height. Only rows that declare a floor count; without any, the error is UNKNOWN.
    """
    heights = np.einsum("nkd,nd->nk", rows["joints_world_mm"][:, FEET], rows["world_up"])
    heights = heights - rows["floor_height_mm"][:, None]
    heights = heights[np.isfinite(heights).all(1)].reshape(-1, 2, 2)  # ankles and feet, left and right
    if not len(heights):
        return (0.0,) * len(FEET) + (UNKNOWN,)
    standing = np.median(heights.min(2), axis=0)
    error = (heights.min(2) - standing).min(1)
    return (*np.repeat(standing, 2), float(np.hypot(np.sqrt((error**2).mean()), SOLE_MM)))


def fit_bones(rows: Rows) -> np.ndarray:
    """Fits the length of the bone to each joint's parent and its standard deviation: (2, 24) mm, the root's (1, 1).

    The length is the mean over people of their median; left and right are the same.
    """
    joints, people = rows["joints_world_mm"], rows["person"].astype(str)
    lengths = np.ones((len(joints), NUM_JOINTS))
    for parent, child in EDGES:
        lengths[:, child] = np.linalg.norm(joints[:, child] - joints[:, parent], axis=-1)
    lengths = (lengths + lengths[:, MIRROR]) / 2
    of_people = np.stack([np.median(lengths[people == name], axis=0) for name in np.unique(people)])
    spread = np.hypot(BONE_MM, of_people.std(0))
    spread[ROOT] = 1.0
    return np.stack([of_people.mean(0), spread])
