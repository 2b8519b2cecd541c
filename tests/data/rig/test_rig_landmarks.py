"""Saved landmarks of a rig: whole ones are read, damaged ones are detected again, and nothing in them is trusted."""

from __future__ import annotations

import tracemalloc
import zipfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from data.rig.landmarks import People2D, detect_view
from tests.attacks.program import Program
from tests.attacks.test_hostile_arrays import npy, with_shape

FRAMES = 6
MARK = f"made up/content/0-{FRAMES}"


class Recorder:
    """A view of black images, a detector of one person each, and how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def people(self, folder: Path) -> People2D:
        view: Any = SimpleNamespace(
            camera="cam1", times_s=np.arange(FRAMES) / 30, video=None, content=lambda frames: "content",
            read_as_written=lambda frames: (np.zeros((2, 2, 3), np.uint8) for _ in frames),
        )  # fmt: skip
        return detect_view(view, folder, lambda: self._detect, "made up")

    def _detect(self, image: np.ndarray, _: object) -> list[SimpleNamespace]:
        self.asked += 1
        return [SimpleNamespace(landmarks_px=np.arange(66.0).reshape(33, 2), visibility=np.ones(33))]


def write(path: Path, **changed: np.ndarray | bytes) -> None:
    """Writes a part with some of its arrays changed."""
    arrays: dict[str, Any] = {
        "mark": np.array(MARK), "counts": np.ones(FRAMES, int), "points_px": np.zeros((FRAMES, 33, 2)),
        "visibility": np.ones((FRAMES, 33)), **changed,
    }  # fmt: skip
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, array in arrays.items():
            package.writestr(f"{name}.npy", array if isinstance(array, bytes) else npy(array))


def test_a_flipped_byte_anywhere_is_harmless(tmp_path: Path) -> None:
    recorder, path = Recorder(), tmp_path / "part-00000.npz"
    made = recorder.people(tmp_path)
    whole = path.read_bytes()
    recorder.people(tmp_path)
    assert recorder.asked == FRAMES
    for place in (*range(0, len(whole), 13), len(whole) - 1):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        again = recorder.people(tmp_path)
        np.testing.assert_array_equal(made.points_px, again.points_px)
        np.testing.assert_array_equal(made.visibility, again.visibility)
    assert recorder.asked > 20 * FRAMES


def test_a_part_of_the_right_arrays_is_read(tmp_path: Path) -> None:
    recorder = Recorder()
    write(tmp_path / "part-00000.npz")
    assert not recorder.people(tmp_path).points_px.any() and recorder.asked == 0


@pytest.mark.parametrize(
    "changed",
    [
        {"counts": np.ones(FRAMES - 1, int)},
        {"counts": np.array([-1, 1, 1, 1, 1, 3])},
        {"counts": np.array([2**62, 2**62, 2**62, 2**62, 3, 3])},  # six, once it has overflowed
        {"counts": np.ones(FRAMES)},
        {"points_px": np.zeros((FRAMES, 32, 2))},
        {"points_px": np.zeros((FRAMES, 33, 2), np.complex128)},
        {"visibility": np.ones((FRAMES + 1, 33))},
        {"visibility": np.full((FRAMES, 33), "1")},
        {"counts": with_shape("(99999999999,)")},
        {"points_px": np.zeros(10**7)},
    ],
)
def test_a_part_of_other_arrays_is_detected_again(tmp_path: Path, changed: dict[str, Any]) -> None:
    recorder = Recorder()
    write(tmp_path / "part-00000.npz", **changed)
    tracemalloc.start()
    assert recorder.people(tmp_path).points_px.any() and recorder.asked == FRAMES
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


def test_a_program_in_a_part_does_not_run(tmp_path: Path) -> None:
    recorder, mark = Recorder(), tmp_path / "ran"
    write(tmp_path / "part-00000.npz", mark=npy(np.array([Program(mark)], object), pickles=True))
    recorder.people(tmp_path)
    assert recorder.asked == FRAMES and not mark.exists()
