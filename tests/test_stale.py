"""What has become stale is refused by the real scripts, in one sentence with the command that mends it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from modules.cache import manifest_path
from modules.utils import digest
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


def one_image_less(root: Path) -> None:
    (root / "task04_train/images/1_demo_1/1_demo_1_0.jpg").unlink()


def another_picture_of_the_same_size(root: Path) -> None:
    """Padded to the old length in front of the JPEG's end, so that neither name nor size tells."""
    image = root / "task04_train/images/1_demo_1/1_demo_1_0.jpg"
    data = bytearray(image.read_bytes())
    data[-200:-100] = bytes(b ^ 1 for b in data[-200:-100])
    image.write_bytes(bytes(data))


def camera_moved(root: Path) -> None:
    def move(camera: dict) -> None:  # type: ignore[type-arg]
        camera["extrinsics"][0][3] += 1.0

    edit_json(root / "task04_train/camera/1_demo_1.json", move)


def label_gone(root: Path) -> None:
    (root / "task04_train/labels/1_demo/3D_1_demo_0.json").unlink()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (other_weights, "this cache was made by another version, or other weights, of blazepose"),
        (other_crop_size, "the cache is of another version or crop size"),
        (one_image_more, "images, cameras or labels have changed since extraction"),
        (one_image_less, "images, cameras or labels have changed since extraction"),
        (another_picture_of_the_same_size, "images, cameras or labels have changed since extraction"),
        (camera_moved, "images, cameras or labels have changed since extraction"),
        (label_gone, "images, cameras or labels have changed since extraction"),
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
    assert not results.exists()  # nothing was begun


def test_extraction_mends_a_stale_cache(
    finished: tuple[Path, Path], small_root: Path, tmp_path: Path, run_script: RunScript
) -> None:
    root, results = tmp_path / "set", tmp_path / "results"
    shutil.copytree(small_root, root)
    another_picture_of_the_same_size(root)
    mended = run_script("extract_train_info.py", "--split", "train", *options(root, results))
    assert "extracting anew" in mended.stdout and "(15 extracted now)" in mended.stdout
    run_script("train.py", *options(root, results, "TRAIN.model_type=pose"))


def test_another_extractors_run_is_refused(
    finished: tuple[Path, Path], small_root: Path, tmp_path: Path, run_script: RunScript
) -> None:
    """A checkpoint whose training saw another extractor's cache than that of the test images."""
    run = tmp_path / finished[1].name
    shutil.copytree(finished[1], run)
    checkpoint = torch.load(run / "best_01.pt", weights_only=True)
    torch.save({**checkpoint, "fingerprint": digest("another extractor")}, run / "best_01.pt")
    refused = run_script("test.py", "--run", str(run), *options(small_root, tmp_path / "out"), check=False)
    assert refused.returncode == 2 and "it was trained on another extractor's cache" in refused.stderr
    assert "train again" in refused.stderr and not (tmp_path / "out" / "pred_submission.json").exists()


@pytest.mark.parametrize("assignment", ["TRAIN.learning_rate=0.5", "TRAIN.input_shape=256", "TRAIN.model_type=pose"])
def test_going_on_under_another_config_is_refused(
    finished: tuple[Path, Path], small_root: Path, run_script: RunScript, assignment: str
) -> None:
    results, run = finished
    before = {path: path.stat().st_mtime_ns for path in run.iterdir() if path.suffix != ".log"}
    extra = [assignment] + (["TRAIN.output_shape=64"] if "256" in assignment else [])
    refused = run_script("train.py", "--resume", str(run), *options(small_root, results, *extra), check=False)
    assert refused.returncode == 2 and "Traceback" not in refused.stderr
    assert "model.pt: it was trained with another config or cache; train anew without --resume" in refused.stderr
    assert {path: path.stat().st_mtime_ns for path in run.iterdir() if path.suffix != ".log"} == before


def test_weights_of_another_architecture_are_refused(
    finished: tuple[Path, Path], small_root: Path, tmp_path: Path, run_script: RunScript
) -> None:
    run = tmp_path / finished[1].name
    shutil.copytree(finished[1], run)
    checkpoint = torch.load(run / "best_01.pt", weights_only=True)
    checkpoint["spec"]["output_depth"] = 64
    torch.save(checkpoint, run / "best_01.pt")
    refused = run_script("test.py", "--run", str(run), *options(small_root, tmp_path / "out"), check=False)
    assert refused.returncode == 2 and "the weights do not fit the architecture it names" in refused.stderr
    assert "Traceback" not in refused.stderr
