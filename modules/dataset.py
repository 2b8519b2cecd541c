"""Turns rows of the cache into samples for the networks.

A sample is a dict of tensors (without the batch axis):
    image         (3, S, S) uint8 RGB     the person crop, upright in its own virtual camera
    joints        (24, 3) float32         the cached pose: u, v over ±1 (the crop's edges), relative depth over ±1 (1 m)
    pose_features (24, 5) float32         confidence; x, y from the pelvis, m, crop axes; height over the floor, and
                                          relative to the camera (negative below it), m (0 where no floor is known)
    has_floor     (1,) float32            1 where a floor is known
    has_up        (1,) float32            1 where world_up is known
    joints_level  (24, 7) float32         in level axes (of the image's up if world_up is unknown): offset from the pelvis, m;
                                          log of the distance to the floor along the joint's ray over that to the joint (0
                                          where no floor is known); unit ray
    camera        (6,) float32            root depth, its distance over the ground and camera height, m (0 where no floor is
                                          known); tilt and roll (sines); log focal length over crop size
    up_crop       (3,) float32            up in the crop's camera (0 where no floor is known)
    root_mm       () float32              the extractor's pelvis depth in the crop's camera
    K_crop        (3, 3) float32          px of the 256 px crop
if the network uses joint features (see modules.cache.joint_features):
    joint_features     (24, 48) float32   zeros in a simulated view
    has_joint_features (1,) float32       0 in a simulated view, else 1
    mirrored_*                            the pose branch's inputs of the mirrored scene, unless augmented
and, if labelled:
    target         (24, 3) float32        as `joints`, from the label
    target_root_mm () float32
    weight         (24,) float32          of the joints in the losses; only if a label of the set tells its uncertainty
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from model.inputs import CROP_SIZE
from model.pose_branch import MIRRORED
from modules.cache.crop_joints import CropPose, cached_crop_pose, cam_to_crop, to_uvd
from modules.cache.joint_features import read_joint_features
from modules.cache.label_weights import SD, WEIGHT, label_weights, uncertainty_columns
from modules.cache.table import Rows
from modules.pose_utils import world2cam
from modules.simulation.augmentation import (
    Augmentation,
    jitter_colour,
    jitter_pose,
    mirror_rows,
    mirror_some,
    occlude,
    turn_cameras,
    turn_crop,
    turns_between,
)
from modules.simulation.generators import SampleGenerators
from modules.simulation.pose_inputs import joint_feature_inputs, pose_inputs
from modules.simulation.scene import withhold_floor

Sample = dict[str, torch.Tensor]
_SAMPLE_COLUMNS = (
    "joints_px", "confidence", "depth_root_mm", "depth_rel_mm", "K", "R", "t", "world_up", "floor_height_mm",
    "R_cam2crop", "K_crop", "labelled", "joints_world_mm", "image_size",
)  # fmt: skip


class PoseDataset(Dataset[Sample]):
    """Samples of rows in which a person was found, augmented if `augmentation` is given."""

    def __init__(
        self,
        rows: Rows,
        input_shape: int,
        augmentation: Augmentation | None = None,
        seed: int = 0,
        joint_features: str = "none",
        with_images: bool = True,
    ) -> None:
        """Crops are not read unless `with_images`, for networks that do not look at them."""
        if not rows["found"].all():
            raise ValueError("a PoseDataset takes only rows in which a person was found")
        self.names = (*_SAMPLE_COLUMNS, *uncertainty_columns(rows))
        self.joint_features = None if joint_features == "none" else read_joint_features(rows, joint_features)
        self.rows, self.input_shape, self.augmentation, self.seed = rows, input_shape, augmentation, seed
        self.with_images, self.epoch = with_images, 0

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Sample:
        return {name: values[0] for name, values in self.__getitems__([index]).items()}

    def __getitems__(self, indices: Sequence[int]) -> Sample:
        """Returns the samples at these indices, stacked; torch's DataLoader calls it for a batch."""
        which = np.asarray(indices)
        return self.batch(which) if self.augmentation is None else self._augmented(which, self.augmentation)

    def batch(self, which: np.ndarray) -> Sample:
        """Returns the samples at these indices without augmentation, stacked."""
        rows = self._columns(which)
        sample = _as_batch(cached_crop_pose(rows), rows) | _mirrored_inputs(rows)
        if self.with_images:
            sample["image"] = _image_batch([self.rows.read_crop(int(index), self.input_shape) for index in which])
        return sample

    def _columns(self, which: np.ndarray) -> dict[str, np.ndarray]:
        columns = {name: self.rows.at(name, which) for name in self.names}
        return columns if self.joint_features is None else {**columns, "joint_features": self.joint_features[which]}

    def _augmented(self, which: np.ndarray, how: Augmentation) -> Sample:
        rng = SampleGenerators([[self.seed, self.epoch, int(index)] for index in which])
        mirrored = rng.random(len(which)) < how.mirror
        as_stored = mirror_some(self._columns(which), mirrored, CROP_SIZE)
        rows = turn_cameras(as_stored, how, rng, CROP_SIZE)
        images = {}
        if self.with_images:
            turns = turns_between(as_stored, rows, self.input_shape)
            seen = zip(which, turns, mirrored, rng.each, strict=True)
            images["image"] = _image_batch([self._augmented_crop(int(index), *how_seen) for index, *how_seen in seen])
        pose = jitter_pose(cached_crop_pose(rows), rows, how, rng)
        if how.withheld_floors:
            withhold_floor(rows, rng)
        return _as_batch(pose, rows) | images

    def _augmented_crop(self, index: int, turn: np.ndarray, mirrored: bool, rng: np.random.Generator) -> np.ndarray:
        assert self.augmentation is not None
        image = turn_crop(self.rows.read_crop(index, self.input_shape), turn, mirrored)
        image = jitter_colour(image, self.augmentation.colour_jitter, rng)
        return occlude(image, rng) if rng.random() < self.augmentation.occlusion else image


def as_batch(samples: Any) -> Any:
    """Returns the samples of a batch as they are: the collate_fn of a DataLoader, since __getitems__ has stacked them."""
    return samples


class Batches(Dataset[Sample]):
    """The samples of a dataset in batches, in order."""

    def __init__(self, dataset: PoseDataset, size: int) -> None:
        self.dataset, self.size = dataset, size

    def __len__(self) -> int:
        return math.ceil(len(self.dataset) / self.size)

    def __getitem__(self, index: int) -> Sample:
        return self.dataset.batch(np.arange(index * self.size, min((index + 1) * self.size, len(self.dataset))))


def _image_batch(images: Sequence[np.ndarray]) -> torch.Tensor:
    """Returns images (S, S, 3) as one tensor (B, 3, S, S)."""
    return torch.from_numpy(np.ascontiguousarray(np.stack(images).transpose(0, 3, 1, 2)))


def _as_batch(pose: CropPose, rows: dict[str, np.ndarray]) -> Sample:
    return _tensors({**pose_inputs(pose, rows), **joint_feature_inputs(rows), **_targets(rows)})


def _tensors(arrays: dict[str, np.ndarray], prefix: str = "") -> Sample:
    """Returns arrays as float32 tensors."""
    return {prefix + name: torch.as_tensor(values, dtype=torch.float32) for name, values in arrays.items()}


def _mirrored_inputs(rows: dict[str, np.ndarray]) -> Sample:
    """Returns the pose branch's inputs of the mirrored scenes; empty for rows without joint features."""
    if "joint_features" not in rows:
        return {}
    mirrored = mirror_rows(rows, CROP_SIZE)
    return _tensors({**pose_inputs(cached_crop_pose(mirrored), mirrored), **joint_feature_inputs(mirrored)}, MIRRORED)


def _targets(row: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the targets of labelled rows; empty unless all are labelled."""
    if not row["labelled"].all():
        return {}
    joints_cam = world2cam(row["joints_world_mm"], row["R"], row["t"])
    truth = cam_to_crop(joints_cam, row["R_cam2crop"])
    weights = {WEIGHT: label_weights(row[SD])} if SD in row else {}
    return {"target": to_uvd(truth, row["K_crop"]), "target_root_mm": truth.root_mm, **weights}
