"""Joint features: image features at each joint from BlazePose's landmark network, cached beside the poses.

    <cache>/<extractor>-<weights>/<split>/joint_features-<network>/part-00000.npz     of crops in crops/part-00000.jpgs:
        offsets (n,)                            byte offsets of the crops
        joint_features (n, 2, 24, 48) float16   of the crop, and of the mirrored crop in its own left and right
        key                                     digest of what made them

The features are the last layer of the network's decoder before its heatmaps, at 64 px, sampled at the cached joints. They
contain occlusion, limb direction and ground contact, which 2D positions do not. The crop is rotated and scaled by the cached
joints, as MediaPipe does from one video frame to the next.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pyarrow as pa

from model.inputs import CROP_SIZE, FEATURE_CHANNELS
from model.skeleton import JOINT_NAMES, MIRROR, ROOT
from modules.cache.crop_joints import cached_crop_pose
from modules.cache.store import part_key
from modules.cache.table import Rows
from modules.config.engines import Engine, EngineChoice, float32_engine
from modules.console import progress_bar
from modules.extractors.blazepose.decoding import LANDMARK_SIZE
from modules.extractors.blazepose.network import load_network
from modules.extractors.blazepose.weights import BLAZEPOSE_FOLDER, BLAZEPOSE_SHA256, check_weights
from modules.files.atomic import atomic_path
from modules.files.hashing import digest
from modules.files.zip_files import read_npz
from modules.pose_utils import cam2pixel
from modules.utils import UserError, log

FEATURES_VERSION = 1  # increment it whenever the same crop would give other features
DECODER_LAYER = {"full": "model_1/model/add_11/add", "heavy": "model_1/model/add_25/add"}  # (64, 64, 48)
MARGIN = 1.15  # half side of the square over the distance from the pelvis to the farthest joint
NECK = JOINT_NAMES.index("neck")


def upright_square(joints_px: np.ndarray) -> np.ndarray:
    """Returns the affine map (2, 3) from crop px to a square of LANDMARK_SIZE px about the joints (24, 2) px.

    The neck is above the pelvis in the square. Pixel centres are at integers in both.
    """
    centre = joints_px[ROOT]
    up = joints_px[NECK] - centre
    reach = max(MARGIN * float(np.linalg.norm(joints_px - centre, axis=1).max()), 1.0)
    length = float(np.linalg.norm(up))
    right = np.array([-up[1], up[0]]) / length if length > 0 else np.array([1.0, 0.0])
    turn = np.array([right, [-right[1], right[0]]]) * (LANDMARK_SIZE / (2 * reach))
    return np.column_stack([turn, (LANDMARK_SIZE - 1) / 2 - turn @ centre])


def sample(grid: np.ndarray, points_px: np.ndarray) -> np.ndarray:
    """Samples a feature map (H, H, C) over LANDMARK_SIZE px at points (N, 2) px, bilinearly: (N, C).

    Points outside the outermost cell centres are clamped to them.
    """
    cells = len(grid)
    at = np.clip((points_px + 0.5) * (cells / LANDMARK_SIZE) - 0.5, 0, cells - 1)
    low = np.minimum(at.astype(int), cells - 2)
    right, down = (at - low).T[..., None]
    x, y = low.T
    above = grid[y, x] * (1 - right) + grid[y, x + 1] * right
    below = grid[y + 1, x] * (1 - right) + grid[y + 1, x + 1] * right
    sampled: np.ndarray = above * (1 - down) + below * down
    return sampled


class JointFeatureExtractor:
    """Runs BlazePose's landmark network and samples its last decoder layer."""

    def __init__(self, weights: str, threads: int | None = None, engine: Engine | None = None) -> None:
        self.weights = weights
        path = check_weights(weights, BLAZEPOSE_FOLDER)[1]
        self._network = load_network(path, threads or os.cpu_count() or 1, engine, DECODER_LAYER[weights])

    def features(self, crop_rgb: np.ndarray, joints_px: np.ndarray) -> np.ndarray:
        """Returns the features (2, 24, 48) float16 of a crop (256, 256, 3) with joints (24, 2) px, and of the mirrored crop."""
        mirrored = joints_px[list(MIRROR)] * [-1, 1] + [CROP_SIZE - 1, 0]
        both = (crop_rgb, joints_px), (crop_rgb[:, ::-1], mirrored)
        return np.stack([self._sample(*view) for view in both]).astype(np.float16)

    def write_part(self, part: Rows, crop_file: Path, progress: Callable[[int], Any]) -> None:
        """Adds the features of rows of one part's crop file, in all of which a person was found, to those cached."""
        joints_px = cam2pixel(cached_crop_pose(part.columns).joints_mm, part["K_crop"])
        features = []
        for index in range(len(part)):
            features.append(self.features(part.read_crop(index), joints_px[index]))
            progress(1)
        path, key = joint_features_path(crop_file, self.weights), _key(crop_file, self.weights)
        offsets, values = part["crop_offset"].astype(np.int64), np.stack(features)
        if (stored := _read(path, key)) is not None:
            offsets, values = np.concatenate([stored[0], offsets]), np.concatenate([stored[1], values])
        order = np.argsort(offsets, kind="stable")
        with atomic_path(path) as temporary, open(temporary, "wb") as file:
            np.savez(file, offsets=offsets[order], joint_features=values[order], key=key)

    def _sample(self, crop_rgb: np.ndarray, joints_px: np.ndarray) -> np.ndarray:
        warp = upright_square(joints_px)
        square = cv2.warpAffine(crop_rgb, warp, (LANDMARK_SIZE, LANDMARK_SIZE), flags=cv2.INTER_LINEAR)
        self._network.run(square * np.float32(1 / 255))
        return sample(self._network.features(), joints_px @ warp[:, :2].T + warp[:, 2])


def joint_features_path(crop_file: Path, weights: str) -> Path:
    """Returns the file of the joint features of a part's crops."""
    return crop_file.parent.parent / f"joint_features-{weights}" / f"{crop_file.stem}.npz"


def fill_joint_features(rows: Rows, weights: str, choice: EngineChoice = "auto") -> int:
    """Computes the missing joint features of rows with BlazePose's `weights`; returns for how many images.

    They are computed in float32: by LiteRT if it is chosen, else by the best engine for so many images.

    Rows without a person are left out. Whether the cache is stale is not checked, since extraction has just made or checked
    it. Raises UserError if the weights are missing.
    """
    rows = rows.take(rows["found"].astype(bool))
    # For all rows, so that a resumed run ends with the same bytes.
    engine: Engine = "litert" if choice == "litert" else float32_engine(len(rows))
    check_weights(weights, BLAZEPOSE_FOLDER)
    rows = rows.take(~have_joint_features(rows, weights))
    if not len(rows):
        return 0
    folder, extractor = rows.crop_files[0].parents[1], JointFeatureExtractor(weights, engine=engine)
    with progress_bar(len(rows), f"joint features {folder.name}", "image") as bar:
        for crop_file, here in _by_part(rows):
            extractor.write_part(rows.take(here), crop_file, bar.update)
    log.info("%s: joint features of %d images cached", folder, len(rows))
    return len(rows)


def have_joint_features(rows: Rows, weights: str) -> np.ndarray:
    """Returns of which rows the joint features are cached and not stale: (B,) bool."""
    have = np.zeros(len(rows), bool)
    for crop_file, here in _by_part(rows):
        stored = _read(joint_features_path(crop_file, weights), _key(crop_file, weights))
        if stored is not None:
            have[here] = np.isin(rows.at("crop_offset", here).astype(np.int64), stored[0])
    return have


def read_joint_features(rows: Rows, weights: str) -> np.ndarray:
    """Returns the cached joint features of rows in which a person was found: (B, 2, 24, 48) float16.

    Raises UserError if one is missing or stale.
    """
    features = np.zeros((len(rows), 2, len(JOINT_NAMES), FEATURE_CHANNELS), np.float16)
    for crop_file, here in _by_part(rows):
        file = joint_features_path(crop_file, weights)
        stored = _read(file, _key(crop_file, weights))
        wanted = rows.at("crop_offset", here).astype(np.int64)
        if stored is None or not np.isin(wanted, stored[0]).all():
            raise UserError(
                f"{file}: the joint features are missing or stale; run python extract_train_info.py --joint-features {weights}"
            )
        offsets, values = stored
        features[here] = values[np.searchsorted(offsets, wanted)]
    return features


def _by_part(rows: Rows) -> list[tuple[Path, np.ndarray]]:
    """Returns each crop file, and the indices of its rows."""
    found: dict[Path, list[int]] = {}
    for index, crop_file in enumerate(rows.crop_files):
        found.setdefault(crop_file, []).append(index)
    return [(crop_file, np.array(indices)) for crop_file, indices in found.items()]


def _key(crop_file: Path, weights: str) -> str:
    """Returns the digest of everything that determines a part's features: the key of its poses, and the network."""
    table = crop_file.parent.parent / "poses" / f"{crop_file.stem}.parquet"
    try:
        made_by = part_key(table)
    except (OSError, pa.ArrowException):
        raise UserError(f"{table}: this part is damaged or missing; delete {table.parent} and extract again") from None
    return digest([FEATURES_VERSION, BLAZEPOSE_SHA256[f"pose_landmark_{weights}.tflite"], made_by])


def _read(path: Path, key: str) -> tuple[np.ndarray, np.ndarray] | None:
    """Returns a part's ascending offsets and its features; None if they are missing, damaged or stale."""
    try:
        stored = read_npz(path)
        if str(stored["key"]) != key:
            return None
        offsets, features = stored["offsets"], stored["joint_features"]
    except (OSError, ValueError, KeyError):
        return None
    return (offsets, features) if len(offsets) == len(features) > 0 else None
