"""The doctor on the real demo: every usual mistake is written into its files and must be found by name."""

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from model.skeleton import MIRROR
from modules.checks.mistakes import OPENGL
from modules.config.schema import Config
from modules.config.sections import Data, Extract, Results
from modules.doctor.check import check
from modules.files.cameras import write_camera
from modules.files.labels import write_label
from modules.pose_utils import Camera
from tests.conftest import FAST, RunScript, looking_camera, sets, standing_person
from tests.files.exif_images import jpeg

Change = Callable[[dict[str, Any]], None]
EXTRACT = Extract(weights="full", test_time_augmentation=False)


def pose(change: Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]) -> Change:
    """Rewrite extrinsics."""

    def apply(camera: dict[str, Any]) -> None:
        Rt = np.array(camera["extrinsics"])
        camera["extrinsics"] = np.column_stack(change(Rt[:, :3], Rt[:, 3])).tolist()

    return apply


def intrinsics(change: Callable[[np.ndarray, list[int]], np.ndarray]) -> Change:
    """Rewrite intrinsics; the change is given K in px and the image's size."""

    def apply(camera: dict[str, Any]) -> None:
        K = np.diag([1920, 1920, 1]) @ np.array(camera["intrinsics"])
        camera["intrinsics"] = change(K, camera["image_size"]).tolist()

    return apply


def joints(change: Callable[[np.ndarray], np.ndarray]) -> Change:
    """Rewrite a label's joints."""

    def apply(label: dict[str, Any]) -> None:
        values = np.array(label["annotations"]["3d_pos"])[..., 0]
        label["annotations"]["3d_pos"] = change(values)[..., None].tolist()

    return apply


SWAP = np.array([[0, 1, 0], [1, 0, 0], [0, 0, 1]])
MISTAKES: dict[str, tuple[str, Change]] = {  # how it begins in the message → which file, and how to make it
    "intrinsics are in px": ("camera", intrinsics(lambda K, size: K)),
    "intrinsics are divided by the image's width and height": (
        "camera", intrinsics(lambda K, size: np.diag([1 / size[0], 1 / size[1], 1]) @ K),
    ),
    "intrinsics are those of the image turned": ("camera", intrinsics(lambda K, size: NORMALISE @ SWAP @ K @ SWAP)),
    "intrinsics are transposed": ("camera", intrinsics(lambda K, size: (NORMALISE @ K).T)),
    "extrinsics are camera to world:": ("camera", pose(lambda R, t: (R.T, -R.T @ t))),
    "the rotation in extrinsics is transposed": ("camera", pose(lambda R, t: (R.T, t))),
    "the last column of extrinsics is the camera centre C": ("camera", pose(lambda R, t: (R, -R.T @ t))),
    "extrinsics use OpenGL's camera axes": ("camera", pose(lambda R, t: (D @ R, D @ t))),
    "extrinsics are camera to world in OpenGL's axes": ("camera", pose(lambda R, t: (R.T @ D, -R.T @ t))),
    "extrinsics are written column by column": (
        "camera", lambda c: c.update(extrinsics=np.array(c["extrinsics"]).T.reshape(3, 4).tolist()),
    ),
    "t is in metres": ("camera", pose(lambda R, t: (R, t / 1000))),
    "t is in centimetres": ("camera", pose(lambda R, t: (R, t / 10))),
    "intrinsics belong to an image 2 times as large: multiply their first two rows by 1/2": (
        "camera", intrinsics(lambda K, size: 2 * NORMALISE @ K + np.diag([0, 0, -1])),
    ),
    "intrinsics belong to an image 1/2 times as large: multiply their first two rows by 2": (
        "camera", intrinsics(lambda K, size: NORMALISE @ K / 2 + np.diag([0, 0, 0.5])),
    ),
    "labels are in metres": ("labels", joints(lambda x: x / 1000)),
    "labels are in centimetres": ("labels", joints(lambda x: x / 10)),
    "labels have y up where the cameras' world has z up": ("labels", joints(lambda x: x[:, [0, 2, 1]] * [1, 1, -1])),
    "labels have z up where the cameras' world has y up": ("labels", joints(lambda x: x[:, [0, 2, 1]] * [1, -1, 1])),
    "labels have y and z swapped": ("labels", joints(lambda x: x[:, [0, 2, 1]])),
    "left and right are swapped in the labels": ("labels", joints(lambda x: x[list(MIRROR)])),
}  # fmt: skip


@pytest.fixture(scope="module")
def pristine(small_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Returns a copy of the small demo without cache."""
    root = tmp_path_factory.mktemp("doctor") / "set"
    shutil.copytree(small_root, root, ignore=shutil.ignore_patterns("cache"))
    return root


def rewrite(root: Path, kind: str, change: Change) -> Iterator[Path]:
    """Apply a change to every camera or label file of the training part."""
    for path in sorted((root / "task04_train" / kind).rglob("*.json")):
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))
        yield path


def config_of(root: Path, results: Path) -> Config:
    return Config(DATA=Data(root=str(root)), EXTRACT=EXTRACT, RESULTS=Results(root=str(results)))


def examine(root: Path, results: Path) -> Any:
    return check(config_of(root, results), "train", 3)


@pytest.mark.slow
def test_a_sound_data_set_has_nothing_to_fix(pristine: Path, tmp_path: Path) -> None:
    report = examine(pristine, tmp_path)
    assert report.problems == []
    assert sum("labels project" in sentence for sentence in report.notes) == 3
    sheet = cv2.imread(str(report.sheet))
    assert sheet.shape[1] == 4 * 360 and sheet.shape[0] % 390 == 32 and sheet.std() > 20  # tiles, and a legend


@pytest.mark.slow
@pytest.mark.parametrize("says", MISTAKES)
def test_a_usual_mistake_is_named_with_the_misfit_before_and_after(pristine: Path, tmp_path: Path, says: str) -> None:
    root = tmp_path / "set"
    shutil.copytree(pristine, root)
    kind, change = MISTAKES[says]
    assert list(rewrite(root, kind, change))
    report = examine(root, tmp_path)
    named = [sentence for sentence in report.problems if sentence.startswith("camera ")]
    assert len(named) == 3 and all(f": {says}" in sentence for sentence in named), report.problems
    assert all("as written, labels project" in sentence and "once fixed, " in sentence for sentence in named)


@pytest.mark.slow
def test_two_mistakes_at_once_and_one_camera_alone(pristine: Path, tmp_path: Path) -> None:
    root = tmp_path / "set"
    shutil.copytree(pristine, root)
    for kind, change in (MISTAKES["intrinsics are in px"], MISTAKES["extrinsics are camera to world:"]):
        for path in (root / "task04_train" / kind).glob("*_2.json"):
            content = json.loads(path.read_text())
            change(content)
            path.write_text(json.dumps(content))
    problems = examine(root, tmp_path).problems
    assert len(problems) == 1 and problems[0].startswith("camera 2: ")
    assert "intrinsics are in px" in problems[0] and "extrinsics are camera to world:" in problems[0]


@pytest.mark.slow
def test_what_blender_and_nerfstudio_write_in_metres_is_named(pristine: Path, tmp_path: Path) -> None:
    root = tmp_path / "set"
    shutil.copytree(pristine, root)
    list(rewrite(root, "camera", pose(lambda R, t: (R.T @ D, -R.T @ t / 1000))))
    list(rewrite(root, *MISTAKES["intrinsics are in px"]))
    problems = examine(root, tmp_path).problems
    assert len(problems) == 3
    for says in ("intrinsics are in px", "extrinsics are camera to world in OpenGL's axes", "t is in metres"):
        assert all(f"{says}" in sentence for sentence in problems), problems


@pytest.mark.slow
def test_labels_of_another_world_are_explained_by_no_lens(pristine: Path, tmp_path: Path) -> None:
    """A turned and moved world is the same as cameras that stand elsewhere; a camera may stay unexplained."""
    root = tmp_path / "set"
    shutil.copytree(pristine, root)
    turn = np.array([[0.6, 0.8, 0], [-0.8, 0.6, 0], [0, 0, 1]])
    list(rewrite(root, "labels", joints(lambda x: x @ turn + [700, 400, 300])))
    about_cameras = [problem for problem in examine(root, tmp_path).problems if problem.startswith("camera ")]
    assert len(about_cameras) == 3 and "turned by about 53.1 degrees" in about_cameras[0]
    for problem in about_cameras:
        assert "the camera stands elsewhere" in problem or "none of the known mistakes explains it" in problem


@pytest.mark.slow
def test_the_script_says_it_in_sentences_with_exit_code_2(
    pristine: Path, tmp_path: Path, run_script: RunScript
) -> None:
    root = tmp_path / "set"
    shutil.copytree(pristine, root)
    arguments = [*sets((f"DATA.root={root}", f"RESULTS.root={tmp_path}", *FAST)), "--images", "1"]
    assert "nothing to fix" in run_script("check_data.py", *arguments).stdout
    list(rewrite(root, *MISTAKES["extrinsics are camera to world:"]))
    next((root / "task04_train" / "images").rglob("1_demo_1_0.jpg")).write_bytes(b"")
    result = run_script("check_data.py", *arguments, check=False)
    assert result.returncode == 2 and "Traceback" not in result.stderr
    assert "to fix: camera 2: extrinsics are camera to world" in result.stdout
    assert "not a readable image" in result.stdout


def spoil_one(root: Path, camera: str, change: dict[str, Any]) -> Path:
    path = root / "task04_train" / "camera" / f"1_demo_{camera}.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    return path


@pytest.mark.slow
def test_a_wrong_up_is_named_with_the_axis_that_fits(pristine: Path, tmp_path: Path) -> None:
    root = tmp_path / "set"
    shutil.copytree(pristine, root)
    paths = list(rewrite(root, "camera", lambda camera: camera.update(world_up=[0, 1, 0])))
    assert examine(root, tmp_path).problems == [
        f"{paths[0]} and 2 more camera files: world_up is (0, 1, 0), but people and cameras are upright along "
        "(0, 0, 1); write that"
    ]


@pytest.mark.slow
def test_a_wrong_up_is_not_judged_by_cameras_that_are_themselves_wrong(pristine: Path, tmp_path: Path) -> None:
    root = tmp_path / "set"
    shutil.copytree(pristine, root)
    list(rewrite(root, "labels", joints(lambda x: x[:, [0, 2, 1]])))
    report = examine(root, tmp_path)
    assert not any("world_up" in sentence for sentence in report.problems + report.notes)
    assert len(report.problems) == 3 and all("y and z swapped" in sentence for sentence in report.problems)


@pytest.mark.slow
def test_up_and_floor_of_every_camera_file_are_checked(pristine: Path, tmp_path: Path) -> None:
    root = tmp_path / "set"
    shutil.copytree(pristine, root)
    path = spoil_one(root, "2", {"world_up": [0, -1, 0], "floor_height_mm": 5000})
    problems = examine(root, tmp_path).problems
    assert f"{path}: world_up is (0, -1, 0), but people and cameras are upright along (0, 0, 1); write that" in problems
    apart = next(sentence for sentence in problems if "share one world" in sentence)
    assert (
        "1_demo_1.json declares world_up (0, 0, 1) and floor_height_mm 66, but 1_demo_2.json world_up (0, -1, 0)"
        in apart
    )
    spoil_one(root, "2", {"world_up": [0, 0, 1], "floor_height_mm": 5000})
    problems = examine(root, tmp_path).problems
    assert any(sentence.startswith(f"{path}: the lower foot is") for sentence in problems)
    spoil_one(root, "2", {"floor_height_mm": 200})
    problems = examine(root, tmp_path).problems
    assert any("floor_height_mm 66, but 1_demo_2.json" in sentence for sentence in problems)
    assert any(sentence.startswith(f"{path}: the lower foot is") for sentence in problems)


@pytest.mark.slow
def test_a_test_set_without_labels_is_checked_as_far_as_it_goes(
    pristine: Path, tmp_path: Path, run_script: RunScript
) -> None:
    root = tmp_path / "set"
    shutil.copytree(pristine, root)
    arguments = ["--split", "test", *sets((f"DATA.root={root}", f"RESULTS.root={tmp_path}", *FAST))]
    shutil.rmtree(root / "task04_test" / "labels")
    done = run_script("check_data.py", *arguments)
    assert "the test images have no labels" in done.stdout and "nothing to fix" in done.stdout
    path = root / "task04_test" / "camera" / "1_demo_4.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "image_size": [540, 960]}))
    done = run_script("check_data.py", *arguments, check=False)
    assert done.returncode == 2 and "camera 4: 4 of 4 images cannot be used" in done.stdout
    shutil.rmtree(root / "task04_train" / "labels")
    assert any("no image has both" in sentence for sentence in examine(root, tmp_path).problems)


@pytest.mark.slow
def test_refused_images_are_counted_among_all_and_are_no_evidence(pristine: Path, tmp_path: Path) -> None:
    """Three of four images of one camera and all of another's: neither is reported to have labels that do not fit."""
    root = tmp_path / "set"
    shutil.copytree(pristine, root)
    list(rewrite(root, "camera", lambda camera: camera.update(image_size=None)))
    for camera, kept in (("2", 2), ("3", 0)):
        for path in sorted((root / "task04_train" / "images" / f"1_demo_{camera}").iterdir())[kept:]:
            small = cv2.resize(cv2.imread(str(path)), None, fx=0.5, fy=0.5)
            data = cv2.imencode(".jpg", small)[1].tobytes()
            turn = jpeg(8, 8, 6)
            path.write_bytes(data[:2] + turn[2 : turn.index(b"Exif") + 32] + data[2:])
    report = examine(root, tmp_path)
    assert len(report.problems) == 2, report.problems
    assert report.problems[0].startswith("camera 2: 3 of 5 images cannot be used: ")
    assert report.problems[1].startswith(
        "camera 3: 5 of 5 images cannot be used, so its calibration cannot be checked: "
    )
    assert all("EXIF or XMP orientation 6" in sentence for sentence in report.problems)
    assert any(sentence.startswith("camera 2: labels project") for sentence in report.notes)


@pytest.mark.slow
def test_files_that_cannot_be_read_say_where(pristine: Path, tmp_path: Path) -> None:
    root = tmp_path / "set"
    shutil.copytree(pristine, root)
    square = [*np.eye(3, 4).tolist(), [0, 0, 0, 1]]
    first = spoil_one(root, "1", {"extrinsics": square})
    second = spoil_one(root, "2", {"extrinsics": [[1, 0, 0, None], [0, 1, 0, 0], [0, 0, 1, 0]]})
    label = next((root / "task04_train" / "labels").rglob("*.json"))
    content = json.loads(label.read_text())
    content["info"]["3d_pos"].remove("left_wrist")
    label.write_text(json.dumps(content))
    problems = examine(root, tmp_path).problems
    assert f"{first}: extrinsics is 4x4; leave out its last row" in problems
    assert f"{second}: extrinsics[0][3] is null; write lists of 3x4 numbers, without text and null" in problems
    lacking = (
        "info.3d_pos has 23 joint names, but the SMPL body has 24, and lacks left_wrist; write each SMPL joint once"
    )
    assert f"{label}: {lacking}" in problems


def write_set(root: Path, recording: str, camera: Camera, joints_mm: np.ndarray) -> None:
    folder, view = root / "task04_test", f"{recording}_1"
    write_camera(folder / "camera" / f"{view}.json", camera)
    write_label(folder / "labels" / recording / f"3D_{recording}_1.json", joints_mm)
    image = folder / "images" / view / f"{view}_1.jpg"
    image.parent.mkdir(parents=True)
    image.write_bytes(jpeg(*camera.image_size, 6))  # refused, so that no extractor runs


def test_recordings_with_a_world_each_are_noted_and_no_problem(tmp_path: Path, rng: np.random.Generator) -> None:
    camera, person = looking_camera(rng), standing_person(rng)
    camera = dataclasses.replace(camera, image_size=(40, 40))
    y_up = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # (x, y, z) to (x, z, -y)
    other = dataclasses.replace(camera, R=camera.R @ y_up.T, world_up=np.array([0.0, 1, 0]))
    write_set(tmp_path, "1_A", camera, person)
    write_set(tmp_path, "2_A", other, person @ y_up.T)
    config = config_of(tmp_path, tmp_path)
    report = check(config, "test", 3)
    assert len(report.problems) == 1 and "2 of 2 images cannot be used" in report.problems[0]
    assert any("unless these recordings have a world each" in sentence for sentence in report.notes)


def test_a_set_that_declares_no_up_needs_none(tmp_path: Path, rng: np.random.Generator) -> None:
    camera = dataclasses.replace(looking_camera(rng), image_size=(40, 40), world_up=None, floor_height_mm=None)
    write_set(tmp_path, "1_A", camera, standing_person(rng))
    report = check(config_of(tmp_path, tmp_path), "test", 3)
    assert len(report.problems) == 1 and not any("world_up" in sentence for sentence in report.notes)


D = OPENGL
NORMALISE = np.diag([1 / 1920, 1 / 1920, 1])
