"""The doctor: every usual mistake is made in the files of the real demo and must come back by its name."""

import dataclasses
import json
import shutil
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from modules import doctor, vis
from modules.checkup import check
from modules.config import Config, Data, Extract, Results
from modules.doctor import combinations, diagnose
from modules.doctor_mistakes import EXTRINSICS, OPENGL, SIZES, UNITS, Evidence, Mistake, as_written
from modules.doctor_world import floor_complaint, held, leg_length, unit_complaint, up_finding, upright
from modules.image_header import header_refusal
from modules.images import read_image
from modules.layout import write_camera, write_label
from modules.pose_utils import Camera
from modules.skeleton import MIRROR
from modules.utils import UserError
from tests.conftest import FAST, RunScript, looking_camera, rotation, sets, standing_person
from tests.test_images import jpeg

Change = Callable[[dict[str, Any]], None]
D = OPENGL


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


def config_of(root: Path, results: Path) -> Config:
    return Config(DATA=Data(root=str(root)), EXTRACT=Extract(weights="full"), RESULTS=Results(root=str(results)))


def examine(root: Path, results: Path) -> Any:
    return check(config_of(root, results), "train", 3)


@pytest.mark.slow
def test_a_sound_data_set_has_nothing_to_mend(pristine: Path, tmp_path: Path) -> None:
    report = examine(pristine, tmp_path)
    assert report.complaints == []
    assert sum("labels land" in sentence for sentence in report.told) == 3
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
def test_what_blender_and_nerfstudio_write_in_metres_is_named(pristine: Path, tmp_path: Path) -> None:
    root = tmp_path / "set"
    shutil.copytree(pristine, root)
    list(rewrite(root, "camera", pose(lambda R, t: (R.T @ D, -R.T @ t / 1000))))
    list(rewrite(root, *MISTAKES["intrinsics are in px"]))
    complaints = examine(root, tmp_path).complaints
    assert len(complaints) == 3
    for says in ("intrinsics are in px", "extrinsics are camera to world in OpenGL's axes", "t is in metres"):
        assert all(f"{says}" in sentence for sentence in complaints), complaints


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
    arguments = [*sets((f"DATA.root={root}", f"RESULTS.root={tmp_path}", *FAST)), "--images", "1"]
    assert "nothing to mend" in run_script("check_data.py", *arguments).stdout
    list(rewrite(root, *MISTAKES["extrinsics are camera to world:"]))
    next((root / "task04_train" / "images").rglob("1_demo_1_0.jpg")).write_bytes(b"")
    result = run_script("check_data.py", *arguments, check=False)
    assert result.returncode == 2 and "Traceback" not in result.stderr
    assert "to mend: camera 2: extrinsics are camera to world" in result.stdout
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
    assert examine(root, tmp_path).complaints == [
        f"{paths[0]} and 2 more camera files: world_up is (0, 1, 0), but people stand, and cameras are held, along "
        "(0, 0, 1); write that"
    ]


@pytest.mark.slow
def test_a_wrong_up_is_not_judged_by_cameras_that_are_themselves_to_mend(pristine: Path, tmp_path: Path) -> None:
    root = tmp_path / "set"
    shutil.copytree(pristine, root)
    list(rewrite(root, "labels", joints(lambda x: x[:, [0, 2, 1]])))
    report = examine(root, tmp_path)
    assert not any("world_up" in sentence for sentence in report.complaints + report.told)
    assert len(report.complaints) == 3 and all("y and z exchanged" in sentence for sentence in report.complaints)


@pytest.mark.slow
def test_up_and_floor_of_every_camera_file_are_checked(pristine: Path, tmp_path: Path) -> None:
    root = tmp_path / "set"
    shutil.copytree(pristine, root)
    path = spoil_one(root, "2", {"world_up": [0, -1, 0], "floor_height_mm": 5000})
    complaints = examine(root, tmp_path).complaints
    assert (
        f"{path}: world_up is (0, -1, 0), but people stand, and cameras are held, along (0, 0, 1); write that"
        in complaints
    )
    apart = next(sentence for sentence in complaints if "share one world" in sentence)
    assert (
        "1_demo_1.json declares world_up (0, 0, 1) and floor_height_mm 66, but 1_demo_2.json world_up (0, -1, 0)"
        in apart
    )
    spoil_one(root, "2", {"world_up": [0, 0, 1], "floor_height_mm": 5000})
    complaints = examine(root, tmp_path).complaints
    assert any(sentence.startswith(f"{path}: the lower foot stands") for sentence in complaints)
    spoil_one(root, "2", {"floor_height_mm": 200})
    complaints = examine(root, tmp_path).complaints
    assert len(complaints) == 1 and "floor_height_mm 66, but 1_demo_2.json" in complaints[0]


@pytest.mark.slow
def test_a_test_set_without_labels_is_checked_as_far_as_it_goes(
    pristine: Path, tmp_path: Path, run_script: RunScript
) -> None:
    root = tmp_path / "set"
    shutil.copytree(pristine, root)
    arguments = ["--split", "test", *sets((f"DATA.root={root}", f"RESULTS.root={tmp_path}", *FAST))]
    shutil.rmtree(root / "task04_test" / "labels")
    done = run_script("check_data.py", *arguments)
    assert "the test images have no labels" in done.stdout and "nothing to mend" in done.stdout
    path = root / "task04_test" / "camera" / "1_demo_4.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "image_size": [540, 960]}))
    done = run_script("check_data.py", *arguments, check=False)
    assert done.returncode == 2 and "camera 4: 4 of 4 images cannot be used" in done.stdout
    shutil.rmtree(root / "task04_train" / "labels")
    assert any("no image has both" in sentence for sentence in examine(root, tmp_path).complaints)


@pytest.mark.slow
def test_refused_images_are_counted_among_all_and_are_no_evidence(pristine: Path, tmp_path: Path) -> None:
    """Three of four images of one camera and all of another's: neither is told that its labels do not fit."""
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
    assert len(report.complaints) == 2, report.complaints
    assert report.complaints[0].startswith("camera 2: 3 of 5 images cannot be used: ")
    assert report.complaints[1].startswith(
        "camera 3: 5 of 5 images cannot be used, so its calibration cannot be checked: "
    )
    assert all("EXIF orientation 6" in sentence for sentence in report.complaints)
    assert any(sentence.startswith("camera 2: labels land") for sentence in report.told)


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
    complaints = examine(root, tmp_path).complaints
    assert f"{first}: extrinsics is 4x4; leave out its last row" in complaints
    assert f"{second}: extrinsics[0][3] is null; write lists of 3x4 numbers, without text and null" in complaints
    lacking = (
        "info.3d_pos has 23 joint names, but the SMPL body has 24, and lacks left_wrist; write each SMPL joint once"
    )
    assert f"{label}: {lacking}" in complaints


def evidence_of(joints_mm: np.ndarray, seen: np.ndarray | None = None) -> Evidence:
    """A person 4 m before a camera at the world's origin that looks along y, z up."""
    R = np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]])
    t = np.array([0.0, 1000, 4000])
    K = np.array([[1500.0, 0, 960], [0, 1500, 540], [0, 0, 1]])
    Rt = np.column_stack([R, t])
    one = Evidence("1_A_1_1.jpg", "1", (1920, 1080), np.zeros((24, 2)), NORMALISE @ K, 1920.0, Rt, None, joints_mm)
    pixels = doctor.project(one, as_written(one)) if seen is None else seen
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


def seen_in_full(rng: np.random.Generator, images: int = 2) -> list[Evidence]:
    """Images of a camera anywhere, with exact labels."""
    camera = looking_camera(rng, distortion=True)
    evidence = []
    for image in range(images):
        joints_mm = standing_person(rng) @ rotation_about_z(rng.uniform(0, 6)).T + [*rng.uniform(-500, 500, 2), 0]
        Rt = np.column_stack([camera.R, camera.t])
        one = Evidence(f"1_A_1_{image}.jpg", "1", (1920, 1080), np.zeros((24, 2)), NORMALISE @ camera.K, 1920.0, Rt,
                       camera.distortion, joints_mm)  # fmt: skip
        evidence.append(dataclasses.replace(one, joints_px=doctor.project(one, as_written(one))))
    return evidence


def rotation_about_z(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def column_after_column(Rt: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    written = Rt.T.reshape(3, 4)
    return written[:, :3], written[:, 3]


HOW_WRITTEN: dict[str, Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]] = {
    "extrinsics are camera to world": lambda R, t: (R.T, -R.T @ t),
    "the rotation in extrinsics is transposed": lambda R, t: (R.T, t),
    "the last column of extrinsics is where the camera stands": lambda R, t: (R, -R.T @ t),
    "extrinsics use OpenGL's camera axes (y up, z backward)": lambda R, t: (D @ R, D @ t),
    "extrinsics are camera to world in OpenGL's axes (y up, z backward), as Blender writes them": lambda R, t: (
        R.T @ D, -R.T @ t,
    ),
    "extrinsics are written column after column": lambda R, t: column_after_column(np.column_stack([R, t])),
}  # fmt: skip


@pytest.mark.parametrize("unit", [UNITS[0], UNITS[1]], ids=lambda unit: unit.what)
@pytest.mark.parametrize("reading", EXTRINSICS, ids=lambda reading: reading.what[:40])
def test_units_of_t_combine_with_every_reading_of_the_extrinsics(
    rng: np.random.Generator, reading: Mistake, unit: Mistake
) -> None:
    factor = {"t is in metres": 1000, "t is in centimetres": 10}[unit.what]
    spoilt = []
    for one in seen_in_full(rng):
        R, t = HOW_WRITTEN[reading.what](one.extrinsics[:, :3], one.extrinsics[:, 3] / factor)
        spoilt.append(dataclasses.replace(one, extrinsics=np.column_stack([R, t])))
    assert diagnose(spoilt).mistakes == (reading, unit)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: size.what)
def test_intrinsics_of_another_image_size_are_named_with_the_factor(rng: np.random.Generator, size: Mistake) -> None:
    times = float(Fraction(size.what.removeprefix("intrinsics belong to an image ").split()[0]))
    evidence = seen_in_full(rng)
    spoilt = [dataclasses.replace(e, intrinsics=np.diag([times, times, 1]) @ e.intrinsics) for e in evidence]
    assert diagnose(spoilt).mistakes == (size,)
    px = [dataclasses.replace(e, intrinsics=np.diag([1920 * times, 1920 * times, 1]) @ e.intrinsics) for e in evidence]
    found = diagnose(px)
    assert [mistake.what for mistake in found.mistakes or ()] == ["intrinsics are in px", size.what]
    assert found.after_px < 1e-6


def test_few_hypotheses_are_tried_and_labels_of_something_else_rarely_fit_one(rng: np.random.Generator) -> None:
    """Every combination is a chance to explain away what is really wrong: their number is kept in check."""
    counts = [len(list(combinations(count))) for count in range(doctor.MOST_MISTAKES + 1)]
    assert counts == [1, 18, 120, 352]
    explained = 0
    for _ in range(20):
        evidence = seen_in_full(rng)
        camera, shift = looking_camera(rng), np.append(rng.choice([-1, 1], 2) * rng.uniform(500, 1200, 2), 0)
        elsewhere = [dataclasses.replace(e, extrinsics=np.column_stack([camera.R, camera.t])) for e in evidence]
        moved = [dataclasses.replace(e, joints=e.joints + shift) for e in evidence]
        explained += sum(
            bool(diagnose(wrong).mistakes) for wrong in (elsewhere, moved)
        )  # a camera beside it may fit as it is
    assert explained <= 1


def test_up_is_a_complaint_only_where_people_and_cameras_agree(rng: np.random.Generator) -> None:
    x, y, z = np.eye(3)
    assert up_finding(z, z, z) is None and up_finding(z, None, None) is None
    both = up_finding(z, y, y)
    assert both and both.is_complaint and both.sentence.endswith("along (0, 1, 0); write that")
    lying, overhead, apart = up_finding(z, y, z), up_finding(z, None, y), up_finding(z, x, y)
    for alone in (lying, overhead, apart):
        assert alone and not alone.is_complaint and "mend it unless" in alone.sentence
    leaning = np.array([0.0, 0.8, 0.6])
    tilted = up_finding(np.array([0.0, 0.6, -0.8]), leaning, leaning)
    assert tilted and tilted.is_complaint and "along (0.00, 0.80, 0.60)" not in tilted.sentence


def test_up_is_found_among_people_who_bend_and_cameras_that_look_down(rng: np.random.Generator) -> None:
    turn = rotation(rng)
    people = np.stack([standing_person(rng) @ turn.T for _ in range(9)])
    lying = np.stack([standing_person(rng)[:, [2, 0, 1]] @ turn.T for _ in range(4)])
    up = upright(np.concatenate([people, lying]))
    assert up is not None and up @ turn[:, 2] > 0.9
    cameras = held([looking_camera(rng).R @ turn.T for _ in range(8)])
    assert cameras is not None and cameras @ turn[:, 2] > 0.9
    anyhow = np.stack([standing_person(rng) @ rotation(rng).T for _ in range(40)])
    anyhow = np.concatenate([anyhow, -anyhow])
    assert upright(anyhow) is None and upright(people[:0]) is None and held([]) is None


def write_set(root: Path, recording: str, camera: Camera, joints_mm: np.ndarray) -> None:
    folder, view = root / "task04_test", f"{recording}_1"
    write_camera(folder / "camera" / f"{view}.json", camera)
    write_label(folder / "labels" / recording / f"3D_{recording}_1.json", joints_mm)
    image = folder / "images" / view / f"{view}_1.jpg"
    image.parent.mkdir(parents=True)
    image.write_bytes(jpeg(*camera.image_size, 6))  # refused, so that no extractor is asked


def test_recordings_with_a_world_each_are_told_and_no_mistake(tmp_path: Path, rng: np.random.Generator) -> None:
    camera, person = looking_camera(rng), standing_person(rng)
    camera = dataclasses.replace(camera, image_size=(40, 40))
    y_up = np.array([[1.0, 0, 0], [0, 0, 1], [0, -1, 0]])  # (x, y, z) to (x, z, -y)
    other = dataclasses.replace(camera, R=camera.R @ y_up.T, world_up=np.array([0.0, 1, 0]))
    write_set(tmp_path, "1_A", camera, person)
    write_set(tmp_path, "2_A", other, person @ y_up.T)
    config = config_of(tmp_path, tmp_path)
    report = check(config, "test", 3)
    assert len(report.complaints) == 1 and "2 of 2 images cannot be used" in report.complaints[0]
    assert any("unless these recordings have a world each" in sentence for sentence in report.told)


def test_a_set_that_declares_no_up_is_asked_for_none(tmp_path: Path, rng: np.random.Generator) -> None:
    camera = dataclasses.replace(looking_camera(rng), image_size=(40, 40), world_up=None, floor_height_mm=None)
    write_set(tmp_path, "1_A", camera, standing_person(rng))
    report = check(config_of(tmp_path, tmp_path), "test", 3)
    assert len(report.complaints) == 1 and not any("world_up" in sentence for sentence in report.told)


@pytest.mark.parametrize("orientation", [1, 3, 6])
@pytest.mark.parametrize("image_size", [None, (60, 40), (40, 60), (64, 48)])
@pytest.mark.parametrize("kind", ["jpg", "progressive", "png", "cut", "text", "empty", "none"])
def test_a_header_is_refused_in_the_words_that_the_whole_image_is(
    tmp_path: Path, kind: str, image_size: tuple[int, int] | None, orientation: int
) -> None:
    path = tmp_path / "x.jpg"
    pixels = np.zeros((40, 60, 3), np.uint8)
    progressive = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_PROGRESSIVE, 1])[1].tobytes()
    data = {
        "jpg": jpeg(60, 40, orientation), "progressive": progressive, "png": cv2.imencode(".png", pixels)[1].tobytes(),
        "cut": jpeg(60, 40, orientation)[:-2], "text": b"no picture", "empty": b"",
    }  # fmt: skip
    if kind in data:
        path.write_bytes(data[kind])
    try:
        read_image(path, image_size)
        said = None
    except UserError as error:
        said = str(error)
    assert header_refusal(path, image_size) == said


def test_a_header_is_read_without_decoding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cv2, "imdecode", lambda *_: pytest.fail("decoded"))
    data = {"x.jpg": jpeg(60, 40, 1), "x.png": cv2.imencode(".png", np.zeros((40, 60, 3), np.uint8))[1].tobytes()}
    for name, content in data.items():
        (tmp_path / name).write_bytes(content)
        assert header_refusal(tmp_path / name, (60, 40)) is None
        assert "the image is 60x40 px" in str(header_refusal(tmp_path / name, (30, 20)))


def test_lines_of_the_sheet_are_as_wide_on_images_of_every_size(rng: np.random.Generator) -> None:
    """Both skeletons over black: as much is white and coloured on a quarter of the px as on all of them."""
    camera = looking_camera(rng)
    pixels = vis.project_to_image(standing_person(rng), camera)
    covered = []
    for scale in (1.0, 0.5):
        image = np.zeros((int(1080 * scale), int(1920 * scale), 3), np.uint8)
        at = (pixels + 0.5) * scale - 0.5
        tile = vis.witness_tile(image, at, at + [20 * scale, 0], "")[:360]
        covered.append([(tile == colour).all(-1).sum() for colour in (vis.REFERENCE, vis.LEFT)])
    np.testing.assert_allclose(covered[0], covered[1], rtol=0.15)
    assert min(covered[0]) > 100


@pytest.mark.parametrize("columns", [1, 4])
def test_the_sheet_has_a_legend_in_its_colours(columns: int) -> None:
    tiles = [np.zeros((390, 360, 3), np.uint8)] * columns
    sheet = vis.contact_sheet(tiles, 4, vis.WITNESS_LEGEND)
    legend = sheet[: len(sheet) - 390]
    assert sheet.shape[1] == 360 * columns and 20 < len(legend) < 100
    for _, colour in vis.WITNESS_LEGEND:
        assert (legend == colour).all(-1).sum() > 50


def test_the_floor_is_where_the_feet_are(rng: np.random.Generator) -> None:
    people, up = np.stack([standing_person(rng) for _ in range(5)]), np.array([0.0, 0, 1])
    assert floor_complaint(people, up, 0.0) is None
    assert "floor_height_mm about" in str(floor_complaint(people, up, -1000.0))
    assert "turn world_up round" in str(floor_complaint(people, -up, 0.0))
