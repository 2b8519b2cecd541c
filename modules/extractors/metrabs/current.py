"""MeTRAbs's current models (metrabs_s, _l, _xl): detect_poses_batched and estimate_poses_batched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from modules.config.sections import Metrabs
from modules.extractors.metrabs.base import Model
from modules.extractors.metrabs.people import People
from modules.extractors.metrabs.saved_model import float32, ragged_boxes, row, take_rows
from modules.pose_utils import Camera, cam2pixel, undistort
from modules.utils import UserError

SKELETON = "smpl_24"
NO_LENS = np.zeros(5)


class CurrentModel(Model):
    """A current model. It undistorts its crops itself and turns them upright."""

    kind, detects, needs_world_up = "current", True, True
    thresholds: tuple[float, ...] = (0.3, 0.01)

    def _joint_names(self) -> Any:
        skeletons = getattr(self._loaded, "per_skeleton_joint_names", {})
        if SKELETON not in skeletons:  # for an unknown skeleton the model would return no joints at all
            raise UserError(
                f"{self._folder}: this model has no skeleton {SKELETON} (it has {', '.join(sorted(skeletons)) or 'none'}); "
                "use one that has"
            )
        return skeletons[SKELETON]

    def detect(
        self, images: Sequence[np.ndarray], cameras: Sequence[Camera], threshold: float, options: Metrabs
    ) -> list[People]:
        """Returns the people in each image, as `Model.detect`."""
        arguments = {
            **_arguments(options),
            "detector_threshold": threshold,
            "detector_nms_iou_threshold": options.detector_nms_iou,
        }
        return self._run(self._loaded.detect_poses_batched, images, cameras, arguments)

    def estimate(
        self, images: Sequence[np.ndarray], cameras: Sequence[Camera], boxes: Sequence[np.ndarray], options: Metrabs
    ) -> list[People]:
        """Returns the people in the given boxes, as `Model.estimate`."""
        given = ragged_boxes([one[:, :4] for one in boxes])
        found = self._run(self._loaded.estimate_poses_batched, images, cameras, _arguments(options), given)
        return [replace(people, boxes=one) for people, one in zip(found, boxes, strict=True)]

    def _run(
        self,
        function: Any,
        images: Sequence[np.ndarray],
        cameras: Sequence[Camera],
        arguments: dict[str, Any],
        boxes: Any = None,
    ) -> list[People]:
        people: list[People | None] = [None] * len(images)
        other = next((c.distortion for c in cameras if c.distortion is not None and len(c.distortion) != 5), None)
        if other is not None:
            raise UserError(
                f"{self._folder}: MeTRAbs takes lenses of five numbers, and a camera has {len(other)}; use blazepose, or "
                "images without lens distortion"
            )
        for up, group in _by_world_up(cameras):
            seen = [cameras[i] for i in group]
            result = self._call(
                function, np.stack([images[i] for i in group]), *(() if boxes is None else (take_rows(boxes, group),)),
                intrinsic_matrix=float32([camera.K for camera in seen]),
                distortion_coeffs=float32([NO_LENS if c.distortion is None else c.distortion for c in seen]),
                extrinsic_matrix=float32([_rotation_only(camera) for camera in seen]),
                world_up_vector=float32(up), **arguments,
            )  # fmt: skip
            for index, one in zip(group, self._people(result, seen), strict=True):
                people[index] = one
        return [one for one in people if one is not None]

    def _people(self, result: Any, cameras: Sequence[Camera]) -> Iterator[People]:
        if not isinstance(result, dict) or not {"poses3d", "poses2d"} <= result.keys():
            raise UserError(
                f"{self._folder}: this model does not return poses3d and poses2d; use a current MeTRAbs model"
            )
        for index, camera in enumerate(cameras):
            poses3d = row(result["poses3d"], index)
            boxes = row(result["boxes"], index) if "boxes" in result else np.zeros((len(poses3d), 5))
            joints_rotated = self._smpl_joints(poses3d, len(boxes), 3)
            raw_px = self._smpl_joints(row(result["poses2d"], index), len(boxes), 2)
            joints_cam = joints_rotated @ camera.R.T if len(boxes) else joints_rotated
            joints_px = undistort(raw_px, camera.K, camera.distortion)
            lost = ~np.isfinite(joints_px)  # far outside the image the lens model has no inverse
            joints_px[lost] = cam2pixel(joints_cam, camera.K)[lost]
            yield People(boxes.reshape(-1, 5).astype(np.float64), joints_px, joints_cam)


def _arguments(options: Metrabs) -> dict[str, Any]:
    return {
        "skeleton": SKELETON,
        "num_aug": options.num_aug,
        "average_aug": True,
        "internal_batch_size": options.internal_batch_size,
    }


def _by_world_up(cameras: Sequence[Camera]) -> Iterator[tuple[np.ndarray, list[int]]]:
    """Yields each up direction in world axes with the indices of its cameras: the model takes one direction per call."""
    ups = [-camera.R[1] if camera.world_up is None else camera.world_up for camera in cameras]
    for up in {tuple(up): up for up in ups}.values():
        yield up, [index for index, other in enumerate(ups) if tuple(other) == tuple(up)]


def _rotation_only(camera: Camera) -> np.ndarray:
    """Returns the camera's extrinsics (4, 4) without its translation.

    The model then returns joints in world axes relative to the camera centre, so that float32 keeps its precision
    however far the world's origin is.
    """
    matrix = np.eye(4)
    matrix[:3, :3] = camera.R
    return matrix
