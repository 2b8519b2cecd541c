"""Public sets of the published form, made small, are imported; what is missing is named."""

import json
import pickle
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from data.public import __main__ as command
from modules.files.cameras import read_camera
from modules.files.labels import read_label, read_validation_list
from modules.files.layout import list_frames
from modules.files.person_boxes import read_person_boxes
from modules.pose_utils import project_to_image
from modules.utils import UserError
from tests.calibrations.truth import CAMERAS, EXAMPLES, POINTS_WORLD


def run(monkeypatch: pytest.MonkeyPatch, name: str, folder: Path, *more: str) -> Path:
    """Runs the command, and returns the data set's root."""
    out = folder.parent / "made"
    monkeypatch.setattr(sys, "argv", ["data.public", name, str(folder), "--out", str(out), *more])
    command.main()
    return out


def write_images(folder: Path, names: list[str], size: tuple[int, int]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        cv2.imwrite(str(folder / name), np.zeros((size[1], size[0], 3), np.uint8))


def write_3dpw(root: Path, part: str, sequence: str, **changes: object) -> dict[str, object]:
    """Writes a sequence of two people and three images; the second person is not seen in the first image."""
    poses = np.stack([np.eye(4)] * 3)
    poses[:, :3, 3] = [[0, 0, 4], [0.1, 0, 4], [0.2, 0, 4]]
    joints = np.random.default_rng(0).normal(0, 0.4, (2, 3, 72))
    data: dict[str, object] = {
        "sequence": sequence, "cam_intrinsics": np.array([[200.0, 0, 60], [0, 200, 80], [0, 0, 1]]),
        "cam_poses": poses, "campose_valid": [np.ones(3, int), np.array([0, 1, 1])], "jointPositions": list(joints),
    } | changes  # fmt: skip
    path = root / "sequenceFiles" / part / f"{sequence}.pkl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(data, 2))
    write_images(root / "imageFiles" / sequence, [f"image_{index:05d}.jpg" for index in range(3)], (120, 160))
    return data


def test_3dpw_has_a_view_for_each_image_and_the_real_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "3DPW"
    data = write_3dpw(folder, "train", "walk_a_00")
    write_3dpw(folder, "validation", "walk_b_00")
    write_3dpw(folder, "test", "walk_c_00")
    root = run(monkeypatch, "3dpw", folder)

    frames = list_frames(root, "train")
    assert len(frames) == 10 and len(list_frames(root, "test")) == 5
    assert read_validation_list(root) == {frame.file_name for frame in frames if frame.pose == "walk-b-00"}
    frame = next(frame for frame in frames if frame.file_name == "walk-a-00_walk-a-00-1_00002_00002.jpg")
    camera, joints = read_camera(frame.camera_path), read_label(frame.label_path)
    np.testing.assert_allclose(camera.t, [200, 0, 4000])
    assert camera.image_size == (120, 160) and camera.world_up is None
    np.testing.assert_allclose(joints, data["jointPositions"][1][2].reshape(24, 3) * 1000)  # type: ignore[index]
    left, top, width, height = read_person_boxes(root, frames)[frame.file_name]
    pixels = project_to_image(joints, camera)
    assert (pixels > [left, top]).all() and (pixels < [left + width, top + height]).all()
    assert frame.image_path.is_symlink() and not (root / "sample_submission.json").exists()


def test_a_broken_3dpw_file_is_named_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "3DPW"
    write_3dpw(folder, "train", "walk_a_00", jointPositions=[np.zeros((3, 51)), np.zeros((3, 51))])
    with pytest.raises(UserError, match=r"walk_a_00\.pkl: jointPositions\[0\]"):
        run(monkeypatch, "3dpw", folder)
    write_3dpw(folder, "train", "walk_a_00", jointPositions=[np.zeros((3, 72))])
    with pytest.raises(UserError, match="campose_valid is of 2 people and jointPositions of 1"):
        run(monkeypatch, "3dpw", folder)
    write_3dpw(folder, "train", "walk_a_00", jointPositions=[])
    with pytest.raises(UserError, match="jointPositions holds nobody"):
        run(monkeypatch, "3dpw", folder)
    write_3dpw(folder, "train", "walk_a_00")
    (folder / "imageFiles" / "walk_a_00" / "image_00001.jpg").unlink()
    with pytest.raises(UserError, match=r"image_00001\.jpg"):
        run(monkeypatch, "3dpw", folder)
    assert not (tmp_path / "made").exists()


def write_h36m(folder: Path, example: str, name: str) -> list[str]:
    """Writes one of the calibrations of the examples and an image of each of its cameras; returns the cameras' names."""
    folder.mkdir()
    shutil.copy(EXAMPLES / "h36m" / example, folder / name)
    known = list(json.loads((EXAMPLES / "h36m" / "camera-parameters.json").read_text())["intrinsics"])
    for camera, truth in zip(known, CAMERAS.values(), strict=False):
        write_images(folder / "images" / "S1" / f"S1_Walk_1.{camera}", ["a_000001.jpg"], truth.image_size or (1, 1))
    return known


def test_h36m_is_imported_without_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = write_h36m(tmp_path / "h36m", "camera-parameters.json", "camera-parameters.json")
    root = run(monkeypatch, "h36m", tmp_path / "h36m", "--copy")
    frames = list_frames(root, "test")
    assert sorted(frame.view for frame in frames) == sorted(f"Walk-1_S1_{name}" for name in names[: len(frames)])
    assert not frames[0].image_path.is_symlink() and not (root / "task04_test" / "labels").exists()
    for name, truth in zip(names, CAMERAS.values(), strict=False):
        camera = read_camera(root / "task04_test" / "camera" / f"Walk-1_S1_{name}.json")
        np.testing.assert_allclose(
            project_to_image(POINTS_WORLD, camera), project_to_image(POINTS_WORLD, truth), atol=1e-3
        )


@pytest.mark.parametrize(
    ("example", "name"), [("mmpose_cameras.pkl", "cameras.pkl"), ("videopose3d_style.json", "cameras.json")]
)
def test_the_derived_calibrations_of_h36m_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, example: str, name: str
) -> None:
    write_h36m(tmp_path / "h36m", example, name)
    assert len(list_frames(run(monkeypatch, "h36m", tmp_path / "h36m"), "test")) == len(CAMERAS)


def test_mpi_inf_3dhp_is_imported_without_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sequence = tmp_path / "3dhp" / "S1" / "Seq2"
    lines = ["Skeletool Camera Calibration File V1.0"]
    for index, camera in enumerate(CAMERAS.values()):
        K, Rt = np.eye(4), np.eye(4)
        K[:3, :3], Rt[:3, :3], Rt[:3, 3] = camera.K, camera.R, camera.t
        size = camera.image_size or (1, 1)
        rows = [" ".join(map(repr, matrix.ravel().tolist())) for matrix in (K, Rt)]
        lines += [
            f"name          {index}",
            "  sensor        10 10",
            f"  size          {size[0]} {size[1]}",
            "  animated      0",
        ]
        lines += [f"  intrinsic     {rows[0]} ", f"  extrinsic     {rows[1]} ", "  radial        0"]
        write_images(sequence / "imageFrames" / f"video_{index}", ["frame_000001.jpg", "frame_000002.jpg"], size)
    (sequence / "camera.calibration").write_text("\n".join(lines))
    root = run(monkeypatch, "mpi-inf-3dhp", tmp_path / "3dhp")
    frames = list_frames(root, "test")
    assert len(frames) == 6 and {frame.recording for frame in frames} == {"Seq2_S1"}
    np.testing.assert_allclose(read_camera(frames[0].camera_path).t, next(iter(CAMERAS.values())).t)


def write_aist(folder: Path) -> None:
    setting = [
        {
            "name": f"c0{index}",
            "size": list(camera.image_size or ()),
            "matrix": camera.K.tolist(),
            "rotation": cv2.Rodrigues(camera.R)[0].ravel().tolist(),
            "translation": (camera.t / 10).tolist(),
            "distortions": [] if camera.distortion is None else camera.distortion.tolist(),
        }
        for index, camera in enumerate(CAMERAS.values(), 1)
    ]
    (folder / "cameras").mkdir(parents=True)
    (folder / "cameras" / "setting1.json").write_text(json.dumps(setting))
    (folder / "cameras" / "mapping.txt").write_text("gBR_sBM_cAll_d04_mBR0_ch01 setting1\n")
    size = next(iter(CAMERAS.values())).image_size or (1, 1)
    write_images(folder / "images" / "gBR_sBM_c01_d04_mBR0_ch01", ["1.jpg"], size)


def test_aist_is_imported_without_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_aist(tmp_path / "aist")
    (frame,) = list_frames(run(monkeypatch, "aist", tmp_path / "aist"), "test")
    assert (frame.pose, frame.person, frame.camera) == ("gBR-sBM-mBR0-ch01", "d04", "c01")
    np.testing.assert_allclose(read_camera(frame.camera_path).t, next(iter(CAMERAS.values())).t)


def test_an_image_of_another_size_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_aist(tmp_path / "aist")
    write_images(tmp_path / "aist" / "images" / "gBR_sBM_c01_d04_mBR0_ch01", ["1.jpg"], (64, 48))
    with pytest.raises(UserError, match=r"1\.jpg.*64"):
        run(monkeypatch, "aist", tmp_path / "aist")


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        ("images/gBR_sBM_c01_d99_mBR0_ch01", "no line of gBR_sBM_cAll_d99_mBR0_ch01"),
        ("images/gBR_sBM_c09_d04_mBR0_ch01", "has no camera c09"),
        ("images/gBR_dance", "no name of AIST"),
        ("images/gBR_sBM_c02_d04_mBR0_ch01", "there is no image in here"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, message: str) -> None:
    write_aist(tmp_path / "aist")
    (tmp_path / "aist" / folder).mkdir()
    with pytest.raises(UserError, match=message):
        run(monkeypatch, "aist", tmp_path / "aist")


@pytest.mark.parametrize("name", command.NAMES)
def test_an_empty_or_missing_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    with pytest.raises(UserError, match="this folder is missing; fetch"):
        run(monkeypatch, name, tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty"):
        run(monkeypatch, name, tmp_path / "empty")


def test_a_folder_with_content_is_not_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_aist(tmp_path / "aist")
    run(monkeypatch, "aist", tmp_path / "aist")
    with pytest.raises(UserError, match="must be a new or empty folder"):
        run(monkeypatch, "aist", tmp_path / "aist")
