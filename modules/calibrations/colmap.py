"""Reads COLMAP's text model, cameras.txt and images.txt: world to camera, in a unit and axes of its own.

Pixel (0, 0) is a corner, so half a pixel is subtracted from cx and cy. Every image is a camera of its own. Source: COLMAP's
documentation of its output format and of its camera models.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from modules.calibrations import values
from modules.calibrations.base import ARBITRARY, FileCamera, FileRig
from modules.calibrations.source import Source
from modules.calibrations.xml_numbers import parsed
from modules.utils import UserError

NAME, TITLE = "colmap", "COLMAP's text model"
CAMERAS, IMAGES = "cameras.txt", "images.txt"
# For each model: how many focal lengths, and which places of k1, k2, p1, p2, k3, k4, k5, k6 its other numbers have.
PINHOLE = {
    "SIMPLE_PINHOLE": (1, ()), "PINHOLE": (2, ()), "SIMPLE_RADIAL": (1, (0,)), "RADIAL": (1, (0, 1)),
    "OPENCV": (2, (0, 1, 2, 3)), "FULL_OPENCV": (2, (0, 1, 2, 3, 4, 5, 6, 7)),
}  # fmt: skip
FISHEYE = {"OPENCV_FISHEYE": (2, 4), "RADIAL_FISHEYE": (1, 2), "SIMPLE_RADIAL_FISHEYE": (1, 1)}  # and how many k


def sniff(source: Source) -> bool:
    """See Format."""
    return _lists(source.sibling(CAMERAS)) and (source.is_folder or source.path.name in (CAMERAS, IMAGES))


def read(source: Source) -> FileRig:
    """See Format."""
    lenses = _lenses(source.sibling(CAMERAS))
    images = source.sibling(IMAGES)
    lines = [line for line in images.text.splitlines() if not line.startswith("#")]
    cameras, at = {}, 0
    while at < len(lines):
        parts = lines[at].split()
        at += 1
        if not parts:
            continue
        at += 1  # the image's 2D points, whose line may be empty
        if len(parts) != 10:
            raise UserError(
                f"{images.path}: the line of image {parts[0]} has {len(parts)} words, not 10; export the model again"
            )
        pose = parsed(images.path, f"the pose of image {parts[9]}", " ".join(parts[1:8]), 7)
        if parts[8] not in lenses:
            raise UserError(
                f"{images.path}: image {parts[9]} is of camera {parts[8]}, which {CAMERAS} lacks; export the model again"
            )
        R = values.quaternion(images.path, f"QW to QZ of image {parts[9]}", pose[:4].tolist())
        K, size, distortion = lenses[parts[8]]
        cameras[parts[9]] = FileCamera(K, R, pose[4:], size, distortion)
    if not cameras:
        raise UserError(f"{images.path}: there is no image in this file; export the model again")
    binary = source.sibling("images.bin").path
    newer = binary.is_file() and binary.stat().st_mtime > images.path.stat().st_mtime
    notes = ("images.bin is newer than images.txt, which is read",) if newer else ()
    return FileRig(cameras, ARBITRARY, None, notes)


def _lists(source: Source) -> bool:
    """Whether a file lists cameras: a number, a name in capitals, two numbers."""
    if not source.path.is_file():
        return False
    lines = [line.split() for line in source.text.splitlines() if line.strip() and not line.startswith("#")]
    return bool(lines) and all(len(parts) > 4 and parts[1].replace("_", "").isupper() for parts in lines)


def _lenses(source: Source) -> dict[str, tuple[np.ndarray, tuple[int, int], np.ndarray | None]]:
    """Returns K, size and distortion by the camera's number."""
    found = {}
    for line in source.text.splitlines():
        if line.strip() and not line.startswith("#"):
            number, model, width, height, *numbers = line.split()
            field = f"camera {number}"
            size = values.size(source.path, field, parsed(source.path, field, f"{width} {height}", 2).tolist())
            found[number] = (*_lens(source.path, number, model, " ".join(numbers)), size)
    return {number: (K, size, distortion) for number, (K, distortion, size) in found.items()}


def _lens(path: Path, number: str, model: str, text: str) -> tuple[np.ndarray, np.ndarray | None]:
    if model not in PINHOLE and model not in FISHEYE:
        raise UserError(
            f"{path}: camera {number} is a {model}, which is not supported; colmap image_undistorter makes images and a "
            "model of PINHOLE cameras"
        )
    focals = PINHOLE[model][0] if model in PINHOLE else FISHEYE[model][0]
    count = len(PINHOLE[model][1]) if model in PINHOLE else FISHEYE[model][1]
    params = parsed(path, f"{model} of camera {number}", text, focals + 2 + count)
    fx, fy, (cx, cy), rest = params[0], params[focals - 1], params[focals : focals + 2] - 0.5, params[focals + 2 :]
    K = values.matrix(path, f"camera {number}", [float(fx), float(fy), float(cx), float(cy)])
    if model in FISHEYE:
        return K, values.fisheye(path, f"camera {number}", [*rest.tolist(), *[0.0] * (4 - count)])
    places = np.zeros(8)
    places[list(PINHOLE[model][1])] = rest
    return K, values.lens(path, f"camera {number}", places.tolist()) if count else None
