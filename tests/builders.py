"""Made-up but consistent rows of the cache: people in front of cameras, estimated with some error."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from model.inputs import CROP_SIZE
from modules.cache import store, table
from modules.cache.estimates import label_columns, pose_columns
from modules.extractors.base import Estimate
from modules.files.layout import Frame
from modules.pose_utils import Camera, cam2pixel, crop_camera, world2cam
from tests.conftest import looking_camera, standing_person

FACTS: dict[str, Any] = {"mean_pose_crop_mm": [[0.0, 0.0, 0.0]] * 24, "pelvis_height_mm": 900.0}  # of a checkpoint


def estimate_of(
    joints_world: np.ndarray, camera: Camera, rng: np.random.Generator, noise: float, size: float = 1.0
) -> Estimate:
    """Returns an extractor's estimate of a person: limbs `size` of their length, errors of `noise` px and 3 x `noise` mm."""
    joints_cam = world2cam(joints_world, camera.R, camera.t)
    pixels = cam2pixel(joints_cam, camera.K) + rng.normal(scale=noise, size=(24, 2))
    low, high = pixels.min(0) - 20, pixels.max(0) + 20
    relative = size * (joints_cam - joints_cam[0]) + rng.normal(scale=3 * noise, size=(24, 3))
    return Estimate(0.9, np.concatenate([low, high - low]), pixels, np.full(24, 0.8), relative - relative[0])


def make_row(
    rng: np.random.Generator, index: int, noise: float, camera: Camera, offset: int, size: float = 1.0
) -> tuple[dict[str, object], bytes]:
    """Returns one row and its crop, which is noise, so that no two images are alike."""
    joints = standing_person(rng)
    frame = Frame(
        Path("/data"), "train", f"1_F{150 + index % 5}A_1_{index}.jpg", "1", f"F{150 + index % 5}A", "1", str(index)
    )
    estimate = estimate_of(joints, camera, rng, noise, size)
    R_cam2crop, K_crop = crop_camera(estimate.box_xywh, camera.K, CROP_SIZE, table.CROP_MARGIN)
    picture = cv2.resize(
        rng.integers(0, 255, (16, 16, 3), dtype=np.uint8), (CROP_SIZE, CROP_SIZE), interpolation=cv2.INTER_CUBIC
    )
    crop = cv2.imencode(".jpg", picture)[1].tobytes()
    values = {
        "image_size": (1920, 1080), "found": True, "extractor": "made-up", "fingerprint": "0", "R_cam2crop": R_cam2crop,
        "K_crop": K_crop, "crop_offset": offset, "crop_bytes": len(crop), **pose_columns(estimate, camera),
        **label_columns(joints, camera, frame),
    }  # fmt: skip
    return table.to_row(frame, camera, values), crop


def make_rows(
    folder: Path,
    count: int,
    seed: int = 0,
    noise: float = 8.0,
    camera: Camera | None = None,
    floor: bool = True,
    size: float = 1.0,
) -> table.Rows:
    """Returns rows that were written to a cache part and read back."""
    rng = np.random.default_rng(seed)
    rows, crops = [], []
    for index in range(count):
        seen_by = camera or looking_camera(rng)
        if not floor:
            seen_by = Camera(seen_by.K, seen_by.R, seen_by.t)
        row, crop = make_row(rng, index, noise, seen_by, sum(map(len, crops)), size)
        rows.append(row)
        crops.append(crop)
    store.write_part(folder, 0, rows, crops, "key")
    return store.read_rows(folder, 1)
