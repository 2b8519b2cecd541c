"""The original recipe: joints in box coordinates, their depths from the world's origin, L1, and no geometry in between.

A sample is a dict of tensors (without the batch axis):
    image      (3, S, S) uint8 RGB        the person box, resized to a square
    joints     (24, 3) float32            the cached pose: x, y over 0..1 of the box; depth over 0..1 for t_z ± depth_max
and, where labelled:
    target     (24, 3) float32            as `joints`, from the label

t_z is the depth of the world's origin in the camera. depth_max is the largest distance from it among the training labels,
a fact of the training that lifting needs. A joint outside the box, or farther from the origin than any of training, lies
outside 0..1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
import torch

from model.original import OriginalPoseNet, OriginalSpec
from modules.augmentation import Augmentation, jitter_colour
from modules.cache import Rows
from modules.config import Train
from modules.dataset import PoseDataset, Sample
from modules.losses import Distance
from modules.pose_utils import cam2pixel, cam2world, pixel2cam, world2cam
from modules.recipes import Autocast, Lessons, Recipe
from modules.utils import log

WORST = 20  # one in so many training rows is dropped along each axis: the worst 5 %
Columns = Mapping[str, np.ndarray]


def depth_max_of(rows: Columns) -> float:
    """The largest distance along the camera's axis of any labelled joint from the world's origin, mm."""
    depth = world2cam(rows["joints_world_mm"], rows["R"], rows["t"])[..., 2]
    return float(np.abs(depth - rows["t"][:, None, 2]).max())


def to_box(joints: np.ndarray, rows: Columns, depth_max_mm: float) -> np.ndarray:
    """(B, 24, 3) as undistorted px, px and camera depth mm → x, y over 0..1 of the box, depth over 0..1 for t_z ± depth_max."""
    low, size = rows["box_xywh"][:, None, :2], rows["box_xywh"][:, None, 2:]
    depth = (joints[..., 2:] - rows["t"][:, None, 2:]) / depth_max_mm
    return np.concatenate([(joints[..., :2] - low) / size, (depth + 1) / 2], -1)


def from_box(boxed: np.ndarray, rows: Columns, depth_max_mm: float) -> np.ndarray:
    """Inverse of `to_box`."""
    low, size = rows["box_xywh"][:, None, :2], rows["box_xywh"][:, None, 2:]
    depth = (2 * boxed[..., 2:] - 1) * depth_max_mm + rows["t"][:, None, 2:]
    return np.concatenate([boxed[..., :2] * size + low, depth], -1)


def cached_joints(rows: Columns) -> np.ndarray:
    """What the extractor says: (B, 24, 3) px, px, camera depth mm."""
    return np.concatenate([rows["joints_px"], (rows["depth_root_mm"][:, None] + rows["depth_rel_mm"])[..., None]], -1)


def true_joints(rows: Columns) -> np.ndarray:
    """What the label says: (B, 24, 3) px, px, camera depth mm."""
    joints_cam = world2cam(rows["joints_world_mm"], rows["R"], rows["t"])
    return np.concatenate([cam2pixel(joints_cam, rows["K"]), joints_cam[..., 2:]], -1)


def box_crop(crop: np.ndarray, rows: Columns, size_px: int) -> np.ndarray:
    """The person box of one row, resized to a (size, size, 3) square whose outer edges are the box's.

    It is resampled from the cached crop (256, 256, 3), whose camera is a rotation away from the image's: the homography
    between them shows the image's own pixels again, so that the box coordinates of joints hold in it. The cached crop
    shows the whole box and a margin, at no more than 205 px along the box's longer side.
    """
    left, top, width, height = rows["box_xywh"][0]
    x, y = width / size_px, height / size_px
    square2image = np.array([[x, 0, left + x / 2], [0, y, top + y / 2], [0, 0, 1]])  # pixel centres at integers
    image2crop = rows["K_crop"][0] @ rows["R_cam2crop"][0] @ np.linalg.inv(rows["K"][0])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return cv2.warpPerspective(crop, image2crop @ square2image, (size_px, size_px), flags=flags)


def without_worst(rows: Rows) -> Rows:
    """Rows but those where the extractor's x, and of what remains its y, is among the worst 5 %.

    An image's error along an axis is the mean over its joints of the distance from the label, px.
    """
    for axis in range(2):
        error = np.abs(rows["joints_px"][..., axis] - rows["true_joints_px"][..., axis]).mean(1)
        rows = rows.take(np.sort(np.argsort(error, kind="stable")[: len(rows) - len(rows) // WORST]))
    return rows


class OriginalDataset(PoseDataset):
    """Rows of the cache in which a person was found, as samples of this module. Only jitters of pose and colour vary them."""

    columns = (
        "joints_px", "depth_root_mm", "depth_rel_mm", "box_xywh", "K", "R", "t", "R_cam2crop", "K_crop", "labelled",
        "joints_world_mm",
    )  # fmt: skip

    def __init__(
        self, rows: Rows, input_shape: int, depth_max_mm: float, augmentation: Augmentation | None = None, seed: int = 0
    ) -> None:
        super().__init__(rows, input_shape, augmentation, seed)
        self.depth_max_mm = depth_max_mm

    def __getitem__(self, index: int) -> Sample:
        row = {name: self.rows[name][index : index + 1] for name in self.columns}
        image, joints = box_crop(self.rows.read_crop(index), row, self.input_shape), cached_joints(row)
        if self.augmentation is not None:
            rng = np.random.default_rng([self.seed, self.epoch, index])
            image = jitter_colour(image, self.augmentation.colour_jitter, rng)
            joints = joints + rng.uniform(-1, 1, 3) * self.augmentation.pose_jitter  # px, px, mm: all joints alike
        poses = {"joints": joints, **({"target": true_joints(row)} if row["labelled"][0] else {})}
        boxed = {name: to_box(pose, row, self.depth_max_mm)[0] for name, pose in poses.items()}
        sample = {name: torch.as_tensor(pose, dtype=torch.float32) for name, pose in boxed.items()}
        return {"image": torch.from_numpy(image.transpose(2, 0, 1).copy()), **sample}


class OriginalLessons(Lessons):
    """L1 (or another TRAIN.loss_function) in px of the crop and cells of depth, or over 0..1 where no image is seen."""

    network: OriginalPoseNet

    def answer_loss(self, answer: torch.Tensor, batch: Sample) -> torch.Tensor:
        """How far the answer is from the label, mean over images, joints and axes."""
        return self.distance(answer * self.network.scale, batch["target"] * self.network.scale)


class OriginalRecipe(Recipe):
    """See modules.recipes.Recipe."""

    title = "original recipe"
    spec_type = OriginalSpec

    @staticmethod
    def own_facts(rows: Rows) -> dict[str, Any]:
        """What lifting needs of the training labels, those of the dropped rows among them."""
        return {"depth_max_mm": depth_max_of(rows.columns)}

    @staticmethod
    def kept(rows: Rows) -> Rows:
        """The rows without those on which the extractor is furthest off."""
        kept = without_worst(rows)
        if len(kept) < len(rows):
            log.info("not trained on: %d images, on which the extractor's x or y is worst", len(rows) - len(kept))
        return kept

    def network(self, pretrained: bool = False) -> OriginalPoseNet:
        """A network that has learned nothing yet."""
        return OriginalPoseNet(self.spec, pretrained)

    def dataset(self, rows: Rows, augmentation: Augmentation | None = None, seed: int = 0) -> OriginalDataset:
        """Samples in box coordinates."""
        return OriginalDataset(rows, self.spec.input_shape, self.facts["depth_max_mm"], augmentation, seed)

    def lessons(
        self, network: OriginalPoseNet, rows: Rows, train: Train, distance: Distance, autocast: Autocast
    ) -> Lessons:
        """The images alone."""
        return OriginalLessons(network, distance, autocast)

    def lift(self, answers: Sequence[torch.Tensor], rows: Rows) -> np.ndarray:
        """Through the box, depth_max and t_z, then K and [R|t]: (B, 24, 3) world mm."""
        boxed = torch.cat(list(answers)).double().cpu().numpy()
        joints = from_box(boxed, rows.columns, self.facts["depth_max_mm"])
        joints_cam = pixel2cam(joints[..., :2], joints[..., 2], rows["K"])
        return np.asarray(cam2world(joints_cam, rows["R"], rows["t"]))
