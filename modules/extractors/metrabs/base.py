"""The base class of all MeTRAbs models: joints mapped by name, calls and results checked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from model.skeleton import NUM_JOINTS
from modules.config.sections import Metrabs
from modules.extractors.metrabs.people import People
from modules.extractors.metrabs.saved_model import argument_names, first_line
from modules.files.joint_names import joint_order
from modules.pose_utils import Camera
from modules.utils import UserError


class Model:
    """A loaded MeTRAbs model. Subclasses know the functions of one kind of model."""

    kind = ""
    detects = False  # whether it has a detector of its own
    takes_boxes = True  # whether it estimates people in boxes of another detector
    needs_world_up = False
    thresholds: tuple[float, ...] = (0.005, 0.0001)  # of the detector: those of the original challenge entry

    def __init__(self, loaded: Any, folder: Path) -> None:
        self._loaded, self._folder = loaded, folder
        self._order = self._joint_order()

    def detect(
        self, images: Sequence[np.ndarray], cameras: Sequence[Camera], threshold: float, options: Metrabs
    ) -> list[People]:
        """Returns the people in each RGB image (H, W, 3) uint8; all images have the same size."""
        raise NotImplementedError

    def estimate(
        self, images: Sequence[np.ndarray], cameras: Sequence[Camera], boxes: Sequence[np.ndarray], options: Metrabs
    ) -> list[People]:
        """Returns the people in the given boxes (N, 5) of each image, in order; all images have the same size."""
        raise NotImplementedError

    def _joint_names(self) -> Any:
        """Returns the names of the joints as a tensor or array of bytes; None if the model does not state them."""
        parts = ("crop_model", "pose_estimator")
        owners: list[Any] = [self._loaded, *(getattr(self._loaded, name, None) for name in parts)]
        return next((owner.joint_names for owner in owners if hasattr(owner, "joint_names")), None)

    def _joint_order(self) -> list[int]:
        stated = self._joint_names()
        if stated is None:  # some early exports of the SMPL models: their joints are in SMPL's order
            return list(range(NUM_JOINTS))
        names = [
            name.decode() if isinstance(name, bytes) else str(name) for name in np.asarray(stated).ravel().tolist()
        ]
        try:
            order, recognised = joint_order(names)
        except ValueError as error:
            raise UserError(f"{self._folder}: this model {error}; use a MeTRAbs model with the SMPL skeleton") from None
        if not recognised:
            raise UserError(
                f"{self._folder}: the names of this model's joints are unknown ({', '.join(names[:3])}, ...); use a "
                "MeTRAbs model with the SMPL skeleton"
            )
        return order

    def _call(self, function: Any, *inputs: Any, **options: Any) -> Any:
        """Calls a function of the model with the options that it takes; None means the function's own default."""
        import tensorflow as tf  # noqa: PLC0415

        taken = set(argument_names(function))
        given = {name: value for name, value in options.items() if name in taken and value is not None}
        try:
            return function(*inputs, **given)
        except tf.errors.ResourceExhaustedError:
            raise UserError(
                f"{self._folder}: the model needs more memory than is available; lower METRABS.internal_batch_size or "
                "EXTRACT.batch_size and start again"
            ) from None
        except (TypeError, ValueError, LookupError, AttributeError, tf.errors.OpError) as error:
            raise UserError(
                f"{self._folder}: this model does not have the signature of MeTRAbs's published {self.kind} model "
                f"({first_line(error)}); use an export with that signature"
            ) from None

    def _smpl_joints(self, result: Any, count: int, size: int) -> np.ndarray:
        """Returns a result as joints (count, 24, size) float64 in SMPL order. Raises UserError if its shape differs."""
        values = np.asarray(result, dtype=np.float64)
        if count == 0 and values.size == 0:
            return np.zeros((0, NUM_JOINTS, size))
        if values.ndim != 3 or values.shape[0] != count or values.shape[1] != NUM_JOINTS or values.shape[2] < size:
            raise UserError(
                f"{self._folder}: this model returns joints of shape {values.shape} instead of ({count}, {NUM_JOINTS}, {size}"
                "); use a MeTRAbs model with the SMPL skeleton"
            )
        return values[:, self._order, :size]  # early exports return 2D joints with a third column
