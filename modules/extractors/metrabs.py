"""MeTRAbs, the reference extractor: SavedModels of 2021 and of today, run with TensorFlow in the extraction's process."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from modules.config import Metrabs, project_path
from modules.extractors.base import Estimate
from modules.extractors.blazepose import weight_paths as blazepose_paths
from modules.extractors.metrabs_base import People, undistorted_box
from modules.extractors.metrabs_find import BlazePoseFinder, Finder, choose, look, region_px
from modules.pose_utils import Camera
from modules.skeleton import NUM_JOINTS, ROOT
from modules.utils import UserError, digest, sha256_file
from pre_models.fetch import BLAZEPOSE_FOLDER
from pre_models.known import METRABS, PRE_MODELS, SAVED_MODEL, missing_sentence

VERSION = 1  # raise it whenever the same model would get other questions, or its answers be read otherwise
OWN, BLAZEPOSE = "own", "blazepose"
BLAZEPOSE_WEIGHTS = "full"


def find_folder(named: str) -> Path | None:
    """The folder of a SavedModel: a path, or a name in pre_models; None where there is none."""
    folders = (project_path(named), PRE_MODELS / named)
    return next((folder for folder in folders if (folder / SAVED_MODEL).is_file()), None)


def model_folder(named: str, key: str) -> Path:
    """As `find_folder`. UserError, which names the config's key, where there is none."""
    folder = find_folder(named)
    if folder is None and named in METRABS:
        raise UserError(f"{key}: {missing_sentence(named)}")
    if folder is None:
        raise UserError(
            f"{key}={named}: {project_path(named) / SAVED_MODEL} is missing; name a folder that holds a MeTRAbs SavedModel, or "
            f"one of {', '.join(METRABS)}; EXTRACT.extractor=blazepose needs none"
        )
    return folder


def folder_digest(folder: Path) -> str:
    """A SHA-256 of what a SavedModel's answers depend on: its graph, variables and assets."""
    parts = [folder / SAVED_MODEL, *folder.glob("variables/*"), *folder.glob("assets/*")]
    return digest({path.relative_to(folder).as_posix(): sha256_file(path) for path in parts if path.is_file()})


def second_detector(weights: str, options: Metrabs) -> str | None:
    """What finds people for a model that does not detect: the configured detector, or else what stands ready; None if nothing.

    A folder's path, or `blazepose`.
    """
    if options.detector == BLAZEPOSE:
        return BLAZEPOSE
    if options.detector not in (None, OWN):
        return str(model_folder(options.detector, "METRABS.detector"))
    for name in (f"{weights.rstrip('/')}_combined", "metrabs_multiperson_smpl_combined"):
        folder = find_folder(name)
        if folder is not None:
            return str(folder)
    return BLAZEPOSE if _blazepose_stands() else None


def _blazepose_stands() -> bool:
    return all(path.is_file() for path in blazepose_paths(BLAZEPOSE_WEIGHTS, BLAZEPOSE_FOLDER))


def all_stand(weights: str, options: Metrabs) -> bool:
    """Whether the model, and the detector where one is configured, are there."""
    if options.detector == BLAZEPOSE:
        detector_stands = _blazepose_stands()
    else:
        detector_stands = options.detector in (None, OWN) or find_folder(options.detector) is not None
    return detector_stands and find_folder(weights) is not None


class MetrabsExtractor:
    """MeTRAbs as `modules.extractors.base.Extractor`: who is seen, the one who is taken, and their joints without the lens."""

    name = "metrabs"

    def __init__(self, weights: str, options: Metrabs | None = None) -> None:
        from modules.extractors.metrabs_load import load_model  # noqa: PLC0415  (TensorFlow's only way in)

        self._options = options or Metrabs()
        self._model = load_model(model_folder(weights, "EXTRACT.weights"))
        self._finder = self._make_finder(weights)
        self.needs_world_up = self._model.needs_world_up
        self._weights = weights

    @cached_property
    def fingerprint(self) -> str:
        """Of hundreds of MB, so not before somebody asks."""
        return self._fingerprint(self._weights, self._options)

    @classmethod
    def fingerprint_of(cls, weights: str, options: Metrabs | None = None) -> str | None:
        """The fingerprint without the model; None where its weights, or the configured detector's, are absent."""
        options = options or Metrabs()
        return cls._fingerprint(weights, options) if all_stand(weights, options) else None

    @classmethod
    def _fingerprint(cls, weights: str, options: Metrabs) -> str:
        second = second_detector(weights, options)
        if second == BLAZEPOSE:
            detector = {path.name: sha256_file(path) for path in blazepose_paths(BLAZEPOSE_WEIGHTS, BLAZEPOSE_FOLDER)}
        else:  # for a model with a detector of its own it changes nothing, but which it is only loading it would tell
            detector = {} if second is None else {"model": folder_digest(Path(second))}
        weights_digest = folder_digest(model_folder(weights, "EXTRACT.weights"))
        return digest([cls.name, VERSION, weights_digest, detector, options.model_dump(mode="json")])

    def _make_finder(self, weights: str) -> Finder:
        """What finds people: the model itself, where it can and nothing else is configured."""
        from modules.extractors.metrabs_load import load_model  # noqa: PLC0415

        if self._model.detects and self._options.detector in (None, OWN):
            return self._model
        if self._options.detector == OWN:
            raise UserError(
                f"METRABS.detector=own: {weights} is a {self._model.kind} model, which has no detector; set it to null, to "
                "blazepose, or to a combined model"
            )
        second = second_detector(weights, self._options)
        if second is None:
            raise UserError(
                f"METRABS.detector: {weights} is a {self._model.kind} model, which has no detector, and none stands ready; "
                "run python -m pre_models.fetch blazepose, or set it to a combined model's folder"
            )
        if second == BLAZEPOSE:
            return BlazePoseFinder(BLAZEPOSE_WEIGHTS)
        detector = load_model(Path(second))
        if not detector.detects:
            raise UserError(
                f"METRABS.detector: {second} is a {detector.kind} model, which has no detector; name a combined or current one"
            )
        return detector

    def estimate(self, images_rgb: Sequence[np.ndarray], cameras: Sequence[Camera]) -> list[Estimate | None]:
        """One answer per raw RGB image (H, W, 3) uint8, in order; None where no person was found."""
        answers: list[Estimate | None] = [None] * len(images_rgb)
        for shape in {image.shape for image in images_rgb}:
            group = [index for index, image in enumerate(images_rgb) if image.shape == shape]
            found = self._estimate([images_rgb[i] for i in group], [cameras[i] for i in group])
            for index, one in zip(group, found, strict=True):
                answers[index] = one
        return answers

    def _estimate(self, images: Sequence[np.ndarray], cameras: Sequence[Camera]) -> list[Estimate | None]:
        """The answers for images of one size."""
        seen = look(self._finder, images, cameras, self._options)
        left, top, right, bottom = region_px(self._options.region, images[0])
        centre_px = np.array([left + right - 1, top + bottom - 1]) / 2
        picks = [choose(one.boxes, self._options.person, centre_px) if len(one) else None for one in seen]
        taken = [one.only(pick) for one, pick in zip(seen, picks, strict=True)]
        if self._finder is not self._model and any(len(one) for one in taken):
            taken = self._model.estimate(images, cameras, [one.boxes for one in taken], self._options)
        return [
            None if pick is None else self._answer(one, camera, len(everybody), pick)
            for one, camera, everybody, pick in zip(taken, cameras, seen, picks, strict=True)
        ]

    def _answer(self, taken: People, camera: Camera, people: int, person: int) -> Estimate:
        joints_cam = taken.joints_cam_mm[0]
        return Estimate(
            score=float(taken.boxes[0, 4]),
            box_xywh=undistorted_box(taken.boxes[0, :4], camera),
            joints_px=taken.joints_px[0],
            confidence=np.ones(NUM_JOINTS),  # MeTRAbs states none
            joints_rel_mm=joints_cam - joints_cam[ROOT],
            root_cam_mm=joints_cam[ROOT],
            people=people,
            person=person,
            choice=self._options.person,
        )
