"""Makes a data set in the competition's layout, with the training labels only and neither up nor floor in the camera files.

    python -m benchmarks.competition_set [--out data/synthetic/competition]

30 people of a seed of their own stand, sit, lie and jump in one studio, whose world's up is its -y axis. 20 people train, 10
test; each is seen at 2 moments by 4 cameras without lens distortion, in images of 1920x1080 px. These folders are written:

    <out>/plain       as the competition's: camera files with intrinsics and extrinsics alone, a test part without labels
    <out>/declared    the same images; the camera files also declare world_up and floor_height_mm
    <out>/alone       the test part of `plain` and nothing else
    <out>/truth       the labels of the test part, which no stage reads
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from data.synthetic import plan
from data.synthetic.pose.clips import fetch_clips
from modules.console import progress_bar, run_script
from modules.files.atomic import write_json
from modules.files.cameras import IMAGE_SCALE, read_camera
from modules.files.labels import read_label, write_label
from modules.files.layout import Frame, list_frames
from modules.pose_utils import Camera

if TYPE_CHECKING:
    from data.synthetic.recording.studio import Studio

OUT = Path("data/synthetic/competition")
OPTIONS = plan.Options(people=30, frames=2, cameras=4, seed=4711)
TRAIN_PEOPLE = 20
FLOOR_MM = -873.0  # along up; the synthetic world's floor is at 0
AXES = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])  # from the synthetic world (z up) to this one (-y up)
UP = AXES @ [0.0, 0, 1]
PLAIN, DECLARED, ALONE, TRUTH = "plain", "declared", "alone", "truth"


def main() -> None:
    """Makes the data sets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=OUT, help="default: %(default)s")
    make_competition_set(parser.parse_args().out)


def make_competition_set(out: Path, options: plan.Options = OPTIONS, train_people: int = TRAIN_PEOPLE) -> None:
    """Renders what is missing into <out>/rendered, and writes the data sets from it."""
    fetch_clips()
    rendered = out / "rendered"
    with ProcessPoolExecutor(min(os.cpu_count() or 1, options.people), get_context("spawn")) as pool:
        jobs = [pool.submit(_render, rendered, index, options, train_people) for index in range(options.people)]
        with progress_bar(options.people, "rendering", "person") as bar:
            for job in jobs:
                job.result()
                bar.update()
    for name, splits in {PLAIN: ("train", "test"), DECLARED: ("train", "test"), ALONE: ("test",)}.items():
        for split in splits:
            _write_split(out, name, list_frames(rendered, split))


def _render(root: Path, index: int, options: plan.Options, train_people: int) -> None:
    """Renders the missing images of one person, in a studio world whose floor all people share."""
    from data.synthetic.scene.cameras import ViewProbabilities  # noqa: PLC0415

    studio = _studio()
    scene = studio.prepare(root, index, options, ViewProbabilities(portrait=0.0, distorted=0.0))
    recording = replace(scene.recording, split="train" if index < train_people else "test")
    shift = np.array([*scene.shift[:2], FLOOR_MM])
    for _ in studio.record_scene(replace(scene, recording=recording, shift=shift), options):
        pass


@cache
def _studio() -> Studio:
    """Returns this process' studio."""
    from data.synthetic.recording.studio import Studio  # noqa: PLC0415  (imports the renderer, in the worker alone)

    return Studio()


def _write_split(out: Path, name: str, frames: list[Frame]) -> None:
    """Writes images (hard links), camera files and labels of one split of one data set."""
    for frame in frames:
        target = replace(frame, root=out / name)
        target.image_path.parent.mkdir(parents=True, exist_ok=True)
        if not target.image_path.exists():
            os.link(frame.image_path, target.image_path)
        if not target.camera_path.exists():
            write_json(target.camera_path, _camera_fields(read_camera(frame.camera_path), name == DECLARED))
        label = target.label_path if frame.split == "train" else replace(frame, root=out / TRUTH).label_path
        if not label.exists():
            write_label(label, read_label(frame.label_path) @ AXES.T)
    if frames[0].split == "test":
        zeros = [[0.0, 0.0, 0.0]] * 24
        sample = [{"file_name": frame.file_name, "3d_pos": zeros} for frame in frames]
        write_json(out / name / plan.SAMPLE, sample, indent=None)


def _camera_fields(camera: Camera, declares: bool) -> dict[str, object]:
    """Returns the content of a camera file as the competition writes it; if wanted, with up and floor."""
    fields: dict[str, object] = {
        "intrinsics": (np.diag([1 / IMAGE_SCALE, 1 / IMAGE_SCALE, 1.0]) @ camera.K).tolist(),
        "extrinsics": np.column_stack([camera.R @ AXES.T, camera.t]).tolist(),
    }
    return fields | ({"world_up": UP.tolist(), "floor_height_mm": FLOOR_MM} if declares else {})


def true_joints(out: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yields the name of every test image and its joints (24, 3) world mm."""
    for frame in list_frames(out / PLAIN, "test"):
        yield frame.file_name, read_label(replace(frame, root=out / TRUTH).label_path)


if __name__ == "__main__":
    run_script(main)
