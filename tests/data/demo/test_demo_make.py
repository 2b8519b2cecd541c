"""Rotations of the demo on disk: they read back, and any change makes them incomplete."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from data.demo import make, plan, rotation
from data.demo.frames import frame_path
from modules.config.paths import PROJECT_ROOT
from modules.files.atomic import read_json
from modules.files.cameras import read_camera
from modules.files.labels import read_label, read_validation_list
from modules.files.layout import list_frames
from modules.files.locking import only_writer
from modules.utils import UserError
from tests.data.rig.recording import make_cameras


@pytest.fixture
def made(tmp_path: Path) -> rotation.Rotation:
    """A rotation with test camera 2, of made-up numbers, and the frames on disk."""
    rng = np.random.default_rng(0)
    for camera in plan.CAMERAS:
        for index in range(100):
            path = frame_path(tmp_path, camera, index)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"jpeg" + camera.encode())
    nothing = np.zeros((4, 100, 33))
    return rotation.Rotation(
        test_camera=1,
        cameras=[dataclasses.replace(camera, floor_height_mm=61.5) for camera in make_cameras()],
        landmarks_world=rng.normal(0, 300, (100, 33, 3)),
        joints_world=rng.normal(0, 300, (100, 24, 3)),
        joints_sd_mm=np.ones((100, 24)),
        residuals_before_px=nothing,
        residuals_px=nothing,
        swapped=np.zeros((3, 4, 100), dtype=bool),
        floor_height_mm=61.5,
    )


@pytest.fixture
def written(tmp_path: Path, made: rotation.Rotation) -> Path:
    """The rotation, written."""
    folder = make.write_rotation(tmp_path, made, {"extractor": "none"})
    np.save(tmp_path / "joints.npy", made.joints_world)
    return folder


def test_what_is_written_reads_back(written: Path) -> None:
    joints = np.load(written.parent / "joints.npy")
    train, test = list_frames(written, "train"), list_frames(written, "test")
    assert (len(train), len(test)) == (3 * 65, 25)
    assert {frame.camera for frame in train} == {"1", "3", "4"} and {frame.camera for frame in test} == {"2"}
    for frame in (*train[::10], *test):
        np.testing.assert_array_equal(read_label(frame.label_path), joints[int(frame.sequence)])
        assert frame.image_path.read_bytes() == b"jpegcam0" + frame.camera.encode()
    camera = read_camera(test[0].camera_path)
    assert camera.floor_height_mm == 61.5 and camera.image_size == (1080, 1920)
    held_out = read_validation_list(written)
    assert held_out == {frame.file_name for frame in train if int(frame.sequence) in plan.VALIDATION_FRAMES}
    sample = read_json(written / "sample_submission.json")
    assert [entry["file_name"] for entry in sample] == [frame.file_name for frame in test]
    assert plan.is_complete(written)


@pytest.mark.parametrize(
    "harm", ["label lost", "label edited", "image lost", "image added", "marker lost", "marker broken"]
)
def test_a_changed_rotation_is_not_complete(written: Path, harm: str) -> None:
    label = written / "task04_train/labels/1_demo/3D_1_demo_7.json"
    image = written / "task04_train/images/1_demo_3/1_demo_3_7.jpg"
    match harm:
        case "label lost":
            label.unlink()
        case "label edited":
            label.write_text(label.read_text().replace("1", "2", 1))
        case "image lost":
            image.unlink()
        case "image added":
            image.with_name("1_demo_3_57.jpg").write_bytes(b"")
        case "marker lost":
            (written / plan.MARKER).unlink()
        case "marker broken":
            (written / plan.MARKER).write_text('["half')
    assert not plan.is_complete(written)


def test_changed_code_makes_the_data_stale(written: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "WEIGHTS", "heavy")
    assert not plan.is_complete(written)


def test_two_processes_do_not_write_one_rotation(written: Path, made: rotation.Rotation) -> None:
    with (
        only_writer(written, "makes a data set in"),
        pytest.raises(UserError, match="another process makes a data set in"),
    ):
        make.write_rotation(written.parent, made, {})
    assert plan.is_complete(written)


def test_the_sample_at_the_root_is_that_of_the_default_rotation() -> None:
    assert read_json(PROJECT_ROOT / "sample_submission.json") == plan.sample_submission(4)
