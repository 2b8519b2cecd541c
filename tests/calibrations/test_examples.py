"""Every example file of other programs is read as the cameras that it was made of."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.calibrations.writers import PINHOLE, SCALES, WRITERS
from modules.calibrations.reading import ReadOptions, read_calibration
from modules.pose_utils import project_to_image
from tests.calibrations.truth import CAMERAS, EXAMPLES, POINTS_WORLD, misses_px


@pytest.mark.parametrize(
    ("name", "format_", "unit"),
    [
        ("pose2sim/Calib.toml", "toml", "m"),
        ("anipose/calibration.toml", "toml", "mm"),
        ("caliscope/camera_array.toml", "toml", "m"),
        ("caliscope/camera_array_aniposelib.toml", "toml", "m"),
        ("freemocap/v1_camera_calibration.toml", "toml", "mm"),
        ("freemocap/v2_camera_calibration.toml", "toml", "mm"),
        ("qualisys/Calib.qca.txt", "qualisys", "mm"),
    ],
)
def test_an_example_is_read_to_the_truth(name: str, format_: str, unit: str) -> None:
    read = read_calibration(EXAMPLES / name)
    assert (read.format, read.unit, len(read.cameras)) == (format_, unit, 3)
    assert max(misses_px(read.cameras)) < 1e-6
    sizes = [camera.image_size for camera in read.cameras.values()]
    assert sizes == [camera.image_size for camera in CAMERAS.values()]


@pytest.mark.parametrize(
    ("name", "format_", "unit"),
    [
        ("easymocap", "easymocap", "m"),
        ("panoptic/calibration_rig.json", "panoptic", "cm"),
        ("h36m/camera-parameters.json", "h36m", "mm"),
        ("h36m/metadata.xml", "h36m", "mm"),
        ("h36m/mmpose_cameras.pkl", "h36m-derived", "m"),
        ("h36m/videopose3d_style.json", "h36m-derived", "mm"),
    ],
)
def test_a_data_sets_example_is_read_to_the_truth(name: str, format_: str, unit: str) -> None:
    read = read_calibration(EXAMPLES / name)
    assert (read.format, read.unit) == (format_, unit) and len(read.cameras) >= 3
    assert max(misses_px(read.cameras)) < 1e-6


def test_the_fisheye_example_is_read_with_its_own_model() -> None:
    camera = read_calibration(EXAMPLES / "anipose/calibration_fisheye.toml").cameras["wide"]
    seen = cv2.fisheye.projectPoints(
        POINTS_WORLD[:, None],
        cv2.Rodrigues(camera.R)[0],
        camera.t,
        camera.K,
        np.array([0.0312, 0.0051, -0.0006, 0.0001]),
    )[0].reshape(-1, 2)
    np.testing.assert_allclose(project_to_image(POINTS_WORLD, camera), seen, atol=1e-9)


@pytest.mark.parametrize("name", WRITERS)
def test_what_each_tool_writes_is_read_back(name: str, tmp_path: Path) -> None:
    rig = {key: replace(one, distortion=None) for key, one in CAMERAS.items()} if name in PINHOLE else CAMERAS
    if name == "threedpw":
        rig = {key: replace(one, K=CAMERAS["cam1"].K) for key, one in rig.items()}
    read = read_calibration(WRITERS[name](tmp_path, rig), ReadOptions(scale=SCALES.get(name)))
    assert len(read.cameras) == 3
    for found, true in zip(read.cameras.values(), rig.values(), strict=True):
        np.testing.assert_allclose(
            project_to_image(POINTS_WORLD, found), project_to_image(POINTS_WORLD, true), atol=1e-6
        )
        assert found.image_size in (true.image_size, None) and (found.image_size or name in ("h36m", "threedpw"))
