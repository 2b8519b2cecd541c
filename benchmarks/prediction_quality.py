"""What --quality costs on the demo, and what following the person's square from frame to frame would save.

    python -m benchmarks.prediction_quality

It needs the zero-shot sets for their cameras and labels: python -m data.prepare --set DATA.root=data/demo/zero_shot_camera_1,
and so on. Nothing was trained on these cameras. predict.py's own modules run on the four videos, without smoothing.

Following: in each part of 64 frames the detector runs on the first one, and again where the landmark network has lost the
person (no person, or certainty below MIN_CERTAINTY); elsewhere the landmark network runs in the square that MediaPipe derives
from the landmarks of the frame before. Nobody else is seen in such a frame. Times are of the processor, with one thread, so
that they hold on a busy machine, too: decoding, extraction, joint features and network.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.pages import insert_between
from benchmarks.record import machine, made_by
from modules.cache import joint_features
from modules.config.paths import PROJECT_ROOT
from modules.config.schema import Config
from modules.config.sections import Data, Extract, TestTimeAugmentation
from modules.console import run_script
from modules.evaluation.testing import load_run
from modules.extractors.base import Estimate
from modules.extractors.blazepose.decoding import Square
from modules.extractors.blazepose.detector import MIN_CERTAINTY, BlazePose
from modules.extractors.blazepose.extractor import as_estimate
from modules.extractors.blazepose.people import detect_people
from modules.files.atomic import write_json
from modules.files.labels import read_label
from modules.pose_utils import Camera
from modules.predict.parts import Predictor, Setting, joined
from modules.predict.source import Selection, open_source
from modules.predict.view import CameraOptions, read_view
from modules.runs.checkpoints import RELEASED

RESULT = PROJECT_ROOT / "docs" / "results" / "prediction_quality.json"
PAGE = PROJECT_ROOT / "docs" / "predict.md"
CAMERAS = (1, 2, 3, 4)
VARIANTS: dict[str, tuple[TestTimeAugmentation, bool]] = {
    "best": ("adaptive", False), "best, following": ("adaptive", True), "fast": (False, False),
}  # fmt: skip
WEIGHTS = "heavy"


def main() -> None:
    """Measures all variants, writes the JSON, and the table into the page."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    torch.set_num_threads(1)
    result: dict[str, Any] = {"variants": {}, "machine": machine(), **made_by()}
    for name, (averages, follows) in VARIANTS.items():
        result["variants"][name] = measure(Extract(weights=WEIGHTS, test_time_augmentation=averages), follows)
        print(name, json.dumps(result["variants"][name]), flush=True)
    write_json(RESULT, result)
    table = format_table(result["variants"])
    insert_between(PAGE, "quality", table)
    print(table)


class Measured(Predictor):
    """A predictor on one thread that can follow the most confident person."""

    model: BlazePose
    averages: TestTimeAugmentation
    follows: bool
    detections = 0
    _square: Square | None = None

    def estimate(self, image: np.ndarray, camera: Camera) -> list[Estimate]:
        """See Predictor."""
        people = []
        if self._square is not None:
            found = self.model.detect_in(image, self._square, self.averages)
            people = [found] if found is not None and found.certainty >= MIN_CERTAINTY else []
        if not people:
            people = detect_people(self.model, image, self.averages)
            self.detections += 1
        self._square = people[0].next_square if people and self.follows else None
        return [replace(as_estimate(one, camera), people=len(people), person=i) for i, one in enumerate(people)]

    def _extract(self, part: int, progress: Any) -> tuple[list[dict[str, Any]], list[bytes]]:
        self._square = None
        return super()._extract(part, progress)


def measure(extract: Extract, follows: bool) -> dict[str, Any]:
    """Returns errors per camera (mm), processor time per image (ms) and in how many images the detector ran."""
    model = BlazePose(extract.weights, threads=1)
    errors, seconds, images, detections = [], 0.0, 0, 0
    for camera in CAMERAS:
        with _predictor(camera, extract) as predictor:
            predictor.model, predictor.averages, predictor.follows = model, extract.test_time_augmentation, follows
            began = time.process_time()
            people = joined([predictor.predict(part, lambda count: None) for part in range(predictor.parts)])
            seconds += time.process_time() - began
            first = people.take(people.person_index == 0)
            errors.append(float(np.linalg.norm(first.joints_mm - labels(camera)[first.image], axis=-1).mean()))
            images += len(first)
            detections += predictor.detections
    return {
        "world_mpjpe_mm": [round(error, 1) for error in errors], "mean_mm": round(float(np.mean(errors)), 1),
        "processor_ms": round(1000 * seconds / images, 1), "images": images, "detections": detections,
    }  # fmt: skip


@contextmanager
def _predictor(camera: int, extract: Extract) -> Iterator[Measured]:
    root = PROJECT_ROOT / "data" / "demo"
    view = read_view(root / f"zero_shot_camera_{camera}/task04_test/camera/1_demo_{camera}.json", CameraOptions())
    source = open_source([str(root / f"source/cam0{camera}.mp4")], Selection(), view)
    config = Config(EXTRACT=extract, DATA=Data(root="results/predict"))
    with tempfile.TemporaryDirectory() as folder:
        predictor = Measured(source, view, Setting(load_run(RELEASED), config), Path(folder))
        predictor._feature_extractor = joint_features.JointFeatureExtractor(predictor.features, 1)
        yield predictor


def labels(camera: int) -> np.ndarray:
    """Returns the reference joints of the frames, made from the other cameras: (100, 24, 3) world mm."""
    folder = PROJECT_ROOT / f"data/demo/zero_shot_camera_{camera}/task04_test/labels/1_demo"
    return np.stack([read_label(folder / f"3D_1_demo_{frame}.json") for frame in range(100)])


def format_table(variants: dict[str, Any]) -> str:
    """Returns a Markdown table with a row per variant."""
    lines = [
        "| demo's four videos, not smoothed | world MPJPE, mm | by camera | processor time per image, ms | detector ran |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, found in variants.items():
        cameras = ", ".join(f"{error:.1f}" for error in found["world_mpjpe_mm"])
        share = f"in {found['detections']} of {found['images']} images"
        lines.append(f"| {name} | {found['mean_mm']:.1f} | {cameras} | {found['processor_ms']:.0f} | {share} |")
    return "\n".join(lines)


if __name__ == "__main__":
    run_script(main)
