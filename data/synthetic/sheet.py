"""The contact sheet of a synthetic set: a few of its images with the skeletons of their labels drawn on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from data.synthetic.plan import Options, Recording
from modules.images import read_image
from modules.layout import read_camera, read_label
from modules.vis import LEFT, MIDDLE, RIGHT, contact_sheet, draw_skeleton, project_to_image, write_image

TILES, COLUMNS, TILE_PX = 40, 8, 300
_LEGEND = (("the label's left", LEFT), ("its right", RIGHT), ("its middle", MIDDLE))


def write_sheet(path: Path, recordings: Sequence[Recording], options: Options, bones: bool = True) -> None:
    """Write TILES images spread evenly over the people, each whole, with or without the bones of its label."""
    step = max(1, len(recordings) * options.frames * options.cameras // TILES)
    places = range(0, len(recordings) * options.frames * options.cameras, step)
    tiles = [_tile(*_at(recordings, options, place + index % step), bones) for index, place in enumerate(places)]
    write_image(path, contact_sheet(tiles[:TILES], COLUMNS, _LEGEND))


def _at(recordings: Sequence[Recording], options: Options, place: int) -> tuple[Recording, int, int]:
    """The recording, frame and camera of an image by its number in the set."""
    person, rest = divmod(place, options.frames * options.cameras)
    frame, camera = divmod(rest, options.cameras)
    return recordings[person], frame, camera + 1


def _tile(recording: Recording, frame: int, camera: int, bones: bool) -> np.ndarray:
    path = recording.image_path(camera, frame)
    image = read_image(path)
    height, width = image.shape[:2]
    scale = TILE_PX / max(height, width)
    small = cv2.resize(image, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    if bones:
        joints_px = project_to_image(
            read_label(recording.label_path(frame)), read_camera(recording.camera_path(camera))
        )
        draw_skeleton(small, (joints_px + 0.5) * scale - 0.5, 2)
    tile = np.full((TILE_PX, TILE_PX, 3), 30, np.uint8)
    top, left = (TILE_PX - small.shape[0]) // 2, (TILE_PX - small.shape[1]) // 2
    tile[top : top + small.shape[0], left : left + small.shape[1]] = small
    return tile
