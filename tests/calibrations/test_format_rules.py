"""The rules of single formats that the rig of the examples does not show."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks.calibrations import writers
from benchmarks.calibrations.mistakes import DIRECTIONS
from modules.calibrations.reading import ReadOptions, read_calibration
from modules.pose_utils import project_to_image
from modules.utils import UserError
from tests.calibrations.truth import CAMERAS, EXAMPLES, POINTS_WORLD, misses_px


def notes_of(path: Path, **options: Any) -> str:
    return "\n".join(read_calibration(path, ReadOptions(**options)).notes)


def edited(path: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    return path


def test_what_a_toml_file_leaves_out_is_said(tmp_path: Path) -> None:
    notes = notes_of(writers.caliscope(tmp_path, CAMERAS))
    assert "camera cam_0 has no matrix" in notes and "camera cam_1 was turned for detection alone" in notes
    centred = {name: replace(one, K=one.K.copy()) for name, one in CAMERAS.items()}
    centred["cam1"].K[:2, 2] = [960, 540]
    assert "the size of camera cam1 is just twice its principal point" in notes_of(writers.pose2sim(tmp_path, centred))


def test_a_binned_qualisys_video_has_half_of_k(tmp_path: Path) -> None:
    path = writers.qualisys(tmp_path, CAMERAS)
    edited(path, 'serial="cam1" model="Miqus Video"', 'serial="cam1" model="Miqus Video" video_resolution="540p"')
    read = read_calibration(path)
    np.testing.assert_allclose(read.cameras["cam1"].K[:2], CAMERAS["cam1"].K[:2] / 2)
    assert read.cameras["cam1"].image_size == (960, 540) and "cam1 was recorded with half" in "\n".join(read.notes)
    assert "camera 9 is a Oqus 700, which records markers" in "\n".join(read.notes)


def test_theia_and_qualisys_are_not_mixed_up(tmp_path: Path) -> None:
    """The same structure: px or 1/64 px, t or centre."""
    (tmp_path / "a").mkdir()
    theia, qualisys = writers.theia(tmp_path, CAMERAS), writers.qualisys(tmp_path / "a", CAMERAS)
    assert [read_calibration(path).format for path in (theia, qualisys)] == ["theia", "qualisys"]
    edited(edited(theia, "sensorMaxU", "sensorDimU"), "sensorMaxV", "sensorDimV")
    assert max(misses_px(read_calibration(theia).cameras)) < 1e-6


def test_easymocap_files_of_other_writers(tmp_path: Path) -> None:
    """Pose2Sim numbers its keys; older files have no size; some have one of the two rotations; intri.yml may be alone."""
    folder = writers.easymocap(tmp_path, {"1": CAMERAS["cam1"], "2": CAMERAS["cam2"], "3": CAMERAS["cam3"]})
    for name in ("intri.yml", "extri.yml"):
        text = (folder / name).read_text()
        for index in "123":
            text = text.replace(f'"{index}"', f'"left {index}"')
        (folder / name).write_text(text.replace("W_", "V_").replace("R_", "Z_"))
    read = read_calibration(folder)
    assert list(read.cameras) == ["left 1", "left 2", "left 3"] and "K_1 is left 1" in "\n".join(read.notes)
    assert max(misses_px(read.cameras)) < 1e-6 and read.cameras["left 1"].image_size is None
    assert "that of your images is used" in "\n".join(read.notes)
    edited(folder / "extri.yml", "T_2", "U_2")
    with pytest.raises(UserError, match="there is no T_2 in this file"):
        read_calibration(folder)
    (folder / "extri.yml").unlink()
    with pytest.raises(UserError, match="holds the intrinsics of left 1 and no extrinsics"):
        read_calibration(folder)


def test_two_rotations_of_easymocap_must_be_one(tmp_path: Path) -> None:
    folder = writers.easymocap(tmp_path, CAMERAS)
    text = (folder / "extri.yml").read_text()
    (folder / "extri.yml").write_text(text.replace("\nR_cam1:", "\nQ:").replace("\nR_cam2:", "\nR_cam1:"))
    with pytest.raises(UserError, match="R_cam1 and Rot_cam1 are different rotations"):
        read_calibration(folder)


def test_opencv_samples_hold_intrinsics_and_a_lens(tmp_path: Path) -> None:
    storage = cv2.FileStorage(str(tmp_path / "out.yml"), cv2.FileStorage_WRITE)
    storage.write("image_width", 1920)
    storage.write("image_height", 1080)
    storage.write("camera_matrix", CAMERAS["cam1"].K)
    storage.write("distortion_coefficients", np.array([[0.5, 0.1, 1e-3, -5e-4, 0.01, 0.8, 0.2, 0.02]]).T)
    storage.release()
    camera = read_calibration(tmp_path / "out.yml", ReadOptions(needs_pose=False)).cameras["out"]
    assert camera.image_size == (1920, 1080) and camera.distortion is not None and camera.distortion[7] == 0.02
    np.testing.assert_array_equal(camera.K, CAMERAS["cam1"].K)


def test_ray3d_writes_the_other_direction_under_videopose3ds_keys(tmp_path: Path) -> None:
    path = writers.videopose3d(tmp_path, CAMERAS)
    data = json.loads(path.read_text())
    for pose, lens, camera in zip(data["extrinsic"]["S1"], data["intrinsic"], CAMERAS.values(), strict=True):
        pose["orientation"] = writers.wxyz(camera.R)
        lens["tangential_distortion"].reverse()
    path.write_text(json.dumps(data))
    read = read_calibration(path)
    assert max(misses_px(read.cameras)) < 1e-6
    assert "only if orientation is world to camera and translation the centre" in "\n".join(read.notes)


def colmap_line(folder: Path, model: str, numbers: list[float]) -> Path:
    writers.colmap(folder, CAMERAS)
    lines = (folder / "cameras.txt").read_text().splitlines()
    lines[1] = f"1 {model} 1920 1080 {writers.words(numbers)}"
    (folder / "cameras.txt").write_text("\n".join(lines))
    return folder


@pytest.mark.parametrize(
    ("model", "numbers", "expected"),
    [
        ("SIMPLE_PINHOLE", [1400, 960.5, 540.5], None),
        ("PINHOLE", [1400, 1400, 960.5, 540.5], None),
        ("SIMPLE_RADIAL", [1400, 960.5, 540.5, -0.1], [-0.1, 0, 0, 0, 0]),
        ("RADIAL", [1400, 960.5, 540.5, -0.1, 0.02], [-0.1, 0.02, 0, 0, 0]),
        ("FULL_OPENCV", [1400, 1400, 960.5, 540.5, *range(1, 9)], [*range(1, 9)]),
        ("OPENCV_FISHEYE", [1400, 1400, 960.5, 540.5, 0.1, 0.2, 0.3, 0.4], [0.1, 0.2, 0.3, 0.4]),
        ("SIMPLE_RADIAL_FISHEYE", [1400, 960.5, 540.5, 0.1], [0.1, 0, 0, 0]),
    ],
)
def test_colmaps_models(model: str, numbers: list[float], expected: list[float] | None, tmp_path: Path) -> None:
    camera = read_calibration(colmap_line(tmp_path, model, numbers), ReadOptions(scale=2.0)).cameras["cam1.jpg"]
    np.testing.assert_array_equal(camera.K, [[1400, 0, 960], [0, 1400, 540], [0, 0, 1]])
    assert expected is None or (camera.distortion is not None and camera.distortion.tolist() == expected)
    assert (camera.distortion is None) == (expected is None)


def test_colmaps_other_models_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="camera 1 is a FOV, which is not supported; colmap image_undistorter"):
        read_calibration(colmap_line(tmp_path, "FOV", [1400, 1400, 960, 540, 0.9]), ReadOptions(scale=2.0))
    with pytest.raises(UserError, match="PINHOLE of camera 1 holds 3 numbers, not 4"):
        read_calibration(colmap_line(tmp_path, "PINHOLE", [1400, 960, 540]), ReadOptions(scale=2.0))


def test_instant_ngp_gives_an_angle_of_view(tmp_path: Path) -> None:
    path = writers.nerfstudio(tmp_path, {name: replace(one, distortion=None) for name, one in CAMERAS.items()})
    data = json.loads(path.read_text())
    for frame in data["frames"]:
        frame["camera_angle_x"] = 2 * math.atan(frame["w"] / (2 * frame["fl_x"]))
        for key in ("fl_x", "fl_y", "cx", "cy", "k1", "k2", "p1", "p2"):
            del frame[key]
    path.write_text(json.dumps(data))
    camera = read_calibration(path, ReadOptions(scale=2.0)).cameras["images/cam1.jpg"]
    np.testing.assert_allclose(camera.K, [[1400.25, 0, 959.5], [0, 1400.25, 539.5], [0, 0, 1]])


def test_nerfstudios_fisheye(tmp_path: Path) -> None:
    path = edited(writers.nerfstudio(tmp_path, CAMERAS), '"OPENCV"', '"OPENCV_FISHEYE"')
    lens = read_calibration(path, ReadOptions(scale=2.0)).cameras["images/cam1.jpg"].distortion
    assert lens is not None and lens.tolist() == [-0.0821, 0.1013, 0, 0]


def test_images_of_3dpw_without_a_pose_are_left_out(tmp_path: Path) -> None:
    path = writers.threedpw(tmp_path, CAMERAS)
    assert list(read_calibration(path).cameras) == ["image_00000", "image_00001", "image_00002"]
    assert "1 images have no valid pose" in notes_of(path) and "one moving camera" in notes_of(path)


def test_a_single_file_of_biocv_or_opencap_is_a_camera(tmp_path: Path) -> None:
    """Nothing of its direction can be checked, which a note says."""
    path = writers.biocv(tmp_path, CAMERAS) / "cam1.calib"
    assert list(read_calibration(path).cameras) == ["cam1"] and "one camera alone" in notes_of(path)
    path = writers.opencap(tmp_path, CAMERAS) / "Videos" / "cam2" / "cameraIntrinsicsExtrinsics.pickle"
    camera = read_calibration(path).cameras["cam2"]
    assert camera.image_size == (1088, 1920)
    np.testing.assert_allclose(project_to_image(POINTS_WORLD, camera), project_to_image(POINTS_WORLD, CAMERAS["cam2"]))


def test_h36m_sizes_are_those_of_its_own_cameras(tmp_path: Path) -> None:
    K = np.array([[1145.0, 0, 512], [0, 1143, 515], [0, 0, 1]])
    square = {str(index): replace(one, K=K) for index, one in enumerate(CAMERAS.values())}
    path = writers.h36m(tmp_path, square)
    text = path.read_text().replace('"0"', '"54138969"').replace('"1"', '"55011271"')
    path.write_text(text)
    sizes = {name: camera.image_size for name, camera in read_calibration(path).cameras.items()}
    assert sizes == {"S1_54138969": (1000, 1002), "S1_55011271": (1000, 1000), "S1_2": None}


def test_wrong_lengths_name_their_factor() -> None:
    path = EXAMPLES / "pose2sim" / "Calib.toml"
    with pytest.raises(UserError, match="would be plausible if lengths were 1000 times as large"):
        read_calibration(path, ReadOptions(unit="mm"))
    with pytest.raises(UserError, match="distances of 0.07953 fit neither m nor mm; .*: add --unit or --scale"):
        read_calibration(path, ReadOptions(scale=0.01))


def test_the_page_lists_every_mistake() -> None:
    page = (Path(__file__).parents[2] / "docs" / "cameras.md").read_text(encoding="utf-8")
    assert all(page.count(f"| {mistake.what} |") == 2 for mistake in DIRECTIONS)
