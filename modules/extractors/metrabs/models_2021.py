"""MeTRAbs's models of 2021 that take whole images. They ignore lens distortion and the up direction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from modules.config.sections import Metrabs
from modules.extractors.metrabs.base import Model
from modules.extractors.metrabs.people import People
from modules.extractors.metrabs.saved_model import float32, ragged_boxes, row
from modules.pose_utils import Camera, cam2pixel, pixel2cam, undistort
from modules.utils import UserError


class _PinholeModel(Model):
    """A model that treats the raw image as a pinhole camera's."""

    def _people(self, camera: Camera, boxes: np.ndarray, joints_cam: np.ndarray, raw_px: np.ndarray | None) -> People:
        """Removes the lens distortion, once, from the pixels and from the joints' positions across their rays.

        Depths are unchanged, and so are joints that no ray of the lens maps to. `raw_px` (N, 24, 2): the model's own 2D
        joints; None: the projections of its 3D joints.
        """
        projected = cam2pixel(joints_cam, camera.K)
        joints_px = undistort(projected if raw_px is None else raw_px, camera.K, camera.distortion)
        lost = ~np.isfinite(joints_px)
        joints_px[lost] = projected[lost]
        if camera.distortion is not None:
            joints_cam = pixel2cam(joints_px, joints_cam[..., 2], camera.K)
        return People(boxes, joints_px, joints_cam)


class CombinedModel(_PinholeModel):
    """metrabs_multiperson_smpl_combined: predict_multi_image or predict_single_image, with a detector inside."""

    kind, detects, takes_boxes = "combined", True, False

    def detect(
        self, images: Sequence[np.ndarray], cameras: Sequence[Camera], threshold: float, options: Metrabs
    ) -> list[People]:
        """Returns the people in each image, as `Model.detect`."""
        arguments = _arguments(options) | {
            "detector_threshold": threshold,
            "detector_nms_iou_threshold": options.detector_nms_iou,
        }
        K = float32([camera.K for camera in cameras])
        if hasattr(self._loaded, "predict_multi_image"):
            whole = self._parts(self._call(self._loaded.predict_multi_image, np.stack(images), K, **arguments))
            results = [[row(part, index) for part in whole] for index in range(len(images))]
        else:
            single = self._loaded.predict_single_image
            pairs = zip(images, K, strict=True)
            results = [self._parts(self._call(single, image, one_K, **arguments)) for image, one_K in pairs]
        return [self._detected(camera, result) for camera, result in zip(cameras, results, strict=True)]

    def _parts(self, result: Any) -> list[Any]:
        if not isinstance(result, list | tuple) or len(result) != 3:
            raise UserError(f"{self._folder}: this model does not return (boxes, 3D, 2D); use a combined MeTRAbs model")
        return list(result)

    def _detected(self, camera: Camera, result: Sequence[Any]) -> People:
        boxes = np.asarray(result[0], dtype=np.float64).reshape(-1, 5)
        raw_px = self._smpl_joints(result[2], len(boxes), 2)
        return self._people(camera, boxes, self._smpl_joints(result[1], len(boxes), 3), raw_px)


class MultipersonModel(_PinholeModel):
    """metrabs_multiperson_smpl: predict_multi_image or predict_single_image, with given boxes."""

    kind = "multiperson"

    def estimate(
        self, images: Sequence[np.ndarray], cameras: Sequence[Camera], boxes: Sequence[np.ndarray], options: Metrabs
    ) -> list[People]:
        """Returns the people in the given boxes, as `Model.estimate`."""
        K = float32([camera.K for camera in cameras])
        arguments = _arguments(options)
        if hasattr(self._loaded, "predict_multi_image"):
            ragged = ragged_boxes([one[:, :4] for one in boxes])
            result = self._call(self._loaded.predict_multi_image, np.stack(images), K, ragged, **arguments)
            poses: list[Any] = [row(result, index) for index in range(len(images))]
        else:
            single: Callable[..., Any] = self._loaded.predict_single_image
            poses = [
                self._call(single, image, one_K, float32(one[:, :4]), **arguments) if len(one) else ()
                for image, one_K, one in zip(images, K, boxes, strict=True)
            ]
        return [
            self._people(camera, one, self._smpl_joints(pose, len(one), 3), None)
            for camera, one, pose in zip(cameras, boxes, poses, strict=True)
        ]


def _arguments(options: Metrabs) -> dict[str, Any]:
    """Returns the arguments of both kinds; exports call the number of crops either n_aug or num_aug."""
    return {"internal_batch_size": options.internal_batch_size, "n_aug": options.num_aug, "num_aug": options.num_aug}
