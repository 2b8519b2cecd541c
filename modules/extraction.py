"""Stage 1: images in, cache parts out."""

from __future__ import annotations

import os
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
from modules.console import is_quiet
from modules.exif import exif_orientation
from modules.extractors import create_extractor, installed_fingerprint
from modules.extractors.base import Estimate, Extractor
from modules.layout import Frame, list_frames, read_camera, read_named_label, read_validation_list, validation_path
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
            "%s is missing: train.py will want it, or DATA.validation as person, pose, sequence or camera",
            validation_path(config.data_root),
        )
    folder = cache.cache_folder(config, split)
    name, weights = config.EXTRACT.extractor, config.EXTRACT.weights
    # Loading the extractor is put off until an image needs it; where its weights are absent, it says so now.
    fingerprint = installed_fingerprint(name, weights) or create_extractor(name, weights).fingerprint
    manifest: dict[str, Any] = {
        "options": cache.cache_options(), "inputs": cache.inputs_digest(frames), "extractor": name,
        "weights": weights, "fingerprint": fingerprint,
    }  # fmt: skip
    key = digest(manifest)
    _tell_stale(folder, key)
    parts = [frames[start : start + PART_ROWS] for start in range(0, len(frames), PART_ROWS)]
    missing = [
        index
        for index, part in enumerate(parts)
        if not cache.part_stands(folder, index, [frame.file_name for frame in part], key)
    ]
    todo = sum(len(parts[index]) for index in missing)
    if missing:
        labels = read_labels(frames)  # all of them, so that a broken one is told before hours of extraction
        extractor = create_extractor(name, weights)
        try:
            with tqdm(total=todo, unit="image", desc=f"extract {split}", disable=is_quiet()) as bar:
                for index in missing:
                    part = _extract_part(
                        parts[index], cameras, labels, extractor, config.EXTRACT.batch_size, bar.update
                    )
                    cache.write_part(folder, index, *part, key)
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"stopped; {folder} keeps its finished parts of {PART_ROWS} images; start the same command again to go on"
            ) from None
    cache.drop_parts_from(folder, len(parts))
    complete = {**manifest, "key": key, "parts": len(parts), "images": len(frames)}
    if cache.read_manifest(folder) != complete:
        cache.write_manifest(folder, complete)
    not_found = _list_not_found(config, split, frames, folder)
    return Summary(folder, len(frames), todo, not_found)


def _tell_stale(folder: Path, key: str) -> None:
    """Say so where a cache was made by something else. It stands until new parts replace it: a broken file costs nothing."""
    manifest = cache.read_manifest(folder)
    if manifest is not None and manifest.get("key") != key:
        log.info("%s: images, cameras, labels, weights or options have changed; extracting anew", folder)


def read_labels(frames: Sequence[Frame]) -> dict[Path, np.ndarray]:
    """Every label there is, each (24, 3) world mm in SMPL order. UserError for the first that is broken."""
    labels, unnamed = {}, []
    for path in dict.fromkeys(frame.label_path for frame in frames):
        if os.path.lexists(path):  # a link to nothing is a broken label, not none
            labels[path], named = read_named_label(path)
            unnamed += [] if named else [path]
    if unnamed:
        log.info("%s", unnamed_sentence(unnamed))
    return labels


def unnamed_sentence(paths: Sequence[Path]) -> str:
    """That none of the joint names in these label files is known, once for all of them."""
    return (
        f"{paths[0]}: none of its joint names is known, nor in {len(paths) - 1} more label files of this split, "
        "so their joints are taken in SMPL order; write SMPL's names if they are not"
    )


def _list_not_found(config: Config, split: str, frames: Sequence[Frame], folder: Path) -> tuple[str, ...]:
    rows, _ = cache.open_cache(config, split, frames)
    names = tuple(str(name) for name in rows["file_name"][~rows["found"]])
    path, text = folder / "not_found.txt", "".join(f"{name}\n" for name in names)
    if not path.exists() or path.read_text(encoding="utf-8") != text:  # a complete cache may lie where nobody may write
        write_text(path, text)
    return names


def _extract_part(
    frames: Sequence[Frame], cameras: dict[Path, Camera], labels: dict[Path, np.ndarray], extractor: Extractor,
    batch_size: int, progress: Callable[[int], Any],
) -> tuple[list[dict[str, Any]], list[bytes]]:  # fmt: skip
    rows: list[dict[str, Any]] = []
    crops: list[bytes] = []
    offset = 0
    for batch, images in _decoded_batches(frames, cameras, batch_size):
        batch_cameras = [cameras[frame.camera_path] for frame in batch]
        estimates = extractor.estimate(images, batch_cameras)
        for frame, camera, image, estimate in zip(batch, batch_cameras, images, estimates, strict=True):
            values, crop = _row_values(camera, image, estimate, offset)
            joints = labels.get(frame.label_path)
            values |= {"labelled": False} if joints is None else _truth_of_joints(joints, camera, frame)
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
    """Decode an image to RGB (H, W, 3) uint8, pixels as they are stored: no EXIF orientation is ever applied.

    A camera is calibrated for one of the two ways to read an image that EXIF turns, and only `image_size` can say which.
    Where it is that of the stored pixels, and another than when turned, the image is read; where it is that of the
    turned ones, is not declared, or is the same both ways (a square, a mirror image, a turn by 180 degrees), it is refused.

    UserError where the file is missing, broken, of another size, or turned so.
    """
    image, orientation = decode_image(path)
    complaint = size_complaint(path, image, image_size, orientation)
    if complaint:
        raise UserError(complaint)
    return image


def decode_image(path: Path) -> tuple[np.ndarray, int]:
    """The stored pixels as RGB (H, W, 3) uint8, and the EXIF orientation that waits to be applied (1: none does)."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path}: this image is missing or cannot be read ({error.strerror}); restore it") from None
    if _is_cut_off(data):
        raise UserError(f"{path}: this image is truncated; replace the file")
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), flags) if data else None
    except cv2.error:  # a header that announces more pixels than OpenCV takes
        image = None
    if image is None:
        raise UserError(f"{path}: this is not a readable image; replace the file")
    return cv2.cvtColor(image, cv2.COLOR_BGR2RGB), exif_orientation(data)


def _is_cut_off(data: bytes) -> bool:
    """Whether a JPEG or PNG lacks its end; OpenCV would fill the rest with grey."""
    jpeg, png = data.startswith(b"\xff\xd8"), data.startswith(b"\x89PNG")
    return (jpeg and b"\xff\xd9" not in data[-1024:]) or (png and b"IEND" not in data[-1024:])


def size_complaint(
    path: Path, image: np.ndarray, image_size: tuple[int, int] | None, orientation: int = 1
) -> str | None:
    """A sentence where an image (H, W, 3) is not what its camera's image_size declares, or EXIF leaves that open."""
    height, width = image.shape[:2]
    shown = (height, width) if orientation >= 5 else (width, height)
    if orientation != 1 and image_size in (None, shown):
        return _turn_complaint(path, (width, height), orientation, image_size)
    if image_size is None or image_size == (width, height):
        return None
    return (
        f"{path}: the image is {width}x{height} px, but its camera's image_size is {image_size[0]}x{image_size[1]}; "
        "use the image size that was calibrated"
    )


def _turn_complaint(path: Path, stored: tuple[int, int], orientation: int, image_size: tuple[int, int] | None) -> str:
    if image_size is None:
        why = "its camera declares no image_size that says which way it was calibrated"
    elif image_size != stored:
        why = f"its camera's image_size is the turned {image_size[0]}x{image_size[1]}"
    else:
        why = "image_size is the same both ways, so that it cannot say which way the camera was calibrated"
    return (
        f"{path}: EXIF orientation {orientation} turns this image of {stored[0]}x{stored[1]} stored px, and {why}; "
        "bake the turn into the pixels, or calibrate for the stored ones, and drop the EXIF tag"
    )


def _row_values(
    camera: Camera, image: np.ndarray, estimate: Estimate | None, offset: int
) -> tuple[dict[str, Any], bytes]:
    height, width = image.shape[:2]
    pose = None if estimate is None else _liftable_pose(estimate, camera)
    values: dict[str, Any] = {"image_size": (width, height), "found": pose is not None}
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
    """The pose's columns; None, as if nobody were found, where it cannot be lifted: not finite, behind, or a single point."""
    numbers = (estimate.box_xywh, estimate.joints_px, estimate.confidence, estimate.joints_rel_mm)
    if not all(np.isfinite(values).all() for values in numbers) or not (estimate.box_xywh[2:] > 0).all():
        return None
    try:
        values = _pose_values(estimate, camera)
    except ValueError:  # all joints on one ray
        return None
    return values if (values["depth_root_mm"] + values["depth_rel_mm"] > 0).all() else None


def _truth_of_joints(joints_world: np.ndarray, camera: Camera, frame: Frame) -> dict[str, Any]:
    """The columns of a label: its joints (24, 3) world mm, and what follows from them through the camera."""
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
