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

from modules import cache
from modules.config import Config
from modules.console import progress_bar
from modules.extractors import configured_extractor, configured_fingerprint
from modules.extractors.base import Estimate, Extractor
from modules.images import read_image, warp_crop
from modules.layout import Frame, list_frames, read_camera, read_named_label, read_validation_list, validation_path
from modules.pose_utils import Camera, cam2pixel, crop_camera, least_squares_root, pixel2ray, world2cam
from modules.utils import UserError, digest, log, write_text
from modules.world_up import complete_world_up

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
    fingerprint = configured_fingerprint(config) or configured_extractor(config).fingerprint
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
        extractor = configured_extractor(config)
        views = complete_world_up(cameras, config.METRABS.world_up) if extractor.needs_world_up else cameras
        kept = len(frames) - todo
        try:
            with progress_bar(todo, f"extract {split}", "image") as bar:
                for index in missing:
                    part = _extract_part(
                        parts[index], cameras, views, labels, extractor, config.EXTRACT.batch_size, bar.update
                    )
                    cache.write_part(folder, index, *part, key)
                    kept += len(parts[index])
        except KeyboardInterrupt:
            raise KeyboardInterrupt(
                f"stopped; {folder} keeps {kept} of {len(frames)} images ({PART_ROWS} are written at a time); "
                "start the same command again to go on"
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
    frames: Sequence[Frame], cameras: dict[Path, Camera], views: dict[Path, Camera], labels: dict[Path, np.ndarray],
    extractor: Extractor, batch_size: int, progress: Callable[[int], Any],
) -> tuple[list[dict[str, Any]], list[bytes]]:  # fmt: skip
    """A part's rows and crops. `views` are the cameras as the extractor is to see them, which the cache never learns."""
    rows: list[dict[str, Any]] = []
    crops: list[bytes] = []
    offset = 0
    for batch, images in _decoded_batches(frames, cameras, batch_size):
        batch_cameras = [cameras[frame.camera_path] for frame in batch]
        estimates = extractor.estimate(images, [views[frame.camera_path] for frame in batch])
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
        "people": estimate.people, "person_index": estimate.person, "choice": estimate.choice,
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
    in_front = values["depth_root_mm"] + values["depth_rel_mm"] > 0  # not so where the root is NaN
    return values if in_front.all() and np.isfinite(values["root_cam_mm"]).all() else None


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


def _encode(crop_rgb: np.ndarray) -> bytes:
    flags = [cv2.IMWRITE_JPEG_QUALITY, CROP_JPEG_QUALITY]
    return cv2.imencode(".jpg", cv2.cvtColor(crop_rgb, cv2.COLOR_RGB2BGR), flags)[1].tobytes()
