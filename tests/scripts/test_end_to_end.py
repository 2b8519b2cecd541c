"""The real scripts on a few real images: files, no use of labels, equivariance, process boundary, errors."""

import csv
import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks.branches import permuted_scores
from benchmarks.rotations import UNPERMUTED
from modules.cache.splits import split_rows
from modules.cache.store import open_cache
from modules.config.load import load_config
from modules.config.paths import DEFAULT_CONFIG, PROJECT_ROOT, project_path
from modules.evaluation.testing import load_run, with_run_extraction
from modules.files.layout import list_frames
from modules.files.locking import only_writer
from modules.runs import checkpoints, folders
from tests.conftest import FirstStart, RunScript, imports_of, options, sets

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def finished(first_start: FirstStart) -> tuple[Path, Path]:
    """All three stages as a user starts them: (results folder, run folder)."""
    return first_start.finished


def read_submission(results: Path) -> list[dict[str, object]]:
    content: list[dict[str, object]] = json.loads((results / "pred_submission.json").read_text())
    return content


def test_run_folder_holds_what_users_expect(finished: tuple[Path, Path]) -> None:
    _, run = finished
    names = {path.name for path in run.iterdir()}
    expected = {"best_01.pt", "model.pt", "loss.png", "score.jpg", "record.csv", "train_log.log", "train_config.yaml"}
    assert expected <= names
    assert load_config(run / "train_config.yaml").TRAIN.num_epochs == 1
    assert folders.RUN_NAME.fullmatch(run.name)


def test_the_submission_is_in_the_order_of_the_sample(finished: tuple[Path, Path], small_root: Path) -> None:
    entries = read_submission(finished[0])
    sample = json.loads((small_root / "sample_submission.json").read_text())
    assert [a["file_name"] for a in entries] == [s["file_name"] for s in sample]
    joints = np.array([a["3d_pos"] for a in entries])
    assert joints.shape == (4, 24, 3) and np.isfinite(joints).all()
    assert (np.linalg.norm(joints[:, 0, :2], axis=1) < 3000).all()  # on the stage, not somewhere


def test_results_are_compared_with_baselines_and_bound(finished: tuple[Path, Path], small_root: Path) -> None:
    results, run = finished
    folder = results / "test" / f"{run.name}-{small_root.name}"
    methods = json.loads((folder / "metrics.json").read_text())["methods"]
    assert list(methods) == [
        "extractor, least squares", "extractor, training pelvis height", "extractor, training people's place",
        "extractor, lowest foot on the floor", "PoseNet", "2D + true depth (bound)"
    ]  # fmt: skip
    for result in methods.values():
        assert set(result["per_camera"]) == {"4"} and len(result["per_joint"]) == 24
    bound, ours = (methods[name]["overall"]["world_mpjpe"] for name in ("2D + true depth (bound)", "PoseNet"))
    assert bound < ours < 1000
    with open(folder / "per_image.csv", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    assert len(rows) == 4
    mean = np.mean([float(row["world_mpjpe_mm: PoseNet"]) for row in rows])
    assert mean == pytest.approx(ours, abs=0.01)
    assert len(list((folder / "overlays").glob("*.jpg"))) == 4 and (folder / "world.png").stat().st_size > 0


def test_a_second_run_repeats_nothing(finished: tuple[Path, Path], small_root: Path, run_script: RunScript) -> None:
    results, run = finished
    before = {path: path.stat().st_mtime_ns for path in results.rglob("*") if path.is_file()}
    arguments = options(small_root, results)
    assert "(0 extracted now)" in run_script("extract_train_info.py", *arguments).stdout
    assert f"{run}: trained already" in run_script("train.py", "--reuse", *arguments).stdout
    tested = run_script("test.py", "--reuse", *arguments).stdout
    assert "tested already" in tested and "| PoseNet |" in tested
    assert {path: path.stat().st_mtime_ns for path in results.rglob("*") if path.is_file()} == before


def test_a_run_that_another_process_tests_is_refused_before_anything_is_written(
    finished: tuple[Path, Path], small_root: Path, run_script: RunScript
) -> None:
    results, run = finished
    written = (results / "pred_submission.json").stat().st_mtime_ns
    others = results / "test" / f".{run.name}-{small_root.name}.tmp"  # the folder that a test fills
    others.mkdir()
    with only_writer(others, "writes"):
        ended = run_script("test.py", "--run", str(run), *options(small_root, results), check=False)
    others.rmdir()
    assert ended.returncode == 2 and "another process writes this folder; wait until it ends" in ended.stderr
    assert (results / "pred_submission.json").stat().st_mtime_ns == written


def test_labels_of_test_images_change_no_prediction(
    finished: tuple[Path, Path], small_root: Path, tmp_path: Path, run_script: RunScript
) -> None:
    results, run = finished
    unlabelled = tmp_path / "unlabelled"
    shutil.copytree(small_root, unlabelled, ignore=shutil.ignore_patterns("cache"))
    shutil.rmtree(unlabelled / "task04_test" / "labels")
    out = run_script("test.py", "--run", str(run), *options(unlabelled, tmp_path / "out"))
    assert "4 of 4 test images have no label" in out.stdout
    assert read_submission(tmp_path / "out") == read_submission(results)
    assert not (tmp_path / "out" / "test" / f"{run.name}-unlabelled" / "metrics.json").exists()


def test_an_extra_data_set_is_extracted_and_trained_on(
    finished: tuple[Path, Path], small_root: Path, tmp_path: Path, run_script: RunScript
) -> None:
    other = tmp_path / "other"
    shutil.copytree(small_root, other, ignore=shutil.ignore_patterns("cache", "task04_test"))
    arguments = options(small_root, tmp_path, f"DATA.extra_roots=[{other}]")
    refused = run_script("train.py", *arguments, check=False)
    assert refused.returncode == 2 and f"{other}/cache" in refused.stderr
    printed = run_script("extract_train_info.py", *arguments).stdout
    assert f"{other}/cache/blazepose-full/train: 15 images cached (15 extracted now)" in printed
    assert f"{other}: 12 extra training images" in run_script("train.py", *arguments).stdout


def test_a_run_is_tested_with_the_test_time_augmentation_it_was_trained_with(
    finished: tuple[Path, Path], small_root: Path, tmp_path: Path, run_script: RunScript
) -> None:
    """Whatever the config says: poses averaged over several crops have other errors."""
    results, run = finished
    message = (
        f"{run} was trained with EXTRACT.test_time_augmentation=false, so the test images are extracted the same way"
    )
    arguments = options(small_root, tmp_path, "EXTRACT.test_time_augmentation=true")
    assert message in run_script("test.py", "--run", str(run), *arguments).stdout
    assert read_submission(tmp_path) == read_submission(results)
    config = with_run_extraction(load_config(project_path(DEFAULT_CONFIG), arguments[1::2]), load_run(run))
    assert (config.EXTRACT.test_time_augmentation, config.EXTRACT.weights, config.DATA.root) == (
        False,
        "full",
        str(small_root),
    )


def move_world(root: Path, yaw: float, shift: np.ndarray) -> np.ndarray:
    """Rotates and shifts the world of a data set in place: extrinsics, floor and labels; returns the rotation."""
    c, s = np.cos(yaw), np.sin(yaw)
    Q = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    for path in root.glob("task04_*/camera/*.json"):
        camera = json.loads(path.read_text())
        Rt = np.array(camera["extrinsics"])
        R = Rt[:, :3] @ Q.T
        camera["extrinsics"] = np.column_stack([R, Rt[:, 3] - R @ shift]).tolist()
        camera["floor_height_mm"] += shift[2]
        path.write_text(json.dumps(camera))
    for path in root.glob("task04_*/labels/*/*.json"):
        label = json.loads(path.read_text())
        moved = np.array(label["annotations"]["3d_pos"])[..., 0] @ Q.T + shift
        label["annotations"]["3d_pos"] = moved[..., None].tolist()
        path.write_text(json.dumps(label))
    return Q


def test_moving_the_world_moves_the_prediction(
    finished: tuple[Path, Path], small_root: Path, tmp_path: Path, run_script: RunScript
) -> None:
    results, run = finished
    moved, shift = tmp_path / "moved", np.array([2500.0, -7000.0, 1300.0])
    shutil.copytree(small_root, moved, ignore=shutil.ignore_patterns("cache"))
    Q = move_world(moved, 2.2, shift)
    run_script("test.py", "--run", str(run), *options(moved, tmp_path / "out"))
    before, after = (np.array([a["3d_pos"] for a in read_submission(r)]) for r in (results, tmp_path / "out"))
    np.testing.assert_allclose(after, before @ Q.T + shift, atol=0.01)
    scores = [
        json.loads((folder / "test" / f"{run.name}-{root.name}" / "metrics.json").read_text())["methods"]["PoseNet"][
            "overall"
        ]["world_mpjpe"]
        for folder, root in ((results, small_root), (tmp_path / "out", moved))
    ]
    assert scores[0] == pytest.approx(scores[1], abs=0.01)


@pytest.mark.parametrize(
    ("script", "forbidden"),
    [
        ("extract_train_info.py", "torch"),
        ("extract_train_info.py", "tensorflow"),
        ("train.py", "tensorflow"),
        ("test.py", "tensorflow"),
    ],
)
def test_process_boundary(first_start: FirstStart, script: str, forbidden: str) -> None:
    """With TensorFlow installed: extraction never imports torch, training and testing never import TensorFlow."""
    assert importlib.util.find_spec(forbidden) is not None, (
        f"{forbidden} must be installed for this test to mean anything"
    )
    processes = imports_of(first_start.imports, script)
    assert len(processes) == (2 if script == "extract_train_info.py" else 1)  # test.py starts an extraction too
    for imported in processes:
        assert "modules.console" in imported and forbidden not in imported


@pytest.mark.parametrize(
    ("script", "extra", "says"),
    [
        ("train.py", ["TRAIN.num_epoch=3"], "TRAIN.num_epoch is unknown; did you mean num_epochs?"),
        ("train.py", ["DATA.cache=/nonexistent"], "there is no complete cache of the train images"),
        ("extract_train_info.py", ["DATA.root=/nonexistent"], "this folder is missing"),
        ("extract_train_info.py", ["EXTRACT.extractor=blaze"], "blazepose"),
        ("test.py", ["RESULTS.root=/nonexistent"], "there is no training on"),
        ("test.py", ["TEST.sample_submission=/nonexistent.json"], "this file is missing"),
    ],
)
def test_errors_are_one_sentence(
    small_root: Path, finished: tuple[Path, Path], run_script: RunScript, script: str, extra: list[str], says: str
) -> None:
    result = run_script(script, *options(small_root, finished[0], *extra), check=False)
    assert result.returncode == 2
    sentences = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert len(sentences) == 1 and says in sentences[0]
    assert "Traceback" not in result.stderr


def test_a_truncated_checkpoint_is_one_sentence(
    finished: tuple[Path, Path], small_root: Path, tmp_path: Path, run_script: RunScript
) -> None:
    run = tmp_path / finished[1].name
    shutil.copytree(finished[1], run)
    (run / "best_01.pt").write_bytes((run / "best_01.pt").read_bytes()[:10_000])
    result = run_script("test.py", "--run", str(run), *options(small_root, tmp_path / "out"), check=False)
    assert result.returncode == 2 and "best_01.pt: this checkpoint is damaged" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_killed_training_resumes_to_the_same_numbers(
    finished: tuple[Path, Path], small_root: Path, tmp_path: Path, run_script: RunScript
) -> None:
    """SIGKILL after the second epoch, then the same command again: weights and record equal those without a kill."""
    whole, cut = (options(small_root, tmp_path / name, "TRAIN.num_epochs=4") for name in ("a", "b"))
    run_script("train.py", *whole)
    command = [sys.executable, "-u", str(PROJECT_ROOT / "train.py"), "--reuse", *cut]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("epoch   2"):
            process.kill()
            break
    process.wait()
    assert folders.newest_complete(tmp_path / "b" / "train") is None
    assert "resuming after epoch" in run_script("train.py", "--reuse", *cut).stdout
    a, b = (next((tmp_path / name / "train").iterdir()) for name in ("a", "b"))
    timeless = [[{k: v for k, v in row.items() if "second" not in k} for row in read_record(run)] for run in (a, b)]
    assert timeless[0] == timeless[1] and len(timeless[0]) == 4
    weights = [checkpoints.load_checkpoint(run / folders.LAST)["model"] for run in (a, b)]
    assert all(weights[0][name].equal(weights[1][name]) for name in weights[0])


def read_record(run: Path) -> list[dict[str, str]]:
    with open(run / "record.csv", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture(scope="module")
def demo_options(demo_root: Path, tmp_path_factory: pytest.TempPathFactory, run_script: RunScript) -> list[str]:
    """Returns the arguments of trainings on the whole demo, whose training images are extracted."""
    arguments = options(demo_root, tmp_path_factory.mktemp("demo"))
    run_script("extract_train_info.py", "--split", "train", *arguments)
    return arguments


def scores_of_training(
    run_script: RunScript, demo_options: list[str], results: Path, *assignments: str, setup: str = ""
) -> dict[str, dict[str, float]]:
    """Trains; returns the validation scores of the last epoch, with and without permuted inputs of each branch."""
    run_script("train.py", *demo_options, *sets((f"RESULTS.root={results}", *assignments)), setup=setup)
    run = folders.newest_complete(results / "train")
    assert run is not None
    path, config = run / folders.LAST, load_config(run / "train_config.yaml")
    rows, _ = open_cache(config, "train", list_frames(config.data_root, "train"))
    network = checkpoints.restore_network(checkpoints.load_checkpoint(path), path)
    return permuted_scores(network, split_rows(rows, config)[1], times=3)


def test_the_pose_branch_improves_on_the_extractor(
    demo_options: list[str], tmp_path: Path, run_script: RunScript
) -> None:
    scores = scores_of_training(run_script, demo_options, tmp_path, "TRAIN.num_epochs=3", "TRAIN.view_steps=300")
    for score in ("world_mpjpe", "root_relative_mpjpe"):
        assert scores[UNPERMUTED][score] < scores["extractor, least squares"][score] - 20


def test_both_branches_are_used(demo_options: list[str], tmp_path: Path, run_script: RunScript) -> None:
    """Trained on poses jittered by up to 90 px of the crop, so that images help soon (else: benchmarks.branches)."""
    setup = (
        "import dataclasses; from modules.recipes.posenet import PoseNetRecipe\n"
        "PoseNetRecipe.augmentation = dataclasses.replace(PoseNetRecipe.augmentation, pose_jitter=90.0)"
    )
    scores = scores_of_training(
        run_script,
        demo_options,
        tmp_path,
        "TRAIN.model_type=image+pose",
        "TRAIN.num_epochs=2",
        "TRAIN.batch_size=8",
        "TRAIN.view_steps=0",
        "TRAIN.heatmap_sigma=1.0",
        setup=setup,
    )
    for score in ("world_mpjpe", "root_relative_mpjpe"):
        found = {case: values[score] for case, values in scores.items()}
        assert found["poses permuted"] > found[UNPERMUTED] + 30
    # About the root, two epochs leave the gain within what one training differs from the next.
    assert scores["images permuted"]["world_mpjpe"] > scores[UNPERMUTED]["world_mpjpe"] + 1
