"""MeTRAbs's current models (metrabs_s, _l, _xl): detect_poses_batched and estimate_poses_batched of its present API."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from modules.config import Metrabs
from modules.extractors.metrabs_base import Model, People, float32, of_image, ragged_boxes
from modules.pose_utils import Camera, cam2pixel, undistort
from modules.utils import UserError

SKELETON = "smpl_24"
NO_LENS = np.zeros(5)


class CurrentModel(Model):
    """metrabs_s, _l, _xl: detect_poses_batched, estimate_poses_batched. It knows lenses, and turns crops upright."""

    kind, detects, needs_world_up = "current", True, True
    thresholds: tuple[float, ...] = (0.3, 0.01)

    def _joint_names(self) -> Any:
        skeletons = getattr(self._loaded, "per_skeleton_joint_names", {})
        if SKELETON not in skeletons:  # an unknown skeleton would be answered with no joints at all
            raise UserError(
                f"{self._folder}: this model has no skeleton {SKELETON} (it has {', '.join(sorted(skeletons)) or 'none'}); "
                "use one that has"
            )
        return skeletons[SKELETON]

    def detect(
        self, images: Sequence[np.ndarray], cameras: Sequence[Camera], threshold: float, options: Metrabs
    ) -> list[People]:
        return self._run(
            self._loaded.detect_poses_batched, images, cameras, options, (),
            detector_threshold=threshold, detector_nms_iou_threshold=options.detector_nms_iou,
        )  # fmt: skip

    def estimate(
        self, images: Sequence[np.ndarray], cameras: Sequence[Camera], boxes: Sequence[np.ndarray], options: Metrabs
    ) -> list[People]:
        asked = ragged_boxes([one[:, :4] for one in boxes], 4)
        found = self._run(self._loaded.estimate_poses_batched, images, cameras, options, (asked,))
        return [replace(people, boxes=one) for people, one in zip(found, boxes, strict=True)]

    def _run(
        self, function: Any, images: Sequence[np.ndarray], cameras: Sequence[Camera], options: Metrabs, boxes: Any,
        **detecting: Any,
    ) -> list[People]:  # fmt: skip
        people: list[People | None] = [None] * len(images)
        for up, group in _by_world_up(cameras):
            seen = [cameras[i] for i in group]
            answer = self._ask(
                function, np.stack([images[i] for i in group]), *(_take(one, group) for one in boxes),
                intrinsic_matrix=float32([camera.K for camera in seen]),
                distortion_coeffs=float32([NO_LENS if c.distortion is None else c.distortion for c in seen]),
                extrinsic_matrix=float32([_turn_only(camera) for camera in seen]),
                world_up_vector=float32(up), skeleton=SKELETON, num_aug=options.num_aug, average_aug=True,
                internal_batch_size=options.internal_batch_size, **detecting,
            )  # fmt: skip
            for index, one in zip(group, self._people(answer, seen), strict=True):
                people[index] = one
        return [one for one in people if one is not None]

    def _people(self, answer: Any, cameras: Sequence[Camera]) -> Iterator[People]:
        if not isinstance(answer, dict) or not {"poses3d", "poses2d"} <= answer.keys():
            raise UserError(
                f"{self._folder}: this model does not answer poses3d and poses2d; use a current MeTRAbs model"
            )
        for index, camera in enumerate(cameras):
            poses3d = np.asarray(of_image(answer["poses3d"], index))
            boxes = np.asarray(of_image(answer["boxes"], index)) if "boxes" in answer else np.zeros((len(poses3d), 5))
            joints_turned = self._joints(poses3d, len(boxes), 3)
            raw_px = self._joints(of_image(answer["poses2d"], index), len(boxes), 2)
            joints_cam = joints_turned @ camera.R.T if len(boxes) else joints_turned
            joints_px = undistort(raw_px, camera.K, camera.distortion)
            lost = ~np.isfinite(joints_px)  # where the lens model has no way back from a far-off pixel
            joints_px[lost] = cam2pixel(joints_cam, camera.K)[lost]
            yield People(boxes.reshape(-1, 5).astype(np.float64), joints_px, joints_cam)


def _by_world_up(cameras: Sequence[Camera]) -> Iterator[tuple[np.ndarray, list[int]]]:
    """Indices of the cameras that share an up direction, in world axes: the model takes one for all images of a call."""
    ups = [-camera.R[1] if camera.world_up is None else camera.world_up for camera in cameras]
    for up in {tuple(up): up for up in ups}.values():
        yield up, [index for index, other in enumerate(ups) if tuple(other) == tuple(up)]


def _turn_only(camera: Camera) -> np.ndarray:
    """The camera's extrinsics (4, 4) without its place: answers come in world axes but from the camera's centre, so that
    single precision is spent on the person, however far off the world's origin lies."""
    matrix = np.eye(4)
    matrix[:3, :3] = camera.R
    return matrix


def _take(ragged: Any, group: Sequence[int]) -> Any:
    import tensorflow as tf  # noqa: PLC0415

    return tf.gather(ragged, list(group))
