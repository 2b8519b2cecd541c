"""What multi-crop test-time augmentation is worth: BlazePose without and with it on the synthetic set's validation people.

    python -m benchmarks.crops [--weights heavy]

Both see the same images in the same run. Measured are the in-plane error of the median joint (at its true depth), the number
of lost people (an error above 100 mm, or nobody found), the error of root-relative depths, and the time per image; and whether
the certainty of the first crop, which decides on further crops, predicts who is lost. No test image is used.
The result is docs/results/crops.json; its table is written into docs/accuracy.md.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from benchmarks.in_plane import in_plane_errors_mm
from benchmarks.pages import ACCURACY_PAGE, insert_between
from benchmarks.record import made_by
from data.synthetic.generate import DEFAULT_OUT
from model.skeleton import ROOT
from modules.config.paths import PROJECT_ROOT
from modules.console import progress, run_script
from modules.extractors.blazepose.detector import MIN_CERTAINTY, BlazePose
from modules.extractors.blazepose.extractor import as_estimate
from modules.extractors.blazepose.landmarks import Landmarks
from modules.files.atomic import write_json
from modules.files.cameras import read_camera
from modules.files.images import read_image
from modules.files.labels import read_label, read_validation_list
from modules.files.layout import list_frames
from modules.pose_utils import Camera, cam2pixel, world2cam
from modules.utils import UserError

RESULT = PROJECT_ROOT / "docs" / "results" / "crops.json"
LOST_MM = 100.0  # a person whose median joint has a larger in-plane error counts as lost
WAYS = {
    "one_crop": "one crop, as in MediaPipe (`EXTRACT.test_time_augmentation: false`)",
    "multi_crop": "multi-crop (`EXTRACT.test_time_augmentation: true`)",
}


def main() -> None:
    """Estimates every validation image in both ways, and writes the result and its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", choices=("heavy", "full"), default="heavy", help="default: %(default)s")
    parser.add_argument("--images", type=int, default=None, help="only so many images, evenly chosen (default: all)")
    arguments = parser.parse_args()
    root = PROJECT_ROOT / DEFAULT_OUT
    listed = read_validation_list(root)
    if listed is None:
        raise UserError(f"{root}: the synthetic set is missing; run python -m data.synthetic.generate")
    frames = [frame for frame in list_frames(root, "train") if frame.file_name in listed]
    frames = frames[:: max(1, len(frames) // arguments.images)] if arguments.images else frames
    model = BlazePose(arguments.weights)
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for frame in progress(frames, "estimate", "image"):
        camera = read_camera(frame.camera_path)
        image, truth = read_image(frame.image_path, camera.image_size), read_label(frame.label_path)
        for way, tta in (("one_crop", False), ("multi_crop", True)):
            started = time.perf_counter()
            landmarks = model.detect(image, tta)
            found[way].append({"ms": 1e3 * (time.perf_counter() - started), **errors_of(landmarks, camera, truth)})
    result = {
        "command": "python -m benchmarks.crops" + ("" if arguments.weights == "heavy" else f" --weights {arguments.weights}"),
        **made_by(), "weights": arguments.weights, "images": len(frames),
        **{way: summary(values) for way, values in found.items()}, "first_crop": certainty_summary(found["one_crop"]),
    }  # fmt: skip
    print(table(result))
    if arguments.weights == "heavy" and not arguments.images:
        write_json(RESULT, result)
        insert_between(ACCURACY_PAGE, "crops", table(result))


def errors_of(landmarks: Landmarks | None, camera: Camera, joints_world_mm: np.ndarray) -> dict[str, float]:
    """Returns the errors of one image's landmarks; NaN and a certainty of 0 if nobody was found."""
    if landmarks is None:
        return {"in_plane_mm": np.nan, "depth_mm": np.nan, "certainty": 0.0}
    estimate = as_estimate(landmarks, camera)
    truth = world2cam(joints_world_mm, camera.R, camera.t)
    in_plane = in_plane_errors_mm(estimate.joints_px, cam2pixel(truth, camera.K), truth[:, 2], camera.K[0, 0])
    relative = truth[:, 2] - truth[ROOT, 2]
    return {
        "in_plane_mm": float(np.median(in_plane)),
        "depth_mm": float(np.abs(estimate.joints_rel_mm[:, 2] - relative).mean()),
        "certainty": landmarks.certainty,
    }


def summary(values: list[dict[str, float]]) -> dict[str, float]:
    """Summarises all images; a person who was not found counts as lost, and in no mean."""
    in_plane, depth, ms = (np.array([one[name] for one in values]) for name in ("in_plane_mm", "depth_mm", "ms"))
    return {
        "in_plane_median_mm": round(float(np.nanmedian(in_plane)), 2),
        "in_plane_mean_mm": round(float(np.nanmean(in_plane)), 2),
        "lost": int((~(in_plane <= LOST_MM)).sum()), "depth_mean_mm": round(float(np.nanmean(depth)), 2),
        "ms_median": round(float(np.median(ms)), 1), "ms_mean": round(float(ms.mean()), 1),
    }  # fmt: skip


def certainty_summary(values: list[dict[str, float]]) -> dict[str, Any]:
    """Counts the images, and the lost people, in which the first crop's certainty is low."""
    uncertain = np.array([one["certainty"] <= MIN_CERTAINTY for one in values])
    lost = np.array([not one["in_plane_mm"] <= LOST_MM for one in values])
    return {
        "uncertain": int(uncertain.sum()),
        "lost_and_uncertain": int((uncertain & lost).sum()),
        "threshold": MIN_CERTAINTY,
    }


def table(result: dict[str, Any]) -> str:
    """Formats both ways side by side, and how well certainty predicts who is lost."""
    ratio = result["multi_crop"]["ms_mean"] / result["one_crop"]["ms_mean"]
    lines = [
        f"| BlazePose {result['weights']}, {result['images']} validation images | in-plane error of the median joint, mm: "
        "median | mean | lost people | relative depth error, mm | time per image |",
        "| --- |" + " --- |" * 5,
    ]
    for way, title in WAYS.items():
        one = result[way]
        lines.append(
            f"| {title} | {one['in_plane_median_mm']:.1f} | {one['in_plane_mean_mm']:.1f} | {one['lost']} | "
            f"{one['depth_mean_mm']:.1f} | x {1 if way == 'one_crop' else ratio:.1f} |"
        )
    first = result["first_crop"]
    lines += [
        "",
        f"The certainty of the first crop is at most {first['threshold']} in {first['uncertain']} images, which include "
        f"{first['lost_and_uncertain']} of the {result['one_crop']['lost']} lost people.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    run_script(main)
