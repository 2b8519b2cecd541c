"""The camera of a prediction: completed, scaled and turned as said, and refused where something would be invented."""

import json
import logging
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from modules.files.cameras import write_camera
from modules.pose_utils import Camera, cam2pixel, world2cam
from modules.predict.arguments import parse_size
from modules.predict.source import Selection, open_source
from modules.predict.view import CameraOptions, read_view
from modules.utils import UserError
from tests.calibrations.truth import EXAMPLES
from tests.conftest import looking_camera, standing_person

UP = np.array([0.0, 0, 1])


@pytest.fixture
def camera(rng: np.random.Generator) -> Camera:
    return looking_camera(rng)


def written(folder: Path, camera: Camera, without: tuple[str, ...] = (), **more: Any) -> Path:
    path = folder / "camera.json"
    write_camera(path, camera)
    data = {name: value for name, value in json.loads(path.read_text()).items() if name not in without} | more
    path.write_text(json.dumps(data))
    return path


def test_up_and_floor_fill_what_the_file_does_not_say(tmp_path: Path, camera: Camera) -> None:
    bare = written(tmp_path, camera, ("world_up", "floor_height_mm"))
    view = read_view(bare, CameraOptions(up=UP, floor_mm=20.0))
    assert view.camera.floor_height_mm == 20 and (view.camera.world_up == UP).all()
    assert read_view(bare, CameraOptions()).camera.world_up is None
    declared = written(tmp_path, camera)
    assert read_view(declared, CameraOptions(up=UP, floor_mm=0.0)).camera.floor_height_mm == 0
    for options, says in (
        (CameraOptions(up=-UP), "^--up: .* declares another world_up"),
        (CameraOptions(floor_mm=50.0), "^--floor: .* declares floor_height_mm 0"),
    ):
        with pytest.raises(UserError, match=says):
            read_view(declared, options)
    bare = written(tmp_path, camera, ("world_up", "floor_height_mm"))
    with pytest.raises(UserError, match="measured along up, which is unknown"):
        read_view(bare, CameraOptions(floor_mm=0.0))
    with pytest.raises(UserError, match="not above its floor"):
        read_view(bare, CameraOptions(up=-UP, floor_mm=0.0))


def test_nothing_is_invented(tmp_path: Path, camera: Camera) -> None:
    with pytest.raises(UserError, match="intrinsics is missing; add K .*docs/predict.md#the-camera-file"):
        read_view(written(tmp_path, camera, ("intrinsics",)), CameraOptions(frame="camera"))
    bare = written(tmp_path, camera, ("extrinsics", "world_up", "floor_height_mm"))
    with pytest.raises(UserError, match="extrinsics is missing; add .*--frame camera"):
        read_view(bare, CameraOptions())
    view = read_view(bare, CameraOptions(frame="camera"))
    assert (np.eye(3) == view.camera.R).all() and (view.camera.t == 0).all() and view.camera.world_up is None


def test_unread_keys_and_a_lens_that_turns_back_are_named(
    tmp_path: Path, camera: Camera, log_records: list[logging.LogRecord]
) -> None:
    read_view(written(tmp_path, camera), CameraOptions())
    assert not log_records
    path = written(tmp_path, camera, distortion=[-0.9, 0, 0, 0, 0], serial_number=7)
    read_view(path, CameraOptions())
    unread, lens = (record.getMessage() for record in log_records)
    assert unread.startswith(f"{path}: keys of camera files that mean nothing here are not read: 'serial_number'")
    assert lens.startswith(f"{path}: the lens of distortion turns back ")
    assert {record.levelname for record in log_records} == {"WARNING"}


def test_the_camera_frame_keeps_up_and_floor(tmp_path: Path, camera: Camera, rng: np.random.Generator) -> None:
    own = read_view(written(tmp_path, camera, floor_height_mm=120.0), CameraOptions(frame="camera")).camera
    joints = standing_person(rng)
    assert own.world_up is not None and own.floor_height_mm is not None
    heights = world2cam(joints, camera.R, camera.t) @ own.world_up - own.floor_height_mm
    np.testing.assert_allclose(heights, joints[:, 2] - 120, atol=1e-6)


def test_images_of_two_sizes_need_the_size_of_k(tmp_path: Path, camera: Camera) -> None:
    bare = written(tmp_path, camera, ("image_size",))
    for name, size in (("a.png", (1920, 1080)), ("b.png", (1920, 1080)), ("c.png", (1600, 900))):
        cv2.imwrite(str(tmp_path / name), np.zeros((size[1], size[0], 3), np.uint8))
    images = [str(tmp_path / f"{name}.png") for name in "abc"]
    view = read_view(bare, CameraOptions())
    assert len(open_source(images[:2], Selection(), view).names) == 2
    with pytest.raises(UserError) as caught:
        open_source(images, Selection(), view)
    says = (
        f"{images[2]}: this image is 1600x900 px, but a.png 1920x1080, and K in {bare} is of one size; add image_size"
    )
    assert str(caught.value).startswith(says)
    scaled = read_view(bare, CameraOptions(calibrated_size=(1920, 1080)))
    assert open_source(images, Selection(), scaled).size(2) == (1600, 900)


def test_k_is_scaled_where_the_image_was_resized(tmp_path: Path, camera: Camera, rng: np.random.Generator) -> None:
    bare = written(tmp_path, camera, ("image_size",))
    view = read_view(bare, CameraOptions(calibrated_size=(1920, 1080)))
    half = view.camera_for("a.jpg", (960, 540))
    points = world2cam(standing_person(rng), camera.R, camera.t)
    np.testing.assert_allclose(cam2pixel(points, half.K), (cam2pixel(points, camera.K) + 0.5) / 2 - 0.5, atol=1e-6)
    assert view.camera_for("a.jpg", (1280, 721)).image_size == (1280, 721)  # rounded
    with pytest.raises(UserError, match="^a.jpg: .* of another shape"):
        view.camera_for("a.jpg", (1080, 1080))
    with pytest.raises(UserError, match="^a.jpg: .*--calibrated-size 1920x1080"):
        read_view(written(tmp_path, camera), CameraOptions()).camera_for("a.jpg", (960, 540))
    with pytest.raises(UserError, match="says image_size 1920x1080"):
        read_view(written(tmp_path, camera), CameraOptions(calibrated_size=(960, 540)))


def test_k_of_another_size_is_noticed(tmp_path: Path, camera: Camera) -> None:
    view = read_view(written(tmp_path, camera, ("image_size",)), CameraOptions())
    assert view.camera_for("a.jpg", (1920, 1080)).image_size == (1920, 1080)
    for size in ((960, 540), (640, 360), (7680, 4320)):
        with pytest.raises(UserError, match="K is of another size"):
            view.camera_for("a.jpg", size)


def test_words_of_the_command_line() -> None:
    assert parse_size("1920X1080") == (1920, 1080)
    for wrong in ("1920", "0x3", "axb"):
        with pytest.raises(ValueError):
            parse_size(wrong)


CALIB = EXAMPLES / "pose2sim" / "Calib.toml"


def test_a_camera_of_another_programs_calibration_is_chosen_by_its_name() -> None:
    view = read_view(CALIB, CameraOptions(up=UP, floor_mm=0.0, name="cam2"))
    np.testing.assert_allclose(view.camera.centre_world, [-2700, 3300, 2300], atol=1e-6)
    assert view.camera.image_size == (1088, 1920) and view.camera.floor_height_mm == 0
    with pytest.raises(UserError, match="holds 3 cameras; choose by name: cam1, cam2, cam3"):
        read_view(CALIB, CameraOptions())
    with pytest.raises(UserError, match="no camera cam9 in this file"):
        read_view(CALIB, CameraOptions(name="cam9"))
    folder = read_view(EXAMPLES / "easymocap", CameraOptions(frame="camera", up=np.array([0.0, -1, 0]), name="cam3"))
    assert (np.eye(3) == folder.camera.R).all() and folder.camera.world_up is not None
    assert folder.camera.world_up.tolist() == [0, -1, 0], "up is given in the camera's axes"


def test_a_name_is_for_a_calibration_of_several(tmp_path: Path, camera: Camera) -> None:
    with pytest.raises(UserError, match="^--camera-name 1: .* holds one camera alone; leave --camera-name out"):
        read_view(written(tmp_path, camera), CameraOptions(name="1"))


def test_a_file_that_is_neither_is_named(tmp_path: Path) -> None:
    (tmp_path / "Calib.toml").write_text("[cam1]\nmatrix = [3")
    with pytest.raises(UserError, match="this is not readable TOML"):
        read_view(tmp_path / "Calib.toml", CameraOptions())
