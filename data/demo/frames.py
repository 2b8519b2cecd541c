"""Decodes the demo's videos to JPEG frames and detects the 33 BlazePose landmarks in each. Both are done once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from data.demo.plan import FRAMES_PER_SECOND
from data.rig.landmarks import Detect, detect_view
from data.rig.views import View, common_size
from modules.console import progress
from modules.files.atomic import atomic_path
from modules.utils import UserError

JPEG_QUALITY = 92
NUM_FRAMES = 100
FRAMES_FOLDER = "frames"
LANDMARKS_FOLDER = "landmarks"


def frame_path(folder: Path, camera: str, frame: int) -> Path:
    """Returns the path of a frame of camera `cam0X` in the demo's folder."""
    return folder / FRAMES_FOLDER / camera / f"{frame:03d}.jpg"


def decode_videos(source: Path, folder: Path, cameras: Sequence[str]) -> None:
    """Writes every frame of every video as JPEG. Existing frames are kept."""
    for camera in cameras:
        paths = [frame_path(folder, camera, frame) for frame in range(NUM_FRAMES)]
        if not all(path.is_file() for path in paths):
            _decode(source / f"{camera}.mp4", paths)


def _decode(video: Path, paths: list[Path]) -> None:
    """Writes the frames of one video to the paths that do not exist. Raises UserError if the video is too short."""
    capture = cv2.VideoCapture(str(video))
    try:
        for path in progress(paths, f"decode {video.stem}", "frame"):
            good, image = capture.read()
            if not good:
                raise UserError(f"{video}: this video ends before frame {path.stem}; remove it to fetch it again")
            if not path.is_file():
                with atomic_path(path) as temporary:
                    cv2.imwrite(str(temporary), image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    finally:
        capture.release()


def detect_landmarks(
    folder: Path, cameras: Sequence[str], make_detect: Callable[[], Detect], fingerprint: str
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the landmarks of every frame, raw px (C, F, 33, 2), and their visibility (C, F, 33); saved per camera."""
    found = []
    for camera in cameras:
        paths = tuple(frame_path(folder, camera, frame) for frame in range(NUM_FRAMES))
        times_s = np.arange(NUM_FRAMES) / FRAMES_PER_SECOND
        view = View(camera, paths[0].parent, times_s, common_size(paths), images=paths)
        found.append(detect_view(view, folder / LANDMARKS_FOLDER / camera, make_detect, fingerprint).first)
    return np.stack([px for px, _ in found]), np.stack([visibility for _, visibility in found])
