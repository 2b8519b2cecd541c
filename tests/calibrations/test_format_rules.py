"""The rules of single formats that the rig of the examples does not show."""

from __future__ import annotations

import json
import math
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from benchmarks.calibrations import writers
from benchmarks.calibrations.mistakes import DIRECTIONS
from modules.calibrations.numpy_pickle import load_numbers
from modules.calibrations.reading import ReadOptions, read_calibration
from modules.pose_utils import Camera, project_to_image
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
    assert "whether K is of another size than your images" in "\n".join(read.notes)
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
    assert "1 images have no valid pose" in notes_of(path) and "one moving camera do not show" in notes_of(path)


def _moving(folder: Path, change: Callable[[Camera], Camera], **extra: Any) -> Path:
    """Writes a sequence of 3DPW: twelve images of a camera that moves past two people, changed as a mistake changes it."""
    one, rig = CAMERAS["cam1"], {}
    for index in range(12):
        turn = cv2.Rodrigues(np.array([0, 0.01 * index, 0]))[0]
        rig[f"c{index}"] = change(replace(one, R=turn @ one.R, t=turn @ one.t + [20.0 * index, 0, 0]))
    path = writers.threedpw(folder, rig)
    data = load_numbers(path.read_bytes())
    data["campose_valid"] = [np.array([1] * 12 + [0])] * 2
    data["jointPositions"] = [np.tile(POINTS_WORLD[k] / 1000, (13, 24)) for k in range(2)]
    path.write_bytes(pickle.dumps({key: value for key, value in {**data, **extra}.items() if value is not None}))
    return path


def test_a_moving_camera_is_checked_by_the_people_in_its_pictures(tmp_path: Path) -> None:
    assert len(read_calibration(_moving(tmp_path, lambda camera: camera)).cameras) == 12
    for mistake in DIRECTIONS:
        if mistake.what == "R transposed":  # these people are near the world's origin, whose place it does not change
            assert "it could be a transposed R" in notes_of(_moving(tmp_path, mistake.change))
            continue
        with pytest.raises(UserError, match="people of the file"):
            read_calibration(_moving(tmp_path, mistake.change))
    for factor in (1000, 0.001):
        with pytest.raises(UserError, match="people of the file|from image to image"):
            read_calibration(_moving(tmp_path, lambda camera, factor=factor: replace(camera, t=factor * camera.t)))
    without = notes_of(_moving(tmp_path, lambda camera: camera, jointPositions=None))
    assert "it could be camera to world, a transposed R, a centre for t" in without


def test_a_sequence_file_of_more_than_a_million_values_is_read(tmp_path: Path) -> None:
    path = _moving(tmp_path, lambda camera: camera, poses_60Hz=np.zeros((1_050_000, 1), np.float32))
    assert len(read_calibration(path).cameras) == 12


def test_what_nerfstudio_applied_is_named(tmp_path: Path) -> None:
    path = edited(
        writers.nerfstudio(tmp_path, CAMERAS), '"frames"',
        '"applied_transform": [[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0]], "applied_scale": 0.5, "frames"',
    )  # fmt: skip
    notes = notes_of(path, scale=2.0)
    assert (
        "applied_transform [[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0], [0.0, -1.0, 0.0, 0.0]] is in the cameras"
        in notes
    )
    assert "applied_scale 0.5 is in the lengths; --scale is the mm of one unit after it" in notes


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
