"""The demo's calibration: parsed in px and mm, fitted to the videos, refused with a message."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from data.demo.calibration import fit_to_video, read_demo_cameras
from modules.pose_utils import Camera, cam2pixel, distort, world2cam
from modules.utils import UserError

CALIBRATION = """<?xml version='1.0' encoding='ASCII'?>
<calibration><cameras>
<camera serial="cam01">
<fov_video bottom="1919" left="0" right="1087" top="0"/>
<transform r11="0" r12="1" r13="0" r21="0" r22="0" r23="1" r31="1" r32="0" r33="0" x="3000" y="20" z="1500"/>
<intrinsic centerPointU="34816" centerPointV="61440" focalLengthU="107520" focalLengthV="107200"
 radialDistortion1="-0.05" radialDistortion2="0.13" radialDistortion3="0" tangentalDistortion1="0.001"
 tangentalDistortion2="0.0005"/>
</camera></cameras></calibration>
"""


def write_calibration(folder: Path, old: str = "", new: str = "") -> Path:
    assert old in CALIBRATION
    path = folder / "Calib.qca.txt"
    path.write_text(CALIBRATION.replace(old, new) if old else CALIBRATION)
    return path


def test_calibration_is_read_in_pixels_and_millimetres(tmp_path: Path) -> None:
    camera = read_demo_cameras(write_calibration(tmp_path))["cam01"]
    np.testing.assert_allclose(camera.K, [[1680, 0, 544], [0, 1675, 960], [0, 0, 1]])
    np.testing.assert_allclose(camera.centre_world, [3000, 20, 1500])
    assert camera.image_size == (1088, 1920)
    np.testing.assert_allclose(camera.distortion, [-0.05, 0.13, 0.001, 0.0005, 0])
    # It looks along -x: a point in front of it, higher and further along y, is seen higher and to the right.
    u, v = cam2pixel(world2cam(np.array([[0, 120.0, 1600]]), camera.R, camera.t), camera.K)[0]
    np.testing.assert_allclose([u, v], [544 + 1680 * 100 / 3000, 960 - 1675 * 100 / 3000])


def test_a_broken_or_missing_calibration_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="missing"):
        read_demo_cameras(tmp_path / "Calib.qca.txt")
    with pytest.raises(UserError, match="Calib.qca.txt.*focalLengthU"):
        read_demo_cameras(write_calibration(tmp_path, 'focalLengthU="107520"', ""))


def test_the_letterbox_goes_into_k_and_leaves_the_distortion_its_meaning(tmp_path: Path) -> None:
    calibrated = read_demo_cameras(write_calibration(tmp_path))["cam01"]
    video = fit_to_video(calibrated, (1080, 1920))
    points = np.array([[0, 20, 1500.0], [500, 300, 900], [-700, -400, 2200]])

    def raw(camera: Camera) -> np.ndarray:
        return distort(cam2pixel(world2cam(points, camera.R, camera.t), camera.K), camera.K, camera.distortion)

    # The measured map of cam01 and cam02 from the video to the calibrated image.
    np.testing.assert_allclose(raw(video) * 1.00741 + [0.004, -7.107], raw(calibrated), atol=0.01)
    assert video.image_size == (1080, 1920)
    assert fit_to_video(calibrated, (1088, 1920)) is calibrated
