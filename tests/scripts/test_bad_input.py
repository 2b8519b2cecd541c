"""Bad input through the real scripts: one plain sentence (file, field, fix), exit code 2, no traceback, nothing lost."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from model.skeleton import JOINT_NAMES
from modules.cache.store import open_cache
from modules.config.load import load_config
from modules.config.paths import PROJECT_ROOT
from modules.files.labels import read_label
from modules.files.layout import list_frames
from modules.inference.prediction import fallback_world
from modules.runs import checkpoints, folders
from tests.conftest import FAST, RunScript, copy_frames, sets

pytestmark = pytest.mark.slow

EXTRACT, TRAIN, TEST = "extract_train_info.py", "train.py", "test.py"
IMAGE = "task04_train/images/1_demo_1/1_demo_1_0.jpg"  # the first that is read
CAMERA = "task04_train/camera/1_demo_1.json"
LABEL = "task04_train/labels/1_demo/3D_1_demo_36.json"
VALIDATION = "task04_train/validation.json"
SAMPLE = "sample_submission.json"
Breaks = Callable[[Path], object]


# --- a data set that can be broken ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """A data set, its cache and its results, and what runs the scripts on it."""

    root: Path
    run_script: RunScript

    @property
    def results(self) -> Path:
        return self.root / "results"

    def options(self, *extra: str) -> list[str]:
        assignments = [
            f"DATA.root={self.root}", f"RESULTS.root={self.results}", f"TEST.output={self.results / 'submission.json'}",
            "TRAIN.num_epochs=1", "TRAIN.view_steps=1",
            *FAST, *extra,
        ]  # fmt: skip
        return sets(assignments)

    @property
    def run(self) -> Path:
        (run,) = (self.results / "train").iterdir()
        return run

    def start(self, script: str, *arguments: str, **limits: Any) -> subprocess.CompletedProcess[str]:
        """Runs a script with these arguments (`ForkedScripts.run`)."""
        return self.run_script(script, *arguments, check=False, **limits)

    @property
    def tested(self) -> list[str]:
        """The argument by which test.py uses a run of another root."""
        return ["--run", str(self.run)]


@pytest.fixture(scope="module")
def whole(small_root: Path, tmp_path_factory: pytest.TempPathFactory, run_script: RunScript) -> Place:
    """Nine training and two test images, extracted, trained on and tested."""
    place = Place(tmp_path_factory.mktemp("whole"), run_script)
    copy_frames(small_root, place.root, "train", {"0", "36", "65"})
    copy_frames(small_root, place.root, "test", {"75", "99"})
    put(place.root / VALIDATION, [f"1_demo_{camera}_65.jpg" for camera in (1, 2, 3)])
    put(place.root / SAMPLE, [{"file_name": f"1_demo_4_{frame}.jpg"} for frame in (99, 75)])
    for script in (EXTRACT, TRAIN, TEST):
        run_script(script, *place.options())
    return place


@pytest.fixture
def place(whole: Place, tmp_path: Path) -> Place:
    """A copy of `whole` by hard links, whose files are replaced and never written into."""
    shutil.copytree(whole.root, tmp_path / "set", copy_function=os.link)
    return Place(tmp_path / "set", whole.run_script)


def put(path: Path, content: Any) -> None:
    """Replaces a file by bytes, a text, or a value as JSON."""
    path.unlink(missing_ok=True)
    data = content if isinstance(content, bytes | str) else json.dumps(content)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())


def changed(change: Callable[[Any], Any]) -> Breaks:
    """Reads a JSON file, changes its value (in place, or by returning another one), and writes it."""

    def breaks(path: Path) -> None:
        value = json.loads(path.read_text())
        other = change(value)
        put(path, value if other is None else other)

    return breaks


def field(name: str, value: Any) -> Breaks:
    return changed(lambda data: data.__setitem__(name, value))


def snapshot(root: Path) -> dict[str, str]:
    """Returns the hash of every file below a folder."""
    return {str(p.relative_to(root)): sha256(p.read_bytes()).hexdigest() for p in root.rglob("*") if p.is_file()}


def the_sentence(ended: subprocess.CompletedProcess[str]) -> str:
    """Returns the one sentence that a script ended with."""
    output = ended.stdout + ended.stderr
    assert ended.returncode == 2, output
    assert "Traceback" not in output and "Exception ignored" not in output and "Logging error" not in output, output
    errors = [line for line in ended.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1 and ended.stderr.splitlines()[-1] == errors[0], output
    return errors[0].removeprefix("error: ")


def assert_says(sentence: str, says: str) -> None:
    """Asserts that the parts of `says`, the problem before its fix, are in the sentence in this order."""
    for part in says.split(" // "):
        before, found, sentence = sentence.partition(part)
        assert found, (part, before)


def assert_refused(
    place: Place,
    script: str,
    file: Path | str,
    says: str,
    *extra: str,
    most_bytes: int | None = None,
    first: Sequence[str] = (),
) -> None:
    """Asserts that the script ends with a sentence that names file, problem and fix, and that no file was changed or lost."""
    before = snapshot(place.root)
    sentence = the_sentence(place.start(script, *first, *place.options(*extra), most_bytes=most_bytes))
    assert str(file) in sentence, sentence
    assert_says(sentence, says)
    after = snapshot(place.root)
    may_change = (".log", "inputs.parquet")  # the latter remembers the inputs as they are now
    lost = [name for name, content in before.items() if after.get(name) != content and not name.endswith(may_change)]
    assert not lost and not [name for name in after if ".tmp" in name]


# --- cameras, labels, images, lists: what is broken, and the sentence ("problem // fix") -----------------------

K, NAN, INF = [[0.87, 0, 0.28], [0, 0.87, 0.49], [0, 0, 1]], float("nan"), float("inf")


def with_rotation(change: Callable[[np.ndarray], np.ndarray]) -> Breaks:
    def turned(data: Any) -> None:
        Rt = np.array(data["extrinsics"])
        data["extrinsics"] = np.column_stack([change(Rt[:, :3]), Rt[:, 3]]).tolist()

    return changed(turned)


def with_focal(fx: Any) -> Breaks:
    return field("intrinsics", [[fx, 0, 0.28], *K[1:]])


CAMERAS: dict[str, tuple[Breaks, str]] = {
    "missing": (lambda path: path.unlink(), "this file is missing // write this camera's calibration"),
    "no JSON": (lambda path: put(path, b"{"), "not readable JSON: line 1, column 2: the file ends // restore it whole"),
    "zero bytes": (lambda path: put(path, b""), "this file is empty // calibration"),
    "UTF-16": (lambda path: put(path, b"\xff\xfe{}"), "not readable JSON: it is UTF-16 text // save it as UTF-8"),
    "a comma": (lambda path: put(path, b'{"K": 1,\n}'), "line 2, column 1: a comma stands before // remove the comma"),
    "a key of others": (
        changed(lambda data: data.__setitem__("scale", data.pop("image_scale"))),
        "the key 'scale' is unknown // did you mean image_scale?",
    ),
    "a list": (lambda path: put(path, [1, 2]), "must hold a JSON object // write {...}"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "cannot be read // calibration"),
    "no extrinsics": (changed(lambda data: data.__delitem__("extrinsics")), "extrinsics is missing // add it"),
    "no intrinsics": (changed(lambda data: data.__delitem__("intrinsics")), "intrinsics is missing // add it"),
    "K singular": (with_focal(0), "intrinsics cannot be inverted // write [[fx, s, cx]"),
    "K negative": (with_focal(-0.87), "intrinsics cannot be inverted // write [[fx, s, cx]"),
    "K tiny": (with_focal(1e-12), "focal lengths of 1.92e-09 and // write px divided by image_scale"),
    "K NaN": (with_focal(NAN), "intrinsics holds NaN // write the measured ones"),
    "K infinite": (with_focal(INF), "intrinsics holds NaN, infinity // write the measured ones"),
    "K beyond floats": (with_focal(10**400), "intrinsics holds NaN, infinity // write the measured ones"),
    "K text": (with_focal("0.87"), "intrinsics[0][0] is '0.87' // write lists of 3x3 numbers"),
    "K true": (with_focal(True), "intrinsics[0][0] is true // write lists of 3x3 numbers"),
    "K null": (field("intrinsics", None), "intrinsics is null // write lists of 3x3 numbers"),
    "K 3x4": (field("intrinsics", np.eye(3, 4).tolist()), "intrinsics is 3x4 // write lists of 3x3 numbers"),
    "scale zero": (field("image_scale", 0), "image_scale is 0 // write what"),
    "Rt 3x3": (field("extrinsics", np.eye(3).tolist()), "extrinsics is 3x3 // write lists of 3x4 numbers"),
    "Rt ragged": (field("extrinsics", [[1, 0, 0, 0], [0, 1, 0], [0, 0, 1, 0]]), "extrinsics[1] is 3 long, not 4 // 3x4"),
    "Rt 4x4": (field("extrinsics", np.eye(4).tolist()), "extrinsics is 4x4 // leave out its last row"),
    "Rt 4x4, turned": (field("extrinsics", [*np.eye(3, 4).tolist(), [5, 5, 5, 1]]), "extrinsics is 4x4 // last column"),
    "R left-handed": (with_rotation(lambda R: R * [[-1], [1], [1]]), "extrinsics is a mirror image // flip one axis"),
    "R scaled": (with_rotation(lambda R: 1.1 * R), "extrinsics is scaled by 1.1 // divide its nine numbers"),
    "R not orthonormal": (with_rotation(lambda R: R * [[1.1], [1], [1]]), "extrinsics is not orthonormal // write [R|t]"),
    "crop without size": (changed(lambda data: data.update(crop_offset=[1, 2], image_size=None)), "crop_offset // add"),
    "R NaN": (with_rotation(lambda R: R * NAN), "extrinsics holds NaN // write the measured ones"),
    "t NaN": (changed(lambda data: data["extrinsics"][0].__setitem__(3, NAN)), "extrinsics holds NaN // write the"),
    "up not unit": (field("world_up", [0, 0, 2]), "world_up must be a unit vector // divide it"),
    "up zero": (field("world_up", [0, 0, 0]), "world_up must be a unit vector // divide it"),
    "floor without up": (changed(lambda data: data.__delitem__("world_up")), "floor_height_mm needs world_up // add"),
    "floor text": (field("floor_height_mm", "60"), "floor_height_mm is '60' // write one number"),
    "lens of 3": (field("distortion", [0.1, 0.1, 0.1]), "distortion has 3 numbers // write OpenCV's k1, k2, p1, p2, k3"),
    "lens of 15": (field("distortion", [0.1] * 15), "distortion has 15 numbers // write OpenCV's k1, k2, p1, p2, k3"),
    "lens unknown": (field("lens", "kannala"), "lens is 'kannala' // write fisheye, or leave it out"),
    "lens a number": (field("distortion", 0.1), "distortion is 0.1 // write OpenCV's k1, k2, p1, p2, k3 as a list"),
    "size zero": (field("image_size", [0, 1920]), "image_size is [0, 1920] // write the image's [width, height]"),
    "size negative": (field("image_size", [-1080, 1920]), "image_size is // write the image's [width, height]"),
    "size fractional": (field("image_size", [1080.5, 1920]), "image_size is // write the image's [width, height]"),
    "size huge": (field("image_size", [10**8, 1920]), "image_size is // write the image's [width, height]"),
    "size of one": (field("image_size", [1080]), "image_size is [1080] // write lists of 2 numbers"),
}  # fmt: skip


@pytest.mark.parametrize("case", CAMERAS)
def test_cameras(place: Place, case: str) -> None:
    breaks, says = CAMERAS[case]
    breaks(place.root / CAMERA)
    assert_refused(place, EXTRACT, place.root / CAMERA, says)


def with_names(change: Callable[[list[Any]], object]) -> Breaks:
    return changed(lambda data: (change(data["info"]["3d_pos"]), None)[1])


def with_joints(change: Callable[[list[Any]], object]) -> Breaks:
    return changed(lambda data: (change(data["annotations"]["3d_pos"]), None)[1])


LABELS: dict[str, tuple[Breaks, str]] = {
    "no JSON": (lambda path: put(path, b'{"info"'), "not readable JSON: line 1, column 8: the file ends // restore it whole"),
    "a dangling link": (lambda path: (path.unlink(), path.symlink_to("gone.json")), "file is missing // restore it"),
    "23 joints": (with_joints(lambda joints: joints.pop()), "annotations.3d_pos is 23x3x1 // write lists of 24x3x1 numbers"),
    "23 names": (with_names(lambda names: names.pop()), "info.3d_pos has 23 joint names // lacks right_hand // write each"),
    "NaN": (with_joints(lambda joints: joints[3].__setitem__(0, [NAN])), "annotations.3d_pos holds NaN // write the"),
    "null": (with_joints(lambda joints: joints[3].__setitem__(0, [None])), "annotations.3d_pos[3][0][0] is null // 24x3x1"),
    "text": (with_joints(lambda joints: joints[3].__setitem__(0, ["1"])), "annotations.3d_pos[3][0][0] is '1' // 24x3x1"),
    "an unknown name": (with_names(lambda names: names.__setitem__(2, "nose")), "'nose' // write each SMPL joint once"),
    "a doubled name": (with_names(lambda names: names.__setitem__(1, names[2])), "lacks left_hip // write each"),
    "names that are numbers": (with_names(lambda names: names.__setitem__(1, 7)), "info.3d_pos must be // write the 24"),
    "no annotations": (changed(lambda data: data.__delitem__("annotations")), "annotations.3d_pos // is missing // add it"),
    "behind the camera": (
        changed(lambda data: data["annotations"].__setitem__("3d_pos", [[[1e6], [1e6], [1e6]]] * 24)),
        "some joints are behind the camera // write extrinsics as world to camera",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", LABELS)
def test_labels(place: Place, case: str) -> None:
    breaks, says = LABELS[case]
    breaks(place.root / LABEL)
    assert_refused(place, EXTRACT, place.root / LABEL, says)


def with_exif(orientation: int, image_size: list[int] | None) -> Breaks:
    """Writes an EXIF orientation into the image and an image_size into its camera."""

    def breaks(path: Path) -> None:
        tiff = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01" + orientation.to_bytes(2, "big") + bytes(6)
        data = path.read_bytes()
        put(path, data[:2] + b"\xff\xe1" + (len(tiff) + 8).to_bytes(2, "big") + b"Exif\0\0" + tiff + data[2:])
        field("image_size", image_size)(path.parents[3] / CAMERA)

    return breaks


def resized(width: int, height: int) -> Breaks:
    def breaks(path: Path) -> None:
        put(path, cv2.imencode(".jpg", np.zeros((height, width, 3), np.uint8))[1].tobytes())

    return breaks


STORED, TURNED = [1080, 1920], [1920, 1080]
BAKE = "bake the turn into the pixels"
IMAGES: dict[str, tuple[Breaks, str]] = {
    "a dangling link": (lambda path: (path.unlink(), path.symlink_to("gone.jpg")), "is missing // restore it"),
    "truncated": (lambda path: put(path, path.read_bytes()[:-5000]), "is truncated // replace the file"),
    "truncated PNG": (lambda path: put(path, b"\x89PNG\r\n\x1a\n" + bytes(500)), "is truncated // replace the file"),
    "zero bytes": (lambda path: put(path, b""), "not a readable image // replace the file"),
    "a text": (lambda path: put(path, "no picture"), "not a readable image // replace the file"),
    "a folder": (lambda path: (path.unlink(), path.mkdir()), "missing or cannot be read // restore it"),
    "another size": (resized(640, 480), "640x480 px, but its camera's image_size is 1080x1920 // use the image size"),
    "EXIF, size as shown": (with_exif(6, TURNED), f"XMP orientation 6 turns this image // the turned 1920x1080; {BAKE}"),
    "EXIF, no size": (with_exif(8, None), f"EXIF or XMP orientation 8 turns this image // declares no image_size // {BAKE}"),
    "EXIF upside down": (with_exif(3, STORED), f"EXIF or XMP orientation 3 turns this image // the same both ways // {BAKE}"),
    "EXIF mirrored": (with_exif(2, STORED), f"EXIF or XMP orientation 2 turns this image // the same both ways // {BAKE}"),
    "EXIF, third size": (with_exif(6, [640, 480]), "1080x1920 px, but its camera's image_size is 640x480 // use the"),
    "misplaced": (lambda path: path.rename(path.with_name("1_demo_2_0.jpg")), "belongs in the folder 1_demo_2 // move"),
}  # fmt: skip


@pytest.mark.parametrize("case", IMAGES)
def test_images(place: Place, case: str) -> None:
    breaks, says = IMAGES[case]
    breaks(place.root / IMAGE)
    file = "1_demo_1/1_demo_2_0.jpg" if case == "misplaced" else IMAGE
    assert_refused(place, EXTRACT, file, says)


# --- lists ---------------------------------------------------------------------------------------------------------

ENTRY = {"file_name": "1_demo_4_99.jpg"}
SAMPLES: dict[str, tuple[Any, str]] = {
    "a dangling link": (None, "this file is missing // set TEST.sample_submission"),
    "no JSON": (b"[{", "not readable JSON: line 1, column 3: the file ends // restore it whole"),
    "empty": ([], "non-empty JSON list // write one"),
    "an object": (ENTRY, "non-empty JSON list // write one"),
    "no file_name": ([{"name": "1_demo_4_99.jpg"}], "entry 0 has no plain image name in file_name // without folders"),
    "a bare name": (["1_demo_4_99.jpg"], "entry 0 has no plain image name in file_name // without folders"),
    "a number": ([ENTRY, {"file_name": 7}], "entry 1 has no plain image name in file_name // without folders"),
    "../": ([{"file_name": "../1_demo_4_99.jpg"}], "entry 0 has no plain image name // without folders"),
    "absolute": ([{"file_name": "/1_demo_4_99.jpg"}], "entry 0 has no plain image name // without folders"),
    "another form": ([{"file_name": "picture.jpg"}], "file_name of entry 0 // not 'picture.jpg' // rename it"),
    "twice": ([ENTRY, ENTRY], "1_demo_4_99.jpg is in file_name more than once // remove the duplicate entry"),
    "not there": (
        [ENTRY, {"file_name": "1_demo_4_7.jpg"}],
        "1_demo_4_7.jpg is not among // add the image // TEST.sample",
    ),
}


@pytest.mark.parametrize("case", SAMPLES)
def test_samples(place: Place, case: str) -> None:
    content, says = SAMPLES[case]
    path = place.root / SAMPLE
    put(path, content)
    if content is None:
        path.unlink()
        path.symlink_to("gone.json")
    assert_refused(place, TEST, path, says)


def test_without_a_sample_all_test_images_are_predicted(place: Place) -> None:
    (place.root / SAMPLE).unlink()
    ended = place.start(TEST, *place.tested, *place.options())
    assert ended.returncode == 0 and "has no sample_submission.json: all 2 test images are predicted" in ended.stdout
    entries = json.loads((place.results / "submission.json").read_text())
    assert [entry["file_name"] for entry in entries] == ["1_demo_4_75.jpg", "1_demo_4_99.jpg"]


@pytest.mark.parametrize(
    ("content", "script", "says"),
    [
        (b"[", EXTRACT, "not readable JSON: line 1, column 2: the file ends // restore it whole"),
        ({}, EXTRACT, "non-empty JSON list of image names // set DATA.validation"),
        ([3], EXTRACT, "non-empty JSON list of image names // set DATA.validation"),
        (
            ["1_demo_1_65.jpg", "1_demo_1_66.jpg"],
            TRAIN,
            "1_demo_1_66.jpg is not among the training images // remove it",
        ),
    ],
)
def test_validation_lists(place: Place, content: Any, script: str, says: str) -> None:
    put(place.root / VALIDATION, content)
    assert_refused(place, script, place.root / VALIDATION, says)


def test_an_image_of_the_sample_is_missing(place: Place) -> None:
    (place.root / "task04_test/images/1_demo_4/1_demo_4_75.jpg").unlink()
    assert_refused(place, TEST, place.root / SAMPLE, "1_demo_4_75.jpg is not among the test images // add the image")


def test_an_image_that_is_removed_after_the_prediction(place: Place, tmp_path: Path) -> None:
    """The image is removed between prediction and overlay: earlier results are kept, the sentence names the image."""
    image = place.root / "task04_test/images/1_demo_4/1_demo_4_99.jpg"
    before = snapshot(place.results)
    setup = (
        "import pathlib; from modules.evaluation import testing; draw = testing.draw\n"
        f"testing.draw = lambda *arguments: (pathlib.Path({str(image)!r}).unlink(), draw(*arguments))"
    )
    sentence = the_sentence(place.start(TEST, *place.tested, *place.options(), setup=setup))
    assert sentence.startswith(f"{image}: this image is missing") and "restore it" in sentence
    assert snapshot(place.results) == before


# --- unusual input that is no error and must give the right result -------------------------------------------------


def cached(place: Place, column: str) -> np.ndarray:
    """Returns a column of the training cache."""
    config = load_config(PROJECT_ROOT / "config/train_config.yml", place.options()[1::2])
    rows, _ = open_cache(config, "train", list_frames(place.root, "train"))
    return np.asarray(rows[column])


def test_reordered_names_are_read_by_name_and_unknown_ones_reported_once(whole: Place, place: Place) -> None:
    labels = sorted((place.root / "task04_train/labels/1_demo").iterdir())
    assert len(labels) == 3
    order = np.random.default_rng(5).permutation(24)
    for path in labels[:2]:
        joints = read_label(path)[order][..., None].tolist()
        put(path, {"info": {"3d_pos": [JOINT_NAMES[i].upper() for i in order]}, "annotations": {"3d_pos": joints}})
    ended = place.start(EXTRACT, *place.options())
    assert ended.returncode == 0 and "SMPL order" not in ended.stdout
    np.testing.assert_allclose(cached(place, "joints_world_mm"), cached(whole, "joints_world_mm"), atol=1e-9)
    for path in labels[1:]:
        joints = read_label(path)[..., None].tolist()
        put(path, {"info": {"3d_pos": [f"joint {i}" for i in range(24)]}, "annotations": {"3d_pos": joints}})
    ended = place.start(EXTRACT, *place.options())
    (note,) = (line for line in ended.stdout.splitlines() if "SMPL order" in line)
    assert note.startswith(f"{labels[1]}: ") and "1 more label file" in note
    np.testing.assert_allclose(cached(place, "joints_world_mm"), cached(whole, "joints_world_mm"), atol=1e-9)


def test_stored_pixels_are_read_where_the_camera_declares_their_size(whole: Place, place: Place) -> None:
    with_exif(6, STORED)(place.root / IMAGE)
    ended = place.start(EXTRACT, *place.options())
    assert ended.returncode == 0, ended.stderr
    a, b = (json.loads((p.root / "cache/blazepose-full/train/cache.json").read_text()) for p in (whole, place))
    assert a["inputs"] != b["inputs"]
    np.testing.assert_array_equal(cached(place, "joints_px"), cached(whole, "joints_px"))


def test_no_person_is_found_in_any_image(place: Place) -> None:
    """Extraction lists the images, training refuses to start, testing predicts the documented fallback and says so."""
    run = place.run
    for path in place.root.glob("task04_*/images/*/*.jpg"):
        resized(1088 if path.name.startswith(("1_demo_3", "1_demo_4")) else 1080, 1920)(path)
    ended = place.start(EXTRACT, *place.options())
    assert ended.returncode == 0 and ended.stdout.count("  no person found: ") == 11
    assert_refused(place, TRAIN, place.root, "no person is found in any training image // use images that show one")
    ended = place.start(TEST, "--run", str(run), *place.options())
    assert ended.returncode == 0, ended.stdout + ended.stderr
    for name in ("1_demo_4_75.jpg", "1_demo_4_99.jpg"):
        assert f"no person found, predicted as the training mean straight ahead of the camera: {name}" in ended.stdout
    camera = json.loads((place.root / "task04_test/camera/1_demo_4.json").read_text())
    Rt = np.array(camera["extrinsics"])[None]
    mean = checkpoints.load_checkpoint(folders.best_checkpoint(run))["facts"]["mean_pose_crop_mm"]
    expected = fallback_world(np.array(mean), Rt[..., :3], Rt[..., 3])[0]
    entries = json.loads((place.results / "submission.json").read_text())
    assert [entry["file_name"] for entry in entries] == ["1_demo_4_99.jpg", "1_demo_4_75.jpg"]
    for entry in entries:
        np.testing.assert_allclose(entry["3d_pos"], expected, atol=0.5)


def empty(images: Path) -> None:
    shutil.rmtree(images)
    images.mkdir()


@pytest.mark.parametrize(
    ("script", "empties", "says"),
    [
        (EXTRACT, shutil.rmtree, "this folder is missing // DATA.root must hold"),
        (EXTRACT, empty, "there is no image in here // put <POSE>"),
        (TRAIN, empty, "there is no image in here // put <POSE>"),
        (TEST, shutil.rmtree, "this folder is missing // DATA.root must hold"),
        (TEST, empty, "there is no image in here // put <POSE>"),
    ],
)
def test_empty_data_sets(place: Place, script: str, empties: Breaks, says: str) -> None:
    images = place.root / ("task04_test/images" if script == TEST else "task04_train/images")
    empties(images)
    assert_refused(place, script, images, says)


# --- disks that are full, or read-only --------------------------------------------------------------------------------

FULL = "File too large // free some space and start again"


@pytest.mark.parametrize(
    ("most_bytes", "file"), [(10_000, "poses/part-00000.parquet"), (100_000, "crops/part-00000.jpgs")]
)
def test_extraction_on_a_full_disk(place: Place, most_bytes: int, file: str) -> None:
    cache = place.root / "cache/blazepose-full/train"
    shutil.copytree(cache, place.root / "other/blazepose-full/train")
    put(place.root / "other/blazepose-full/train/crops/part-00000.jpgs", b"")  # so that one part is made again
    field("floor_height_mm", 50)(place.root / CAMERA)
    elsewhere = f"DATA.cache={place.root / 'other'}"
    assert_refused(
        place, EXTRACT, place.root / "other/blazepose-full/train" / file, FULL, elsewhere, most_bytes=most_bytes
    )
    ended = place.start(EXTRACT, *place.options(elsewhere))
    assert ended.returncode == 0 and "(9 extracted now)" in ended.stdout


@pytest.mark.parametrize(
    ("most_bytes", "file"),
    [(100, "train_config.yaml"), (100_000, "best_01.pt"), (4_000_000, "model.pt")],
)
def test_training_on_a_full_disk(place: Place, most_bytes: int, file: str) -> None:
    assert_refused(place, TRAIN, f"/{file}: ", FULL, most_bytes=most_bytes)


def test_a_log_on_a_full_disk_and_the_same_training_with_space(whole: Place, place: Place) -> None:
    """A run that was killed before its summary cannot write its log; with space, it is resumed to its end."""
    run, same_data = place.run, f"DATA.root={whole.root}"
    (run / folders.COMPLETE).unlink()
    put(run / "train_log.log", "x" * 50_000)
    resume = ["--resume", str(run)]
    assert_refused(place, TRAIN, run / "train_log.log", FULL, same_data, most_bytes=50_000, first=resume)
    ended = place.start(TRAIN, *resume, *place.options(same_data))
    assert ended.returncode == 0 and "resuming after epoch 1" in ended.stdout and folders.is_complete(run)


@pytest.mark.parametrize(("most_bytes", "file"), [(1000, "submission.json"), (10_000, "overlays/1_demo_4_99.jpg")])
def test_testing_on_a_full_disk(place: Place, most_bytes: int, file: str) -> None:
    assert_refused(place, TEST, f"/{file}: ", FULL, most_bytes=most_bytes, first=place.tested)


# Nobody can write below either of these, not even root.
@pytest.mark.parametrize(
    ("script", "key", "read_only"),
    [
        (EXTRACT, "DATA.cache", "/sys/groundpose"),
        (EXTRACT, "DATA.cache", SAMPLE),
        (TRAIN, "RESULTS.root", "/sys/groundpose"),
        (TEST, "TEST.output", SAMPLE),
    ],
)
def test_disks_that_cannot_be_written(place: Place, script: str, key: str, read_only: str) -> None:
    folder = place.root / read_only
    first = place.tested if script == TEST else []
    assert_refused(place, script, folder, f"; // {key} // where you may", f"{key}={folder / 'x.json'}", first=first)


# --- the config, which every script reads first --------------------------------------------------------------------

FILES: dict[str, tuple[Any, str]] = {
    "missing": (None, "this config file is missing // start from config/train_config.yml"),
    "a folder": (Path.mkdir, "cannot be read (Is a directory) // start again from config/train_config.yml"),
    "not UTF-8": (b"TRAIN: {\xff}", "not a readable YAML file // start again from"),
    "broken": ("TRAIN: {num_epochs: 3", "not a readable YAML file // line 1 // start again from"),
    "a date that is none": ("SEED: {random_seed: 2001-13-45}", "not a readable YAML file // start again from"),
    "endless": ("TRAIN: &all {num_epochs: *all}", "write values, not aliases // start again from"),
    "deep": ("TRAIN: " + "[" * 5000, "nested too deeply // start again from"),
    "a list": ("[TRAIN, DATA]", "a config holds sections // start again from"),
    "two sections": (
        "TRAIN: {num_epochs: 3}\nTRAIN: {batch_size: 4}",
        "the key TRAIN is written twice // line 1 // fix it",
    ),
    "two keys": ("TRAIN: {num_epochs: 3, num_epochs: 4}", "the key num_epochs is written twice // line 1 // fix it"),
    "unknown section": ("TRIAN: {num_epochs: 3}", "the key TRIAN is unknown // did you mean TRAIN?"),
    "unknown key": ("TRAIN: {num_epoch: 3}", "the key TRAIN.num_epoch is unknown // did you mean num_epochs?"),
    "no section": ("TRAIN: 3", "TRAIN is 3 // write a section of keys"),
    "a section that is a list": ("TRAIN: [num_epochs]", "TRAIN is ['num_epochs'] // write a section of keys"),
    "text for a number": ("TRAIN: {num_epochs: many}", "TRAIN.num_epochs is 'many' // valid integer, such as 20"),
    "bool for a number": ("TRAIN: {num_epochs: true}", "TRAIN.num_epochs is True // valid integer, such as 20"),
    "bool for a fraction": ("TRAIN: {learning_rate: yes}", "TRAIN.learning_rate is True // number, such as 0.001"),
    "a fraction for a number": ("TRAIN: {num_epochs: 2.5}", "TRAIN.num_epochs is 2.5 // valid integer, such as 20"),
    "nothing for a number": ("TRAIN: {num_epochs: }", "TRAIN.num_epochs is None // valid integer, such as 20"),
    "NaN": ("TRAIN: {learning_rate: .nan}", "TRAIN.learning_rate is nan // finite number, such as 0.001"),
    "infinity": ("TRAIN: {learning_rate: .inf}", "TRAIN.learning_rate is inf // finite number, such as 0.001"),
    "too large": ("SEED: {random_seed: 4294967296}", "SEED.random_seed is 4294967296 // less than 4294967296"),
    "number for a bool": ("TRAIN: {pretrained: 1}", "TRAIN.pretrained is 1 // valid boolean, such as False"),
    "list for text": ("DATA: {root: [a, b]}", "DATA.root is ['a', 'b'] // valid string, such as 'data/demo"),
    "an empty path": ("DATA: {root: ''}", "DATA.root // not ''"),
    "a path of two lines": ('TEST: {output: "a\\nb"}', "TEST.output // one line"),
    "renamed": ("TRAIN: {looks: full}", "the key TRAIN.looks was renamed // write TRAIN.joint_features"),
    "removed": ("TRAIN: {zoom: 0.2}", "the key TRAIN.zoom was removed // TRAIN.augmentation: true or false"),
    "no choice": ("TRAIN: {model_type: both}", "TRAIN.model_type is 'both' // 'image+pose', 'pose' or 'image'"),
}
ASSIGNMENTS = {
    "TRAIN.num_epochs=many": "TRAIN.num_epochs is 'many' // valid integer, such as 20",
    "TRAIN.num_epochs=true": "TRAIN.num_epochs is True // valid integer, such as 20",
    "TRAIN.num_epoch=3": "the key TRAIN.num_epoch is unknown // did you mean num_epochs?",
    "TRIAN.num_epochs=3": "the key TRIAN is unknown // did you mean TRAIN?",
    "DATA.extra_roots=a": "DATA.extra_roots is 'a' // valid list, such as",
    "PERFORMANCE_RECORD.column_list=loss": "column_list is 'loss' // valid list, such as",
    "EXTRACT.crops=one": "the key EXTRACT.crops was renamed // write EXTRACT.test_time_augmentation",
    "TRAIN.num_threads=2": "the key TRAIN.num_threads was removed // OMP_NUM_THREADS",
    "TRAIN.calibration_error=[20, 1]": "calibration_error must be // write another value, such as [0.5, 20.0]",
    "SEED.random_seed=2001-13-45": "not valid YAML // put text in quotes",
    "TRAIN.num_epochs=[": "not valid YAML // put text in quotes",
    "TRAIN=3": "write SECTION.key=value, such as",
}


def assert_every_script_refuses(run_script: RunScript, file: Path | str, says: str, *arguments: str) -> None:
    """Asserts that all three scripts end with the same sentence."""
    sentences = [the_sentence(run_script(script, *arguments, check=False)) for script in (EXTRACT, TRAIN, TEST)]
    assert len(set(sentences)) == 1 and sentences[0].startswith(f"{file}: "), sentences
    assert_says(sentences[0], says)


@pytest.mark.parametrize("case", FILES)
def test_config_files(run_script: RunScript, tmp_path: Path, case: str) -> None:
    content, says = FILES[case]
    path = tmp_path / "config.yml"
    if content is Path.mkdir:
        path.mkdir()
    elif content is not None:
        put(path, content)
    assert_every_script_refuses(run_script, path, says, "--config", str(path))


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_config_assignments(run_script: RunScript, assignment: str) -> None:
    """The sentence names the assignment, not the file."""
    sentence = ASSIGNMENTS[assignment]
    assert_every_script_refuses(run_script, f"--set {assignment}", sentence, "--set", assignment)
