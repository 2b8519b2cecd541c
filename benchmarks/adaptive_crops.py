"""What adaptive test-time augmentation costs and saves: crops, processor time and world errors of the released weights.

    python -m benchmarks.adaptive_crops

The images are the demo's validation images of all four cameras and the training part of benchmarks.competition_set with its
declared floor (python -m benchmarks.competition_set). The released weights were trained on none of these people. Every image
is estimated from one crop, from two, and from all; the adaptive rows take for each image what the certainty of its first crop
asks for, so that all rows see the same crops. Rows with a number, which are not offered, are content with one crop where its
certainty is above that number. Times are of the processor, with one thread: landmarks of decoded images alone.
The result is docs/results/adaptive_crops.json; its table is written into docs/accuracy.md.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch

from benchmarks.competition_set import DECLARED, OUT
from benchmarks.pages import ACCURACY_PAGE, insert_between
from benchmarks.record import machine, made_by
from modules import metrics
from modules.cache import columns, joint_features, store
from modules.cache.estimates import estimate_columns, label_columns
from modules.cache.table import to_row
from modules.config.paths import PROJECT_ROOT
from modules.config.schema import Config
from modules.config.sections import Data
from modules.console import progress, run_script
from modules.evaluation.prediction import predict_rows
from modules.evaluation.testing import TrainedRun, load_run
from modules.extractors.blazepose.detector import MIN_CERTAINTY, BlazePose
from modules.extractors.blazepose.extractor import as_estimate
from modules.extractors.blazepose.landmarks import Landmarks
from modules.extractors.blazepose.merging import merge_landmarks
from modules.files.atomic import write_json
from modules.files.cameras import read_camera
from modules.files.images import read_image
from modules.files.labels import read_label, read_validation_list
from modules.files.layout import Frame, list_frames
from modules.inference.baselines import place_least_squares
from modules.runs.checkpoints import RELEASED
from modules.utils import UserError

RESULT = PROJECT_ROOT / "docs" / "results" / "adaptive_crops.json"
THRESHOLDS = (MIN_CERTAINTY, 0.75, 0.8, 0.85, 0.9)  # of certainty, above which one crop might be enough
METRICS = ("world_mpjpe", "root", "root_relative_mpjpe")  # of the released weights
LEAST_SQUARES = "least_squares"  # world MPJPE of the extractor alone
ONE, TWO, ALL = "one", "two", "all"


@dataclass(frozen=True)
class Seen:
    """One way to estimate one image."""

    landmarks: Landmarks
    crops: int  # runs of the landmark network
    seconds: float  # of the processor


def main() -> None:
    """Measures both sets, writes the JSON, and the table into the page."""
    measure_sets(__doc__, RESULT, "adaptive", measure, format_table)


def measure_sets(
    description: str | None,
    path: Path,
    mark: str,
    measure_set: Callable[[Sequence[Frame]], dict[str, Any]],
    as_table: Callable[[dict[str, Any]], str],
) -> None:
    """Measures both sets by the benchmark of this name, writes the JSON, and the table between the page's marks."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, default=1, help="only each N-th image, and nothing is stored")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    result: dict[str, Any] = {"command": f"python -m benchmarks.{path.stem}", **made_by(), "machine": machine()}
    result["sets"] = {name: measure_set(frames[:: arguments.every]) for name, frames in image_sets().items()}
    table = as_table(result["sets"])
    print(table)
    if arguments.every == 1:
        write_json(path, result)
        insert_between(ACCURACY_PAGE, mark, table)


def image_sets() -> dict[str, list[Frame]]:
    """Returns the labelled images of each set. Raises UserError if one is missing."""
    demo: list[Frame] = []
    for camera in (1, 2, 3, 4):  # each with the labels of one rotation in which it trains
        root = PROJECT_ROOT / f"data/demo/test_camera_{camera % 4 + 1}"
        listed = read_validation_list(root)
        if listed is None:
            raise UserError(f"{root}: the demo is missing; run python -m data.demo.prepare --test-camera all")
        demo += [f for f in list_frames(root, "train") if f.file_name in listed and f.camera == str(camera)]
    root = PROJECT_ROOT / OUT / DECLARED
    if not root.is_dir():
        raise UserError(f"{root}: the set is missing; run python -m benchmarks.competition_set")
    return {"Demo, validation": demo, "Competition's layout, training people": list_frames(root, "train")}


def measure(frames: Sequence[Frame]) -> dict[str, Any]:
    """Returns the summary of every way to look at these images."""
    counter = Counter()
    found = [ways_of(counter, frame) for frame in progress(frames, "estimate", "image")]
    certainty = np.array([one[ONE].landmarks.certainty for one in found])
    errors = world_errors(frames, {way: [one[way].landmarks for one in found] for way in (ONE, TWO, ALL)})
    rows = {"one crop": [ONE] * len(found)}
    for threshold in (*THRESHOLDS, None):
        name = "adaptive" if threshold is None else f"adaptive, one crop above {threshold:g}"
        one_above = np.inf if threshold is None else threshold
        rows[name] = [ALL if c <= MIN_CERTAINTY else ONE if c > one_above else TWO for c in certainty]
    rows["all crops"] = [ALL] * len(found)
    return {"images": len(found), "rows": {name: summary(chosen, found, errors) for name, chosen in rows.items()}}


class Counter(BlazePose):
    """BlazePose with one thread, which counts the runs of its landmark network."""

    def __init__(self) -> None:
        super().__init__("heavy", threads=1)
        self.crops = 0

    def estimate_landmarks(self, image_rgb: np.ndarray, *square: Any, **how: Any) -> Landmarks | None:
        """See BlazePose."""
        self.crops += 1
        return super().estimate_landmarks(image_rgb, *square, **how)


def ways_of(model: Counter, frame: Frame) -> dict[str, Seen]:
    """Returns one image's person, estimated from one crop, from two, and from all."""
    image = read_image(frame.image_path, read_camera(frame.camera_path).image_size)
    model.crops, began = 0, time.process_time()
    first = model.detect(image)
    if first is None:
        raise UserError(f"{frame.image_path}: nobody was found; leave this image out")
    seen = {ONE: Seen(first, model.crops, time.process_time() - began)}
    second = model.estimate_landmarks(image, first.next_square, mirrored=True)
    two = first if second is None else merge_landmarks([first, second])
    seen[TWO] = Seen(two, model.crops, time.process_time() - began)
    model.crops, began = 0, time.process_time()
    whole = model.detect(image, True)
    assert whole is not None
    seen[ALL] = Seen(whole, model.crops, time.process_time() - began)
    return seen


def world_errors(
    frames: Sequence[Frame], people_by_way: Mapping[str, Sequence[Landmarks]]
) -> dict[str, dict[str, np.ndarray]]:
    """Returns each image's metrics by way, mm: METRICS of the released weights, and LEAST_SQUARES."""
    run = load_run(RELEASED)
    features = joint_features.JointFeatureExtractor(str(run.checkpoint["spec"]["joint_features"]), 1)
    errors = {}
    for way in progress(list(people_by_way), "predict", "way"):
        people = list(zip(frames, people_by_way[way], strict=True))
        with tempfile.TemporaryDirectory() as folder:
            errors[way] = _predicted(run, features, Path(folder), people)
    return errors


def _predicted(
    run: TrainedRun,
    features: joint_features.JointFeatureExtractor,
    folder: Path,
    people: Sequence[tuple[Frame, Landmarks]],
) -> dict[str, np.ndarray]:
    """Returns the metrics of these people, one value per image, with their cache in this folder."""
    rows, crops, offset = [], [], 0
    for frame, found in people:
        camera = read_camera(frame.camera_path)
        image = read_image(frame.image_path, camera.image_size)
        values, crop = estimate_columns(camera, image, as_estimate(found, camera), offset)
        labels = label_columns(read_label(frame.label_path), camera, frame)
        rows.append(to_row(frame, camera, {**values, **labels, "extractor": "blazepose", "fingerprint": ""}))
        crops.append(crop)
        offset += len(crop)
    store.write_part(folder, 0, rows, crops, "adaptive_crops")
    cached = columns.read_parts(folder, [0])
    features.write_part(cached, cached.crop_files[0], lambda count: None)
    config = Config(DATA=Data(root="results/predict"))  # a root that nothing was trained on
    world, truth = predict_rows(config, run.checkpoint, run.path, cached).world, cached["joints_world_mm"]
    each = [metrics.evaluate(world[i : i + 1], truth[i : i + 1]) for i in range(len(cached))]
    placed = np.linalg.norm(place_least_squares(cached.columns) - truth, axis=-1).mean(-1)
    return {**{name: np.array([one[name] for one in each]) for name in METRICS}, LEAST_SQUARES: placed}


def summary(chosen: Sequence[str], found: Sequence[dict[str, Seen]], errors: dict[str, Any]) -> dict[str, float]:
    """Returns means over the images, and the standard error of the difference of world errors from all crops, mm."""
    used = [one[way] for one, way in zip(found, chosen, strict=True)]
    of = {name: np.array([errors[way][name][i] for i, way in enumerate(chosen)]) for name in (*METRICS, LEAST_SQUARES)}
    difference = of["world_mpjpe"] - errors[ALL]["world_mpjpe"]
    return {
        "crops": round(float(np.mean([one.crops for one in used])), 2),
        "processor_ms": round(1000 * float(np.mean([one.seconds for one in used])), 1),
        **{name: round(float(values.mean()), 2) for name, values in of.items()},
        "difference_mm": round(float(difference.mean()), 2),
        "standard_error_mm": round(float(difference.std() / np.sqrt(len(difference))), 2),
    }


def format_table(sets: dict[str, Any]) -> str:
    """Formats every way of every set side by side (Markdown)."""
    lines = []
    for name, one in sets.items():
        lines += [
            f"| {name}, {one['images']} images | crops | processor time, ms | world MPJPE, mm | root | root-relative | "
            "world, against all crops | extractor alone, least squares |",
            "| --- |" + " --- |" * 7,
        ]
        for way, row in one["rows"].items():
            cells = " | ".join(f"{row[metric]:.1f}" for metric in ("processor_ms", *METRICS))
            against = f"{row['difference_mm']:+.1f} ± {row['standard_error_mm']:.1f}"
            lines.append(f"| {way} | {row['crops']:.2f} | {cells} | {against} | {row[LEAST_SQUARES]:.1f} |")
        lines.append("")
    return "\n".join(lines[:-1])


if __name__ == "__main__":
    run_script(main)
