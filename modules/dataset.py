"""From cache rows to network samples, and the split into training and validation groups.

A sample is a dict of tensors (without the batch axis):
    image      (3, S, S) uint8 RGB        the person crop, upright in its own virtual camera
    joints     (24, 3) float32            the cached pose as crop coordinates: u, v over ±1 (the crop's edges), depth_rel / 1 m
    features   (24, 5) float32            confidence; x, y from the pelvis at the extractor's depth, m, crop axes;
                                          height over the floor and drop below the camera, m (0 where undeclared)
    floor      (1,) float32               1 where a floor is declared
    root_mm    () float32                 the extractor's pelvis depth in the crop's camera
    K_crop     (3, 3) float32             px of the 256 px crop
where the network is told them (see modules.looks):
    looks      (24, 48) float32           what each joint looks like; zeros in a view that no image shows
    looked     (1,) float32               1 where an image shows it
    mirrored_* and the inputs of the pose branch once more, of the mirrored scene, where nothing is varied
and, where labelled:
    target     (24, 3) float32            as `joints`, from the label
    target_root_mm () float32
"""

from __future__ import annotations

from collections.abc import Mapping

import cv2
import numpy as np
import torch
from torch.utils.data import Dataset

from model.model import MIRRORED
from modules.augmentation import Augmentation, jitter_colour, jitter_pose, mirror_rows, occlude, turn_crop
from modules.cache import CROP_SIZE, Rows
from modules.config import Config
from modules.layout import read_validation_list, validation_path
from modules.lifting import CropPose, cached_crop_pose, cam_to_crop, camera_heights, floor_heights, level_frame
from modules.looks import read_looks
from modules.pose_utils import pixel2cam, world2cam
from modules.skeleton import ROOT
from modules.utils import UserError, log

DEPTH_RANGE_MM = 1000.0  # the depth axis spans the root ± this
NEAR_MM = 50.0  # what is this close to the camera's own height says no more of the floor
Sample = dict[str, torch.Tensor]


def normalise_px(points_px: np.ndarray) -> np.ndarray:
    """Px of the 256 px crop → -1..1 between the crop's outer edges (pixel centres are at integers)."""
    return (points_px + 0.5) * (2 / CROP_SIZE) - 1


def denormalise_px(points: np.ndarray | torch.Tensor) -> np.ndarray | torch.Tensor:
    """Inverse of `normalise_px`, for arrays and tensors."""
    return (points + 1) * (CROP_SIZE / 2) - 0.5


def to_uvd(pose: CropPose) -> np.ndarray:
    """A crop pose → (B, 24, 3): u, v over ±1 and relative depth over ±1 for ± 1000 mm."""
    return np.concatenate([normalise_px(pose.joints_px), pose.depth_rel_mm[..., None] / DEPTH_RANGE_MM], -1)


def from_uvd(uvd: np.ndarray, depth_root_mm: np.ndarray) -> CropPose:
    """Inverse of `to_uvd`."""
    px = np.asarray(denormalise_px(uvd[..., :2]))
    return CropPose(px, depth_root_mm, uvd[..., 2] * DEPTH_RANGE_MM)


class PoseDataset(Dataset[Sample]):
    """Rows of the cache in which a person was found, as samples."""

    def __init__(
        self, rows: Rows, input_shape: int, augmentation: Augmentation | None = None, seed: int = 0, looks: str = "none"
    ) -> None:
        if not rows["found"].all():
            raise ValueError("a PoseDataset takes only rows in which a person was found")
        self.shown = {name: rows[name] for name in _SAMPLE_COLUMNS}
        if looks != "none":
            self.shown["looks"] = read_looks(rows, looks)
        self.rows, self.input_shape, self.augmentation, self.seed = rows, input_shape, augmentation, seed
        self.epoch = 0

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Sample:
        row = {name: values[index : index + 1] for name, values in self.shown.items()}
        image = self.rows.read_crop(index)
        if self.augmentation is None:
            return {**_as_sample(cached_crop_pose(row), row, self._fit(image)), **_mirrored_inputs(row)}
        return self._varied(row, image, self.augmentation, np.random.default_rng([self.seed, self.epoch, index]))

    def _varied(
        self, row: dict[str, np.ndarray], image: np.ndarray, how: Augmentation, rng: np.random.Generator
    ) -> Sample:
        if rng.random() < how.mirror:
            row, image = mirror_rows(row, CROP_SIZE), image[:, ::-1]
        row, image = turn_crop(row, image, how, rng)
        image = jitter_colour(self._fit(image), how.colour_jitter, rng)
        if rng.random() < how.occlusion:
            image = occlude(image, rng)
        return _as_sample(jitter_pose(cached_crop_pose(row), row, how, rng), row, image)

    def _fit(self, image: np.ndarray) -> np.ndarray:
        if self.input_shape == CROP_SIZE:
            return image
        return cv2.resize(image, (self.input_shape, self.input_shape), interpolation=cv2.INTER_AREA)


def _as_sample(pose: CropPose, row: dict[str, np.ndarray], image: np.ndarray) -> Sample:
    arrays = {**pose_inputs(pose, row), **looks_inputs(row), **_targets(row)}
    sample = {name: torch.as_tensor(values[0], dtype=torch.float32) for name, values in arrays.items()}
    sample["root_mm"] = torch.tensor(float(pose.depth_root_mm[0]))
    return {"image": torch.from_numpy(image.transpose(2, 0, 1).copy()), **sample}


_SAMPLE_COLUMNS = (
    "joints_px", "confidence", "depth_root_mm", "depth_rel_mm", "K", "R", "t", "world_up", "floor_height_mm",
    "R_cam2crop", "K_crop", "labelled", "joints_world_mm", "image_size",
)  # fmt: skip


def pose_inputs(pose: CropPose, row: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What the pose branch sees, for B rows: joints (B, 24, 3), features (B, 24, 5), floor (B, 1), K_crop; and in the level
    frame level (B, 24, 7) and view (B, 6), zeros where no floor is declared.

    A network that places the root by itself sees the level frame, too: each joint from the pelvis (m), how many times as far
    along its ray the floor is (log), its ray; of the view the distance along the axis and over the floor, the camera's height,
    its tilt and roll, the focal length. How the world is yawed or shifted changes none of it.
    """
    joints_crop = pixel2cam(pose.joints_px, pose.depth_root_mm[:, None] + pose.depth_rel_mm, row["K_crop"])
    camera = camera_heights(row)
    heights = floor_heights(joints_crop, row)
    drop = heights - camera[:, None]
    floor = np.isfinite(heights[:, :1])
    across = (joints_crop - joints_crop[:, ROOT : ROOT + 1])[..., :2]
    vertical = np.nan_to_num(np.stack([heights, drop], -1))
    features = np.concatenate([row["confidence"][..., None], across / 1e3, vertical / 1e3], -1)

    frame = level_frame(row)
    joints_level = np.einsum("bij,bnj->bni", frame, joints_crop)
    to_floor = np.log(np.maximum(camera, NEAR_MM)[:, None] / np.maximum(-drop, NEAR_MM))
    ray = joints_level / np.linalg.norm(joints_level, axis=-1, keepdims=True)
    offset = (joints_level - joints_level[:, ROOT : ROOT + 1]) / 1e3
    level = np.concatenate([offset, np.clip(to_floor, -1, 1)[..., None], ray], -1)
    away = np.linalg.norm(joints_level[:, ROOT, :2], axis=-1)
    metres = np.stack([pose.depth_root_mm, away, camera], -1) / 1e3
    focal = np.log(row["K_crop"][:, 0, 0] / CROP_SIZE)
    view = np.column_stack([metres, frame[:, 2, [2, 0]], focal])
    return {
        "joints": to_uvd(pose), "features": features, "floor": floor, "K_crop": row["K_crop"],
        "level": np.where(floor[..., None], level, 0.0), "view": np.where(floor, view, 0.0),
    }  # fmt: skip


def looks_inputs(row: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """What B rows look like as they are, not mirrored: looks (B, 24, 48), looked (B, 1); nothing where they have none."""
    return {"looks": row["looks"][:, 0], "looked": np.ones((len(row["looks"]), 1))} if "looks" in row else {}


def _mirrored_inputs(row: dict[str, np.ndarray]) -> Sample:
    """What the pose branch is told of the mirrored scene, which looks another way; nothing where a row has no looks."""
    if "looks" not in row:
        return {}
    mirrored = mirror_rows(row, CROP_SIZE)
    pose = cached_crop_pose(mirrored)
    inputs = {**pose_inputs(pose, mirrored), **looks_inputs(mirrored), "root_mm": pose.depth_root_mm}
    return {MIRRORED + name: torch.as_tensor(values[0], dtype=torch.float32) for name, values in inputs.items()}


def _targets(row: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    if not row["labelled"][0]:
        return {}
    joints_cam = world2cam(row["joints_world_mm"], row["R"], row["t"])
    truth = cam_to_crop(joints_cam, row["R_cam2crop"], row["K_crop"])
    return {"target": to_uvd(truth), "target_root_mm": truth.depth_root_mm}


def split_rows(rows: Rows, config: Config) -> tuple[Rows, Rows]:
    """Training and validation rows, apart by group, none without label or person. UserError where there are none."""
    usable = rows["found"] & rows["labelled"]
    validates = _validation_mask(rows, config)
    train, validation = rows.take(usable & ~validates), rows.take(usable & validates)
    if not rows["found"].any():
        raise UserError(f"{config.data_root}: no person is found in any training image; use images that show one")
    for part, what in ((train, "train"), (validation, "validate")):
        if len(part) == 0:
            raise UserError(
                f"{config.data_root}: no labelled image with a person is left to {what} on ({(~rows['labelled']).sum()} "
                f"of {len(rows)} images have no label, {(~rows['found']).sum()} show nobody); add labels, or change the "
                "validation list or DATA.validation"
            )
    return train, validation


def learned_too(rows: Rows, config: Config) -> Rows:
    """Of a further data set the rows that can be learned from: all but what it lists for validation."""
    listed = read_validation_list(config.data_root) or set()
    kept = rows["found"] & rows["labelled"] & ~np.isin(rows["file_name"], list(listed))
    if not kept.any():
        raise UserError(
            f"{config.data_root}: no labelled image with a person is left to learn from; mend it, or take it off DATA.also"
        )
    return rows.take(kept)


def tell_split(rows: Rows, validation: Rows, config: Config) -> None:
    """Log what validates and what is left out: the console hears how many and an example, the log file every name."""
    how = config.DATA.validation
    if how != "list":
        log.info("validation %ss: %s", how, ", ".join(sorted(set(_groups(validation, how)))))
    for why, left_out in (
        ("no label", rows["found"] & ~rows["labelled"]),
        ("no person found", ~rows["found"].astype(bool)),
    ):
        names = rows["file_name"][left_out]
        if len(names):
            log.info("not trained on: %d images (%s), such as %s", len(names), why, names[0])
        for name in names:
            log.debug("not trained on: %s (%s)", name, why)


def _groups(rows: Rows, how: str) -> np.ndarray:
    """Each row's group, by which it is held out or not."""
    names = rows[how].astype(str)
    if how == "sequence":  # a moment of one recording: its views and its label belong together
        names = np.array(["_".join(parts) for parts in zip(rows["pose"], rows["person"], names, strict=True)])
    return names


def _validation_mask(rows: Rows, config: Config) -> np.ndarray:
    how = config.DATA.validation
    if how == "list":
        listed = read_validation_list(config.data_root)
        path = validation_path(config.data_root)
        if listed is None:
            raise UserError(
                f"{path}: this list is missing; write it, or set DATA.validation to person, pose, sequence or camera"
            )
        unknown = listed - set(rows["file_name"])
        if unknown:
            raise UserError(f"{path}: {min(unknown)} is not among the training images; remove it from the list")
        return np.array([name in listed for name in rows["file_name"]])
    names = _groups(rows, how)
    groups = sorted(set(names))
    if len(groups) < 2:
        raise UserError(f"DATA.validation={how}: the training images show a single {how}; use list, or another group")
    count = min(max(1, round(config.DATA.validation_share * len(groups))), len(groups) - 1)
    held_out = np.random.default_rng(config.SEED.random_seed).permutation(groups)[:count]
    return np.isin(names, held_out)
