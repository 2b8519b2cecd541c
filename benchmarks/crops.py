"""What several crops of an image are worth: BlazePose once and several times, on the synthetic set's validation people.

    python -m benchmarks.crops [--weights heavy]

Both see the same images in the same run. How far the median joint is off aside (in the image plane, at its true depth), how
many people are lost (more than 100 mm), how far root-relative depths are off, and the time that an image takes; and whether
the first crop's certainty, by which further ones are asked for, tells who is lost. No test image is looked at.
The numbers go to docs/results/crops.json, the tables into docs/accuracy.md.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from benchmarks.accuracy_tables import PAGE
from benchmarks.failures import median_aside_mm
from benchmarks.record import insert_between, made_by
from data.synthetic.generate import DEFAULT_OUT
from modules.config import PROJECT_ROOT
from modules.console import progress
from modules.extractors.blazepose import SURE, BlazePose, Landmarks, as_estimate
from modules.images import read_image
from modules.layout import list_frames, read_camera, read_label, read_validation_list
from modules.pose_utils import Camera, cam2pixel, world2cam
from modules.skeleton import ROOT
from modules.utils import UserError, run_script, write_json

RESULT = PROJECT_ROOT / "docs" / "results" / "crops.json"
LOST_MM = 100.0  # a median joint further off than this belongs to somebody whom the network has not understood
WAYS = {"one": "one crop, as MediaPipe does", "several": "several (`EXTRACT.crops: several`)"}


def main() -> None:
    """Estimate every validation image in both ways, and write numbers and tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", choices=("heavy", "full"), default="heavy", help="default: %(default)s")
    parser.add_argument("--images", type=int, default=None, help="only so many images, spread over all (default: all)")
    arguments = parser.parse_args()
    root = PROJECT_ROOT / DEFAULT_OUT
    listed = read_validation_list(root)
    if listed is None:
        raise UserError(f"{root}: the synthetic set is not there; run python -m data.synthetic.generate")
    frames = [frame for frame in list_frames(root, "train") if frame.file_name in listed]
    frames = frames[:: max(1, len(frames) // arguments.images)] if arguments.images else frames
    model = BlazePose(arguments.weights)
    found: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for frame in progress(frames, "estimate", "image"):
        camera = read_camera(frame.camera_path)
        image, truth = read_image(frame.image_path, camera.image_size), read_label(frame.label_path)
        for way, detect in (("one", model.detect), ("several", model.detect_in_several)):
            started = time.perf_counter()
            seen = detect(image)
            found[way].append({"ms": 1e3 * (time.perf_counter() - started), **errors_of(seen, camera, truth)})
    result = {
        "command": "python -m benchmarks.crops" + ("" if arguments.weights == "heavy" else f" --weights {arguments.weights}"),
        **made_by(), "weights": arguments.weights, "images": len(frames),
        **{way: summary(values) for way, values in found.items()}, "first": told_by_certainty(found["one"]),
    }  # fmt: skip
    print(table(result))
    if arguments.weights == "heavy" and not arguments.images:
        write_json(RESULT, result)
        insert_between(PAGE, "crops", table(result))


def errors_of(seen: Landmarks | None, camera: Camera, joints_world_mm: np.ndarray) -> dict[str, float]:
    """How far an answer is off; NaN and a certainty of 0 where nobody was found."""
    if seen is None:
        return {"aside_mm": np.nan, "depth_mm": np.nan, "certainty": 0.0}
    estimate = as_estimate(seen, camera)
    truth = world2cam(joints_world_mm, camera.R, camera.t)
    aside = median_aside_mm(estimate.joints_px, cam2pixel(truth, camera.K), truth[:, 2], camera.K[0, 0])
    relative = truth[:, 2] - truth[ROOT, 2]
    return {
        "aside_mm": float(aside),
        "depth_mm": float(np.abs(estimate.joints_rel_mm[:, 2] - relative).mean()),
        "certainty": seen.certainty,
    }


def summary(values: list[dict[str, float]]) -> dict[str, float]:
    """Over all images; who is not found is lost, and counts in no mean."""
    aside, depth, ms = (np.array([one[name] for one in values]) for name in ("aside_mm", "depth_mm", "ms"))
    return {
        "aside_median_mm": round(float(np.nanmedian(aside)), 2), "aside_mean_mm": round(float(np.nanmean(aside)), 2),
        "lost": int((~(aside <= LOST_MM)).sum()), "depth_mean_mm": round(float(np.nanmean(depth)), 2),
        "ms_median": round(float(np.median(ms)), 1), "ms_mean": round(float(ms.mean()), 1),
    }  # fmt: skip


def told_by_certainty(values: list[dict[str, float]]) -> dict[str, Any]:
    """How many, and how many of the lost, the first crop is unsure of."""
    unsure = np.array([one["certainty"] <= SURE for one in values])
    lost = np.array([not one["aside_mm"] <= LOST_MM for one in values])
    return {"unsure": int(unsure.sum()), "lost_and_unsure": int((unsure & lost).sum()), "sure_above": SURE}


def table(result: dict[str, Any]) -> str:
    """Both ways side by side, and what certainty tells."""
    ratio = result["several"]["ms_mean"] / result["one"]["ms_mean"]
    lines = [
        f"| BlazePose {result['weights']}, {result['images']} validation images | median joint aside, mm: median | mean | lost "
        "| relative depth, mm | time of an image |",
        "| --- |" + " --- |" * 5,
    ]
    for way, title in WAYS.items():
        one = result[way]
        lines.append(
            f"| {title} | {one['aside_median_mm']:.1f} | {one['aside_mean_mm']:.1f} | {one['lost']} | "
            f"{one['depth_mean_mm']:.1f} | x {1 if way == 'one' else ratio:.1f} |"
        )
    first = result["first"]
    lines += [
        "",
        f"The first crop's certainty is at most {first['sure_above']} in {first['unsure']} images; among them are "
        f"{first['lost_and_unsure']} of the {result['one']['lost']} that are lost.",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    run_script(main)
