"""Writes a report to look at: one image, two people in a long video, or nobody.

python -m tests.predict.report_cases FOLDER
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from modules.export.poses import Poses
from modules.files.video import VideoWriter
from modules.predict.report import write_report
from modules.predict.source import Selection, open_source
from modules.predict.view import View
from tests.conftest import looking_camera, standing_person

HOSTILE = '</script><script>document.title="broken"</script>%DATA% 사람 <b>&amp;.mp4'


def walking_poses(people: int, frames: int, found: bool = True) -> Poses:
    """People who walk in circles around the world's origin, in a video of 30 images/s; the second hides now and then."""
    rng = np.random.default_rng(0)
    rows = [(frame, person) for frame in range(frames) for person in range(people) if person == 0 or frame % 90 > 20]
    joints = np.empty((len(rows), 24, 3))
    bodies = [standing_person(rng) for _ in range(people)]
    for row, (frame, person) in enumerate(rows):
        angle = frame / 60 + 2 * person
        turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]])
        joints[row] = (bodies[person] + [900 + 300 * person, 0, 0]) @ turn.T
    seen = np.full(len(rows), found)
    joints[~seen] = np.nan
    frame, person = np.array(rows).T
    errors = np.where(seen[:, None], 60 + 40 * np.sin(frame / 40)[:, None] ** 2 * np.ones(24), np.nan)
    warnings = ["nobody found" if not found else "expected error 99 mm" if at % 150 > 140 else "" for at in frame]
    time = frame / 30 if frames > 1 else np.full(len(rows), np.nan)
    return Poses(
        joints, errors, frame, time, person, seen, [HOSTILE] * len(rows), up=np.array([0.0, 0, 1]), floor_height_mm=0.0,
        warnings=warnings, raw_joints_mm=joints if frames > 1 else None, origin={"source": HOSTILE, "weights": "none"},
    )  # fmt: skip


def write_case(folder: Path, people: int, frames: int, found: bool = True) -> Path:
    """Writes the report of made-up people, whose images show the number of the frame; returns its path."""
    folder.mkdir(parents=True, exist_ok=True)
    camera = looking_camera(np.random.default_rng(3))
    small = View(
        Path("camera.json"), replace(camera, K=np.diag([0.25, 0.25, 1]) @ camera.K, image_size=(480, 270)), False
    )
    path = folder / HOSTILE.replace("/", "∕")  # a slash cannot be in a file's name
    if frames == 1:
        path = path.with_suffix(".png")
        path.write_bytes(cv2.imencode(".png", _image(0))[1].tobytes())
    else:
        with VideoWriter(path, (480, 270), 30) as writer:
            for frame in range(frames):
                writer.write(_image(frame), frame / 30)
    source = open_source([str(path)], Selection(), small)
    return write_report(walking_poses(people, frames, found), source, small, folder)[0]


def _image(frame: int) -> np.ndarray:
    image = np.full((270, 480, 3), 70, np.uint8)
    cv2.putText(image, str(frame), [180, 150], cv2.FONT_HERSHEY_SIMPLEX, 2, (255, 255, 255), 3)
    return image


if __name__ == "__main__":
    root = Path(sys.argv[1])
    for name, case in {"one": (1, 1), "two": (2, 300), "nobody": (1, 1, False), "long": (1, 10_000)}.items():
        print(write_case(root / name, *case))
