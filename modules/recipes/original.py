"""The original recipe: joints in box coordinates, depths relative to the world's origin, L1 loss.

A sample is a dict of tensors (without the batch axis):
    image      (3, S, S) uint8 RGB        the person box, resized to a square
    joints     (24, 3) float32            the cached pose: x, y over 0..1 of the box; depth over 0..1 for t_z ± depth_max
and, if labelled:
    target     (24, 3) float32            as `joints`, from the label

t_z is the depth of the world's origin in the camera. depth_max is the largest depth relative to it among the training
labels, stored with the weights for lifting. A joint outside the box, or beyond depth_max, is outside 0..1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import cv2
import numpy as np
import torch
from torch.utils.data import default_collate

from model.original import OriginalPoseNet, OriginalSpec
from modules.cache.crop_joints import Columns
from modules.cache.table import Rows
from modules.config.train import Train
from modules.dataset import PoseDataset, Sample
from modules.pose_utils import cam2pixel, cam2world, pixel2cam, world2cam
from modules.recipes.base import Autocast, Objective, Recipe
from modules.simulation.augmentation import ORIGINAL_AUGMENTATION, Augmentation, jitter_colour
from modules.training.losses import Distance
from modules.utils import log

WORST = 20  # one in 20 training rows (5 %) is dropped along each axis


def depth_max_of(rows: Columns) -> float:
    """Returns the largest absolute depth of any labelled joint relative to the world's origin, mm."""
    depth = world2cam(rows["joints_world_mm"], rows["R"], rows["t"])[..., 2]
    return float(np.abs(depth - rows["t"][:, None, 2]).max())


def to_box(joints: np.ndarray, rows: Columns, depth_max_mm: float) -> np.ndarray:
    """Maps joints (B, 24, 3) px, px, camera depth mm to x, y over 0..1 of the box and depth over 0..1 for t_z ± depth_max."""
    low, size = rows["box_xywh"][:, None, :2], rows["box_xywh"][:, None, 2:]
    depth = (joints[..., 2:] - rows["t"][:, None, 2:]) / depth_max_mm
    return np.concatenate([(joints[..., :2] - low) / size, (depth + 1) / 2], -1)


def from_box(boxed: np.ndarray, rows: Columns, depth_max_mm: float) -> np.ndarray:
    """Inverts `to_box`."""
    low, size = rows["box_xywh"][:, None, :2], rows["box_xywh"][:, None, 2:]
    depth = (2 * boxed[..., 2:] - 1) * depth_max_mm + rows["t"][:, None, 2:]
    return np.concatenate([boxed[..., :2] * size + low, depth], -1)


def cached_joints(rows: Columns) -> np.ndarray:
    """Returns the extractor's joints: (B, 24, 3) undistorted px, px, camera depth mm."""
    return np.concatenate([rows["joints_px"], (rows["depth_root_mm"][:, None] + rows["depth_rel_mm"])[..., None]], -1)


def true_joints(rows: Columns) -> np.ndarray:
    """Returns the label's joints: (B, 24, 3) undistorted px, px, camera depth mm."""
    joints_cam = world2cam(rows["joints_world_mm"], rows["R"], rows["t"])
    return np.concatenate([cam2pixel(joints_cam, rows["K"]), joints_cam[..., 2:]], -1)


def box_crop(crop: np.ndarray, rows: Columns, size_px: int) -> np.ndarray:
    """Returns the person box of one row, resized to (size, size, 3); its outer edges are the box's.

    It is resampled from the cached crop (256, 256, 3), which shows the box and a margin, by the homography between the
    crop's camera and the image's, so that box coordinates are exact.
    """
    left, top, width, height = rows["box_xywh"][0]
    x, y = width / size_px, height / size_px
    square2image = np.array([[x, 0, left + x / 2], [0, y, top + y / 2], [0, 0, 1]])  # pixel centres at integers
    image2crop = rows["K_crop"][0] @ rows["R_cam2crop"][0] @ np.linalg.inv(rows["K"][0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpPerspective(crop, image2crop @ square2image, (size_px, size_px), flags=flags)


def without_worst_rows(rows: Rows) -> Rows:
    """Drops the 5 % of rows with the largest error along x, then the 5 % of the rest with the largest along y.

    An image's error along an axis is the mean over its joints of the absolute distance from the label, px.
    """
    for axis in range(2):
        error = np.abs(rows["joints_px"][..., axis] - rows["true_joints_px"][..., axis]).mean(1)
        rows = rows.take(np.sort(np.argsort(error, kind="stable")[: len(rows) - len(rows) // WORST]))
    return rows


class OriginalDataset(PoseDataset):
    """Samples in box coordinates of rows in which a person was found; augmentation jitters pose and colour."""

    used = (
        "joints_px", "depth_root_mm", "depth_rel_mm", "box_xywh", "K", "R", "t", "R_cam2crop", "K_crop", "labelled",
        "joints_world_mm",
    )  # fmt: skip

    def __init__(
        self, rows: Rows, input_shape: int, depth_max_mm: float, augmentation: Augmentation | None = None, seed: int = 0
    ) -> None:
        super().__init__(rows, input_shape, augmentation, seed)
        self.depth_max_mm = depth_max_mm

    def batch(self, which: np.ndarray) -> Sample:
        """Returns the samples at these indices, stacked."""
        return self.__getitems__(which.tolist())

    def __getitems__(self, indices: Sequence[int]) -> Sample:
        stacked: Sample = default_collate([self[index] for index in indices])
        return stacked

    def __getitem__(self, index: int) -> Sample:
        row = {name: self.rows.at(name, np.array([index])) for name in self.used}
        image, joints = box_crop(self.rows.read_crop(index), row, self.input_shape), cached_joints(row)
        if self.augmentation is not None:
            rng = np.random.default_rng([self.seed, self.epoch, index])
            image = jitter_colour(image, self.augmentation.colour_jitter, rng)
            joints = joints + rng.uniform(-1, 1, 3) * self.augmentation.pose_jitter  # the same for all joints
        poses = {"joints": joints, **({"target": true_joints(row)} if row["labelled"][0] else {})}
        boxed = {name: to_box(pose, row, self.depth_max_mm)[0] for name, pose in poses.items()}
        sample = {name: torch.as_tensor(pose, dtype=torch.float32) for name, pose in boxed.items()}
        return {"image": torch.from_numpy(image.transpose(2, 0, 1).copy()), **sample}


class OriginalObjective(Objective):
    """The loss of TRAIN.loss_function, in px of the crop and cells of depth, or over 0..1 without an image branch."""

    network: OriginalPoseNet

    def output_loss(self, output: torch.Tensor, batch: Sample) -> torch.Tensor:
        """Returns the distance from the label, mean over images, joints and axes."""
        return self.distance(output * self.network.scale, batch["target"] * self.network.scale)


class OriginalRecipe(Recipe):
    """The original recipe (see modules.recipes.base.Recipe)."""

    title = "original recipe"
    augmentation = ORIGINAL_AUGMENTATION
    spec_type = OriginalSpec

    @staticmethod
    def extra_facts(rows: Rows) -> dict[str, Any]:
        """Returns depth_max, which lifting needs, over all training rows, those that `training_rows` drops included."""
        return {"depth_max_mm": depth_max_of(rows.columns)}

    @staticmethod
    def training_rows(rows: Rows) -> Rows:
        """Returns the rows without those of the largest extractor errors (see without_worst_rows)."""
        kept = without_worst_rows(rows)
        if len(kept) < len(rows):
            log.info("not trained on: %d images with the largest extractor errors along x or y", len(rows) - len(kept))
        return kept

    def network(self, pretrained: bool = False) -> OriginalPoseNet:
        """Returns an untrained network."""
        return OriginalPoseNet(self.spec, pretrained)

    def dataset(self, rows: Rows, augmentation: Augmentation | None = None, seed: int = 0) -> OriginalDataset:
        """Returns samples in box coordinates."""
        return OriginalDataset(rows, self.spec.input_shape, self.facts["depth_max_mm"], augmentation, seed)

    def objective(
        self, network: OriginalPoseNet, rows: Rows, train: Train, distance: Distance, autocast: Autocast
    ) -> Objective:
        """Returns the objective on images."""
        return OriginalObjective(network, distance, autocast)

    def lift(self, outputs: Sequence[torch.Tensor], rows: Rows) -> np.ndarray:
        """Lifts through the box, depth_max and t_z, then K and [R|t]: (B, 24, 3) world mm."""
        boxed = torch.cat(list(outputs)).double().cpu().numpy()
        joints = from_box(boxed, rows.columns, self.facts["depth_max_mm"])
        joints_cam = pixel2cam(joints[..., :2], joints[..., 2], rows["K"])
        return np.asarray(cam2world(joints_cam, rows["R"], rows["t"]))
