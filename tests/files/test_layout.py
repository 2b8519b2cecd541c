"""The competition layout: round trips, and one plain sentence for everything that does not fit."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from model.skeleton import JOINT_NAMES
from modules.files import cameras, labels, layout
from modules.pose_utils import Camera, pixel2ray
from modules.utils import UserError
from tests.conftest import looking_camera, standing_person
from tests.strategies import json_files, read_or_refused

RNG = np.random.default_rng(3)
VALID_CAMERA = {
    "intrinsics": [[0.8, 0.0, 0.5], [0.0, 0.8, 0.3], [0, 0, 1]], "extrinsics": np.eye(3, 4).tolist(), "image_scale": 1920,
    "image_size": [1920, 1080], "distortion": [-0.05, 0.1, 0, 0], "world_up": [0, 0, 1], "floor_height_mm": 20.5,
}  # fmt: skip
VALID_LABEL = {
    "info": {"3d_pos": list(JOINT_NAMES)},
    "annotations": {"3d_pos": standing_person(RNG).round(1)[..., None].tolist()},
}


@pytest.mark.parametrize("distortion", [True, False])
def test_camera_round_trip(tmp_path: Path, rng: np.random.Generator, distortion: bool) -> None:
    camera = looking_camera(rng, distortion)
    cameras.write_camera(tmp_path / "c.json", camera)
    back = cameras.read_camera(tmp_path / "c.json")
    for field in dataclasses.fields(camera):
        before, after = getattr(camera, field.name), getattr(back, field.name)
        assert (before is None) == (after is None), field.name
        if before is not None:
            np.testing.assert_allclose(after, before, atol=1e-9, err_msg=field.name)


def test_intrinsics_are_stored_over_1920(tmp_path: Path, rng: np.random.Generator) -> None:
    camera = looking_camera(rng)
    cameras.write_camera(tmp_path / "c.json", camera)
    stored = json.loads((tmp_path / "c.json").read_text())
    assert stored["intrinsics"][0][0] == pytest.approx(camera.K[0, 0] / 1920)
    assert stored["intrinsics"][2] == [0, 0, 1]


def test_what_is_not_declared_is_not_guessed(tmp_path: Path) -> None:
    data = {"intrinsics": [[0.8, 0, 0.5], [0, 0.8, 0.3], [0, 0, 1]], "extrinsics": np.eye(3, 4).tolist()}
    (tmp_path / "c.json").write_text(json.dumps(data))
    camera = cameras.read_camera(tmp_path / "c.json")
    assert (camera.image_size, camera.distortion, camera.world_up, camera.floor_height_mm) == (None,) * 4
    assert camera.K[0, 0] == pytest.approx(0.8 * 1920)


def _set(field: str, value: Any) -> Callable[[dict[str, Any]], None]:
    return lambda data: data.__setitem__(field, value)


@pytest.mark.parametrize(
    ("breaks", "says"),
    [
        (lambda data: data.pop("extrinsics"), "extrinsics is missing"),
        (lambda data: data.pop("intrinsics"), "intrinsics is missing"),
        (_set("intrinsics", [[1, 0], [0, 1]]), "3x3 numbers"),
        (_set("intrinsics", [["0.8", 0, 0], [0, 0.8, 0], [0, 0, 1]]), "3x3 numbers"),
        (_set("intrinsics", [[True, 0, 0], [0, 1, 0], [0, 0, 1]]), "3x3 numbers"),
        (_set("intrinsics", [[1e-9, 0, 0], [0, 1, 0], [0, 0, 1]]), "focal lengths of"),
        (_set("intrinsics", [[1e5, 0, 0], [0, 1, 0], [0, 0, 1]]), "focal lengths of"),
        (_set("image_scale", -1), "image_scale is -1"),
        (_set("extrinsics", np.full((3, 4), 10**400).tolist()), "infinity or a number beyond"),
        (_set("intrinsics", [[0, 0, 0.5], [0, 1, 0.5], [0, 0, 1]]), "positive focal"),
        (_set("intrinsics", "K"), "3x3 numbers"),
        (_set("extrinsics", [[1, 0, 0, float("nan")], [0, 1, 0, 0], [0, 0, 1, 0]]), "NaN"),
        (_set("extrinsics", [[2, 0, 0, 0], [0, 2, 0, 0], [0, 0, 2, 0]]), "is scaled by 2"),
        (_set("extrinsics", [[1, 0.2, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]), "not orthonormal"),
        (_set("extrinsics", [[-1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]]), "mirror"),
        (_set("distortion", [0.1, 0.2, 0.3]), "k1, k2, p1, p2"),
        (_set("distortion", 3), "k1, k2, p1, p2"),
        (_set("world_up", [0, 0, 2]), "unit vector"),
        (lambda data: data.pop("world_up"), "needs world_up"),
        (_set("image_size", [1920]), "image_size"),
        (_set("image_size", [1920, 0]), "whole px"),
        (_set("image_size", [1920.5, 1080]), "whole px"),
        (_set("image_size", [10**8, 1080]), "whole px"),
    ],
)
def test_broken_cameras(tmp_path: Path, rng: np.random.Generator, breaks: Callable[[Any], Any], says: str) -> None:
    path = tmp_path / "c.json"
    cameras.write_camera(path, looking_camera(rng, distortion=True))
    data = json.loads(path.read_text())
    breaks(data)
    path.write_text(json.dumps(data))
    with pytest.raises(UserError, match=says) as caught:
        cameras.read_camera(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_label_round_trip(tmp_path: Path, rng: np.random.Generator) -> None:
    joints = standing_person(rng)
    labels.write_label(tmp_path / "l.json", joints)
    stored = json.loads((tmp_path / "l.json").read_text())
    assert np.shape(stored["annotations"]["3d_pos"]) == (24, 3, 1)
    np.testing.assert_allclose(labels.read_label(tmp_path / "l.json"), joints, atol=1e-9)


def test_label_joints_are_matched_by_name(tmp_path: Path, rng: np.random.Generator) -> None:
    joints, order = standing_person(rng), rng.permutation(24)
    data = {"info": {"3d_pos": [JOINT_NAMES[i] for i in order]}, "annotations": {"3d_pos": joints[order].tolist()}}
    (tmp_path / "l.json").write_text(json.dumps(data))
    np.testing.assert_allclose(labels.read_label(tmp_path / "l.json"), joints)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda data: data["info"]["3d_pos"].pop(), "23 joint names"),
        (lambda data: data["annotations"]["3d_pos"].pop(), "24x3x1 numbers"),
        (lambda data: data["annotations"]["3d_pos"].__setitem__(0, [[float("nan")]] * 3), "NaN"),
        (lambda data: data["info"]["3d_pos"].__setitem__(0, "nose"), "nose"),
        (lambda data: data.pop("info"), "info.3d_pos"),
        (lambda data: data["info"].__setitem__("3d_pos", 5), "list of joint names"),
    ],
)
def test_broken_labels(tmp_path: Path, rng: np.random.Generator, change: Callable[[Any], Any], says: str) -> None:
    path = tmp_path / "l.json"
    labels.write_label(path, standing_person(rng))
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))
    with pytest.raises(UserError, match=says) as caught:
        labels.read_label(path)
    assert str(path) in str(caught.value)


def assert_camera_can_be(camera: Camera) -> None:
    numbers = [camera.K, camera.R, camera.t, *([] if camera.distortion is None else [camera.distortion])]
    assert all(np.isfinite(values).all() for values in numbers)
    assert [values.shape for values in numbers] == [(3, 3), (3, 3), (3,), (5,)][: len(numbers)]
    assert np.isfinite(pixel2ray(np.array([[0.0, 0], [1e6, 1e6]]), camera.K)).all()
    np.testing.assert_allclose(camera.R @ camera.R.T, np.eye(3), atol=1e-9)
    assert np.linalg.det(camera.R) > 0
    assert camera.image_size is None or all(isinstance(side, int) and side > 0 for side in camera.image_size)
    assert camera.world_up is None or np.linalg.norm(camera.world_up) == pytest.approx(1)
    assert camera.floor_height_mm is None or (camera.world_up is not None and np.isfinite(camera.floor_height_mm))


@given(json_files(VALID_CAMERA))
@settings(max_examples=500, deadline=None)
def test_any_camera_file_is_a_camera_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    camera = read_or_refused(cameras.read_camera, tmp_path_factory.getbasetemp() / "camera.json", data)
    if camera is not None:
        assert_camera_can_be(camera)


@given(json_files(VALID_LABEL))
@settings(max_examples=300, deadline=None)
def test_any_label_file_is_a_label_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    joints = read_or_refused(labels.read_label, tmp_path_factory.getbasetemp() / "label.json", data)
    assert joints is None or (joints.shape == (24, 3) and np.isfinite(joints).all())


@given(json_files(["1_F_1_1.jpg", "1_F_1_2.jpg"]))
@settings(max_examples=200, deadline=None)
def test_any_validation_list_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    root = tmp_path_factory.getbasetemp() / "listed"
    path = labels.validation_path(root)
    path.parent.mkdir(parents=True, exist_ok=True)
    names = read_or_refused(lambda _: labels.read_validation_list(root), path, data)
    assert names is None or (names and all(isinstance(name, str) for name in names))


def test_valid_files_are_read(tmp_path: Path) -> None:
    """What the property tests start from is valid, so that they reach behind the first check."""
    assert_camera_can_be(read_or_refused(cameras.read_camera, tmp_path / "c.json", json.dumps(VALID_CAMERA).encode()))
    assert read_or_refused(labels.read_label, tmp_path / "l.json", json.dumps(VALID_LABEL).encode()) is not None


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "is empty; write"), (b"{", "not readable JSON"), (b"\xff\xfe", "UTF-16"), (b"[" * 100_000, "nested")],
)
def test_no_json(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "x.json").write_bytes(content)
    with pytest.raises(UserError, match=says):
        cameras.read_camera(tmp_path / "x.json")


def test_frames_in_natural_order(tmp_path: Path) -> None:
    for name in ("30_F160A_1_10.jpg", "30_F160A_1_9.jpg", "4_F160A_2_1.jpg"):
        folder = tmp_path / "task04_train" / "images" / name.rsplit("_", 1)[0]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
        (folder / ".hidden.jpg").touch()
    frames = layout.list_frames(tmp_path, "train")
    assert [frame.file_name for frame in frames] == ["4_F160A_2_1.jpg", "30_F160A_1_9.jpg", "30_F160A_1_10.jpg"]
    last = frames[-1]
    assert last.camera_path == tmp_path / "task04_train/camera/30_F160A_1.json"
    assert last.label_path == tmp_path / "task04_train/labels/30_F160A/3D_30_F160A_10.json"
    assert last.image_path.is_file()


def test_missing_empty_and_misplaced_images(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="missing"):
        layout.list_frames(tmp_path, "train")
    folder = tmp_path / "task04_train" / "images" / "1_F160A_2"
    folder.mkdir(parents=True)
    with pytest.raises(UserError, match="no image"):
        layout.list_frames(tmp_path, "train")
    (folder / "1_F160A_1_3.jpg").touch()
    with pytest.raises(UserError, match="belongs in the folder 1_F160A_1"):
        layout.list_frames(tmp_path, "train")


@given(st.text(max_size=30))
@settings(max_examples=200)
def test_image_names_never_leave_their_folder(name: str) -> None:
    try:
        fields = layout.parse_image_name(name, "sample.json")
    except UserError as error:
        assert str(error).startswith("sample.json: ") and "\n" not in str(error)
        return
    assert "/" not in name and ".." not in name and all(fields.values())
