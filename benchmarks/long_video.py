"""Memory and time of predict.py on long videos: extraction as far as it gets, everything after it on 1,000 and 10,000 frames.

    python -m benchmarks.long_video [--seconds 600]

The video is the demo's fourth camera, forwards and backwards, at a quarter of its size. A first process extracts it for half
of the time and is killed; a second one resumes for the other half. Peak memory is noted after each part. For the stages after
extraction, the predictions of the first part are repeated in place of the others, so that only their number is made up:
choosing people, smoothing, tables, overlay.mp4 and report.html are real.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2

from benchmarks.pages import insert_between
from benchmarks.record import machine, made_by
from modules.config.paths import PROJECT_ROOT
from modules.console import run_script
from modules.evaluation.prediction import calibration_of
from modules.evaluation.testing import load_run
from modules.export import save
from modules.files.atomic import write_json
from modules.files.hashing import sha256_file
from modules.files.video import VideoWriter, open_video, read_frames
from modules.predict.answer import Answering, make_answer
from modules.predict.checks import no_effects
from modules.predict.job import config_of
from modules.predict.overlay import write_overlays
from modules.predict.parts import People, Predictor, Setting, joined
from modules.predict.report import write_report
from modules.predict.source import Selection, Source, open_source
from modules.predict.view import CameraOptions, View, read_view
from modules.runs.checkpoints import RELEASED

RESULT = PROJECT_ROOT / "docs" / "results" / "long_video.json"
PAGE = PROJECT_ROOT / "docs" / "predict.md"
DEMO = PROJECT_ROOT / "data" / "demo"
SIZE, CALIBRATED, RATE = (272, 480), (1088, 1920), 30
COUNTS = (1_000, 10_000)
BATCH = 16


def main() -> None:
    """Runs the stages in child processes, writes the JSON, and the table into the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600, help="of extraction")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        stage, folder = arguments.child
        extract(Path(folder)) if stage == "extract" else answer(Path(folder), int(stage))
        return
    with tempfile.TemporaryDirectory() as folder:
        for count in COUNTS:
            write_video(Path(folder) / f"{count}.mp4", count)
        result = {"extraction": killed_and_resumed(Path(folder), arguments.seconds)}
        result |= {str(count): json.loads(child(str(count), folder).splitlines()[-1]) for count in COUNTS}
    write_json(RESULT, {**result, "machine": machine(), **made_by()})
    table = format_table(result)
    insert_between(PAGE, "long video", table)
    print(table)


def write_video(path: Path, frames: int) -> None:
    """Writes the demo's 100 frames forwards and backwards until there are so many."""
    source = open_video(DEMO / "source" / "cam04.mp4")
    images = [cv2.resize(image, SIZE, interpolation=cv2.INTER_AREA) for image in read_frames(source, range(100))]
    images += images[-2:0:-1]
    with VideoWriter(path, SIZE, RATE) as writer:
        for frame in range(frames):
            writer.write(images[frame % len(images)], frame / RATE)


def child(stage: str, folder: str, seconds: float | None = None) -> str:
    """Returns what a stage prints in a process of its own, which is killed after `seconds`."""
    command = [sys.executable, "-m", "benchmarks.long_video", "--child", stage, folder]
    process = subprocess.Popen(command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True)
    try:
        text, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        text, _ = process.communicate()
        return text
    if process.returncode:
        raise RuntimeError(f"{stage}: exit code {process.returncode}")
    return text


def killed_and_resumed(folder: Path, seconds: int) -> dict[str, Any]:
    """Returns images, seconds and peak memory of an extraction that is killed twice, and whether resuming kept its parts."""
    began = time.monotonic()
    lines = child("extract", str(folder), seconds / 2).splitlines()
    parts = sorted((folder / "cache" / "predictions").glob("part-*.npz"))
    before = [sha256_file(path) for path in parts]
    lines += child("extract", str(folder), seconds / 2).splitlines()
    peaks = [json.loads(line) for line in lines]
    return {
        "seconds": round(time.monotonic() - began), "images_before_kill": BATCH * len(parts), "images": peaks[-1]["images"],
        "kept": [sha256_file(path) for path in parts] == before, "peak_mib": [one["peak_mib"] for one in peaks],
    }  # fmt: skip


def opened(folder: Path, count: int) -> tuple[Source, View]:
    """Returns the video of so many frames and its camera."""
    path = DEMO / "zero_shot_camera_4/task04_test/camera/1_demo_4.json"
    view = read_view(path, CameraOptions(calibrated_size=CALIBRATED))
    return open_source([str(folder / f"{count}.mp4")], Selection(), view), view


def extract(folder: Path) -> None:
    """Extracts the longest video part by part; prints the number of images and the peak memory after each."""
    source, view = opened(folder, COUNTS[-1])
    run = load_run(RELEASED)
    predictor = Predictor(source, view, Setting(run, config_of(run), BATCH), folder / "cache")
    for part in range(predictor.parts):
        if predictor.people(part) is None:
            predictor.predict(part, lambda count: None)
            print(json.dumps({"images": predictor.images_in(part).stop, "peak_mib": peak_mib()}), flush=True)


def answer(folder: Path, count: int) -> None:
    """Makes the answer and all files of so many frames; prints seconds per stage, peak memory and the report's size."""
    source, view = opened(folder, count)
    run = load_run(RELEASED)
    predictor = Predictor(source, view, Setting(run, config_of(run), BATCH), folder / "cache")
    first = Predictor(*opened(folder, COUNTS[-1]), Setting(run, config_of(run), BATCH), folder / "cache").people(0)
    assert first is not None
    people = joined([repeated(first, predictor.images_in(part)) for part in range(predictor.parts)])
    out = folder / f"out-{count}"
    stages: dict[str, float] = {}

    def timed(name: str, began: float) -> None:
        stages[name] = round(time.process_time() - began, 1)

    began = time.process_time()
    origin = {"frame": "world", "source": "made up"}
    how = Answering("all", True, calibration_of(run.checkpoint))
    poses = make_answer(people, source, view, how, no_effects(len(people)), origin)
    timed("answer", began)
    began = time.process_time()
    save(poses, out, ["csv", "npz", "parquet", "json", "trc", "c3d", "bvh", "glb"])
    timed("files", began)
    began = time.process_time()
    report = write_report(poses, source, view, out)[0]
    timed("report", began)
    before_overlay = peak_mib()
    began = time.process_time()
    write_overlays(poses, source, view, out)
    timed("overlay", began)
    size = round(report.stat().st_size / 2**20, 1)
    kept = os.environ.get("LONG_VIDEO_REPORT")
    if kept:
        shutil.copy(report, f"{kept}-{count}.html")
    print(json.dumps({"processor_s": stages, "peak_mib": [before_overlay, peak_mib()], "report_mib": size}))


def repeated(first: People, images: range) -> People:
    """Returns a part's people as those of these images."""
    here = first.take(first.image < len(images))
    return replace(here, image=here.image + images.start)


def peak_mib() -> int:
    """Returns the largest memory that this process has had, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def format_table(result: dict[str, Any]) -> str:
    """Returns a Markdown table with a row per stage."""
    small, large = (result[str(count)] for count in COUNTS)
    lines = ["| after extraction | 1,000 frames | 10,000 frames |", "| --- | --- | --- |"]
    for stage, name in (
        ("answer", "people, smoothing"),
        ("files", "eight formats"),
        ("report", "report.html"),
        ("overlay", "overlay.mp4"),
    ):
        times = (f"{one['processor_s'][stage]:.1f} s" for one in (small, large))
        lines.append(f"| {name}, processor time | {' | '.join(times)} |")
    lines.append(f"| peak memory | {small['peak_mib'][1]} MiB | {large['peak_mib'][1]} MiB |")
    lines.append(f"| size of report.html | {small['report_mib']} MiB | {large['report_mib']} MiB |")
    return "\n".join(lines)


if __name__ == "__main__":
    run_script(main)
