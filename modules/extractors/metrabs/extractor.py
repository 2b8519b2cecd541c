"""MeTRAbs as an extractor: one person selected per image, with joints in camera mm and without lens distortion."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from model.skeleton import NUM_JOINTS, ROOT
from modules.config.schema import Config
from modules.config.sections import Metrabs
from modules.extractors.base import PERSON_BOX, Estimate, Hint
from modules.extractors.metrabs.detection import detect_people, hinted_person, region_px, select_person
from modules.extractors.metrabs.detectors import detector_digest, detector_is_present, make_detector
from modules.extractors.metrabs.folders import find_folder, folder_digest, model_folder
from modules.extractors.metrabs.loading import load_model
from modules.extractors.metrabs.people import People, undistorted_box
from modules.files.hashing import digest
from modules.pose_utils import Camera

VERSION = 3  # raise it whenever the same model would be called, or its results be read, in another way


class MetrabsExtractor:
    """MeTRAbs behind the contract of `modules.extractors.base.Extractor`."""

    name = "metrabs"
    runs_in_workers = False  # TensorFlow uses all processors, or the GPU

    def __init__(self, weights: str, options: Metrabs | None = None) -> None:
        self._weights, self._options = weights, options or Metrabs()
        self._model = load_model(model_folder(weights, "EXTRACT.weights"))
        self._detector = make_detector(self._model, weights, self._options)
        self.needs_world_up = self._model.needs_world_up

    @classmethod
    def from_config(cls, config: Config, threads: int | None = None) -> MetrabsExtractor:
        """Loads the config's model and detector. Raises UserError if one is missing, damaged or of no use."""
        return cls(config.EXTRACT.weights, config.METRABS)

    @classmethod
    def fingerprint_from_config(cls, config: Config) -> str | None:
        """Returns the fingerprint of `from_config(config)` without loading it; None if its weights are missing."""
        return cls.fingerprint_of(config.EXTRACT.weights, config.METRABS)

    @cached_property
    def fingerprint(self) -> str:
        """The fingerprint, computed when it is first read: it hashes hundreds of MB."""
        return self._fingerprint(self._weights, self._options)

    @classmethod
    def fingerprint_of(cls, weights: str, options: Metrabs | None = None) -> str | None:
        """Returns the fingerprint without loading the model; None if its weights or the detector's are missing."""
        options = options or Metrabs()
        are_present = detector_is_present(options) and find_folder(weights) is not None
        return cls._fingerprint(weights, options) if are_present else None

    @classmethod
    def _fingerprint(cls, weights: str, options: Metrabs) -> str:
        weights_digest = folder_digest(model_folder(weights, "EXTRACT.weights"))
        made_by = [cls.name, VERSION, weights_digest, detector_digest(weights, options)]
        return digest([*made_by, options.model_dump(mode="json")])

    def estimate(
        self, images_rgb: Sequence[np.ndarray], cameras: Sequence[Camera], hints: Sequence[Hint | None] = ()
    ) -> list[Estimate | None]:
        """Returns one estimate per raw RGB image (H, W, 3) uint8, in order; None if no person was found."""
        hints = hints or [None] * len(images_rgb)
        estimates: list[Estimate | None] = [None] * len(images_rgb)
        for shape in {image.shape for image in images_rgb}:
            group = [index for index, image in enumerate(images_rgb) if image.shape == shape]
            found = self._estimate(
                [images_rgb[i] for i in group], [cameras[i] for i in group], [hints[i] for i in group]
            )
            for index, one in zip(group, found, strict=True):
                estimates[index] = one
        return estimates

    def _estimate(
        self, images: Sequence[np.ndarray], cameras: Sequence[Camera], hints: Sequence[Hint | None]
    ) -> list[Estimate | None]:
        """Returns the estimates for images of one size."""
        detected = detect_people(self._detector, images, cameras, self._options)
        left, top, right, bottom = region_px(self._options.region, images[0])
        centre_px = np.array([left + right - 1, top + bottom - 1]) / 2
        picks = [
            hinted_person(one.boxes, hint) if hint is not None
            else select_person(one.boxes, self._options.person, centre_px) if len(one) else None
            for one, hint in zip(detected, hints, strict=True)
        ]  # fmt: skip
        selected = [one.only(pick) for one, pick in zip(detected, picks, strict=True)]
        if self._detector is not self._model and any(len(one) for one in selected):
            selected = self._model.estimate(images, cameras, [one.boxes for one in selected], self._options)
        return [
            None if pick is None else self._as_estimate(one, camera, len(people), pick, hint)
            for one, camera, people, pick, hint in zip(selected, cameras, detected, picks, hints, strict=True)
        ]

    def _as_estimate(self, selected: People, camera: Camera, people: int, person: int, hint: Hint | None) -> Estimate:
        joints_cam = selected.joints_cam_mm[0]
        return Estimate(
            score=float(selected.boxes[0, 4]),
            box_xywh=undistorted_box(selected.boxes[0, :4], camera),
            joints_px=selected.joints_px[0],
            confidence=np.ones(NUM_JOINTS),  # MeTRAbs outputs none
            joints_rel_mm=joints_cam - joints_cam[ROOT],
            root_cam_mm=joints_cam[ROOT],
            people=people,
            person=person,
            choice=self._options.person if hint is None else PERSON_BOX,
        )
