"""Recordings, cameras and calibrations are found by name, and what is missing or ambiguous is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from data.rig.calibration import camera_of_size
from data.rig.clock import nearest_frames
from data.rig.recordings import Source, find_recordings
from data.rig.splits import Group, choose_validation, roles
from data.rig.views import camera_of_view, open_view
from modules.files.cameras import write_camera
from modules.utils import UserError
from tests.data.rig.made_up_rig import make_rig
from tests.data.rig.recording import make_cameras
from tests.files.exif_images import jpeg


@pytest.mark.parametrize(
    ("view", "camera"),
    [("cam01", "cam01"), ("Cam_1", "cam01"), ("walk_cam02", "cam02"), ("CAM12.raw", "cam12"), ("cam2-walk-3", "cam02")],
)
def test_a_view_is_its_cameras_by_name(view: str, camera: str) -> None:
    assert camera_of_view(view, ["cam01", "cam02", "cam12"], Path("x")) == camera


@pytest.mark.parametrize("view", ["left", "camera1", "cam3", "cam01_cam02"])
def test_a_view_of_no_or_of_two_cameras_is_named(view: str) -> None:
    with pytest.raises(UserError, match=f"in the name {view}; rename"):
        camera_of_view(view, ["cam01", "cam02", "cam12"], Path("x"))


def test_recordings_are_the_folder_itself_or_its_subfolders(tmp_path: Path) -> None:
    rig = make_rig(tmp_path / "one")
    (alone,) = find_recordings(Source(rig.folder))
    assert alone.name == "1_person" and alone.names == ("cam1", "cam2", "cam3")
    shutil.copytree(rig.folder, tmp_path / "own", ignore=shutil.ignore_patterns("*.toml"))
    for name, camera in zip(alone.names, alone.cameras, strict=True):
        write_camera(tmp_path / "own/cameras" / f"{name}.json", camera)
    (again,) = find_recordings(Source(tmp_path / "own"))
    np.testing.assert_allclose(again.cameras[1].t, alone.cameras[1].t)
    many = tmp_path / "many"
    for name in ("walk_anna", "run_anna"):
        shutil.copytree(rig.folder, many / name)
    (many / "walk_anna/Calib.toml").rename(many / "Calib.toml")
    assert [recording.name for recording in find_recordings(Source(many))] == ["run_anna", "walk_anna"]
    (many / "walk_anna").rename(many / "walk_anna_2")
    with pytest.raises(UserError, match="named <POSE>_<PERSON>"):
        find_recordings(Source(many))


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="this folder is missing"):
        find_recordings(Source(tmp_path / "nowhere"))
    with pytest.raises(UserError, match="no recording by two cameras"):
        find_recordings(Source(tmp_path))
    rig = make_rig(tmp_path / "rig")
    calibration = rig.folder / "Calib.toml"
    shutil.copy(calibration, rig.folder / "Other.toml")
    with pytest.raises(UserError, match="could be the calibration"):
        find_recordings(Source(rig.folder))
    (rig.folder / "Other.toml").unlink()
    shutil.copytree(rig.folder / "cam1", rig.folder / "cam01")
    with pytest.raises(UserError, match="camera cam1 has another video"):
        find_recordings(Source(rig.folder))
    shutil.rmtree(rig.folder / "cam01")
    calibration.unlink()
    with pytest.raises(UserError, match="no calibration of a known format"):
        find_recordings(Source(rig.folder))


def test_images_of_another_shape_need_a_word() -> None:
    camera = make_cameras()[0]
    half = camera_of_size(camera, (540, 960), "x", False)
    np.testing.assert_allclose(half.K[0, 0], camera.K[0, 0] / 2)
    with pytest.raises(UserError, match="x: the images are 1072x1920 px, but .* --fit-width"):
        camera_of_size(camera, (1072, 1920), "x", False)
    assert camera_of_size(camera, (1072, 1920), "x", True).image_size == (1072, 1920)


def test_people_validate_before_recordings_and_recordings_before_time() -> None:
    times = np.arange(100) / 30
    five = [Group(f"{pose}_{person}", person, times) for person in "abcde" for pose in "12"]
    assert choose_validation(five, True) == ("person", {"e"})
    assert choose_validation(five, False) == ("sequence", {"2_d", "2_e"})
    assert choose_validation(five[:2], True) == ("time", set())
    assert set(roles(five[-1], "person", {"e"}, False)) == {"validation"}
    use = roles(five[0], "time", set(), True)
    assert [use.tolist().count(name) for name in ("train", "validation", "test", "")] == [50, 15, 25, 10]
    order = [name for name, before in zip(use, [None, *use[:-1]], strict=True) if name != before]
    assert order == ["train", "", "validation", "", "test"]


def test_the_nearest_frame_is_found_within_its_interval() -> None:
    times = np.array([0.0, 0.04, 0.08, 0.2])
    assert nearest_frames(times, np.array([-0.1, 0.01, 0.07, 0.12, 0.21]), 0.03).tolist() == [-1, 0, 2, -1, 3]


def test_images_of_a_camera_have_one_size_and_are_not_turned(tmp_path: Path) -> None:
    for name, size in (("1.png", (40, 60)), ("2.jpg", (40, 60)), ("10.png", (40, 60))):
        cv2.imwrite(str(tmp_path / name), np.zeros((*size[::-1], 3), np.uint8))
    assert open_view(tmp_path, 30.0).size == (40, 60)
    cv2.imwrite(str(tmp_path / "10.png"), np.zeros((40, 60, 3), np.uint8))
    with pytest.raises(UserError, match=r"10.png: this image is 60x40 px, but 1.png of the same camera is 40x60; put"):
        open_view(tmp_path, 30.0)
    (tmp_path / "10.png").write_bytes((tmp_path / "1.png").read_bytes()[:-20])
    with pytest.raises(UserError, match=r"10.png: this image is truncated"):
        open_view(tmp_path, 30.0)
    (tmp_path / "10.png").unlink()
    (tmp_path / "2.jpg").write_bytes(jpeg(40, 60, 6))
    with pytest.raises(UserError, match=r"2.jpg: EXIF or XMP orientation 6 turns this image of 40x60 stored px"):
        open_view(tmp_path, 30.0)
