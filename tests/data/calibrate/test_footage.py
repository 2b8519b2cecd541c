"""Videos are read as they are shown, their motion is measured, and images are read as they are stored."""

import logging
from dataclasses import replace
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from data.calibrate.detection import READOUT_S, progress_frames, survey
from data.calibrate.footage import open_footage
from docs.rendered_boards import Film, Sheet, photograph
from modules.files.video import VideoWriter
from modules.pose_utils import Camera

RATE = 25.0


def moving(camera: Camera, sheet: Sheet, speed_mm_s: float, count: int) -> list[np.ndarray]:
    """Frames of a board that passes at this speed, 500 mm before the camera."""
    rng = np.random.default_rng(0)
    R = np.diag([1.0, -1, -1])
    seen = []
    for index in range(count):
        centre = np.array([90 + speed_mm_s * index / RATE, 126, 500])
        at = replace(camera, R=R, t=-R @ centre)
        seen.append(photograph(at, [(sheet, at)], rng, Film()))
    return seen


def test_motion_is_measured_by_what_a_rolling_shutter_would_bend(camera: Camera, sheet: Sheet, tmp_path: Path) -> None:
    for speed in (0.0, 200.0):
        with VideoWriter(tmp_path / f"{speed:g}.mp4", (640, 480), RATE) as writer:
            for index, image in enumerate(moving(camera, sheet, speed, 4)):
                writer.write(image, index / RATE)
        found = survey(open_footage(str(tmp_path / f"{speed:g}.mp4")), sheet.board, 3)
        assert found.looked_at == 3 and len(found.sightings) == 3
        motion = found.sightings[1].motion_px
        assert motion == pytest.approx(READOUT_S * speed * 620 / 500, rel=0.15, abs=0.1)
    assert found.sightings[1].name == "0.08 s"  # of frames 0, 2, 3


def test_every_wanted_frame_comes_with_its_successor(camera: Camera, tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", (64, 48), RATE) as writer:
        for index in range(6):
            writer.write(np.full((48, 64, 3), 30 * index, np.uint8), index / RATE)
    footage = open_footage(str(tmp_path / "a.mp4"))
    shown = [(index, *(None if one is None else round(one.mean() / 30) for one in pair))
             for index, *pair in progress_frames(footage, [0, 1, 3, 5])]  # fmt: skip
    assert shown == [(0, 0, 1), (1, 1, 2), (3, 3, 4), (5, 5, None)]


def test_an_upright_phone_is_calibrated_as_its_video_is_shown(camera: Camera, sheet: Sheet, tmp_path: Path) -> None:
    frame = moving(camera, sheet, 0, 1)[0]
    path = tmp_path / "upright.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 640, 480, "yuv420p"
        stream.set_display_rotation(-90)
        for packet in (*stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")), *stream.encode(None)):
            container.mux(packet)
    footage = open_footage(str(path))
    assert footage.size == (480, 640) and footage.turned_deg == 270 and len(footage) == 1
    sighting = survey(footage, sheet.board, 9).sightings[0]
    lying = survey(open_footage(str(_written(tmp_path / "lying.png", frame))), sheet.board, 9).sightings[0]
    turned = np.stack([479 - lying.corners_px[:, 1], lying.corners_px[:, 0]], -1)  # clockwise
    assert sighting.ids.tolist() == lying.ids.tolist()
    np.testing.assert_allclose(sighting.corners_px, turned, atol=0.3)


def _written(path: Path, image: np.ndarray) -> Path:
    cv2.imwrite(str(path), image)
    return path


def test_photos_are_read_as_stored(tmp_path: Path, log_records: list[logging.LogRecord]) -> None:
    """An EXIF orientation is not applied, as nowhere in the project, and is named."""
    jpeg = cv2.imencode(".jpg", np.zeros((48, 64, 3), np.uint8))[1].tobytes()
    tiff = (
        b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00"
    )
    marker = b"\xff\xe1" + (len(tiff) + 2).to_bytes(2, "big") + tiff
    (tmp_path / "photo.jpg").write_bytes(jpeg[:2] + marker + jpeg[2:])
    footage = open_footage(str(tmp_path / "photo.jpg"))
    assert footage.size == (64, 48) and next(footage.frames([0])).shape == (48, 64, 3)
    assert "photo.jpg: its EXIF orientation is not applied; calibrated are the pixels as stored, 64x48" in [
        record.getMessage() for record in log_records
    ]
