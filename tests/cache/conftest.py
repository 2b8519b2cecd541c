"""A small split in parts of two rows, with an extractor whose estimates are known."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from modules.cache import extraction
from modules.config.schema import Config
from modules.config.sections import Data, Extract
from modules.extractors.base import Estimate
from modules.files.cameras import write_camera
from modules.files.labels import write_label
from modules.pose_utils import Camera
from tests.builders import estimate_of
from tests.conftest import looking_camera, standing_person


class MadeUpExtractor:
    """Estimates from the labels, so that every cached number is known; finds nobody in images of sequence 3."""

    name, fingerprint, needs_world_up, runs_in_workers = "blazepose", "made-up-1", False, False

    def __init__(self, people: dict[int, np.ndarray]) -> None:
        self.people, self.calls = people, 0
        self.stop_after: int | None = None

    def estimate(self, images_rgb: Sequence[np.ndarray], cameras: Sequence[Camera]) -> list[Estimate | None]:
        self.calls += len(images_rgb)
        if self.stop_after is not None and self.calls > self.stop_after:
            raise KeyboardInterrupt
        estimates: list[Estimate | None] = []
        for image, camera in zip(images_rgb, cameras, strict=True):
            sequence = round(image.mean() / 10)
            person = self.people[sequence]
            estimates.append(None if sequence == 3 else estimate_of(person, camera, np.random.default_rng(sequence), 0))
        return estimates


@pytest.fixture
def made(tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> tuple[Config, MadeUpExtractor]:
    """Six uniform grey images whose brightness is ten times the sequence number; parts of two rows."""
    folder = tmp_path / "task04_train"
    camera = looking_camera(rng, distortion=True)
    write_camera(folder / "camera" / "1_F_1.json", camera)
    people = {}
    for sequence in range(1, 7):
        people[sequence] = standing_person(rng)
        path = folder / "images" / "1_F_1" / f"1_F_1_{sequence}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.full((1080, 1920, 3), sequence * 10, np.uint8))
        if sequence != 5:
            write_label(folder / "labels" / "1_F" / f"3D_1_F_{sequence}.json", people[sequence])
    extractor = MadeUpExtractor(people)
    monkeypatch.setattr(extraction, "configured_extractor", lambda config: extractor)
    monkeypatch.setattr(extraction, "configured_fingerprint", lambda config: extractor.fingerprint)
    monkeypatch.setattr(extraction, "PART_ROWS", 2)
    return Config(DATA=Data(root=str(tmp_path)), EXTRACT=Extract(batch_size=1, workers=1)), extractor
