"""Every example file of other programs is read as the cameras that it was made of."""

from __future__ import annotations

import pytest

from modules.calibrations.reading import read_calibration
from tests.calibrations.truth import CAMERAS, EXAMPLES, misses_px


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
