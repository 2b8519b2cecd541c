"""MeTRAbs's models of 2021: combined, multiperson and singleperson. None of them knows of lenses or of up and down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from modules.config import Metrabs
from modules.extractors.metrabs_base import Model, People, float32, of_image, ragged_boxes, undistorted_box
from modules.images import warp_crop
from modules.pose_utils import Camera, cam2pixel, crop_camera, pixel2cam, undistort
from modules.skeleton import NUM_JOINTS
from modules.utils import UserError

CROP_SIZE = 256  # px, where the signature leaves it open


def _asked(options: Metrabs) -> dict[str, Any]:
    """What every model with crops of its own is asked; exports call the number of crops by either name."""
    return {"internal_batch_size": options.internal_batch_size, "n_aug": options.num_aug, "num_aug": options.num_aug}


class _PinholeModel(Model):
    """The 2021 models: they take the raw image for one of a pinhole camera."""

    def _people_of(
        self, camera: Camera, boxes: np.ndarray, joints_cam: np.ndarray, raw_px: np.ndarray | None
    ) -> People:
        """Undo the lens, once: the pixels, and with them the joints' places across their rays; depths stay."""
        seen = cam2pixel(joints_cam, camera.K) if raw_px is None else raw_px
        joints_px = undistort(seen, camera.K, camera.distortion)
        if camera.distortion is not None:
            joints_cam = pixel2cam(joints_px, joints_cam[..., 2], camera.K)
        return People(boxes, joints_px, joints_cam)


class CombinedModel(_PinholeModel):
    """metrabs_multiperson_smpl_combined of 2021: predict_multi_image, or predict_single_image, with a detector inside."""

    kind, detects = "combined", True

    def detect(
        self, images: Sequence[np.ndarray], cameras: Sequence[Camera], threshold: float, options: Metrabs
    ) -> list[People]:
        asked = _asked(options) | {
            "detector_threshold": threshold,
            "detector_nms_iou_threshold": options.detector_nms_iou,
        }
        K = float32([camera.K for camera in cameras])
        if hasattr(self._loaded, "predict_multi_image"):
            whole = self._answer(self._ask(self._loaded.predict_multi_image, np.stack(images), K, **asked))
            answers = [[of_image(part, index) for part in whole] for index in range(len(images))]
        else:
            single = self._loaded.predict_single_image
            pairs = zip(images, K, strict=True)
            answers = [self._answer(self._ask(single, image, one_K, **asked)) for image, one_K in pairs]
        return [self._people(camera, answer) for camera, answer in zip(cameras, answers, strict=True)]

    def _answer(self, answer: Any) -> list[Any]:
        if not isinstance(answer, list | tuple) or len(answer) != 3:
            raise UserError(f"{self._folder}: this model does not answer (boxes, 3D, 2D); use a combined MeTRAbs model")
        return list(answer)

    def _people(self, camera: Camera, answer: Sequence[Any]) -> People:
        boxes = np.asarray(answer[0], dtype=np.float64).reshape(-1, 5)
        raw_px = self._joints(answer[2], len(boxes), 2)
        return self._people_of(camera, boxes, self._joints(answer[1], len(boxes), 3), raw_px)


class MultipersonModel(_PinholeModel):
    """metrabs_multiperson_smpl of 2021: predict_multi_image with boxes."""

    kind = "multiperson"

    def estimate(
        self, images: Sequence[np.ndarray], cameras: Sequence[Camera], boxes: Sequence[np.ndarray], options: Metrabs
    ) -> list[People]:
        K = float32([camera.K for camera in cameras])
        asked = _asked(options)
        if hasattr(self._loaded, "predict_multi_image"):
            ragged = ragged_boxes([one[:, :4] for one in boxes], 4)
            answer = self._ask(self._loaded.predict_multi_image, np.stack(images), K, ragged, **asked)
            poses = [of_image(answer, index) for index in range(len(images))]
        else:
            single: Callable[..., Any] = self._loaded.predict_single_image
            poses = [
                self._ask(single, image, one_K, float32(one[:, :4]), **asked) if len(one) else ()
                for image, one_K, one in zip(images, K, boxes, strict=True)
            ]
        return [
            self._people_of(camera, one, self._joints(pose, len(one), 3), None)
            for camera, one, pose in zip(cameras, boxes, poses, strict=True)
        ]


class SinglepersonModel(Model):
    """metrabs_singleperson_smpl of 2021: a call on crops, which we cut as a virtual camera sees them, without the lens."""

    kind = "singleperson"

    def __init__(self, loaded: Any, folder: Path) -> None:
        super().__init__(loaded, folder)
        self._dtype, self._size_px = _crop_input(loaded, folder)

    def estimate(
        self, images: Sequence[np.ndarray], cameras: Sequence[Camera], boxes: Sequence[np.ndarray], options: Metrabs
    ) -> list[People]:
        views = [(image, camera, box) for image, camera, one in zip(images, cameras, boxes, strict=True) for box in one]
        looks = [
            crop_camera(undistorted_box(box[:4], camera), camera.K, self._size_px, 1.0) for _, camera, box in views
        ]
        joints_cam = np.zeros((0, NUM_JOINTS, 3))
        for start in range(0, len(views), options.internal_batch_size):
            part = slice(start, start + options.internal_batch_size)
            joints_cam = np.concatenate([joints_cam, self._of_crops(views[part], looks[part])])
        counts = np.cumsum([len(one) for one in boxes])[:-1]
        return [
            People(one, cam2pixel(joints, camera.K), joints)
            for camera, one, joints in zip(cameras, boxes, np.split(joints_cam, counts), strict=True)
        ]

    def _of_crops(self, views: Sequence[tuple[np.ndarray, Camera, np.ndarray]], looks: Sequence[Any]) -> np.ndarray:
        crops = [
            warp_crop(image, camera, R_cam2crop, K_crop, self._size_px)
            for (image, camera, _), (R_cam2crop, K_crop) in zip(views, looks, strict=True)
        ]
        values = (np.stack(crops) / np.float32(255)).astype(self._dtype)
        answer = self._ask(self._loaded.__call__, values, float32([K_crop for _, K_crop in looks]))
        joints_crop = self._joints(answer, len(views), 3)
        return joints_crop @ np.stack([R_cam2crop for R_cam2crop, _ in looks])


def _crop_input(loaded: Any, folder: Path) -> tuple[Any, int]:
    """The type and side of the crops that a singleperson model takes."""
    try:
        crops = loaded.__call__.concrete_functions[0].structured_input_signature[0][0]
        dtype, (_, height, width, channels) = crops.dtype.as_numpy_dtype, crops.shape.as_list()
    except (AttributeError, IndexError, TypeError, ValueError):
        height = width = channels = dtype = None
    if dtype is None or height != width or channels != 3:
        raise UserError(
            f"{folder}: this SavedModel is no MeTRAbs model: its call takes no square crops; set EXTRACT.weights to one"
        )
    return dtype, height or CROP_SIZE
