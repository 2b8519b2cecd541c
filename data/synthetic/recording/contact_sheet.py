"""The contact sheet of a synthetic set: some of its images, with the skeletons of their labels."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from data.synthetic.plan import Options, Recording
from modules.files.cameras import read_camera
from modules.files.images import read_image
from modules.files.labels import read_label
from modules.pose_utils import project_to_image
from modules.vis import BACKGROUND, LEFT, MIDDLE, RIGHT, contact_sheet, draw_skeleton

TILES, COLUMNS, TILE_PX = 40, 8, 300
_LEGEND = (("the label's left", LEFT), ("its right", RIGHT), ("its middle", MIDDLE))


def make_sheet(
    recordings: Sequence[Recording], options: Options, tile_px: int = TILE_PX, every_other: bool = False
) -> np.ndarray:
    """Returns TILES images (RGB), spread evenly over the people, with the label's bones on all or on every other one."""
    step = max(1, len(recordings) * options.frames * options.cameras // TILES)
    places = range(0, len(recordings) * options.frames * options.cameras, step)
    tiles = [
        _tile(*_at(recordings, options, place + index % step), tile_px, not every_other or index % 2 == 1)
        for index, place in enumerate(places[:TILES])
    ]
    return contact_sheet(tiles, COLUMNS, _LEGEND)


def _at(recordings: Sequence[Recording], options: Options, place: int) -> tuple[Recording, int, int]:
    """Returns the recording, frame and camera of an image, given its number in the set."""
    person, rest = divmod(place, options.frames * options.cameras)
    frame, camera = divmod(rest, options.cameras)
    return recordings[person], frame, camera + 1


def _tile(recording: Recording, frame: int, camera: int, tile_px: int, bones: bool) -> np.ndarray:
    image = read_image(recording.image_path(camera, frame))
    height, width = image.shape[:2]
    scale = tile_px / max(height, width)
    small = cv2.resize(image, (round(width * scale), round(height * scale)), interpolation=cv2.INTER_AREA)
    if bones:
        joints = read_label(recording.label_path(frame))
        joints_px = project_to_image(joints, read_camera(recording.camera_path(camera)))
        draw_skeleton(small, (joints_px + 0.5) * scale - 0.5, 2)
    tile = np.full((tile_px, tile_px, 3), BACKGROUND, np.uint8)
    top, left = (tile_px - small.shape[0]) // 2, (tile_px - small.shape[1]) // 2
    tile[top : top + small.shape[0], left : left + small.shape[1]] = small
    return tile
