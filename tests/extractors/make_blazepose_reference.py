"""Writes blazepose_reference.json: the results of MediaPipe's own runtime for thirteen frames of the demo.

MediaPipe needs NumPy 1, so this runs in two environments, on the very same pixels:

    python -m tests.extractors.make_blazepose_reference decode FOLDER      (the project's environment)
    python tests/extractors/make_blazepose_reference.py measure FOLDER     (mediapipe==0.10.21, numpy<2, nothing else)

`decode` writes each frame as FOLDER/camXX_FRAME.npy, RGB; `measure` reads them and writes the JSON beside this file.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np

REFERENCE = Path(__file__).with_name("blazepose_reference.json")
# In frame 55 of cam02 BlazePose swaps left and right.
FRAMES = {"cam01.mp4": (0, 30, 80), "cam02.mp4": (0, 30, 55, 80), "cam03.mp4": (0, 30, 80), "cam04.mp4": (0, 30, 80)}
MADE_BY = (
    "mediapipe 0.10.21 (CPU, Linux x86-64): its Pose graph with model_complexity 1, use_prev_landmarks, smoothing and "
    "segmentation off, as mp.solutions.pose with static_image_mode; frames decoded by opencv-python-headless 4.11.0.86. "
    "landmarks_px: x, y shares times width, height; world_mm: 1000 times; square: centre px, side px, angle rad."
)


def read_frames(video: Path, indices: tuple[int, ...]) -> list[np.ndarray]:
    """Returns the chosen frames of a video, RGB (H, W, 3) uint8."""
    capture, frames = cv2.VideoCapture(str(video)), []
    for index in range(max(indices) + 1):
        grabbed, frame = capture.read()
        if not grabbed:
            raise ValueError(f"{video}: frame {index} cannot be read")
        if index in indices:
            frames.append(np.ascontiguousarray(frame[..., ::-1]))
    return frames


def pixels_sha256(image: np.ndarray) -> str:
    """Returns the SHA-256 of an image's bytes."""
    return hashlib.sha256(image.tobytes()).hexdigest()


def decode(folder: Path) -> None:
    """Writes every frame of FRAMES as .npy."""
    from data.demo.source import fetch_demo_source  # noqa: PLC0415  the other environment has no project

    source = fetch_demo_source()
    folder.mkdir(parents=True, exist_ok=True)
    for video, indices in FRAMES.items():
        for index, image in zip(indices, read_frames(source / video, indices), strict=True):
            np.save(folder / f"{Path(video).stem}_{index}.npy", image)


def measure(folder: Path) -> None:
    """Runs MediaPipe on every frame and writes the JSON."""
    from mediapipe.python.solution_base import SolutionBase  # type: ignore[import-not-found]  # noqa: PLC0415
    from mediapipe.python.solutions import pose  # type: ignore[import-not-found]  # noqa: PLC0415

    graph = SolutionBase(
        binary_graph_path=pose._BINARYPB_FILE_PATH,
        side_inputs={
            "model_complexity": 1,
            "smooth_landmarks": False,
            "enable_segmentation": False,
            "smooth_segmentation": False,
            "use_prev_landmarks": False,
        },
        outputs=["pose_landmarks", "pose_world_landmarks", "pose_rect_from_detection"],
    )
    names = [(video, index) for video, indices in FRAMES.items() for index in indices]
    records = []
    for video, index in names:
        image = np.load(folder / f"{Path(video).stem}_{index}.npy")
        records.append(
            {"video": video, "frame": index, "pixels_sha256": pixels_sha256(image), **run_graph(graph, image)}
        )
    REFERENCE.write_text(json.dumps({"made_by": MADE_BY, "frames": records}, indent=1) + "\n", encoding="utf-8")


def run_graph(graph: Any, image: np.ndarray) -> dict[str, list[Any]]:
    """Returns MediaPipe's landmarks and its square for one image."""
    result, (height, width) = graph.process({"image": image}), image.shape[:2]
    rect = result.pose_rect_from_detection
    # In float32, as MediaPipe multiplies: the last digit moves pixels of the warp.
    square = np.array([rect.x_center, rect.y_center, rect.width], np.float32) * np.array(
        [width, height, width], np.float32
    )
    image_points, world_points = result.pose_landmarks.landmark, result.pose_world_landmarks.landmark
    return {
        "square": [round(float(v), 6) for v in square] + [round(rect.rotation, 9)],
        "landmarks_px": [[round(p.x * width, 4), round(p.y * height, 4)] for p in image_points],
        "visibility": [round(p.visibility, 6) for p in image_points],
        "presence": [round(p.presence, 6) for p in image_points],
        "world_mm": [[round(1000 * v, 3) for v in (p.x, p.y, p.z)] for p in world_points],
    }


if __name__ == "__main__":
    {"decode": decode, "measure": measure}[sys.argv[1]](Path(sys.argv[2]))
