"""Decodes the demo's videos to JPEG frames and detects the 33 BlazePose landmarks in each. Both are done once."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from modules.console import progress
from modules.files.atomic import atomic_path
from modules.utils import UserError, log

JPEG_QUALITY = 92
NUM_FRAMES = 100
NUM_LANDMARKS = 33
FRAMES_FOLDER = "frames"
LANDMARKS_FILE = "landmarks.npz"


class Detector(Protocol):
    """The interface of `modules.extractors.blazepose.detector.BlazePose` that is used here."""

    def detect(self, image_rgb: np.ndarray) -> Any:
        """Returns an object with `landmarks_px` (33, 2) and `visibility` (33,), or None if there is no person."""


@dataclass(frozen=True)
class Landmarks2D:
    """The landmarks in C views of F frames."""

    points_px: np.ndarray  # (C, F, 33, 2) px of the raw images
    visibility: np.ndarray  # (C, F, 33) 0..1; 0 if no person was found


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


def image_size(path: Path) -> tuple[int, int]:
    """Returns (width, height) px of an image file. Raises UserError if it is not readable."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if image is None:
        raise UserError(f"{path}: this is not a readable image; remove it and start again")
    return image.shape[1], image.shape[0]


def _digest(paths: list[Path]) -> str:
    """Returns the SHA-256 of the files' concatenated contents."""
    total = hashlib.sha256()
    for path in paths:
        total.update(path.read_bytes())
    return total.hexdigest()


def _read_landmarks(path: Path) -> dict[str, np.ndarray]:
    """Returns the arrays of landmarks.npz; empty if it is missing or broken."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return dict(archive)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        log.info("%s: not readable (%s), so the landmarks are detected again", path, error)
        return {}


def detect_landmarks(
    folder: Path, cameras: Sequence[str], make_detector: Callable[[], Detector], fingerprint: str
) -> Landmarks2D:
    """Returns the landmarks of every frame. They are saved in landmarks.npz after each camera.

    Saved landmarks of another detector (by `fingerprint`) or of other frames (by content) are detected again.
    """
    path = folder / LANDMARKS_FILE
    stored = _read_landmarks(path)
    for camera in cameras:
        paths = [frame_path(folder, camera, frame) for frame in range(NUM_FRAMES)]
        mark = f"{fingerprint}/{_digest(paths)}"
        if str(stored.get(f"{camera}_mark")) == mark:
            continue
        points, visibility = _detect_view(paths, make_detector(), camera)
        stored |= {f"{camera}_px": points, f"{camera}_visibility": visibility, f"{camera}_mark": np.array(mark)}
        with atomic_path(path) as temporary:
            np.savez_compressed(temporary, **stored)  # type: ignore[arg-type]
    return Landmarks2D(
        np.stack([stored[f"{camera}_px"] for camera in cameras]),
        np.stack([stored[f"{camera}_visibility"] for camera in cameras]),
    )


def _detect_view(paths: list[Path], detector: Detector, camera: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns the landmarks (F, 33, 2) px and their visibility (F, 33) in one view; 0 without a person."""
    points = np.zeros((len(paths), NUM_LANDMARKS, 2))
    visibility = np.zeros((len(paths), NUM_LANDMARKS))
    for index, path in enumerate(progress(paths, f"landmarks {camera}", "image")):
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            raise UserError(f"{path}: this is not a readable image; remove it and start again")
        found = detector.detect(cv2.cvtColor(image, cv2.COLOR_BGR2RGB))
        if found is not None:
            points[index], visibility[index] = found.landmarks_px, found.visibility
    return points, visibility
