"""predict.py warns of a camera that cannot be right, and withholds the error that it would promise."""

import logging
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from data.demo.calibration import read_demo_cameras
from data.demo.source import fetch_demo_source
from modules.checks.error_effects import ErrorEffects
from modules.files.cameras import write_camera
from modules.files.video import open_video, read_frames
from modules.pose_utils import Camera
from modules.predict import checks, job
from pre_models.blazepose import fetch_blazepose


@pytest.fixture(scope="module")
def frame(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A frame of the demo's first camera."""
    fetch_blazepose("heavy")
    image = next(read_frames(open_video(fetch_demo_source() / "cam01.mp4"), [30]))
    path = tmp_path_factory.mktemp("frame") / "a.png"
    cv2.imwrite(str(path), image[..., ::-1])
    return path


@pytest.fixture(scope="module")
def camera() -> Camera:
    """The demo's first camera, with its floor."""
    return replace(
        read_demo_cameras(fetch_demo_source() / "Calib.qca.txt")["cam01"], image_size=(1080, 1920), floor_height_mm=0.0
    )


def predicted(frame: Path, camera: Camera, folder: Path) -> job.Result:
    write_camera(folder / "camera.json", camera)
    return job.predict(job.Request([str(frame)], folder / "camera.json", output=folder / "out", quality=job.FAST))


def test_a_sound_camera_is_not_warned_of(
    frame: Path, camera: Camera, tmp_path: Path, log_records: list[logging.LogRecord]
) -> None:
    poses = predicted(frame, camera, tmp_path).poses
    assert not [record for record in log_records if record.levelno >= logging.WARNING]
    assert np.isfinite(poses.expected_error_mm).all() and "camera" not in poses.warnings[0]


@pytest.mark.parametrize("harm", ["metres", "focal length"])
def test_a_camera_that_cannot_be_right_is_warned_of(
    frame: Path, camera: Camera, tmp_path: Path, log_records: list[logging.LogRecord], harm: str
) -> None:
    harmed = replace(camera, t=camera.t / 1000)
    if harm == "focal length":
        harmed = replace(camera, K=np.diag([1920.0, 1920, 1]) @ camera.K)
    poses = predicted(frame, harmed, tmp_path).poses
    warnings = [record.getMessage() for record in log_records if record.levelno == logging.WARNING]
    assert warnings and warnings[0].startswith(f"warning: {tmp_path / 'camera.json'}: ")
    assert ("metres" if harm == "metres" else "image_scale") in warnings[0]
    assert np.isnan(poses.expected_error_mm).all() and "its camera cannot be right" in poses.warnings[0]
    assert poses.origin["camera_findings"] == [text.removeprefix("warning: ") for text in warnings]


def test_effects_raise_and_withhold() -> None:
    effects = ErrorEffects([None, None, "wrong"], np.array([0.0, 40.0, 0.0]), [None, "odd", None])
    told = checks.with_effects(np.full((3, 24), 30.0), effects)
    np.testing.assert_allclose(told[:2, 0], [30, 50])
    assert np.isnan(told[2]).all()
    assert checks.reasons_of(effects) == [[], ["odd"], ["its camera cannot be right"]]
