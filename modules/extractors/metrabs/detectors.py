"""The person detector of a model: its own, or a second one for models that have none."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from model.skeleton import NUM_JOINTS
from modules.config.sections import Metrabs
from modules.extractors.blazepose import weights as blazepose_weights
from modules.extractors.blazepose.detector import BlazePose
from modules.extractors.metrabs.base import Model
from modules.extractors.metrabs.detection import Detector
from modules.extractors.metrabs.folders import find_folder, folder_digest, model_folder
from modules.extractors.metrabs.loading import load_model
from modules.extractors.metrabs.people import People
from modules.files.hashing import sha256_file
from modules.pose_utils import Camera
from modules.utils import UserError

OWN, BLAZEPOSE = "own", "blazepose"  # values of METRABS.detector
BLAZEPOSE_WEIGHTS = "full"


class BlazePoseDetector:
    """BlazePose as the detector of models that have none. It detects one person, at its own threshold."""

    thresholds: tuple[float, ...] = (0.5,)

    def __init__(self) -> None:
        self._model = BlazePose(BLAZEPOSE_WEIGHTS)

    def detect(
        self, images: Sequence[np.ndarray], cameras: Sequence[Camera], threshold: float, options: Metrabs
    ) -> list[People]:
        """Returns at most one person per image, without joints."""
        return [self._detect(image) for image in images]

    def _detect(self, image: np.ndarray) -> People:
        found = self._model.detect(np.ascontiguousarray(image))
        boxes = np.zeros((0, 5)) if found is None else np.append(found.box_xywh, found.score)[None].astype(np.float64)
        unknown = np.full((len(boxes), NUM_JOINTS, 3), np.nan)
        return People(boxes, unknown[..., :2], unknown)


def second_detector(weights: str, options: Metrabs) -> str | None:
    """Returns the detector of a model that has none: the configured one, else the first one that is present, else None.

    It is the path of a folder, or `blazepose`. Raises UserError if the configured one is missing.
    """
    if options.detector == BLAZEPOSE:
        return BLAZEPOSE
    if options.detector not in (None, OWN):
        return str(model_folder(options.detector, "METRABS.detector"))
    for name in (f"{weights.rstrip('/')}_combined", "metrabs_multiperson_smpl_combined"):
        folder = find_folder(name)
        if folder is not None:
            return str(folder)
    return BLAZEPOSE if blazepose_weights.are_present(BLAZEPOSE_WEIGHTS) else None


def detector_is_present(options: Metrabs) -> bool:
    """Returns whether the configured second detector's files exist; true if none is configured."""
    if options.detector == BLAZEPOSE:
        return blazepose_weights.are_present(BLAZEPOSE_WEIGHTS)
    return options.detector in (None, OWN) or find_folder(options.detector) is not None


def detector_digest(weights: str, options: Metrabs) -> dict[str, str]:
    """Returns the hashes of the second detector's files.

    They count even for a model that has a detector and does not use them: only loading it would tell.
    """
    second = second_detector(weights, options)
    if second == BLAZEPOSE:
        return {path.name: sha256_file(path) for path in blazepose_weights.weight_paths(BLAZEPOSE_WEIGHTS)}
    return {} if second is None else {"model": folder_digest(Path(second))}


def make_detector(model: Model, weights: str, options: Metrabs) -> Detector:
    """Returns the detector: the model itself, if it has one and no other is configured, else the second detector.

    Raises UserError if there is no detector.
    """
    if model.detects and options.detector in (None, OWN):
        return model
    if not model.takes_boxes:
        raise UserError(
            f"METRABS.detector={options.detector}: {weights} is a {model.kind} model, which takes no boxes of another "
            "detector; set it to null or own"
        )
    if options.detector == OWN:
        raise UserError(
            f"METRABS.detector=own: {weights} is a {model.kind} model, which has no detector; set it to null, to "
            "blazepose, or to a combined model"
        )
    second = second_detector(weights, options)
    if second is None:
        raise UserError(
            f"METRABS.detector: {weights} is a {model.kind} model, which has no detector, and none is present; "
            "run python -m pre_models.fetch blazepose, or set it to a combined model's folder"
        )
    if second == BLAZEPOSE:
        return BlazePoseDetector()
    detector = load_model(Path(second))
    if not detector.detects:
        raise UserError(
            f"METRABS.detector: {second} is a {detector.kind} model, which has no detector; set it to a combined or current one"
        )
    return detector
