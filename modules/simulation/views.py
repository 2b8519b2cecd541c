"""Draws simulated and real views for the pose branch from labelled training rows.

A rig shows each pose from a few cameras only, so that a network would memorise the extractor's error of each training view.
In a simulated view, pose and error are independent: a training label is bent, turned about the vertical and moved over the
floor, the camera is tilted and raised, and a random error of the extractor is added.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from model.inputs import CROP_SIZE, FEATURE_CHANNELS
from modules.cache.crop_joints import Columns, CropPose, cached_crop_pose, cam_to_crop, to_uvd
from modules.cache.joint_features import read_joint_features
from modules.cache.label_weights import SD, WEIGHT, label_weights, uncertainty_columns
from modules.cache.table import CROP_MARGIN, Rows
from modules.config.train import Train
from modules.pose_utils import crop_camera, pixel2cam, world2cam
from modules.simulation.augmentation import Augmentation, jitter_pose, mirror_rows, turn_cameras
from modules.simulation.errors import ErrorSampler, FittedErrors, ResampledErrors
from modules.simulation.pose_inputs import joint_feature_inputs, pose_inputs
from modules.simulation.scene import (
    CalibrationError,
    Row,
    miscalibrate,
    move_cameras,
    move_people,
    withhold_floor,
)

BOX_MARGIN = 0.1  # of the longer side, added on all sides as in the extractor's boxes
_SIMULATED_COLUMNS = ("joints_world_mm", "confidence", "K", "R", "t", "world_up", "floor_height_mm")
_REAL_COLUMNS = (*_SIMULATED_COLUMNS, "joints_px", "depth_root_mm", "depth_rel_mm", "R_cam2crop", "K_crop")


@dataclass(frozen=True)
class SimulationSettings:
    """Settings of the drawn views."""

    mirror: float = 0.0  # share of views of a mirrored scene
    resampled_errors: bool = False  # else drawn from a fitted distribution
    calibration_error: CalibrationError = field(default_factory=CalibrationError)
    withheld_floors: bool = False  # whether some floors are wrong and others missing (see withhold_floor)

    @classmethod
    def of(cls, train: Train) -> SimulationSettings:
        """Returns the settings of the config."""
        learns_root = train.root == "learned"
        return cls(
            train.simulated_mirror, train.simulated_errors == "resampled", CalibrationError.of(train), learns_root
        )

    def spoil_calibration(self, row: Row, rng: np.random.Generator) -> None:
        """Adds calibration errors to the row's camera and floor, and withholds some floors if the settings say so, in place."""
        miscalibrate(row, self.calibration_error, rng)
        if self.withheld_floors:
            withhold_floor(row, rng)


class RealViews:
    """Draws cached poses of training images as samples, with mirrored scenes, turned crops, jitter and calibration errors.

    A real view has the joint features of its image, which are related to its error; a simulated view has none.
    """

    def __init__(
        self, rows: Rows, settings: SimulationSettings, augmentation: Augmentation, joint_features: str = "none"
    ) -> None:
        features = {} if joint_features == "none" else {"joint_features": read_joint_features(rows, joint_features)}
        self.rows = _with_mirrored(
            {**rows.columns, **features}, (*_REAL_COLUMNS, *features, *uncertainty_columns(rows))
        )
        self.settings, self.augmentation = settings, augmentation

    def draw(self, rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
        """Returns `count` samples in the form of `ViewSimulator.draw`."""
        chosen = _choose(rng, count, len(self.rows["R"]) // 2, self.settings.mirror)
        row = {name: values[chosen] for name, values in self.rows.items()}
        row = turn_cameras(row, self.augmentation, rng, CROP_SIZE)
        truth = cam_to_crop(world2cam(row["joints_world_mm"], row["R"], row["t"]), row["R_cam2crop"])
        pose = jitter_pose(cached_crop_pose(row), row, self.augmentation, rng)
        self.settings.spoil_calibration(row, rng)
        return _as_sample(pose, truth, row, joint_feature_inputs(row) | _weights(row))


class ViewSimulator:
    """Draws samples of the pose branch (see modules.dataset, without image) from labelled training rows."""

    def __init__(
        self,
        rows: Rows,
        settings: SimulationSettings | None = None,
        real_views: RealViews | None = None,
        real_view_share: float = 0.0,
    ) -> None:
        self.settings = settings or SimulationSettings()
        self.real_views, self.real_view_share = real_views, real_view_share
        self.has_joint_features = real_views is not None and "joint_features" in real_views.rows
        self.rows = _with_mirrored(rows.columns, (*_SIMULATED_COLUMNS, *uncertainty_columns(rows)))
        sampler = ResampledErrors if self.settings.resampled_errors else FittedErrors
        self.estimate: ErrorSampler = sampler(rows, self.rows["confidence"])
        camera_up = -self.rows["R"][:, 1]  # where no up is declared: the image's up, in world axes
        declared = np.isfinite(self.rows["world_up"]).all(1, keepdims=True)
        self.up = np.where(declared, self.rows["world_up"], camera_up)

    def draw(self, rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
        """Returns `count` samples as float32 arrays: the inputs of the pose branch, target and target_root_mm."""
        if self.real_views is None:
            return self._simulate(rng, count)
        real = round(self.real_view_share * count)
        parts = self._simulate(rng, count - real), self.real_views.draw(rng, real)
        order = rng.permutation(count)
        return {name: np.concatenate([part[name] for part in parts])[order] for name in parts[0]}

    def _simulate(self, rng: np.random.Generator, count: int) -> dict[str, np.ndarray]:
        chosen = _choose(rng, count, len(self.up) // 2, self.settings.mirror)
        row = {name: self.rows[name][chosen] for name in ("K", "R", "t", "world_up", "floor_height_mm")}
        up = self.up[chosen]
        world = move_people(self.rows["joints_world_mm"][chosen], up, row, rng)
        row["R"], row["t"] = move_cameras(row["R"], row["t"], up, rng)
        truth_cam = world2cam(world, row["R"], row["t"])
        estimate = self.estimate(truth_cam, row["K"], rng)
        row["confidence"] = estimate.confidence
        row["R_cam2crop"], row["K_crop"] = _crop_cameras(estimate.joints_px, row["K"])
        self.settings.spoil_calibration(row, rng)
        joints_cam = pixel2cam(estimate.joints_px, estimate.root_mm[:, None] + estimate.depth_rel_mm, row["K"])
        pose, truth = (cam_to_crop(joints, row["R_cam2crop"]) for joints in (joints_cam, truth_cam))
        features = _weights({name: self.rows[name][chosen] for name in (SD,) if name in self.rows})
        if self.has_joint_features:
            features["joint_features"] = np.zeros((count, 24, FEATURE_CHANNELS))
            features["has_joint_features"] = np.zeros((count, 1))
        return _as_sample(pose, truth, row, features)


def _weights(row: Columns) -> dict[str, np.ndarray]:
    """Returns the joints' weights; nothing if no label tells its uncertainty."""
    return {WEIGHT: label_weights(row[SD])} if SD in row else {}


def _with_mirrored(columns: Columns, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Returns columns of rows, followed by those of their mirrored scenes."""
    mirrored = mirror_rows(columns, CROP_SIZE)
    return {name: np.concatenate([columns[name], mirrored[name]]) for name in names}


def _choose(rng: np.random.Generator, count: int, images: int, mirror: float) -> np.ndarray:
    """Draws indices into rows of `_with_mirrored`; a share `mirror` of them is in the mirrored half."""
    return rng.integers(images, size=count) + images * (rng.random(count) < mirror)


def _crop_cameras(pixels: np.ndarray, K: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    low, high = pixels.min(1), pixels.max(1)
    margin = BOX_MARGIN * (high - low).max(1, keepdims=True)
    boxes = np.concatenate([low - margin, high - low + 2 * margin], 1)
    return crop_camera(boxes, K, CROP_SIZE, CROP_MARGIN)


def _as_sample(
    pose: CropPose, truth: CropPose, row: Columns, features: Mapping[str, np.ndarray]
) -> dict[str, np.ndarray]:
    sample = {
        **pose_inputs(pose, row), **features, "target": to_uvd(truth, row["K_crop"]),
        "target_root_mm": truth.root_mm,
    }  # fmt: skip
    return {name: values.astype(np.float32) for name, values in sample.items()}
