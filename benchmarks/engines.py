"""What each engine of BlazePose's landmark network costs: processor time, other landmarks, and world errors.

    python -m benchmarks.engines

The images are those of benchmarks.adaptive_crops, whose people the released weights have never seen, estimated as by default
(EXTRACT.test_time_augmentation: adaptive) with LiteRT, with OpenVINO in float32, and with OpenVINO in bfloat16, where people
whose first crop is not certain are estimated in float32. Another row has bfloat16 everywhere, which is not offered. Times are
of the processor, with one thread: landmarks of decoded images alone. Differences are from LiteRT, of the same image.
The result is docs/results/engines.json; its table is written into docs/accuracy.md.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.adaptive_crops import measure_sets, world_errors
from modules.config.engines import Engine
from modules.config.paths import PROJECT_ROOT
from modules.console import progress, run_script
from modules.extractors.blazepose import detector
from modules.extractors.blazepose.decoding import Square
from modules.extractors.blazepose.landmarks import Landmarks
from modules.files.cameras import read_camera
from modules.files.images import read_image
from modules.files.layout import Frame
from modules.utils import UserError

RESULT = PROJECT_ROOT / "docs" / "results" / "engines.json"
LITERT = "litert"
ENGINES: dict[str, tuple[Engine, float]] = {  # by row: the engine, and the certainty above which bfloat16 is enough
    LITERT: ("litert", detector.MIN_CERTAINTY_BF16),
    "openvino": ("openvino", detector.MIN_CERTAINTY_BF16),
    "openvino-bf16": ("openvino-bf16", detector.MIN_CERTAINTY_BF16),
    "bfloat16 everywhere": ("openvino-bf16", 0.0),
}


def main() -> None:
    """Measures both sets, writes the JSON, and the table into the page."""
    measure_sets(__doc__, RESULT, "engines", measure, format_table)


def measure(frames: Sequence[Frame]) -> dict[str, Any]:
    """Returns the summary of every engine on these images."""
    people, seconds = {}, {}
    for row, (engine, certainty) in ENGINES.items():
        detector.MIN_CERTAINTY_BF16 = certainty
        people[row], seconds[row] = estimate(engine, frames)
    errors = world_errors(frames, people)
    rows = {}
    for row, found in people.items():
        apart = {
            "px": np.array([one.landmarks_px - two.landmarks_px for one, two in zip(found, people[LITERT], strict=True)]),
            "mm": np.array([
                one.world_landmarks_mm - two.world_landmarks_mm for one, two in zip(found, people[LITERT], strict=True)
            ]),
        }  # fmt: skip
        moved = errors[row]["world_mpjpe"] - errors[LITERT]["world_mpjpe"]
        rows[row] = {
            "processor_ms": round(1000 * seconds[row] / len(frames), 1),
            **{f"{unit}_median": round(float(np.median(np.abs(values))), 5) for unit, values in apart.items()},
            **{f"{unit}_highest": round(float(np.abs(values).max()), 3) for unit, values in apart.items()},
            **{name: round(float(values.mean()), 2) for name, values in errors[row].items()},
            "difference_mm": round(float(moved.mean()), 2),
            "standard_error_mm": round(float(moved.std() / np.sqrt(len(moved))), 2),
        }
    return {"images": len(frames), "rows": rows}


def estimate(engine: Engine, frames: Sequence[Frame]) -> tuple[list[Landmarks], float]:
    """Returns the people of these images, and the seconds of the processor that they took, without decoding."""
    model, found, seconds = detector.BlazePose("heavy", threads=1, engine=engine), [], 0.0
    blank = np.zeros((256, 256, 3), np.uint8)
    for exact in (True, False):  # loads both networks
        model.estimate_landmarks(blank, Square(np.full(2, 128.0), 256.0), exact=exact)
    for frame in progress(frames, engine, "image"):
        image = read_image(frame.image_path, read_camera(frame.camera_path).image_size)
        began = time.process_time()
        person = model.detect(image, "adaptive")
        seconds += time.process_time() - began
        if person is None:
            raise UserError(f"{frame.image_path}: nobody was found; leave this image out")
        found.append(person)
    return found, seconds


def format_table(sets: dict[str, Any]) -> str:
    """Formats every engine of every set side by side (Markdown)."""
    lines = []
    for name, one in sets.items():
        lines += [
            f"| {name}, {one['images']} images | processor time, ms | ratio | landmarks moved, px: median (highest) | "
            "mm: median (highest) | world MPJPE, mm | root | root-relative | world, against LiteRT |",
            "| --- |" + " --- |" * 8,
        ]
        slowest = one["rows"][LITERT]["processor_ms"]
        for row, values in one["rows"].items():
            moved = (f"{values[f'{unit}_median']:.4f} ({values[f'{unit}_highest']:.2f})" for unit in ("px", "mm"))
            cells = [f"{values['processor_ms']:.1f}", f"{slowest / values['processor_ms']:.2f}", *moved]
            cells += [f"{values[metric]:.1f}" for metric in ("world_mpjpe", "root", "root_relative_mpjpe")]
            cells.append(f"{values['difference_mm']:+.1f} ± {values['standard_error_mm']:.1f}")
            lines.append(f"| {row} | {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines[:-1])


if __name__ == "__main__":
    run_script(main)
