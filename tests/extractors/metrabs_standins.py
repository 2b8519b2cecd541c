"""Stand-ins for MeTRAbs: SavedModels with its published signatures whose answers can be computed by hand.

    python -m tests.extractors.metrabs_standins FOLDER KIND[:VARIANT] ...

They detect people as rectangles of certain colours (`PEOPLE`), each with a score, and return `SHAPE_MM` placed on the ray
of a rectangle's centre, at the depth at which `HEIGHT_MM` is as high as the rectangle. Names, dtypes, shapes and ragged
dimensions are those of the real models; TensorFlow is imported here, so this runs in a process of its own.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import tensorflow as tf

from tests.extractors.metrabs_truth import (
    HEIGHT_MM,
    JOINT_NAMES_METRABS,
    PEOPLE,
    SHAPE_MM,
    SHUFFLE,
    TOLERANCE,
    stretch,
)

T = tf.TensorSpec
RAGGED_BOXES = tf.RaggedTensorSpec((None, None, 4), tf.float32, ragged_rank=1)


def find_boxes(image: tf.Tensor, threshold: tf.Tensor) -> tf.Tensor:
    """Rectangles of the people's colours whose score reaches the threshold: (N, 5) float32."""
    boxes = []
    for colour, score in PEOPLE:
        mask = tf.reduce_all(tf.abs(tf.cast(image, tf.int32) - tf.constant(colour, tf.int32)) <= TOLERANCE, -1)
        where = tf.cast(tf.where(mask), tf.float32)
        is_there = tf.logical_and(tf.shape(where)[0] > 0, threshold <= score)
        low = tf.reduce_min(tf.concat([where, [[1e6, 1e6]]], 0), 0)
        high = tf.reduce_max(tf.concat([where, [[-1.0, -1.0]]], 0), 0)
        box = tf.stack([low[1], low[0], high[1] - low[1] + 1, high[0] - low[0] + 1, score])
        boxes.append(tf.boolean_mask(box[None], is_there[None]))
    return tf.concat(boxes, 0)


def lens(xy: tf.Tensor, k: tf.Tensor) -> tf.Tensor:
    """OpenCV's k1, k2, p1, p2, k3 on normalised points (..., 2)."""
    x, y = xy[..., 0], xy[..., 1]
    r2 = x * x + y * y
    radial = 1 + r2 * (k[0] + r2 * (k[1] + r2 * k[4]))
    dx = 2 * k[2] * x * y + k[3] * (r2 + 2 * x * x)
    dy = k[2] * (r2 + 2 * y * y) + 2 * k[3] * x * y
    return tf.stack([x * radial + dx, y * radial + dy], -1)


def place(boxes: tf.Tensor, K: tf.Tensor, k: tf.Tensor, turn: tf.Tensor, num_aug: tf.Tensor) -> tf.Tensor:
    """The people of boxes (N, 4+) in camera axes (N, 24, 3), their shape rotated by `turn` (3, 3)."""
    centre = boxes[:, :2] + (boxes[:, 2:4] - 1) / 2
    homogeneous = tf.concat([centre, tf.ones_like(centre[:, :1])], -1)
    seen = (homogeneous @ tf.transpose(tf.linalg.inv(K)))[:, :2]
    straight = seen
    for _ in tf.range(40):  # one loop of the graph, not forty pieces of it
        straight = straight + seen - lens(straight, k)
    depth = K[1, 1] * HEIGHT_MM / boxes[:, 3]
    root = tf.concat([straight, tf.ones_like(straight[:, :1])], -1) * depth[:, None]
    shape = tf.constant(SHAPE_MM, tf.float32) @ tf.transpose(turn)
    return root[:, None] + shape * stretch(tf.cast(num_aug, tf.float32))


def to_pixels(joints: tf.Tensor, K: tf.Tensor, k: tf.Tensor) -> tf.Tensor:
    xy = lens(joints[..., :2] / joints[..., 2:], k)
    return tf.concat([xy, tf.ones_like(xy[..., :1])], -1) @ tf.transpose(K[:2])


def names(variant: str) -> tf.Variable:
    order = SHUFFLE if variant == "shuffled" else range(24)
    found = ["a", "b", "c"] if variant == "foreign" else [JOINT_NAMES_METRABS[i] for i in order]
    return tf.Variable(found, trainable=False)


def reorder(joints: tf.Tensor, variant: str) -> tf.Tensor:
    return tf.gather(joints, SHUFFLE, axis=-2) if variant == "shuffled" else joints


NO_LENS = (0.0,) * 5
UNKNOWN_K = (((-1.0,) * 3,) * 3,)
NO_EXTRINSICS = (tuple(map(tuple, np.eye(4).tolist())),)
EYE = tf.constant(np.eye(3), tf.float32)


class Multiperson(tf.Module):
    """metrabs_multiperson_smpl."""

    def __init__(self, variant: str) -> None:
        super().__init__()
        self._variant = variant
        if variant != "nameless":
            self.joint_names = names(variant)

    def _poses(self, boxes: tf.Tensor, K: tf.Tensor, n_aug: tf.Tensor) -> tf.Tensor:
        return reorder(place(boxes, K, tf.constant(NO_LENS), EYE, n_aug), self._variant)

    @tf.function(input_signature=[
        T((None, None, 3), tf.uint8), T((3, 3), tf.float32), T((None, 4), tf.float32), T((), tf.int32), T((), tf.int32),
    ])  # fmt: skip
    def predict_single_image(
        self, image: Any, intrinsic_matrix: Any, boxes: Any, internal_batch_size: Any = 64, n_aug: Any = 5
    ) -> Any:
        return self._poses(boxes, intrinsic_matrix, n_aug)

    @tf.function(input_signature=[
        T((None, None, None, 3), tf.uint8), T((None, 3, 3), tf.float32), RAGGED_BOXES, T((), tf.int32), T((), tf.int32),
    ])  # fmt: skip
    def predict_multi_image(
        self, images: Any, intrinsic_matrix: Any, boxes: Any, internal_batch_size: Any = 64, n_aug: Any = 5
    ) -> Any:
        if tf.shape(intrinsic_matrix)[0] == 1:
            intrinsic_matrix = tf.repeat(intrinsic_matrix, tf.shape(images)[0], 0)
        counts = boxes.row_lengths()
        poses = tf.TensorArray(tf.float32, size=tf.shape(images)[0], element_shape=(None, 24, 3), infer_shape=False)
        for index in tf.range(tf.shape(images)[0]):
            poses = poses.write(index, self._poses(boxes[index], intrinsic_matrix[index], n_aug))
        return tf.RaggedTensor.from_row_lengths(poses.concat(), counts)


class Combined(tf.Module):
    """metrabs_multiperson_smpl_combined."""

    def __init__(self, variant: str) -> None:
        super().__init__()
        self._variant = variant
        if variant not in ("nameless", "early"):
            self.joint_names = names(variant)
        if variant == "early":
            self.crop_model = tf.Module()
            self.crop_model.joint_names = names(variant)

    @tf.function(input_signature=[
        T((None, None, 3), tf.uint8), T((None, None), tf.float32), T((), tf.float32), T((), tf.float32), T((), tf.bool),
        T((), tf.int32), T((), tf.int32),
    ])  # fmt: skip
    def predict_single_image(
        self, image: Any, intrinsics: Any = ((),), detector_threshold: Any = 0.5, detector_nms_iou_threshold: Any = 0.4,
        detector_flip_aug: Any = False, internal_batch_size: Any = 64, n_aug: Any = 5,
    ) -> Any:  # fmt: skip
        K = tf.reshape(intrinsics, (3, 3)) if tf.size(intrinsics) == 9 else tf.constant(np.eye(3), tf.float32)
        detections = find_boxes(image, detector_threshold)
        joints = place(detections, K, tf.constant(NO_LENS), EYE, n_aug)
        pixels = to_pixels(joints, K, tf.constant(NO_LENS))
        if self._variant == "early":  # as they left their homogeneous third column on
            pixels = tf.concat([pixels, tf.ones_like(pixels[..., :1])], -1)
        return detections, reorder(joints, self._variant), reorder(pixels, self._variant)


class CombinedBatched(Combined):
    """The same with the batched function that the published source has beside it."""

    @tf.function(input_signature=[
        T((None, None, None, 3), tf.uint8), T((None, None, None), tf.float32), T((), tf.float32), T((), tf.float32),
        T((), tf.bool), T((), tf.int32), T((), tf.int32),
    ])  # fmt: skip
    def predict_multi_image(
        self, image: Any, intrinsics: Any = (((),),), detector_threshold: Any = 0.5,
        detector_nms_iou_threshold: Any = 0.4, detector_flip_aug: Any = False, internal_batch_size: Any = 64,
        n_aug: Any = 5,
    ) -> Any:  # fmt: skip
        images = tf.shape(image)[0]
        parts = [
            tf.TensorArray(tf.float32, size=images, element_shape=shape, infer_shape=False)
            for shape in ((None, 5), (None, 24, 3), (None, 24, 2))
        ]
        counts = tf.TensorArray(tf.int64, size=images)
        for index in tf.range(images):
            answer = self.predict_single_image(
                image[index], intrinsics[index], detector_threshold, detector_nms_iou_threshold, detector_flip_aug,
                internal_batch_size, n_aug,
            )  # fmt: skip
            parts = [part.write(index, values) for part, values in zip(parts, answer, strict=True)]
            counts = counts.write(index, tf.shape(answer[0], tf.int64)[0])
        return tuple(tf.RaggedTensor.from_row_lengths(part.concat(), counts.stack()) for part in parts)


class Singleperson(tf.Module):
    """metrabs_singleperson_smpl: the shape on the crop's axis, the farther the brighter the crop."""

    def __init__(self, variant: str) -> None:
        super().__init__()
        self._variant = variant
        if variant != "nameless":
            self.joint_names = names(variant)

    @tf.function(input_signature=[T((None, 256, 256, 3), tf.float16), T((None, 3, 3), tf.float32)])
    def __call__(self, crops: Any, intrinsic_matrix: Any) -> Any:
        brightness = tf.reduce_mean(tf.cast(crops, tf.float32), (1, 2, 3))
        depth = intrinsic_matrix[:, 0, 0] * HEIGHT_MM / 256 + 100 * brightness
        root = tf.stack([0 * depth, 0 * depth, depth], -1)
        return reorder(root[:, None] + tf.constant(SHAPE_MM, tf.float32), self._variant)


class Current(tf.Module):
    """metrabs_s, _l, _xl."""

    def __init__(self, variant: str) -> None:
        super().__init__()
        self._variant = variant
        skeletons = ["coco_19"] if variant == "coco" else ["smpl_24", "coco_19"]
        self.per_skeleton_joint_names = {name: names(variant) for name in skeletons}

    @tf.function(input_signature=[
        T((None, None, None, 3), tf.uint8), T((None, 3, 3), tf.float32), T((None, None), tf.float32),
        T((None, 4, 4), tf.float32), T((3,), tf.float32), T((), tf.float32), T((), tf.int32), T((), tf.int32),
        T((), tf.int32), T((), tf.bool), T((), tf.string), T((), tf.float32), T((), tf.float32), T((), tf.int32),
        T((), tf.bool), T((), tf.bool),
    ])  # fmt: skip
    def detect_poses_batched(
        self, images: Any, intrinsic_matrix: Any = UNKNOWN_K, distortion_coeffs: Any = (NO_LENS,),
        extrinsic_matrix: Any = NO_EXTRINSICS, world_up_vector: Any = (0.0, -1.0, 0.0),
        default_fov_degrees: Any = 55.0, internal_batch_size: Any = 64, antialias_factor: Any = 1, num_aug: Any = 5,
        average_aug: Any = True, skeleton: Any = "", detector_threshold: Any = 0.3,
        detector_nms_iou_threshold: Any = 0.7, max_detections: Any = -1, detector_flip_aug: Any = False,
        suppress_implausible_poses: Any = True,
    ) -> Any:  # fmt: skip
        found = tf.TensorArray(tf.float32, size=tf.shape(images)[0], element_shape=(None, 5), infer_shape=False)
        counts = tf.TensorArray(tf.int64, size=tf.shape(images)[0])
        for index in tf.range(tf.shape(images)[0]):
            here = find_boxes(images[index], detector_threshold)
            found = found.write(index, here)
            counts = counts.write(index, tf.shape(here, tf.int64)[0])
        boxes, counts = found.concat(), counts.stack()
        answer = self.estimate_poses_batched(  # a call in the graph, which is traced once for both functions
            images, tf.RaggedTensor.from_row_lengths(boxes[:, :4], counts), intrinsic_matrix, distortion_coeffs,
            extrinsic_matrix, world_up_vector, default_fov_degrees, internal_batch_size, antialias_factor, num_aug,
            average_aug, skeleton,
        )  # fmt: skip
        return {"boxes": tf.RaggedTensor.from_row_lengths(boxes, counts), **answer}

    @tf.function(input_signature=[
        T((None, None, None, 3), tf.uint8), RAGGED_BOXES, T((None, 3, 3), tf.float32), T((None, None), tf.float32),
        T((None, 4, 4), tf.float32), T((3,), tf.float32), T((), tf.float32), T((), tf.int32), T((), tf.int32),
        T((), tf.int32), T((), tf.bool), T((), tf.string),
    ])  # fmt: skip
    def estimate_poses_batched(
        self, images: Any, boxes: Any, intrinsic_matrix: Any = UNKNOWN_K, distortion_coeffs: Any = (NO_LENS,),
        extrinsic_matrix: Any = NO_EXTRINSICS, world_up_vector: Any = (0.0, -1.0, 0.0),
        default_fov_degrees: Any = 55.0, internal_batch_size: Any = 64, antialias_factor: Any = 1, num_aug: Any = 5,
        average_aug: Any = True, skeleton: Any = "",
    ) -> Any:  # fmt: skip
        K, k, extrinsics, up = intrinsic_matrix, distortion_coeffs, extrinsic_matrix, world_up_vector
        count = tf.cast(boxes.nrows(), tf.int32)
        size = tf.where(skeleton == "smpl_24", 24, 0)  # as the real one: an unknown skeleton has no joints
        in_world = tf.TensorArray(tf.float32, size=count, element_shape=(None, None, 3), infer_shape=False)
        in_image = tf.TensorArray(tf.float32, size=count, element_shape=(None, None, 2), infer_shape=False)
        for index in tf.range(count):
            one_K, one_k, Rt = (values[tf.minimum(index, tf.shape(values)[0] - 1)] for values in (K, k, extrinsics))
            joints = place(boxes[index], one_K, one_k, turn_to(tf.linalg.matvec(Rt[:3, :3], up)), num_aug)
            pixels = reorder(to_pixels(joints, one_K, one_k), self._variant)
            world = reorder((joints - Rt[:3, 3]) @ Rt[:3, :3], self._variant)
            in_world = in_world.write(index, world[:, :size])
            in_image = in_image.write(index, pixels[:, :size])
        counts = boxes.row_lengths()
        return {
            "poses3d": tf.RaggedTensor.from_row_lengths(in_world.concat(), counts),
            "poses2d": tf.RaggedTensor.from_row_lengths(in_image.concat(), counts),
        }


def turn_to(up_cam: tf.Tensor) -> tf.Tensor:
    """The smallest rotation (3, 3) that takes the camera's up (0, -1, 0) to `up_cam` (Rodrigues)."""
    a, b = tf.constant([0.0, -1, 0]), up_cam / tf.norm(up_cam)
    v, c = tf.linalg.cross(a, b), tf.reduce_sum(a * b)
    zero = tf.zeros(())
    cross = tf.stack([tf.stack([zero, -v[2], v[1]]), tf.stack([v[2], zero, -v[0]]), tf.stack([-v[1], v[0], zero])])
    return EYE + cross + cross @ cross / (1 + c)


KINDS = {
    "multiperson": Multiperson, "combined": Combined, "batched": CombinedBatched, "singleperson": Singleperson,
    "current": Current,
}  # fmt: skip


class Foreign(tf.Module):
    """Some other SavedModel."""

    @tf.function(input_signature=[T((None,), tf.float32)])
    def double(self, x: Any) -> Any:
        return 2 * x


def export(folder: Path, kind: str, variant: str = "") -> None:
    """Write one stand-in into a folder."""
    module = Foreign() if kind == "foreign" else KINDS[kind](variant)
    tf.saved_model.save(module, str(folder))


if __name__ == "__main__":
    for wanted in sys.argv[2:]:
        kind, _, variant = wanted.partition(":")
        export(Path(sys.argv[1]) / wanted.replace(":", "_"), kind, variant)
