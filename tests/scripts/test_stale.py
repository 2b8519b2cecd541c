"""Stale caches, runs and checkpoints are refused by the real scripts, in one sentence with the command that fixes it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import pytest
import torch

from modules.cache.store import manifest_path
from modules.files.hashing import digest
from tests.conftest import RunScript, options

pytestmark = pytest.mark.slow


def edit_json(path: Path, change: Callable[[dict], None]) -> None:  # type: ignore[type-arg]
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def manifest_of(root: Path) -> Path:
    return manifest_path(root / "cache" / "blazepose-full" / "train")


def other_weights(root: Path) -> None:
    edit_json(manifest_of(root), lambda manifest: manifest.update(fingerprint=digest("other weights")))


def other_crop_size(root: Path) -> None:
    edit_json(manifest_of(root), lambda manifest: manifest["options"].update(crop_size=192))


def one_image_more(root: Path) -> None:
    image = root / "task04_train/images/1_demo_1/1_demo_1_0.jpg"
    shutil.copy(image, image.with_name("1_demo_1_1.jpg"))


def one_image_fewer(root: Path) -> None:
    (root / "task04_train/images/1_demo_1/1_demo_1_0.jpg").unlink()


def another_image_of_the_same_size(root: Path) -> None:
    """Compresses the JPEG more and fills it up behind its end, so that name and size stay."""
    image = root / "task04_train/images/1_demo_1/1_demo_1_0.jpg"
    pixels = cv2.imread(str(image))
    data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 50])[1].tobytes()
    assert len(data) < image.stat().st_size
    image.write_bytes(data.ljust(image.stat().st_size, b"\0"))


def camera_moved(root: Path) -> None:
    def move(camera: dict) -> None:  # type: ignore[type-arg]
        camera["extrinsics"][0][3] += 1.0

    edit_json(root / "task04_train/camera/1_demo_1.json", move)


def label_removed(root: Path) -> None:
    (root / "task04_train/labels/1_demo/3D_1_demo_0.json").unlink()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (other_weights, "this cache was made by another version, or other weights, of blazepose"),
        (other_crop_size, "the cache is of another version or crop size"),
        (one_image_more, "images, cameras or labels have changed since extraction"),
        (one_image_fewer, "images, cameras or labels have changed since extraction"),
        (another_image_of_the_same_size, "images, cameras or labels have changed since extraction"),
        (camera_moved, "images, cameras or labels have changed since extraction"),
        (label_removed, "images, cameras or labels have changed since extraction"),
    ],
)
def test_a_stale_cache_is_refused(
    finished: tuple[Path, Path],
    small_root: Path,
    tmp_path: Path,
    run_script: RunScript,
    spoil: Callable[[Path], None],
    says: str,
) -> None:
    root, results = tmp_path / "set", tmp_path / "results"
    shutil.copytree(small_root, root)
    spoil(root)
    refused = run_script("train.py", *options(root, results), check=False)
    assert refused.returncode == 2 and "Traceback" not in refused.stderr
    (sentence,) = [line for line in refused.stderr.splitlines() if line.startswith("error: ")]
    assert says in sentence and "run python extract_train_info.py" in sentence and str(root) in sentence
    assert not results.exists()  # nothing was started


def test_extraction_fixes_a_stale_cache(
    finished: tuple[Path, Path], small_root: Path, tmp_path: Path, run_script: RunScript
) -> None:
    root, results = tmp_path / "set", tmp_path / "results"
    shutil.copytree(small_root, root)
    another_image_of_the_same_size(root)
    again = run_script("extract_train_info.py", "--split", "train", *options(root, results))
    assert "extracting what they change" in again.stdout and "(1 extracted now)" in again.stdout
    run_script("train.py", *options(root, results))


def changed_run(run: Path, parent: Path, name: str, change: Callable[[dict], None]) -> Path:  # type: ignore[type-arg]
    """Copies a run folder into `parent` and changes one of its checkpoints; returns the copy."""
    copy = parent / run.name
    shutil.copytree(run, copy)
    checkpoint = torch.load(copy / name, weights_only=True)
    change(checkpoint)
    torch.save(checkpoint, copy / name)
    return copy


def other_fingerprint(checkpoint: dict) -> None:  # type: ignore[type-arg]
    checkpoint["fingerprint"] = digest("another extractor")


def other_architecture(checkpoint: dict) -> None:  # type: ignore[type-arg]
    checkpoint["spec"]["joint_features"] = "heavy"


def earlier_version(checkpoint: dict) -> None:  # type: ignore[type-arg]
    checkpoint["version"] = 3


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (other_fingerprint, "it was trained on another extractor's cache"),
        (other_architecture, "the weights do not fit the architecture it names"),
        (earlier_version, "this checkpoint is of an earlier version"),
    ],
)
def test_a_run_that_does_not_fit_is_refused(
    finished: tuple[Path, Path],
    small_root: Path,
    tmp_path: Path,
    run_script: RunScript,
    spoil: Callable[[dict], None],  # type: ignore[type-arg]
    says: str,
) -> None:
    run = changed_run(finished[1], tmp_path, "best_01.pt", spoil)
    refused = run_script("test.py", "--run", str(run), *options(small_root, tmp_path / "out"), check=False)
    assert refused.returncode == 2 and "Traceback" not in refused.stderr
    (sentence,) = [line for line in refused.stderr.splitlines() if line.startswith("error: ")]
    assert f"{run / 'best_01.pt'}: {says}" in sentence and "train again" in sentence
    assert not (tmp_path / "out" / "pred_submission.json").exists()


def test_an_old_run_is_not_resumed(
    finished: tuple[Path, Path], small_root: Path, tmp_path: Path, run_script: RunScript
) -> None:
    run = changed_run(finished[1], tmp_path, "model.pt", earlier_version)
    refused = run_script("train.py", "--resume", str(run), *options(small_root, tmp_path / "out"), check=False)
    assert refused.returncode == 2 and "Traceback" not in refused.stderr
    assert "model.pt: this checkpoint is of an earlier version; train again" in refused.stderr


@pytest.mark.parametrize("assignment", ["TRAIN.learning_rate=0.5", "TRAIN.input_shape=256", "TRAIN.model_type=image"])
def test_resuming_with_another_config_is_refused(
    finished: tuple[Path, Path], small_root: Path, run_script: RunScript, assignment: str
) -> None:
    results, run = finished
    before = {path: path.stat().st_mtime_ns for path in run.iterdir() if path.suffix != ".log"}
    refused = run_script("train.py", "--resume", str(run), *options(small_root, results, assignment), check=False)
    assert refused.returncode == 2 and "Traceback" not in refused.stderr
    assert "model.pt: it was trained with another config or cache; train again without --resume" in refused.stderr
    assert {path: path.stat().st_mtime_ns for path in run.iterdir() if path.suffix != ".log"} == before
