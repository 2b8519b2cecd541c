"""The synthetic set as a user makes it: layout, exact labels, identical bytes after a kill, and the doctor's approval."""

import csv
import filecmp
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from data.synthetic import plan
from data.synthetic.geometry.meshes import Lighting, Material, Mesh
from data.synthetic.render.renderer import Renderer
from model.skeleton import JOINT_NAMES, ROOT
from modules.config.paths import PROJECT_ROOT
from modules.files.atomic import read_json
from modules.files.cameras import read_camera
from modules.files.images import read_image
from modules.files.labels import read_label, read_validation_list, validation_path
from modules.files.layout import list_frames
from modules.pose_utils import Camera, project_to_image
from tests.conftest import FAST, RunScript, sets

pytestmark = pytest.mark.slow

OPTIONS = plan.Options(people=7, frames=1, cameras=2, seed=3)


def generate(out: Path, *extra: str) -> list[str]:
    sizes = [f"--{name}={getattr(OPTIONS, name)}" for name in ("people", "frames", "cameras", "seed")]
    return [sys.executable, "-m", "data.synthetic.generate", *sizes, f"--out={out}", *extra]


@pytest.fixture(scope="session")
def small_set(tmp_path_factory: pytest.TempPathFactory, egl: None) -> Path:
    """A set of fourteen images."""
    out = tmp_path_factory.mktemp("synthetic") / "set"
    subprocess.run(generate(out, "--processes=2"), check=True, cwd=PROJECT_ROOT, capture_output=True, text=True)
    return out


def files_of(root: Path) -> list[Path]:
    return sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())


def test_everything_is_in_its_place(small_set: Path) -> None:
    train, test = (list_frames(small_set, split) for split in ("train", "test"))
    assert len(train) + len(test) == OPTIONS.images
    held_out = read_validation_list(small_set)
    assert held_out is not None and {frame.person.split("-")[1] for frame in train if frame.file_name in held_out} == {
        "6"
    }
    people = [{frame.person for frame in split} for split in (train, test)]
    assert len(people[0]) == 6 and len(people[1]) == 1 and not people[0] & people[1]
    sample = read_json(small_set / "sample_submission.json")
    assert [entry["file_name"] for entry in sample] == [frame.file_name for frame in test]
    for frame in [*train, *test]:
        camera = read_camera(frame.camera_path)
        assert camera.image_size == read_image(frame.image_path).shape[1::-1]
        assert frame.image_path.stat().st_size <= 300_000
        joints = read_label(frame.label_path)
        lowest, floor = joints[:, 2].min(), camera.floor_height_mm
        assert floor is not None and -60 < lowest - floor < 900, frame.file_name
    assert (small_set / "contact_sheet.jpg").stat().st_size > 20_000


def test_the_manifest_has_a_line_for_every_image(small_set: Path) -> None:
    with open(small_set / "manifest.csv", newline="") as handle:
        lines = list(csv.DictReader(handle))
    names = {frame.file_name for split in ("train", "test") for frame in list_frames(small_set, split)}
    assert {line["file_name"] for line in lines} == names and len(lines) == OPTIONS.images
    for line in lines:
        assert line["role"] == plan.role_of(int(line["file_name"].split("_")[1].split("-")[1]))
        assert line["source"].split(":")[0] in ("clip", "sampler")
        assert 1500 < float(line["distance_mm"]) < 8000 and -180 <= float(line["facing_degrees"]) <= 180


def test_labels_tell_what_every_camera_sees(small_set: Path) -> None:
    for frame in list_frames(small_set, "train"):
        label = read_json(frame.label_path)["annotations"]
        words = label["views"][frame.camera]["visibility"]
        assert len(words) == 24 and set(words) <= {"seen", "self", "object", "outside"}
        camera, joints = read_camera(frame.camera_path), read_label(frame.label_path)
        width, height = camera.image_size or (0, 0)
        inside = (
            (project_to_image(joints, camera) >= -0.5)
            & (project_to_image(joints, camera) <= np.array([width, height]) - 0.5)
        ).all(-1)
        assert [word != "outside" for word in words] == inside.tolist()
        assert inside[ROOT]


def test_a_marker_at_every_joint_is_seen_where_the_files_say(small_set: Path) -> None:
    """Labels and cameras agree with the rendered pixels, lens included, to a tenth of a pixel."""
    frames = list_frames(small_set, "train")
    views = {frame.view: frame for frame in frames}.values()
    markers = [JOINT_NAMES.index(name) for name in ("pelvis", "head", "left_hand", "right_foot")]
    with Renderer() as renderer:
        for frame in views:
            camera, joints = read_camera(frame.camera_path), read_label(frame.label_path)
            expected = project_to_image(joints, camera)
            size = np.array(camera.image_size or (0, 0))
            marked = [
                joint for joint in markers if (expected[joint] > 20).all() and (expected[joint] < size - 20).all()
            ]
            for group in apart(marked, expected):
                for joint, found in zip(group, centroids(renderer, joints[group], camera), strict=True):
                    assert np.abs(found - expected[joint]).max() < 0.1, (frame.view, JOINT_NAMES[joint])


def apart(joints: list[int], places_px: np.ndarray, least_px: float = 120) -> list[list[int]]:
    """Groups joints so that those of a group lie far apart in the image: their markers fit into one picture."""
    groups: list[list[int]] = []
    for joint in joints:
        free = (g for g in groups if np.linalg.norm(places_px[g] - places_px[joint], axis=1).min() > least_px)
        group = next(free, None)
        if group is None:
            groups.append([joint])
        else:
            group.append(joint)
    return groups


def centroids(renderer: Renderer, places: np.ndarray, camera: Camera) -> list[np.ndarray]:
    """Returns the centroid of a bright square of 40 mm at each place, parallel to the image plane and rotated in it."""
    corners = 20.0 * np.array([[1.0, 0.6, 0], [-0.6, 1.0, 0], [-1.0, -0.6, 0], [0.6, -1.0, 0]]) @ camera.R
    white = Material("marker", ((1.0, 1.0, 1.0),))
    squares = [
        Mesh("square", place + corners, np.array([[0, 1, 2], [0, 2, 3]]), corners, white, two_sided=True)
        for place in places
    ]
    dark = Lighting((), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0), 0.0)
    picture = renderer.render(squares, dark, camera)
    found = []
    for owner in range(len(squares)):
        rows, columns = np.nonzero(cv2.dilate((picture.owner == owner).astype(np.uint8), np.ones((5, 5))))
        weights = picture.rgb[rows, columns].sum(-1)
        found.append(np.array([columns, rows]) @ weights / weights.sum())
    return found


def test_a_second_start_does_nothing(small_set: Path) -> None:
    before = {path: (small_set / path).stat().st_mtime_ns for path in files_of(small_set)}
    done = subprocess.run(generate(small_set), check=True, cwd=PROJECT_ROOT, capture_output=True, text=True)
    assert f"{small_set}: exists already, nothing to do" in done.stdout
    assert {path: (small_set / path).stat().st_mtime_ns for path in files_of(small_set)} == before


def test_killed_and_started_again_it_comes_to_the_same_bytes(small_set: Path, tmp_path: Path) -> None:
    """Three people of both splits are missing; the kill comes when the first is finished and the second is not."""
    out = tmp_path / "set"
    missing = without_people(small_set, out, (2, 3, 5))
    others = images_of(out)
    process = subprocess.Popen(
        generate(out, "--processes=1"), cwd=PROJECT_ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    wait_for(lambda: len(images_of(out)) >= len(others) + 3)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    made = images_of(out)
    assert len(others) + 3 <= len(made) < OPTIONS.images == len(others) + missing
    stamps = {path: path.stat().st_mtime_ns for path in made}
    done = subprocess.run(
        generate(out, "--processes=1", "--json"), check=True, cwd=PROJECT_ROOT, capture_output=True, text=True
    )
    kept = sum(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())
    assert kept >= len(made) - OPTIONS.cameras
    assert json.loads(done.stdout.splitlines()[-1])["made"] == OPTIONS.images - kept
    assert files_of(out) == files_of(small_set)
    different = [path for path in files_of(out) if not filecmp.cmp(out / path, small_set / path, shallow=False)]
    assert not different


def test_crops_show_the_same_people_from_the_same_places(small_set: Path, tmp_path: Path) -> None:
    out = tmp_path / "crops"
    subprocess.run(generate(out, "--crops"), check=True, cwd=PROJECT_ROOT, capture_output=True, text=True)
    for split in ("train", "test"):
        for frame, whole in zip(list_frames(out, split), list_frames(small_set, split), strict=True):
            assert frame.file_name == whole.file_name
            joints, camera, uncropped = (
                read_label(frame.label_path),
                read_camera(frame.camera_path),
                read_camera(whole.camera_path),
            )
            np.testing.assert_array_equal(joints, read_label(whole.label_path))
            np.testing.assert_array_equal(camera.R, uncropped.R)
            np.testing.assert_array_equal(camera.t, uncropped.t)
            scale = camera.K[0, 0] / uncropped.K[0, 0]
            shift = camera.K[:2, 2] - (uncropped.K[:2, 2] + 0.5) * scale + 0.5
            picture = read_image(frame.image_path)
            assert picture.shape[1::-1] == camera.image_size and max(picture.shape) < 600 < max(uncropped.image_size)
            whole_picture = read_image(whole.image_path)
            move = np.array([[scale, 0, 0.5 * scale - 0.5 + shift[0]], [0, scale, 0.5 * scale - 0.5 + shift[1]]])
            smooth = cv2.GaussianBlur(whole_picture, (0, 0), 0.4 / scale)
            reduced = cv2.warpAffine(smooth, move, camera.image_size, borderMode=cv2.BORDER_REPLICATE)
            alike = np.corrcoef(reduced.mean(-1).ravel(), picture.mean(-1).ravel())[0, 1]
            assert alike > 0.95, (frame.file_name, alike)


def without_people(root: Path, out: Path, people: tuple[int, ...]) -> int:
    """Copies an unfinished set: without the lists and without some people, whose images it counts."""
    shutil.copytree(root, out)
    for name in (plan.MANIFEST, plan.SAMPLE, plan.SHEET):
        (out / name).unlink()
    validation_path(out).unlink()
    plan.write_marker(out, OPTIONS, finished=False)
    removed = [path for person in people for path in out.glob(f"task04_*/*/1_*-{person}*")]
    count = sum(len(list(path.glob("*.jpg"))) for path in removed)
    for path in removed:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    return count


def images_of(out: Path) -> list[Path]:
    """Returns the finished images; an image being written when the process is killed has another, hidden name."""
    return [path for path in out.glob("task04_*/images/*/*.jpg") if not path.name.startswith(".")]


def wait_for(happened: Callable[[], bool], seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)


def test_the_doctor_has_no_complaint(small_set: Path, tmp_path: Path, run_script: RunScript) -> None:
    done = run_script("check_data.py", *sets((f"DATA.root={small_set}", f"RESULTS.root={tmp_path}", *FAST)))
    assert done.returncode == 0, done.stdout + done.stderr
