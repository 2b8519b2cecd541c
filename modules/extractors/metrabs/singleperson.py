"""MeTRAbs's singleperson model of 2021, which takes crops: each is resampled for a virtual camera without a lens."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from model.skeleton import NUM_JOINTS
from modules.config.sections import Metrabs
from modules.extractors.metrabs.base import Model
from modules.extractors.metrabs.people import People, undistorted_box
from modules.extractors.metrabs.saved_model import float32
from modules.files.images import warp_crop
from modules.pose_utils import Camera, cam2pixel, crop_camera
from modules.utils import UserError

DEFAULT_INPUT_SIZE = 256  # px, side of the model's input if its signature leaves it open


class SinglepersonModel(Model):
    """metrabs_singleperson_smpl: a call on square crops with their intrinsics."""

    kind = "singleperson"

    def __init__(self, loaded: Any, folder: Path) -> None:
        super().__init__(loaded, folder)
        self._dtype, self._size_px = _crop_input(loaded, folder)

    def estimate(
        self, images: Sequence[np.ndarray], cameras: Sequence[Camera], boxes: Sequence[np.ndarray], options: Metrabs
    ) -> list[People]:
        """Returns the people in the given boxes, as `Model.estimate`."""
        views = [(image, camera, box) for image, camera, one in zip(images, cameras, boxes, strict=True) for box in one]
        crop_cameras = [
            crop_camera(undistorted_box(box[:4], camera), camera.K, self._size_px, 1.0) for _, camera, box in views
        ]
        joints_cam = np.zeros((0, NUM_JOINTS, 3))
        for start in range(0, len(views), options.internal_batch_size):
            part = slice(start, start + options.internal_batch_size)
            joints_cam = np.concatenate([joints_cam, self._crop_joints(views[part], crop_cameras[part])])
        counts = np.cumsum([len(one) for one in boxes])[:-1]
        return [
            People(one, cam2pixel(joints, camera.K), joints)
            for camera, one, joints in zip(cameras, boxes, np.split(joints_cam, counts), strict=True)
        ]

    def _crop_joints(
        self,
        views: Sequence[tuple[np.ndarray, Camera, np.ndarray]],
        crop_cameras: Sequence[tuple[np.ndarray, np.ndarray]],
    ) -> np.ndarray:
        """Returns the joints (N, 24, 3) in camera mm of N views, each with its crop camera (R_cam2crop, K_crop)."""
        crops = [
            warp_crop(image, camera, R_cam2crop, K_crop, self._size_px)
            for (image, camera, _), (R_cam2crop, K_crop) in zip(views, crop_cameras, strict=True)
        ]
        values = (np.stack(crops) / np.float32(255)).astype(self._dtype)
        result = self._call(self._loaded.__call__, values, float32([K_crop for _, K_crop in crop_cameras]))
        joints_crop = self._smpl_joints(result, len(views), 3)
        joints_cam: np.ndarray = joints_crop @ np.stack([R_cam2crop for R_cam2crop, _ in crop_cameras])
        return joints_cam


def _crop_input(loaded: Any, folder: Path) -> tuple[Any, int]:
    """Returns the dtype and the side of the model's input. Raises UserError if it takes no square crops."""
    try:
        crops = loaded.__call__.concrete_functions[0].structured_input_signature[0][0]
        dtype, (_, height, width, channels) = crops.dtype.as_numpy_dtype, crops.shape.as_list()
    except (AttributeError, IndexError, TypeError, ValueError):
        height = width = channels = dtype = None
    if dtype is None or height != width or channels != 3:
        raise UserError(
            f"{folder}: this SavedModel is no MeTRAbs model: its call takes no square crops; set EXTRACT.weights to one"
        )
    return dtype, height or DEFAULT_INPUT_SIZE
