"""MeTRAbs through the real script, on stand-ins with its published signatures; TensorFlow runs in child processes only."""

import csv
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from model.skeleton import JOINT_NAMES
from modules.cache.store import open_cache
from modules.cache.table import Rows
from modules.config.load import load_config
from modules.config.paths import PROJECT_ROOT
from modules.config.schema import Config
from modules.config.sections import Metrabs
from modules.extractors import configured_fingerprint
from modules.extractors.metrabs.current import SKELETON, CurrentModel
from modules.extractors.metrabs.extractor import MetrabsExtractor
from modules.extractors.metrabs.models_2021 import CombinedModel
from modules.extractors.metrabs.people import undistorted_box
from modules.extractors.metrabs.weights import RECORD
from modules.extractors.world_up import complete_world_up, nearest_axis
from modules.files.cameras import write_camera
from modules.files.images import warp_crop
from modules.files.labels import write_label
from modules.files.layout import list_frames
from modules.pose_utils import Camera, cam2pixel, cam2world, crop_camera
from modules.utils import UserError
from tests.conftest import RunScript, imports_of, reporting_imports, standing_person
from tests.extractors.metrabs_truth import HEIGHT_MM, PEOPLE, SHAPE_MM, picture, true_answer

KINDS = ("multiperson", "combined", "singleperson", "current")
VARIANTS = (
    "multiperson:shuffled", "multiperson:nameless", "multiperson:foreign", "combined:shuffled", "combined:early",
    "combined:nameless", "singleperson:shuffled", "current:shuffled", "current:coco", "batched", "foreign",
)  # fmt: skip
LENS = np.array([-0.12, 0.05, 0.002, -0.001, 0.01])
# The people's boxes by sequence. Person 0 has the higher score; nobody is in sequence 2.
SCENES = {
    1: {0: (200, 80, 90, 300)}, 2: {}, 3: {0: (100, 90, 80, 310), 1: (350, 30, 110, 400)}, 4: {1: (260, 100, 70, 280)},
}  # fmt: skip
CAMERAS = {
    "1": Camera(
        np.array([[900.0, 0, 330], [0, 890, 235], [0, 0, 1]]), np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
        np.array([200.0, 1400, 4000]), (640, 480), None, np.array([0.0, 0, 1]), 0.0,
    ),
    "2": Camera(
        np.array([[950.0, 0, 310], [0, 940, 245], [0, 0, 1]]),
        np.array([[0.0, 1, 0], [0.6, 0, -0.8], [-0.8, 0, -0.6]]) @ np.diag([1.0, 1, 1]),
        np.array([-100.0, 300, 4500]), (640, 480), LENS, np.array([0.0, 0, 1]), 0.0,
    ),
}  # fmt: skip


@pytest.fixture(scope="session")
def standins(tmp_path_factory: pytest.TempPathFactory, run_script: RunScript) -> Path:
    """Every stand-in, exported in a child process; a combined one lies beside those that have no detector."""
    folder = tmp_path_factory.mktemp("standins")
    run_script("tests/extractors/metrabs_standins.py", str(folder), *KINDS, *VARIANTS)
    for kind in ("multiperson", "singleperson"):
        shutil.copytree(folder / "combined", folder / f"{kind}_combined")
    return folder


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of two cameras, one with a lens: PNG images, and a label for each moment."""
    root = tmp_path_factory.mktemp("scene")
    for split in ("train", "test"):
        for name, camera in CAMERAS.items():
            folder = root / f"task04_{split}"
            write_camera(folder / "camera" / f"7_P_{name}.json", camera)
            for sequence, people in SCENES.items():
                path = folder / "images" / f"7_P_{name}" / f"7_P_{name}_{sequence}.png"
                path.parent.mkdir(parents=True, exist_ok=True)
                cv2.imwrite(str(path), picture((640, 480), people)[..., ::-1])
        for sequence in SCENES:
            label = folder / "labels" / "7_P" / f"3D_7_P_{sequence}.json"
            write_label(label, standing_person(np.random.default_rng(sequence)))
    return root


def arguments(root: Path, cache: Path, weights: Path, *extra: str) -> list[str]:
    assignments = [
        f"DATA.root={root}", f"DATA.cache={cache}", "EXTRACT.extractor=metrabs", f"EXTRACT.weights={weights}",
        "DATA.validation=sequence", "EXTRACT.batch_size=3", *extra,
    ]  # fmt: skip
    return [part for assignment in assignments for part in ("--set", assignment)]


def cached(root: Path, options: list[str], split: str = "train") -> tuple[Rows, Config]:
    config = load_config(PROJECT_ROOT / "config/train_config.yml", options[1::2])
    return open_cache(config, split, list_frames(root, split))[0], config


def expected(kind: str, people: dict[int, tuple[int, int, int, int]], camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """Pixels (24, 2) and camera mm (24, 3) of the most confident person."""
    box = people[min(people, key=lambda number: -PEOPLE[number][1])]
    if kind != "singleperson":
        return true_answer(kind, box, camera, 5)
    R_cam2crop, K_crop = crop_camera(undistorted_box(np.array(box, float), camera), camera.K, 256, 1.0)
    crop = warp_crop(picture((640, 480), people), camera, R_cam2crop, K_crop, 256)
    depth = K_crop[0, 0] * HEIGHT_MM / 256 + 100 * (crop / np.float32(255)).astype(np.float16).astype(float).mean()
    joints = (np.array([0, 0, depth]) + SHAPE_MM) @ R_cam2crop
    return cam2pixel(joints, camera.K), joints


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_script_fills_the_cache_with_what_the_model_implies(
    kind: str, standins: Path, scene: Path, tmp_path: Path, run_script: RunScript
) -> None:
    options = arguments(scene, tmp_path, standins / kind)
    said = run_script("extract_train_info.py", "--split", "train", *options)
    assert "no person found: 7_P_1_2.png" in said.stdout and "no person found: 7_P_2_2.png" in said.stdout
    rows, config = cached(scene, options)
    assert rows["file_name"].tolist() == [f"7_P_{c}_{s}.png" for c in CAMERAS for s in SCENES]
    assert rows["found"].tolist() == [True, False, True, True] * 2
    for row, (name, sequence) in enumerate((c, s) for c in CAMERAS for s in SCENES):
        if not SCENES[sequence]:
            assert np.isnan(rows["joints_px"][row]).all() and np.isnan(rows["people"][row])
            continue
        camera = CAMERAS[name]
        joints_px, joints_cam = expected(kind, SCENES[sequence], camera)
        np.testing.assert_allclose(rows["joints_px"][row], joints_px, atol=0.01)
        np.testing.assert_allclose(rows["depth_root_mm"][row], joints_cam[0, 2], atol=0.1)
        np.testing.assert_allclose(rows["depth_rel_mm"][row], joints_cam[:, 2] - joints_cam[0, 2], atol=0.1)
        own_world = cam2world(rows["root_cam_mm"][row] + rows["joints_rel_mm"][row], camera.R, camera.t)
        np.testing.assert_allclose(own_world, cam2world(joints_cam, camera.R, camera.t), atol=0.1)
        assert (rows["people"][row], rows["person_index"][row]) == (len(SCENES[sequence]), 0)
        assert rows["choice"][row] == "confident" and rows["extractor"][row] == "metrabs"
        crop = rows.read_crop(row)[128, 128]  # the crop shows the selected person
        assert np.abs(crop.astype(int) - PEOPLE[min(SCENES[sequence])][0]).max() < 30
    again = run_script("extract_train_info.py", "--split", "train", *options)
    assert "(0 extracted now)" in again.stdout
    assert configured_fingerprint(config) == rows["fingerprint"][0]  # computed here without TensorFlow


@pytest.mark.slow
def test_in_a_process_with_tensorflow(standins: Path, run_script: RunScript) -> None:
    """Everything that needs no script: kinds, lenses, regions, thresholds, selection, damaged files (in_tensorflow/)."""
    result = run_script("tests/extractors/run_in_tensorflow.py", str(standins), check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert " passed" in result.stdout and "skipped" not in result.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("weights", "extra", "says"),
    [
        ("foreign", (), "no MeTRAbs model"),
        ("current_coco", (), "smpl_24"),
        ("multiperson_foreign", (), "joint names"),
        ("nothing", (), "saved_model.pb is missing"),
        ("multiperson_nameless", ("METRABS.detector=own",), "METRABS.detector=own"),
    ],
)
def test_an_unusable_model_is_one_message(
    weights: str, extra: tuple[str, ...], says: str, standins: Path, scene: Path, tmp_path: Path, run_script: RunScript
) -> None:
    options = arguments(scene, tmp_path, standins / weights, *extra)
    result = run_script("extract_train_info.py", "--split", "train", *options, check=False)
    assert result.returncode == 2 and says in result.stderr
    assert result.stderr.startswith("error: ") and result.stderr.count("\n") == 1
    assert not list(tmp_path.rglob("poses/*.parquet"))


@pytest.mark.slow
def test_without_tensorflow_the_message_says_what_to_install(standins: Path, scene: Path, tmp_path: Path) -> None:
    (tmp_path / "tensorflow.py").write_text("raise ImportError('no TensorFlow here')\n")
    command = [
        sys.executable,
        str(PROJECT_ROOT / "extract_train_info.py"),
        *arguments(scene, tmp_path, standins / "current"),
    ]
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(tmp_path)}
    )
    assert result.returncode == 2 and "requirements-metrabs.txt" in result.stderr and result.stderr.count("\n") == 1


@pytest.mark.slow
def test_world_up_is_taken_from_the_cameras_and_logged(
    standins: Path, scene: Path, tmp_path: Path, run_script: RunScript
) -> None:
    """The numbers are those of a declared world_up; the guessed one is not cached."""
    root = tmp_path / "set"
    shutil.copytree(scene, root)
    for path in root.rglob("camera/*.json"):
        path.write_text(path.read_text().replace("world_up", "was_up").replace("floor_height_mm", "was_floor"))
    options = [*arguments(root, tmp_path / "cache", standins / "current"), "--set", "DATA.floor=declared"]
    said = run_script("extract_train_info.py", "--split", "train", *options).stdout
    assert "declare no world_up" in said and "use +z, the axis nearest" in said
    rows, _ = cached(root, options)
    joints_px, joints_cam = expected("current", SCENES[1], CAMERAS["2"])
    np.testing.assert_allclose(rows["joints_px"][4], joints_px, atol=0.01)
    np.testing.assert_allclose(rows["root_cam_mm"][4], joints_cam[0], atol=0.1)
    assert np.isnan(rows["world_up"]).all()


def test_the_fingerprint_follows_model_detector_and_options(tmp_path: Path) -> None:
    """It needs no TensorFlow, and is None if a configured part is missing."""

    def fingerprint(**options: Any) -> str | None:
        return MetrabsExtractor.fingerprint_of(str(tmp_path / "model"), Metrabs(**options))

    assert fingerprint() is None
    for name in ("model", "other"):
        (tmp_path / name / "variables").mkdir(parents=True)
        (tmp_path / name / "saved_model.pb").write_bytes(name.encode())
        (tmp_path / name / "variables" / "variables.index").write_bytes(b"1")
    detector = str(tmp_path / "other")
    found = [
        fingerprint(detector="own"),
        fingerprint(detector=detector),
        fingerprint(num_aug=3),
        fingerprint(person="largest"),
        fingerprint(region=[0, 0, 1, 0.5]),
    ]
    assert fingerprint(detector=str(tmp_path / "nothing")) is None
    for part, content in (("other/saved_model.pb", b"x"), ("model/variables/variables.index", b"2")):
        (tmp_path / part).write_bytes(content)
        found.append(fingerprint(detector=detector))
    assert None not in found and len(set(found)) == len(found)
    (tmp_path / "model" / RECORD).write_text("{}")  # the record of fetching is no part of the model
    assert fingerprint(detector=detector) == found[-1]


@pytest.fixture(scope="session")
def through_run_sh(
    standins: Path, scene: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[str], str, Path]:
    """`./run.sh` on a current model's stand-in: results folder, arguments, output, and the folder of reported imports."""
    results, imports = tmp_path_factory.mktemp("metrabs-results"), tmp_path_factory.mktemp("imports")
    options = arguments(
        scene, results / "cache", standins / "current", f"RESULTS.root={results}",
        f"TEST.output={results / 'pred_submission.json'}", "TRAIN.num_epochs=1", "TRAIN.batch_size=2",
        "TRAIN.view_steps=1", "DATA.validation_share=0.4",
    )  # fmt: skip
    done = subprocess.run(
        ["bash", str(PROJECT_ROOT / "run.sh"), *options], capture_output=True, text=True, check=False,
        env={**reporting_imports(imports), "GROUNDPOSE_ENVIRONMENT": sys.prefix},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return results, options, done.stdout, imports


@pytest.mark.slow
def test_run_sh_runs_all_stages(through_run_sh: tuple[Path, list[str], str, Path], scene: Path) -> None:
    results, options, said, _ = through_run_sh
    rows, _ = cached(scene, options, "test")
    answers = json.loads((results / "pred_submission.json").read_text())
    assert [answer["file_name"] for answer in answers] == rows["file_name"].tolist()
    assert np.isfinite([answer["3d_pos"] for answer in answers]).all()
    methods = json.loads(next(results.rglob("metrics.json")).read_text())["methods"]
    found = rows["found"].astype(bool)
    own = [
        cam2world(expected("current", SCENES[int(sequence)], CAMERAS[camera])[1], CAMERAS[camera].R, CAMERAS[camera].t)
        for camera, sequence, there in zip(rows["camera"], rows["sequence"], found, strict=True) if there
    ]  # fmt: skip
    errors = np.linalg.norm(own - rows["joints_world_mm"][found], axis=-1).mean(1)
    per_image = list(csv.DictReader(next(results.rglob("per_image.csv")).read_text().splitlines()))
    # Its pixels are projections of its 3D joints, so least squares restores its own root, and it gets no row of its own.
    written = [float(line["world_mpjpe_mm: extractor, least squares"]) for line in per_image]
    np.testing.assert_allclose(np.array(written)[found], errors, atol=0.1)
    assert next(iter(methods)) == "extractor, least squares" and "| extractor, least squares |" in said


@pytest.mark.slow
def test_the_extractor_beside_posenet(through_run_sh: tuple[Path, list[str], str, Path], run_script: RunScript) -> None:
    results, options, *_ = through_run_sh
    said = run_script("benchmarks/beside_extractor.py", "--images", "2", *options).stdout
    assert "| extractor, its own 3D |" in said and "| PoseNet |" in said and "PoseNet is closer on" in said
    lines = next(results.rglob("beside_extractor.csv")).read_text().splitlines()
    assert len(lines) == 1 + 6  # nobody is seen in two of the eight
    picture_file = next(results.rglob("beside_extractor.jpg"))
    assert cv2.imread(str(picture_file)) is not None
    methods = json.loads(next(results.rglob("metrics.json")).read_text())["methods"]
    assert methods["PoseNet"]["overall"]["world_mpjpe"] > 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "present", "absent"),
    [
        ("extract_train_info.py", "tensorflow", "torch"),
        ("train.py", "torch", "tensorflow"),
        ("test.py", "torch", "tensorflow"),
    ],
)
def test_tensorflow_and_torch_are_never_in_one_process(
    through_run_sh: tuple[Path, list[str], str, Path], script: str, present: str, absent: str
) -> None:
    """One extraction, one epoch, one test with MeTRAbs; test.py starts no extraction, since nothing is left to extract."""
    processes = imports_of(through_run_sh[-1], script)
    assert len(processes) == 1
    assert any(present in imported for imported in processes)
    assert not any(absent in imported for imported in processes)


def peaks_of_memory_mb(runs: list[list[str]]) -> list[float]:
    """The peak memory up to the end of each of several extractions in one process, as counted by the operating system."""
    program = (
        "import resource, runpy, sys\n"
        f"for options in {runs!r}:\n"
        "    sys.argv = ['extract_train_info.py', '--split', 'train', '--quiet', *options]\n"
        "    runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    assert done.stderr == ""  # TensorFlow says nothing either
    return [float(line) for line in done.stdout.splitlines()]


@pytest.mark.slow
def test_ten_times_the_images_take_no_more_memory(standins: Path, scene: Path, tmp_path: Path) -> None:
    """The many images are extracted after the few and in the same process, so that all memory they add is counted."""
    runs = []
    for count in (12, 120):
        root = tmp_path / str(count)
        for name in CAMERAS:
            (root / "task04_train" / "camera").mkdir(parents=True, exist_ok=True)
            shutil.copy(scene / f"task04_train/camera/7_P_{name}.json", root / "task04_train" / "camera")
            folder = root / "task04_train" / "images" / f"7_P_{name}"
            folder.mkdir(parents=True)
            for sequence in range(count // 2):
                source = scene / f"task04_train/images/7_P_{name}/7_P_{name}_{1 + sequence % 4}.png"
                (folder / f"7_P_{name}_{sequence}.png").symlink_to(source)
        runs.append(arguments(root, tmp_path / "cache" / str(count), standins / "current"))
    few, many = peaks_of_memory_mb(runs)
    assert many < 1.08 * few, (few, many)  # 108 images that stay in memory would add 13 %


def a_camera(up_world: np.ndarray) -> Camera:
    """A camera whose own up direction is this one."""
    y = -up_world / np.linalg.norm(up_world)
    x = np.cross(y, [0.3, 0.5, 0.1])
    x /= np.linalg.norm(x)
    R = np.stack([x, y, np.cross(x, y)])
    return Camera(np.eye(3), R, np.zeros(3))


def test_the_nearest_axis_is_the_mean_of_the_cameras() -> None:
    tilted = [a_camera(np.array([np.cos(a), np.sin(a), 1.2])) for a in np.arange(4) * np.pi / 2]
    np.testing.assert_array_equal(nearest_axis(tilted, Path("c.json")), [0, 0, 1])
    np.testing.assert_array_equal(nearest_axis([a_camera(np.array([0.2, -1, 0.3]))], Path("c.json")), [0, -1, 0])


@pytest.mark.parametrize("ups", [[[0, 1, 1]], [[0, 0, 1], [0, 0, -1]], [[1, 1, 1]]])
def test_an_ambiguous_up_is_refused(ups: list[list[float]]) -> None:
    cameras = {Path(f"{i}.json"): a_camera(np.array(up, float)) for i, up in enumerate(ups)}
    with pytest.raises(UserError, match="world_up is missing.*METRABS.world_up"):
        complete_world_up(cameras, None)
    completed = complete_world_up(cameras, [0, 0, 2.0])
    assert all((camera.world_up == [0, 0, 1]).all() for camera in completed.values() if camera.world_up is not None)
    assert all(camera.world_up is None for camera in cameras.values())


def test_joints_without_a_ray_keep_the_models_own_position(rng: np.random.Generator) -> None:
    camera = Camera(np.array([[900.0, 0, 330], [0, 890, 235], [0, 0, 1]]), np.eye(3), np.zeros(3), (640, 480), LENS)
    joints_cam = standing_person(rng) + [0.0, 0.0, 4000.0]
    raw_px = cam2pixel(joints_cam, camera.K)
    raw_px[20] = [50_000, 50_000]
    model = CombinedModel.__new__(CombinedModel)
    people = model._people(camera, np.zeros((1, 5)), joints_cam[None], raw_px[None])
    np.testing.assert_allclose(people.joints_px[0, 20], cam2pixel(joints_cam, camera.K)[20])
    assert np.isfinite(people.joints_px).all() and np.isfinite(people.joints_cam_mm).all()


@pytest.mark.parametrize("numbers", [4, 8])
def test_a_lens_that_current_models_do_not_take_is_refused_before_anything_runs(numbers: int) -> None:
    """They take five numbers, and would read others as those."""
    names = [name.encode() for name in JOINT_NAMES]
    model = CurrentModel(
        SimpleNamespace(per_skeleton_joint_names={SKELETON: names}, detect_poses_batched=None), Path("metrabs_s")
    )
    camera = replace(CAMERAS["1"], distortion=np.full(numbers, 0.1))
    with pytest.raises(
        UserError, match=f"^metrabs_s: MeTRAbs takes lenses of five numbers, and a camera has {numbers}"
    ):
        model.detect([np.zeros((4, 4, 3), np.uint8)], [camera], 0.3, Metrabs())
