"""Computes the columns of a cache row from an extractor's estimate and from a label."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from model.inputs import CROP_SIZE
from modules.cache.crop_joints import root_relative
from modules.cache.table import CROP_MARGIN
from modules.extractors.base import Estimate
from modules.extractors.upright import turn_hint, upright_view
from modules.files.images import warp_crop
from modules.files.layout import Frame
from modules.picture_turns import axes_turn, quarter_turns
from modules.pose_utils import Camera, cam2pixel, crop_camera, least_squares_root, pixel2ray, world2cam
from modules.utils import UserError

CROP_JPEG_QUALITY = 95
FEWEST_SEEN = 12  # joints with a ray; with fewer, the estimate counts as not found


def estimate_columns(
    camera: Camera, image: np.ndarray, estimate: Estimate | None, offset: int
) -> tuple[dict[str, Any], bytes]:
    """Returns the columns of an estimate and the JPEG of its crop; `offset` is its first byte in the crop file."""
    height, width = image.shape[:2]
    pose = None if estimate is None else _liftable_pose(estimate, camera)
    values: dict[str, Any] = {"image_size": (width, height), "found": pose is not None}
    if estimate is None or pose is None:
        return values, b""
    turns = quarter_turns(camera)
    upright_image, upright_camera = upright_view(image, camera, turns)  # in which the crop, too, shows people upright
    box = turn_hint(estimate.box_xywh, (width, height), turns)
    R_upright2crop, K_crop = crop_camera(box, upright_camera.K, CROP_SIZE, CROP_MARGIN)
    crop = _encode(warp_crop(upright_image, upright_camera, R_upright2crop, K_crop, CROP_SIZE))
    R_cam2crop = R_upright2crop @ axes_turn(turns)
    values |= {"R_cam2crop": R_cam2crop, "K_crop": K_crop, "crop_offset": offset, "crop_bytes": len(crop), **pose}
    return values, crop


def pose_columns(estimate: Estimate, camera: Camera) -> dict[str, Any]:
    """Returns the pose's columns; a root that the extractor does not estimate is placed by least squares."""
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


def with_all_joints_px(estimate: Estimate, camera: Camera) -> Estimate:
    """Returns the estimate with px for the joints that no ray of the lens maps to, which get the confidence 0.

    They are projected from the extractor's own 3D, with its root where the other joints place it.
    """
    has_ray = np.isfinite(estimate.joints_px).all(1)
    root = estimate.root_cam_mm
    if root is None:
        rays, weights = pixel2ray(estimate.joints_px[has_ray], camera.K), np.maximum(estimate.confidence[has_ray], 1e-3)
        root = least_squares_root(estimate.joints_rel_mm[has_ray], rays, weights)
    projected = cam2pixel(estimate.joints_rel_mm + root, camera.K)
    return replace(
        estimate,
        joints_px=np.where(has_ray[:, None], estimate.joints_px, projected),
        confidence=np.where(has_ray, estimate.confidence, 0.0),
    )


def _liftable_pose(estimate: Estimate, camera: Camera) -> dict[str, Any] | None:
    """Returns the pose's columns; None if it is not finite, not in front of the camera, has no box, or is a single ray."""
    numbers = (estimate.box_xywh, estimate.confidence, estimate.joints_rel_mm)
    if not all(np.isfinite(values).all() for values in numbers) or not (estimate.box_xywh[2:] > 0).all():
        return None
    has_ray = np.isfinite(estimate.joints_px).all(1)
    if has_ray.sum() < FEWEST_SEEN:
        return None
    try:
        values = pose_columns(estimate if has_ray.all() else with_all_joints_px(estimate, camera), camera)
    except ValueError:  # all joints on one ray
        return None
    in_front = values["depth_root_mm"] + values["depth_rel_mm"] > 0  # False if the root is NaN
    return values if in_front.all() and np.isfinite(values["root_cam_mm"]).all() else None


def label_columns(joints_world: np.ndarray, camera: Camera, frame: Frame) -> dict[str, Any]:
    """Returns the columns of a label (24, 3) world mm. Raises UserError if a joint is behind the camera."""
    joints_cam = world2cam(joints_world, camera.R, camera.t)
    if not (joints_cam[:, 2] > 0).all():
        raise UserError(
            f"{frame.label_path}: through {frame.camera_path} some joints are behind the camera; "
            "write extrinsics as world to camera, in mm, with OpenCV axes"
        )
    root, relative = root_relative(joints_cam[:, 2])
    return {
        "labelled": True, "joints_world_mm": joints_world, "true_joints_px": cam2pixel(joints_cam, camera.K),
        "true_depth_root_mm": root, "true_depth_rel_mm": relative,
    }  # fmt: skip


def _encode(crop_rgb: np.ndarray) -> bytes:
    flags = [cv2.IMWRITE_JPEG_QUALITY, CROP_JPEG_QUALITY]
    return cv2.imencode(".jpg", cv2.cvtColor(crop_rgb, cv2.COLOR_RGB2BGR), flags)[1].tobytes()
