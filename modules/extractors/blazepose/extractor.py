"""BlazePose as an extractor: one person's 33 landmarks, undistorted and mapped to the 24 SMPL joints."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from model.skeleton import ROOT
from modules.config.engines import Engine
from modules.config.schema import Config
from modules.config.sections import TestTimeAugmentation
from modules.extractors.base import PERSON_BOX, Estimate, Hint
from modules.extractors.blazepose.decoding import Square
from modules.extractors.blazepose.detector import (
    MIN_CERTAINTY,
    MIN_CERTAINTY_BF16,
    MIN_POSE_SCORE,
    PERSON_TO_SQUARE,
    ROTATIONS,
    BlazePose,
    person_extent,
)
from modules.extractors.blazepose.landmarks import BOX_MARGIN, LANDMARKS_TO_SMPL24, Landmarks, person_box
from modules.extractors.blazepose.merging import AGREEMENT
from modules.extractors.blazepose.people import detect_people, other_people
from modules.extractors.blazepose.weights import BLAZEPOSE_FOLDER, are_present, check_weights, weight_paths
from modules.files.hashing import digest, sha256_file
from modules.pose_utils import Camera, undistort

DECODER_VERSION = 2  # raise it whenever the same image and weights would give other numbers
TTA_VERSION = 1  # likewise, with test-time augmentation
ADAPTIVE_VERSION = 1  # likewise, with adaptive test-time augmentation
BF16_VERSION = 1  # likewise, in bfloat16


class BlazePoseExtractor:
    """BlazePose behind the contract of `modules.extractors.base.Extractor`."""

    name = "blazepose"
    needs_world_up = False
    runs_in_workers = True

    def __init__(
        self,
        weights: str = "full",
        models_dir: Path = BLAZEPOSE_FOLDER,
        threads: int | None = None,
        test_time_augmentation: TestTimeAugmentation = False,
        engine: Engine | None = None,
    ) -> None:
        self._model = BlazePose(weights, models_dir, threads, engine)
        self._tta = test_time_augmentation
        self.fingerprint = self._fingerprint(check_weights(weights, models_dir), test_time_augmentation, engine)

    @classmethod
    def from_config(cls, config: Config, threads: int | None = None) -> BlazePoseExtractor:
        """Loads BlazePose with the config's weights, engine and test-time augmentation.

        Raises UserError if the weights are missing, or if this machine cannot run the engine.
        """
        extract = config.EXTRACT
        return cls(extract.weights, threads=threads, test_time_augmentation=extract.tta, engine=extract.chosen_engine)

    @classmethod
    def fingerprint_from_config(cls, config: Config) -> str | None:
        """Returns the fingerprint of `from_config(config)` without loading it; None if its weights are missing."""
        extract = config.EXTRACT
        return cls.fingerprint_of(extract.weights, test_time_augmentation=extract.tta, engine=extract.chosen_engine)

    @classmethod
    def fingerprint_of(
        cls,
        weights: str,
        models_dir: Path = BLAZEPOSE_FOLDER,
        test_time_augmentation: TestTimeAugmentation = False,
        engine: Engine | None = None,
    ) -> str | None:
        """Returns the fingerprint of an extractor with these weights; None if a file of them is missing."""
        if not are_present(weights, models_dir):
            return None
        return cls._fingerprint(weight_paths(weights, models_dir), test_time_augmentation, engine)

    @classmethod
    def _fingerprint(
        cls, paths: Sequence[Path], test_time_augmentation: TestTimeAugmentation, engine: Engine | None
    ) -> str:
        made_by = {
            "extractor": cls.name,
            "weights": {path.name: sha256_file(path) for path in paths},
            "decoder": [DECODER_VERSION, MIN_POSE_SCORE, BOX_MARGIN, ROTATIONS, cv2.__version__],
            "matrix": LANDMARKS_TO_SMPL24.tolist(),
        }
        # "several" is the old name of test-time augmentation; another key would make every existing cache stale.
        tta = {"several": [TTA_VERSION, MIN_CERTAINTY, AGREEMENT]} if test_time_augmentation else {}
        adaptive = {"adaptive": ADAPTIVE_VERSION} if test_time_augmentation == "adaptive" else {}
        # In float32 all engines give the same.
        precision = {"bf16": [BF16_VERSION, MIN_CERTAINTY_BF16]} if engine == "openvino-bf16" else {}
        return digest({**made_by, **tta, **adaptive, **precision})

    def estimate(
        self, images_rgb: Sequence[np.ndarray], cameras: Sequence[Camera], hints: Sequence[Hint | None] = ()
    ) -> list[Estimate | None]:
        """Returns one estimate per raw RGB image (H, W, 3) uint8, in order; None if no person was found."""
        hints = hints or [None] * len(images_rgb)
        return [self._estimate(*one) for one in zip(images_rgb, cameras, hints, strict=True)]

    def _estimate(self, image_rgb: np.ndarray, camera: Camera, hint: Hint | None) -> Estimate | None:
        """Returns the estimate of the most confident person, or of the one whom the hint means."""
        if hint is None:
            found = self._model.detect(image_rgb, self._tta)
        else:
            square = hinted_square(self._model.detect_squares(image_rgb), hint)
            found = None if square is None else self._model.detect_in(image_rgb, square, self._tta)
        if found is None:
            return None
        people = 1 + len(other_people(self._model, image_rgb, found))
        estimate = replace(as_estimate(found, camera), people=people)
        return estimate if hint is None else replace(estimate, choice=PERSON_BOX)

    def estimate_people(self, images_rgb: Sequence[np.ndarray], cameras: Sequence[Camera]) -> list[list[Estimate]]:
        """Returns the estimates of all people in each image; the first of an image is that of `estimate`."""
        estimates = []
        for image, camera in zip(images_rgb, cameras, strict=True):
            people = detect_people(self._model, image, self._tta)
            numbered = enumerate(as_estimate(found, camera) for found in people)
            estimates.append([replace(one, people=len(people), person=index) for index, one in numbered])
        return estimates


def hinted_square(squares: Sequence[Square], hint: Hint) -> Square | None:
    """Returns the square of the person whom a box or a point of the raw image means, among those that were detected.

    For a box without a detection of its size in it, it is the square around the box; for a point outside all people, None.
    """
    is_box = len(hint) == 4
    centre = hint[:2] + hint[2:] / 2 if is_box else hint
    fitting = []
    for square in squares:
        extent = person_extent(square)
        fits_box = is_box and _is_inside(square.centre, hint) and 0.5 < extent[2] / hint[2:].max() < 2
        if fits_box or (not is_box and _is_inside(hint, extent)):
            fitting.append(square)
    if fitting:
        return min(fitting, key=lambda square: float(np.linalg.norm(square.centre - centre)))
    return Square(centre, PERSON_TO_SQUARE * float(hint[2:].max())) if is_box else None


def _is_inside(point: np.ndarray, box_xywh: np.ndarray) -> bool:
    return bool(((box_xywh[:2] <= point) & (point <= box_xywh[:2] + box_xywh[2:])).all())


def as_estimate(found: Landmarks, camera: Camera) -> Estimate:
    """Returns the SMPL joints of a person seen by this camera, with the lens distortion removed.

    A landmark that no ray of the lens maps to leaves NaN in the px of the joints that depend on it.
    """
    landmarks_px = undistort(found.landmarks_px, camera.K, camera.distortion)
    has_ray = np.isfinite(landmarks_px).all(1)
    joints_px = LANDMARKS_TO_SMPL24 @ np.where(has_ray[:, None], landmarks_px, 0.0)
    joints_px[LANDMARKS_TO_SMPL24[:, ~has_ray].any(1)] = np.nan
    joints_mm = LANDMARKS_TO_SMPL24 @ found.world_landmarks_mm
    return Estimate(
        score=found.score,
        box_xywh=person_box(landmarks_px[has_ray], found.presence[has_ray]),
        joints_px=joints_px,
        confidence=LANDMARKS_TO_SMPL24 @ (found.visibility * found.presence),
        joints_rel_mm=joints_mm - joints_mm[ROOT],
    )
