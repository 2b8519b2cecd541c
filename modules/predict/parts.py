"""Extracts and predicts a source part by part, into a cache in the output folder that a killed prediction resumes from.

    <output>/cache/poses, crops, joint_features-<network>     as modules/cache/store.py has them, one row per person and image
    <output>/cache/predictions/part-00000.npz                 what the network makes of a part

Only one part of the images is in memory at a time. Parts do not depend on each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from modules.cache import joint_features, store
from modules.cache.columns import read_parts
from modules.cache.estimates import estimate_columns
from modules.cache.table import Rows, lens_of, to_row
from modules.config.schema import Config
from modules.evaluation.prediction import predict_rows
from modules.evaluation.testing import TrainedRun
from modules.extractors import configured_fingerprint
from modules.extractors.base import Estimate, Hint
from modules.extractors.blazepose.extractor import BlazePoseExtractor
from modules.extractors.upright import size_of, turn_estimate, turn_hint, upright_view
from modules.files.atomic import atomic_path
from modules.files.hashing import digest, sha256_file
from modules.files.zip_files import read_npz
from modules.picture_turns import quarter_turns
from modules.pose_utils import Camera, distort
from modules.predict.source import Images
from modules.predict.view import View
from modules.recipes import recipe_of
from modules.utils import ahead

PREDICTIONS = "predictions"  # the folder of what the network makes of the parts


@dataclass(frozen=True)
class Setting:
    """What predicts, and how many images at a time."""

    run: TrainedRun
    config: Config  # its EXTRACT is how people are estimated
    batch: int = 64  # images of a part


@dataclass(frozen=True)
class People:
    """The people found in the images of a part, or of all parts: P rows, one for an image without anybody."""

    image: np.ndarray  # (P,) its place among the source's images
    found: np.ndarray  # (P,) bool
    person_index: np.ndarray  # (P,) in the extractor's order, the most confident first
    score: np.ndarray  # (P,)
    box_xywh: np.ndarray  # (P, 4) undistorted px
    confidence: np.ndarray  # (P, 24)
    outside: np.ndarray  # (P, 24) bool, whether a joint lies outside the image
    joints_mm: np.ndarray  # (P, 24, 3) in the frame of the answer; NaN where nobody was found
    log_error: np.ndarray  # (P, 24) before calibration, NaN where it is not predicted

    def __len__(self) -> int:
        return len(self.image)

    def take(self, which: np.ndarray) -> People:
        """Returns the rows at these indices, or where this mask is true."""
        return People(*(getattr(self, field.name)[which] for field in fields(self)))


@dataclass(frozen=True)
class ImageName:
    """The text columns of a cache row (modules.cache.table.ImageFields)."""

    file_name: str
    image_from_root: str
    sequence: str
    pose: str = ""
    person: str = ""
    camera: str = ""


class Predictor:
    """Fills the cache of one source with one run, part by part."""

    def __init__(self, source: Images, view: View, setting: Setting, folder: Path) -> None:
        self.source, self.view, self.folder = source, view, folder
        self.run, self.config, self.batch = setting.run, setting.config, setting.batch
        self.features = recipe_of(self.run.checkpoint).joint_features
        self._extractor: BlazePoseExtractor | None = None
        self._feature_extractor: joint_features.JointFeatureExtractor | None = None
        self._fingerprint = configured_fingerprint(self.config)
        self._weights = sha256_file(self.run.path)

    @property
    def parts(self) -> int:
        """The number of parts."""
        return -(-len(self.source.names) // self.batch)

    @property
    def key(self) -> str:
        """The digest of everything that determines the people of all parts."""
        return digest([self._prediction_key(part) for part in range(self.parts)])

    def images_in(self, part: int) -> range:
        """Returns the places of a part's images in the source."""
        return range(len(self.source.names))[part * self.batch : (part + 1) * self.batch]

    def people(self, part: int) -> People | None:
        """Returns the stored prediction of a part; None if it is missing, damaged or stale."""
        try:
            stored = read_npz(self._path(part))
            if str(stored["key"]) != self._prediction_key(part):
                return None
            return People(*(stored[field.name] for field in fields(People)))
        except (OSError, ValueError, KeyError):
            return None

    def rows(self) -> Rows:
        """Returns the cached rows of all parts, in the order of the people."""
        return store.read_rows(self.folder, self.parts)

    def drop_rest(self) -> None:
        """Removes the parts of an earlier prediction of more images."""
        store.drop_parts_from(self.folder, self.parts)
        for path in self.folder.glob(f"{PREDICTIONS}/part-*.npz"):
            if store.is_part_from(path, self.parts):
                path.unlink()

    def predict(self, part: int, progress: Callable[[int], Any]) -> People:
        """Extracts a part where it is not cached, predicts it, and stores the prediction."""
        names = [self.source.names[index] for index in self.images_in(part)]
        if store.part_exists(self.folder, part, names, self._key(part)):
            progress(len(names))
        else:
            extracted, crops = self._extract(part, progress)
            store.write_part(self.folder, part, extracted, crops, self._key(part))
        rows = read_parts(self.folder, [part])
        self._fill_joint_features(rows)
        people = self._predict(rows)
        with atomic_path(self._path(part)) as temporary, open(temporary, "wb") as file:
            np.savez(file, key=self._prediction_key(part), **{f.name: getattr(people, f.name) for f in fields(People)})
        return people

    def _extract(self, part: int, progress: Callable[[int], Any]) -> tuple[list[dict[str, Any]], list[bytes]]:
        """Returns the rows and crops of all people in a part's images."""
        rows: list[dict[str, Any]] = []
        crops: list[bytes] = []
        offset = 0
        for index, image in self._images(part):
            name = self.source.names[index]
            fields_of = ImageName(name, name, str(self.source.frame_index[index]))
            camera = self.view.camera_for(name, (image.shape[1], image.shape[0]))
            for estimate in self._people(index, image, camera) or (None,):
                values, crop = estimate_columns(camera, image, estimate, offset)
                values |= {"labelled": False, "extractor": BlazePoseExtractor.name, "fingerprint": self._fingerprint}
                rows.append(to_row(fields_of, camera, values))
                crops.append(crop)
                offset += len(crop)
            progress(1)
        return rows, crops

    def _people(self, index: int, image: np.ndarray, camera: Camera) -> list[Estimate]:
        """Returns the people in an image, or the one whom the source means."""
        hint = self.source.hint(index)
        return self.estimate(image, camera) if hint is None else self._estimate(image, camera, hint)

    def estimate(self, image: np.ndarray, camera: Camera) -> list[Estimate]:
        """Returns the people in an image (H, W, 3) uint8 RGB of this camera, the most confident first."""
        return self._estimate(image, camera, None)

    def _estimate(self, image: np.ndarray, camera: Camera, hint: Hint | None) -> list[Estimate]:
        """Returns everybody in an image, or at most the one whom the hint means."""
        if self._extractor is None:
            self._extractor = BlazePoseExtractor.from_config(self.config)
        turns = quarter_turns(camera)
        upright, upright_camera = upright_view(image, camera, turns)
        if hint is None:
            people = self._extractor.estimate_people([upright], [upright_camera])[0]
        else:
            wanted = turn_hint(hint, size_of(image), turns)
            found = self._extractor.estimate([upright], [upright_camera], [wanted])[0]
            people = [] if found is None else [found]
        return [turn_estimate(one, size_of(upright), -turns) for one in people]

    def _images(self, part: int) -> Iterator[tuple[int, np.ndarray]]:
        inside = self.images_in(part)
        return zip(inside, ahead(self.source.images(inside.start, inside.stop)), strict=True)

    def _fill_joint_features(self, rows: Rows) -> None:
        """Computes the joint features of a part's people, if the run needs them and they are missing."""
        people = rows.take(rows["found"].astype(bool))
        if self.features == "none":
            return
        people = people.take(~joint_features.have_joint_features(people, self.features))
        if len(people):
            if self._feature_extractor is None:
                self._feature_extractor = joint_features.JointFeatureExtractor(self.features)
            self._feature_extractor.write_part(people, people.crop_files[0], lambda count: None)

    def _predict(self, rows: Rows) -> People:
        predicted = predict_rows(self.config, self.run.checkpoint, self.run.path, rows)
        found = rows["found"].astype(bool)
        place = {name: index for index, name in enumerate(self.source.names)}
        width, height = rows["image_size"].T
        seen_px = [distort(rows["joints_px"][i], rows["K"][i], lens_of(rows, i)) for i in range(len(rows))]
        x, y = np.array(seen_px).reshape(-1, rows["joints_px"].shape[1], 2).transpose(2, 0, 1)
        outside = (x < -0.5) | (y < -0.5) | (x > width[:, None] - 0.5) | (y > height[:, None] - 0.5)
        nothing = np.full(predicted.world.shape[:2], np.nan)
        return People(
            image=np.array([place[name] for name in rows["file_name"]]),
            found=found,
            person_index=np.nan_to_num(rows["person_index"]).astype(int),
            score=rows["score"],
            box_xywh=rows["box_xywh"],
            confidence=rows["confidence"],
            outside=outside & found[:, None],
            joints_mm=np.where(found[:, None, None], predicted.world, np.nan),
            log_error=nothing if predicted.log_error is None else predicted.log_error,
        )

    def _path(self, part: int) -> Path:
        return self.folder / PREDICTIONS / f"part-{part:05d}.npz"

    def _prediction_key(self, part: int) -> str:
        return digest([self._key(part), self._weights])

    def _key(self, part: int) -> str:
        """Returns the digest of everything that determines a part's rows: images, camera, extractor, options."""
        inside, camera = self.images_in(part), self.view.camera
        numbers = [
            None if value is None else np.asarray(value).tolist()
            for value in (
                camera.K, camera.R, camera.t, camera.image_size, camera.distortion, camera.world_up, camera.floor_height_mm
            )
        ]  # fmt: skip
        names = [self.source.names[index] for index in inside]
        marks = self.source.marks(inside.start, inside.stop)
        turns = quarter_turns(camera)
        return digest([store.cache_options(), self._fingerprint, numbers, names, marks, *([turns] if turns else [])])


def joined(parts: list[People]) -> People:
    """Returns the people of all parts."""
    return People(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(People)))
