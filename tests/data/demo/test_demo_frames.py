"""Frames and landmarks of the demo: made once, resumed after a kill, made again when their source changes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from data.demo import frames, plan
from data.demo.frames import decode_videos, detect_landmarks, frame_path
from modules.utils import UserError


class CountingDetector:
    """Finds a person at the image's mean grey, and raises KeyboardInterrupt after `stop_after` images."""

    def __init__(self, stop_after: int = 10_000) -> None:
        self.seen, self.stop_after = 0, stop_after

    def __call__(self, image_rgb: np.ndarray, _: object) -> list[SimpleNamespace]:
        self.seen += 1
        if self.seen > self.stop_after:
            raise KeyboardInterrupt
        return [SimpleNamespace(landmarks_px=np.full((33, 2), float(image_rgb.mean())), visibility=np.ones(33))]


@pytest.fixture
def little_demo(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(frames, "NUM_FRAMES", 3)
    for number, camera in enumerate(plan.CAMERAS):
        for index in range(3):
            path = frame_path(tmp_path, camera, index)
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), np.full((8, 6, 3), 40 * number + index, dtype=np.uint8))
    return tmp_path


def test_a_killed_pass_goes_on_and_a_finished_one_is_kept(little_demo: Path) -> None:
    killed, second, third = CountingDetector(stop_after=7), CountingDetector(), CountingDetector()
    with pytest.raises(KeyboardInterrupt):
        detect_landmarks(little_demo, plan.CAMERAS, lambda: killed, "a")
    found, _ = detect_landmarks(little_demo, plan.CAMERAS, lambda: second, "a")
    again, _ = detect_landmarks(little_demo, plan.CAMERAS, lambda: third, "a")
    assert (second.seen, third.seen) == (6, 0)
    assert found.shape == (4, 3, 33, 2) and found[2, 1, 0, 0] == pytest.approx(81, abs=1)
    np.testing.assert_array_equal(found, again)


def test_another_extractor_frame_or_a_broken_file_is_detected_again(little_demo: Path) -> None:
    detector = CountingDetector()

    def seen_by(fingerprint: str) -> int:
        before = detector.seen
        detect_landmarks(little_demo, plan.CAMERAS, lambda: detector, fingerprint)
        return detector.seen - before

    assert [seen_by("a"), seen_by("a"), seen_by("b")] == [12, 0, 12]
    cv2.imwrite(str(frame_path(little_demo, "cam02", 1)), np.zeros((8, 6, 3), dtype=np.uint8))
    assert seen_by("b") == 3
    (little_demo / frames.LANDMARKS_FOLDER / "cam03/part-00000.npz").write_bytes(b"PK no archive")
    assert seen_by("b") == 3


def test_a_short_video_is_named_and_existing_frames_are_kept(tmp_path: Path) -> None:
    writer = cv2.VideoWriter(str(tmp_path / "cam01.mp4"), cv2.VideoWriter_fourcc(*"mp4v"), 60, (64, 48))
    for index in range(5):
        writer.write(np.full((48, 64, 3), 40 * index, dtype=np.uint8))
    writer.release()
    kept = frame_path(tmp_path, "cam01", 2)
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"mine")
    with pytest.raises(UserError, match=r"cam01\.mp4: this video ends before frame 005"):
        decode_videos(tmp_path, tmp_path, ["cam01"])
    assert kept.read_bytes() == b"mine"
    assert cv2.imread(str(frame_path(tmp_path, "cam01", 4))).mean() == pytest.approx(160, abs=8)
