"""Stage 1: images in, cache parts out."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from modules import cache
from modules.config import Config
from modules.extractors import create_extractor
from modules.extractors.base import Estimate, Extractor
from modules.layout import Frame, list_frames, read_camera, read_label, read_validation_list, validation_path
from modules.pose_utils import (
    Camera,
    cam2pixel,
    crop_camera,
    distort,
    least_squares_root,
    pixel2ray,
    world2cam,
)
from modules.utils import UserError, digest, log, write_text

PART_ROWS = 128
CROP_JPEG_QUALITY = 95


@dataclass(frozen=True)
class Summary:
    """What one extraction came to."""

    folder: Path
    images: int
    extracted: int  # in this run; the rest stood already
    not_found: tuple[str, ...]


def extract_split(config: Config, split: str) -> Summary:
    """Fill the cache of a split; parts that stand are kept. UserError for an image, camera or label that is broken."""
    frames = list_frames(config.data_root, split)
    cameras = {path: read_camera(path) for path in sorted({frame.camera_path for frame in frames})}
    if split == "train" and config.DATA.validation == "list" and read_validation_list(config.data_root) is None:
        log.info(
            "%s is missing: train.py will want it, or DATA.validation=person or pose", validation_path(config.data_root)
        )
    folder = cache.cache_folder(config, split)
    extractor = create_extractor(config.EXTRACT.extractor, config.EXTRACT.weights)
    manifest = {
        "options": cache.cache_options(), "inputs": cache.inputs_digest(frames), "extractor": extractor.name,
        "weights": config.EXTRACT.weights, "fingerprint": extractor.fingerprint,
    }  # fmt: skip
    key = digest(manifest)
    _drop_stale(folder, key)
    parts = [frames[start : start + PART_ROWS] for start in range(0, len(frames), PART_ROWS)]
    missing = [
        index
        for index, part in enumerate(parts)
        if not cache.part_stands(folder, index, [frame.file_name for frame in part], key)
    ]
    todo = sum(len(parts[index]) for index in missing)
    with tqdm(total=todo, unit="image", desc=f"extract {split}", disable=not todo) as bar:
        for index in missing:
            rows, crops = _extract_part(parts[index], cameras, extractor, config.EXTRACT.batch_size, bar.update)
            cache.write_part(folder, index, rows, crops, key)
    cache.drop_parts_from(folder, len(parts))
    cache.write_manifest(folder, {**manifest, "key": key, "parts": len(parts), "images": len(frames)})
    not_found = _list_not_found(config, split, frames, folder)
    return Summary(folder, len(frames), todo, not_found)


def _drop_stale(folder: Path, key: str) -> None:
    """A cache made by something else is removed: it can be made again, and must not be mixed."""
    manifest = cache.read_manifest(folder)
    if manifest is not None and manifest.get("key") != key:
        log.info("%s: images, cameras, labels, weights or options have changed; extracting anew", folder)
        shutil.rmtree(folder)


def _list_not_found(config: Config, split: str, frames: Sequence[Frame], folder: Path) -> tuple[str, ...]:
    rows, _ = cache.open_cache(config, split, frames)
    names = tuple(str(name) for name in rows["file_name"][~rows["found"]])
    write_text(folder / "not_found.txt", "".join(f"{name}\n" for name in names))
    return names


def _extract_part(
    frames: Sequence[Frame], cameras: dict[Path, Camera], extractor: Extractor, batch_size: int,
    progress: Callable[[int], Any],
) -> tuple[list[dict[str, Any]], list[bytes]]:  # fmt: skip
    rows: list[dict[str, Any]] = []
    crops: list[bytes] = []
    offset = 0
    for batch, images in _decoded_batches(frames, cameras, batch_size):
        batch_cameras = [cameras[frame.camera_path] for frame in batch]
        estimates = extractor.estimate(images, batch_cameras)
        for frame, camera, image, estimate in zip(batch, batch_cameras, images, estimates, strict=True):
            values, crop = _row_values(frame, camera, image, estimate, offset)
            values |= {"extractor": extractor.name, "fingerprint": extractor.fingerprint}
            rows.append(cache.to_row(frame, camera, values))
            crops.append(crop)
            offset += len(crop)
        progress(len(batch))
    return rows, crops


def _decoded_batches(
    frames: Sequence[Frame], cameras: dict[Path, Camera], batch_size: int
) -> Iterator[tuple[Sequence[Frame], list[np.ndarray]]]:
    """Batches of frames with their RGB images; the next batch decodes while this one is worked on."""
    batches = [frames[start : start + batch_size] for start in range(0, len(frames), batch_size)]

    def load(batch: Sequence[Frame]) -> list[np.ndarray]:
        return [read_image(frame.image_path, cameras[frame.camera_path].image_size) for frame in batch]

    with ThreadPoolExecutor(1) as pool:
        pending = pool.submit(load, batches[0])
        for index, batch in enumerate(batches):
            images = pending.result()
            if index + 1 < len(batches):
                pending = pool.submit(load, batches[index + 1])
            yield batch, images


def read_image(path: Path, image_size: tuple[int, int] | None = None) -> np.ndarray:
    """Decode an image to RGB (H, W, 3) uint8, as stored (no EXIF turn). UserError where it is broken or of another size."""
    try:
        data = path.read_bytes()
    except OSError:
        raise UserError(f"{path}: this image is missing or cannot be read") from None
    if data[:2] == b"\xff\xd8" and b"\xff\xd9" not in data[-1024:]:
        raise UserError(f"{path}: this JPEG is truncated; replace the file")
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    if image is None:
        raise UserError(f"{path}: this is not a readable image; replace the file")
    complaint = size_complaint(path, image, image_size)
    if complaint:
        raise UserError(complaint)
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB)


def size_complaint(path: Path, image: np.ndarray, image_size: tuple[int, int] | None) -> str | None:
    """A sentence where an image (H, W, 3) has another size than its camera declares."""
    height, width = image.shape[:2]
    if image_size is None or (width, height) == image_size:
        return None
    return (
        f"{path}: the image is {width}x{height} px, but its camera's image_size is {image_size[0]}x{image_size[1]}; "
        "use the image size that was calibrated"
    )


def _row_values(
    frame: Frame, camera: Camera, image: np.ndarray, estimate: Estimate | None, offset: int
) -> tuple[dict[str, Any], bytes]:
    height, width = image.shape[:2]
    pose = None if estimate is None else _liftable_pose(estimate, camera)
    values: dict[str, Any] = {"image_size": (width, height), "found": pose is not None, **_truth(frame, camera)}
    if estimate is None or pose is None:
        return values, b""
    R_cam2crop, K_crop = crop_camera(estimate.box_xywh, camera.K, cache.CROP_SIZE, cache.CROP_MARGIN)
    crop = _encode(warp_crop(image, camera, R_cam2crop, K_crop, cache.CROP_SIZE))
    values |= {"R_cam2crop": R_cam2crop, "K_crop": K_crop, "crop_offset": offset, "crop_bytes": len(crop), **pose}
    return values, crop


def _pose_values(estimate: Estimate, camera: Camera) -> dict[str, Any]:
    root = estimate.root_cam_mm
    if root is None:
        rays = pixel2ray(estimate.joints_px, camera.K)
        root = least_squares_root(estimate.joints_rel_mm, rays, np.maximum(estimate.confidence, 1e-3))
    return {
        "score": estimate.score, "box_xywh": estimate.box_xywh, "joints_px": estimate.joints_px,
        "confidence": estimate.confidence, "joints_rel_mm": estimate.joints_rel_mm, "root_cam_mm": root,
        "depth_root_mm": root[2], "depth_rel_mm": estimate.joints_rel_mm[:, 2],
    }  # fmt: skip


def _liftable_pose(estimate: Estimate, camera: Camera) -> dict[str, Any] | None:
    """The pose's columns; None, as if nobody were found, where a number is not finite or a joint behind the camera."""
    numbers = (estimate.box_xywh, estimate.joints_px, estimate.confidence, estimate.joints_rel_mm)
    if not all(np.isfinite(values).all() for values in numbers) or not (estimate.box_xywh[2:] > 0).all():
        return None
    values = _pose_values(estimate, camera)
    return values if (values["depth_root_mm"] + values["depth_rel_mm"] > 0).all() else None


def _truth(frame: Frame, camera: Camera) -> dict[str, Any]:
    """The label and what follows from it through the camera; nothing where there is no label."""
    if not frame.label_path.exists():
        return {"labelled": False}
    return _truth_of_joints(read_label(frame.label_path), camera, frame)


def _truth_of_joints(joints_world: np.ndarray, camera: Camera, frame: Frame) -> dict[str, Any]:
    joints_cam = world2cam(joints_world, camera.R, camera.t)
    if not (joints_cam[:, 2] > 0).all():
        raise UserError(
            f"{frame.label_path}: through {frame.camera_path} some joints lie behind the camera; "
            "extrinsics must be world to camera, in mm, OpenCV axes"
        )
    root, relative = cache.root_relative(joints_cam[:, 2])
    return {
        "labelled": True, "joints_world_mm": joints_world, "true_joints_px": cam2pixel(joints_cam, camera.K),
        "true_depth_root_mm": root, "true_depth_rel_mm": relative,
    }  # fmt: skip


def warp_crop(
    image: np.ndarray, camera: Camera, R_cam2crop: np.ndarray, K_crop: np.ndarray, size_px: int
) -> np.ndarray:
    """What the crop's virtual camera sees: (size, size, 3) uint8, without lens distortion, black outside the image.

    Sampled finer than the crop and averaged down where the image holds more detail than the crop can show.
    """
    fine = int(np.clip(round(camera.K[0, 0] / K_crop[0, 0]), 1, 4))
    grid = np.arange(-1.0, size_px + 1)  # one px more on each side, for the interpolation between
    rays_cam = pixel2ray(np.stack(np.meshgrid(grid, grid), -1).reshape(-1, 2), K_crop) @ R_cam2crop
    source = distort(cam2pixel(rays_cam, camera.K), camera.K, camera.distortion)
    maps = source.reshape(len(grid), len(grid), 2).astype(np.float32)
    # The map is smooth: between the crop's pixel centres it is linear to far below a hundredth of a pixel.
    maps = cv2.resize(maps, None, fx=fine, fy=fine, interpolation=cv2.INTER_LINEAR)[fine:-fine, fine:-fine]
    warped = cv2.remap(image, maps[..., 0], maps[..., 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return cv2.resize(warped, (size_px, size_px), interpolation=cv2.INTER_AREA) if fine > 1 else warped


def _encode(crop_rgb: np.ndarray) -> bytes:
    flags = [cv2.IMWRITE_JPEG_QUALITY, CROP_JPEG_QUALITY]
    return cv2.imencode(".jpg", cv2.cvtColor(crop_rgb, cv2.COLOR_RGB2BGR), flags)[1].tobytes()
