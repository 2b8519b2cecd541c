"""What all MeTRAbs models share: people out of images, joints mapped by name, questions asked and answers checked.

TensorFlow is imported only where a model is loaded or asked, so that training can import this beside torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from modules.config import Metrabs
from modules.pose_utils import Camera, undistort
from modules.skeleton import NUM_JOINTS, joint_order
from modules.utils import UserError

LONGEST_REASON = 160  # characters of what TensorFlow says


@dataclass(frozen=True)
class People:
    """Everybody that a model sees in one image, in the detector's order."""

    boxes: np.ndarray  # (N, 5) left, top, width, height in px of the raw image, and the detector's score
    joints_px: np.ndarray  # (N, 24, 2) undistorted px, SMPL order
    joints_cam_mm: np.ndarray  # (N, 24, 3) camera axes, absolute

    def __len__(self) -> int:
        return len(self.boxes)

    def only(self, index: int | None) -> People:
        """One of them, or nobody."""
        kept = slice(0, 0) if index is None else slice(index, index + 1)
        return People(self.boxes[kept], self.joints_px[kept], self.joints_cam_mm[kept])

    def shifted(self, offset_px: np.ndarray) -> People:
        """The same people in an image of which this one was a region that began at `offset_px` (2,)."""
        boxes = self.boxes + np.concatenate([offset_px, np.zeros(3)])
        return replace(self, boxes=boxes, joints_px=self.joints_px + offset_px)


class Model:
    """What all kinds share: the mapping of their joints by name, and how they are asked and their answers checked."""

    kind = ""
    detects = False  # by itself, without boxes
    needs_world_up = False
    thresholds: tuple[float, ...] = (0.005, 0.0001)  # of the detector: the original entry's

    def __init__(self, loaded: Any, folder: Path) -> None:
        self._loaded, self._folder = loaded, folder
        self._order = self._joint_order()

    def detect(
        self, images: Sequence[np.ndarray], cameras: Sequence[Camera], threshold: float, options: Metrabs
    ) -> list[People]:
        """Everybody in each RGB image (H, W, 3) uint8; all images are of one size."""
        raise NotImplementedError

    def estimate(
        self, images: Sequence[np.ndarray], cameras: Sequence[Camera], boxes: Sequence[np.ndarray], options: Metrabs
    ) -> list[People]:
        """The people in the boxes (N, 5) of each image, in their order; all images are of one size."""
        raise NotImplementedError

    def _joint_names(self) -> Any:
        """The names of the joints, as a tensor or array of bytes; None where the model does not tell them."""
        parts = ("crop_model", "pose_estimator")
        owners: list[Any] = [self._loaded, *(getattr(self._loaded, name, None) for name in parts)]
        return next((owner.joint_names for owner in owners if hasattr(owner, "joint_names")), None)

    def _joint_order(self) -> list[int]:
        told = self._joint_names()
        if told is None:  # some early exports: they are SMPL's, in SMPL's order, as their names say
            return list(range(NUM_JOINTS))
        names = [name.decode() if isinstance(name, bytes) else str(name) for name in np.asarray(told).ravel().tolist()]
        try:
            order, recognised = joint_order(names)
        except ValueError as error:
            raise UserError(f"{self._folder}: this model {error}; use a MeTRAbs model with the SMPL skeleton") from None
        if not recognised:
            raise UserError(
                f"{self._folder}: this model's joints have no names that are known ({', '.join(names[:3])}, ...); use a "
                "MeTRAbs model with the SMPL skeleton"
            )
        return order

    def _ask(self, function: Any, *inputs: Any, **options: Any) -> Any:
        """Call a function of the model with those of the options that it takes; None is its own default."""
        import tensorflow as tf  # noqa: PLC0415

        taken = set(argument_names(function))
        given = {name: value for name, value in options.items() if name in taken and value is not None}
        try:
            return function(*inputs, **given)
        except tf.errors.ResourceExhaustedError:
            raise UserError(
                f"{self._folder}: the model needs more memory than there is; lower METRABS.internal_batch_size or "
                "EXTRACT.batch_size and start again"
            ) from None
        except (TypeError, ValueError, LookupError, AttributeError, tf.errors.OpError) as error:
            raise UserError(
                f"{self._folder}: this model does not take what MeTRAbs's published {self.kind} model takes "
                f"({first_line(error)}); use an export with that signature"
            ) from None

    def _joints(self, answer: Any, count: int, size: int) -> np.ndarray:
        """An answer as (count, 24, size) float64 in SMPL order. UserError where it has another shape."""
        values = np.asarray(answer, dtype=np.float64)
        if count == 0 and values.size == 0:
            return np.zeros((0, NUM_JOINTS, size))
        if values.ndim != 3 or values.shape[0] != count or values.shape[1] != NUM_JOINTS or values.shape[2] < size:
            raise UserError(
                f"{self._folder}: this model answers joints of shape {values.shape} where ({count}, {NUM_JOINTS}, {size}) "
                "is needed; use a MeTRAbs model with the SMPL skeleton"
            )
        return values[:, self._order, :size]  # early exports answer 2D joints with a third column


def argument_names(function: Any) -> tuple[str, ...]:
    """The names of the arguments that a function of a SavedModel takes."""
    return tuple(function.function_type.parameters)


def first_line(error: BaseException) -> str:
    """What an error says, as part of a sentence."""
    lines = str(error).strip().splitlines()
    return lines[0].strip().rstrip(".")[:LONGEST_REASON] if lines else type(error).__name__


def undistorted_box(box_xywh: np.ndarray, camera: Camera) -> np.ndarray:
    """The box (4,) around where the sides of a box of the raw image come to lie without the lens."""
    if camera.distortion is None:
        return box_xywh
    x, y, width, height = box_xywh
    share = np.linspace(0, 1, 9)
    sides = [(share, 0 * share), (share, 0 * share + 1), (0 * share, share), (0 * share + 1, share)]
    outline = np.concatenate([np.stack([x + u * width, y + v * height], -1) for u, v in sides])
    straight = undistort(outline, camera.K, camera.distortion)
    straight = straight[np.isfinite(straight).all(-1)]
    if len(straight) < 2:
        return box_xywh
    low, high = straight.min(0), straight.max(0)
    return np.concatenate([low, high - low])


def float32(values: Any) -> np.ndarray:
    return np.asarray(values, dtype=np.float32)


def ragged_boxes(rows: Sequence[np.ndarray], width: int) -> Any:
    """One row of boxes per image as a tensor [images, None, width] float32."""
    import tensorflow as tf  # noqa: PLC0415

    flat = np.concatenate([np.zeros((0, width)), *rows])
    return tf.RaggedTensor.from_row_lengths(float32(flat), [len(one) for one in rows])


def of_image(values: Any, index: int) -> Any:
    """One image's part of an answer, ragged or not, as an array."""
    part = values[index]
    return part.to_tensor().numpy() if hasattr(part, "to_tensor") else np.asarray(part)
