"""The doctor: every usual mistake is made in the files of the real demo and must come back by its name."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from modules import doctor
from modules.checkup import check
from modules.config import Config, Data, Results
from modules.doctor import Evidence, diagnose, floor_complaint, leg_length, unit_complaint
from modules.skeleton import MIRROR
from tests.conftest import RunScript, standing_person

Change = Callable[[dict[str, Any]], None]
D = doctor.OPENGL


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
NORMALISE = np.diag([1 / 1920, 1 / 1920, 1])
MISTAKES: dict[str, tuple[str, Change]] = {  # how it begins in the complaint → which file, and how to make it
    "intrinsics are in px": ("camera", intrinsics(lambda K, size: K)),
    "intrinsics are divided by the image's width and height": (
        "camera", intrinsics(lambda K, size: np.diag([1 / size[0], 1 / size[1], 1]) @ K),
    ),
    "intrinsics are those of the picture turned": ("camera", intrinsics(lambda K, size: NORMALISE @ SWAP @ K @ SWAP)),
    "intrinsics are transposed": ("camera", intrinsics(lambda K, size: (NORMALISE @ K).T)),
    "extrinsics are camera to world:": ("camera", pose(lambda R, t: (R.T, -R.T @ t))),
    "the rotation in extrinsics is transposed": ("camera", pose(lambda R, t: (R.T, t))),
    "the last column of extrinsics is where the camera stands": ("camera", pose(lambda R, t: (R, -R.T @ t))),
    "extrinsics use OpenGL's camera axes": ("camera", pose(lambda R, t: (D @ R, D @ t))),
    "extrinsics are camera to world in OpenGL's axes": ("camera", pose(lambda R, t: (R.T @ D, -R.T @ t))),
    "extrinsics are written column after column": (
        "camera", lambda c: c.update(extrinsics=np.array(c["extrinsics"]).T.reshape(3, 4).tolist()),
    ),
    "t is in metres": ("camera", pose(lambda R, t: (R, t / 1000))),
    "extrinsics are camera to world, in metres": ("camera", pose(lambda R, t: (R.T, -R.T @ t / 1000))),
    "labels are in metres": ("labels", joints(lambda x: x / 1000)),
    "labels have y up where the cameras' world has z up": ("labels", joints(lambda x: x[:, [0, 2, 1]] * [1, 1, -1])),
    "labels have z up where the cameras' world has y up": ("labels", joints(lambda x: x[:, [0, 2, 1]] * [1, -1, 1])),
    "labels have y and z exchanged": ("labels", joints(lambda x: x[:, [0, 2, 1]])),
    "left and right are exchanged in the labels": ("labels", joints(lambda x: x[list(MIRROR)])),
}  # fmt: skip


@pytest.fixture(scope="module")
def pristine(small_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small demo, to be spoilt."""
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


def examine(root: Path, results: Path) -> Any:
    return check(Config(DATA=Data(root=str(root)), RESULTS=Results(root=str(results))), "train", 3)


@pytest.mark.slow
def test_a_sound_data_set_has_nothing_to_mend(pristine: Path, tmp_path: Path) -> None:
    report = examine(pristine, tmp_path)
    assert report.complaints == []
    assert sum("labels land" in sentence for sentence in report.told) == 3
    sheet = cv2.imread(str(report.sheet))
    assert sheet.shape[1] == 4 * 360 and sheet.std() > 20


@pytest.mark.slow
@pytest.mark.parametrize("says", MISTAKES)
def test_a_usual_mistake_is_named_with_the_misfit_before_and_after(pristine: Path, tmp_path: Path, says: str) -> None:
    root = tmp_path / "set"
    shutil.copytree(pristine, root)
    kind, change = MISTAKES[says]
    assert list(rewrite(root, kind, change))
    report = examine(root, tmp_path)
    named = [sentence for sentence in report.complaints if sentence.startswith("camera ")]
    assert len(named) == 3 and all(f": {says}" in sentence for sentence in named), report.complaints
    assert all("as written, labels land" in sentence and "once mended, " in sentence for sentence in named)


@pytest.mark.slow
def test_two_mistakes_at_once_and_one_camera_alone(pristine: Path, tmp_path: Path) -> None:
    root = tmp_path / "set"
    shutil.copytree(pristine, root)
    for kind, change in (MISTAKES["intrinsics are in px"], MISTAKES["extrinsics are camera to world:"]):
        for path in (root / "task04_train" / kind).glob("*_2.json"):
            content = json.loads(path.read_text())
            change(content)
            path.write_text(json.dumps(content))
    complaints = examine(root, tmp_path).complaints
    assert len(complaints) == 1 and complaints[0].startswith("camera 2: ")
    assert "intrinsics are in px" in complaints[0] and "extrinsics are camera to world:" in complaints[0]


@pytest.mark.slow
def test_labels_of_another_recording_are_not_explained_away(pristine: Path, tmp_path: Path) -> None:
    root = tmp_path / "set"
    shutil.copytree(pristine, root)
    turn = np.array([[0.6, 0.8, 0], [-0.8, 0.6, 0], [0, 0, 1]])
    list(rewrite(root, "labels", joints(lambda x: x @ turn + [700, 400, 300])))
    complaints = " ".join(examine(root, tmp_path).complaints)
    assert complaints.count("none of the known mistakes explains it") == 3


@pytest.mark.slow
def test_the_script_says_it_in_sentences_with_exit_code_2(
    pristine: Path, tmp_path: Path, run_script: RunScript
) -> None:
    root = tmp_path / "set"
    shutil.copytree(pristine, root)
    arguments = ["--set", f"DATA.root={root}", "--set", f"RESULTS.root={tmp_path}", "--images", "1"]
    assert "nothing to mend" in run_script("check_data.py", *arguments).stdout
    list(rewrite(root, *MISTAKES["extrinsics are camera to world:"]))
    next((root / "task04_train" / "images").rglob("1_demo_1_0.jpg")).write_bytes(b"")
    result = run_script("check_data.py", *arguments, check=False)
    assert result.returncode == 2 and "Traceback" not in result.stderr
    assert "to mend: camera 2: extrinsics are camera to world" in result.stdout
    assert "not a readable image" in result.stdout


def evidence_of(joints_mm: np.ndarray, seen: np.ndarray | None = None) -> Evidence:
    """A person 4 m before a camera at the world's origin that looks along y, z up."""
    R = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    t = np.array([0.0, 1000, 4000])
    K = np.array([[1500.0, 0, 960], [0, 1500, 540], [0, 0, 1]])
    Rt = np.column_stack([R, t])
    one = Evidence("1_A_1_1.jpg", "1", (1920, 1080), np.zeros((24, 2)), NORMALISE @ K, 1920.0, Rt, None, joints_mm)
    pixels = doctor.project(one, doctor.as_written(one)) if seen is None else seen
    return Evidence(**{**one.__dict__, "joints_px": pixels})


def test_an_exact_label_fits_and_noise_does_not_change_that(rng: np.random.Generator) -> None:
    exact = evidence_of(standing_person(rng))
    assert diagnose([exact]).mistakes == ()
    noisy = evidence_of(exact.joints, exact.joints_px + rng.normal(scale=15, size=(24, 2)))
    found = diagnose([noisy])
    assert found.mistakes == () and 5 < found.before_px < 40


def test_units_are_told_by_the_legs(rng: np.random.Generator) -> None:
    people = np.stack([standing_person(rng) for _ in range(5)])
    assert unit_complaint(people) is None and 700 < leg_length(people) < 950
    assert "in metres; multiply" in str(unit_complaint(people / 1000))
    assert "in centimetres; multiply" in str(unit_complaint(people / 10))
    assert "no human's" in str(unit_complaint(people * 40))


def test_the_floor_is_where_the_feet_are(rng: np.random.Generator) -> None:
    people, up = np.stack([standing_person(rng) for _ in range(5)]), np.array([0.0, 0, 1])
    assert floor_complaint(people, up, 0.0) is None
    assert "floor_height_mm about" in str(floor_complaint(people, up, -1000.0))
    assert "turn world_up round" in str(floor_complaint(people, -up, 0.0))
