"""Looks: what BlazePose's landmark network holds of the image at each joint, beside the cache, from its own crops.

    <cache>/<extractor>-<weights>/<split>/looks-<network>/part-00000.npz     of the crops in crops/part-00000.jpgs:
        offsets (n,)                 which of them, by where they begin
        looks (n, 2, 24, 48) half    of the crop as it is, and of its mirror image, whose joints are named by its own sides
        key                          what made it

The network has learned bodies from many people's photographs. What its decoder knows at 64 px, last before its heatmaps,
says of a joint more than where it is: whether it is hidden, which way the limb goes, where the ground is. The crop is
shown to it turned and scaled by the cached joints, as MediaPipe does from one frame of a video to the next.
"""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from modules.cache import CROP_SIZE, Rows, cache_folder, open_cache
from modules.config import Config
from modules.console import progress_bar
from modules.extractors.blazepose import Network, check_weights
from modules.extractors.blazepose_decode import LANDMARK_SIZE
from modules.layout import list_frames
from modules.lifting import cached_crop_pose
from modules.skeleton import JOINT_NAMES, MIRROR, ROOT
from modules.utils import UserError, atomic_path, digest, log
from pre_models.fetch import BLAZEPOSE_FOLDER, BLAZEPOSE_SHA256

LOOKS_VERSION = 1  # raise it whenever the same crop would look another way
LOOK_CHANNELS = 48
DECODED = {"full": "model_1/model/add_11/add", "heavy": "model_1/model/add_25/add"}  # (64, 64, 48), before the heatmaps
BORDER = 1.15  # the square reaches so many times as far from the pelvis as the farthest joint
NECK = JOINT_NAMES.index("neck")


def upright(joints_px: np.ndarray) -> np.ndarray:
    """The map (2, 3) from a crop's px to a square of LANDMARK_SIZE px about its joints (24, 2) px, the neck above the pelvis.

    Pixel centres are at integers on both sides.
    """
    centre = joints_px[ROOT]
    up = joints_px[NECK] - centre
    reach = max(BORDER * float(np.linalg.norm(joints_px - centre, axis=1).max()), 1.0)
    length = float(np.linalg.norm(up))
    right = np.array([-up[1], up[0]]) / length if length > 0 else np.array([1.0, 0.0])
    turn = np.array([right, [-right[1], right[0]]]) * (LANDMARK_SIZE / (2 * reach))
    return np.column_stack([turn, (LANDMARK_SIZE - 1) / 2 - turn @ centre])


def sample(grid: np.ndarray, points_px: np.ndarray) -> np.ndarray:
    """What a grid (H, H, C) over LANDMARK_SIZE px holds at points (N, 2) px, between its cells' centres: (N, C).

    Points beyond the outermost centres see what these hold.
    """
    cells = len(grid)
    at = np.clip((points_px + 0.5) * (cells / LANDMARK_SIZE) - 0.5, 0, cells - 1)
    low = np.minimum(at.astype(int), cells - 2)
    right, down = (at - low).T[..., None]
    x, y = low.T
    above = grid[y, x] * (1 - right) + grid[y, x + 1] * right
    below = grid[y + 1, x] * (1 - right) + grid[y + 1, x + 1] * right
    seen: np.ndarray = above * (1 - down) + below * down
    return seen


class Seer:
    """BlazePose's landmark network, asked for what it holds inside."""

    def __init__(self, weights: str, threads: int | None = None) -> None:
        path = check_weights(weights, BLAZEPOSE_FOLDER)[1]
        self._network = Network(path, threads or os.cpu_count() or 1, keeps=DECODED[weights])

    def looks(self, crop_rgb: np.ndarray, joints_px: np.ndarray) -> np.ndarray:
        """A crop (256, 256, 3) uint8 with its joints (24, 2) px → (2, 24, 48) half: as it is, and mirrored."""
        mirrored = joints_px[list(MIRROR)] * [-1, 1] + [CROP_SIZE - 1, 0]
        both = (crop_rgb, joints_px), (crop_rgb[:, ::-1], mirrored)
        return np.stack([self._look(*view) for view in both]).astype(np.float16)

    def _look(self, crop_rgb: np.ndarray, joints_px: np.ndarray) -> np.ndarray:
        warp = upright(joints_px)
        square = cv2.warpAffine(crop_rgb, warp, (LANDMARK_SIZE, LANDMARK_SIZE), flags=cv2.INTER_LINEAR)
        self._network.run(square * np.float32(1 / 255))
        return sample(self._network.kept(), joints_px @ warp[:, :2].T + warp[:, 2])


def looks_path(crop_file: Path, weights: str) -> Path:
    """Where the looks of a part's crops stand."""
    return crop_file.parent.parent / f"looks-{weights}" / f"{crop_file.stem}.npz"


def fill_looks(config: Config, split: str, weights: str) -> int:
    """Make the looks of a split's cache that do not stand yet, by BlazePose's `weights`; how many images were looked at now.

    UserError where there is no complete cache, or the network's weights are absent. Parts that stand are kept.
    """
    rows, _ = open_cache(config, split, list_frames(config.data_root, split))
    rows = rows.take(rows["found"].astype(bool))
    check_weights(weights, BLAZEPOSE_FOLDER)
    files = np.array([str(path) for path in rows.crop_files])
    keys = {path: _key(path, weights) for path in dict.fromkeys(rows.crop_files)}
    missing = [path for path, key in keys.items() if _read(looks_path(path, weights), key) is None]
    todo = int(np.isin(files, [str(path) for path in missing]).sum())
    if not missing:
        return 0
    seer = Seer(weights)
    with progress_bar(todo, f"look at {split}", "image") as bar:
        for path in missing:
            part = rows.take(files == str(path))
            joints = cached_crop_pose(part.columns).joints_px
            looks = []
            for index in range(len(part)):
                looks.append(seer.looks(part.read_crop(index), joints[index]))
                bar.update(1)
            with atomic_path(looks_path(path, weights)) as temporary, open(temporary, "wb") as file:
                np.savez(file, offsets=part["crop_offset"].astype(np.int64), looks=np.stack(looks), key=keys[path])
    log.info("%s: what the network sees at each joint of %d images is cached", cache_folder(config, split), todo)
    return todo


def read_looks(rows: Rows, weights: str) -> np.ndarray:
    """(B, 2, 24, 48) half: the looks of rows in which a person was found, as cached. UserError where one is missing."""
    looks = np.zeros((len(rows), 2, len(JOINT_NAMES), LOOK_CHANNELS), np.float16)
    files = np.array([str(path) for path in rows.crop_files])
    for path in dict.fromkeys(rows.crop_files):
        standing = looks_path(path, weights)
        stored = _read(standing, _key(path, weights))
        if stored is None:
            raise UserError(
                f"{standing}: what BlazePose's network sees at each joint is missing or stale; "
                f"run python extract_train_info.py --looks {weights}"
            )
        offsets, values = stored
        here = np.flatnonzero(files == str(path))
        wanted = rows["crop_offset"][here].astype(np.int64)
        at = np.minimum(np.searchsorted(offsets, wanted), len(offsets) - 1)
        if not (offsets[at] == wanted).all():
            raise UserError(f"{standing}: an image's looks are not in it; delete this file and make it anew")
        looks[here] = values[at]
    return looks


def _key(crop_file: Path, weights: str) -> str:
    """What decides the looks of a part: its images, cameras and labels, the extractor, and the network that looks."""
    table = crop_file.parent.parent / "poses" / f"{crop_file.stem}.parquet"
    try:
        made_by = (pq.read_schema(table).metadata or {}).get(b"worldpose_key", b"")
    except (OSError, pa.ArrowException):
        raise UserError(
            f"{table}: this part is damaged or missing; delete the folder above it and extract again"
        ) from None
    return digest([LOOKS_VERSION, BLAZEPOSE_SHA256[f"pose_landmark_{weights}.tflite"], made_by.decode()])


def _read(path: Path, key: str) -> tuple[np.ndarray, np.ndarray] | None:
    """A part's offsets, rising, and looks; None where they are missing, damaged or made by something else."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            if str(stored["key"]) != key:
                return None
            offsets, looks = stored["offsets"], stored["looks"]
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return (offsets, looks) if len(offsets) == len(looks) > 0 else None
