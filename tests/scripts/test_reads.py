"""How often each script opens cameras, labels, images and checkpoints once the caches are complete."""

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.conftest import RunScript, options

pytestmark = pytest.mark.slow

COUNT_OPENED = """
import atexit, collections, json
opened = collections.Counter()
sys.addaudithook(lambda event, args: opened.update([str(args[0])]) if event == "open" else None)
atexit.register(lambda: print("\\nopened:" + json.dumps(opened)))
"""


def opened_by(run_script: RunScript, script: str, arguments: list[str]) -> Counter[str]:
    """Runs a script; returns how often its own process opened each file. A child of test.py is not counted."""
    ended = run_script(script, *arguments, setup=COUNT_OPENED)
    (line,) = [line for line in ended.stdout.splitlines() if line.startswith("opened:")]
    return Counter(json.loads(line.removeprefix("opened:")))


def below(folder: Path, opened: Counter[str]) -> dict[str, int]:
    """Returns the files below a folder and how often they were opened."""
    return {Path(name).name: count for name, count in opened.items() if name.startswith(f"{folder}/")}


@pytest.fixture(scope="module")
def remembered(
    finished: tuple[Path, Path], small_root: Path, tmp_path_factory: pytest.TempPathFactory, run_script: RunScript
) -> list[str]:
    """Extracts once more, so that all inputs are remembered; returns the options of a script that uses these caches."""
    arguments = options(small_root, tmp_path_factory.mktemp("reads"))
    opened_by(run_script, "extract_train_info.py", arguments)
    return arguments


def test_extraction_of_complete_caches_opens_no_input(
    remembered: list[str], small_root: Path, run_script: RunScript
) -> None:
    opened = opened_by(run_script, "extract_train_info.py", remembered)
    for split in ("train", "test"):
        for kind in ("camera", "labels", "images"):
            assert below(small_root / f"task04_{split}" / kind, opened) == {}


def test_training_opens_no_camera_label_or_image(
    remembered: list[str], small_root: Path, run_script: RunScript
) -> None:
    opened = opened_by(run_script, "train.py", remembered)
    for kind in ("camera", "labels", "images"):
        assert below(small_root / "task04_train" / kind, opened) == {}


def test_testing_reads_each_camera_and_the_checkpoint_once(
    finished: tuple[Path, Path], remembered: list[str], small_root: Path, run_script: RunScript
) -> None:
    """Images are opened for the overlays alone."""
    run = finished[1]
    opened = opened_by(run_script, "test.py", ["--run", str(run), *remembered])
    folder = small_root / "task04_test"
    assert set(below(folder / "camera", opened).values()) == {1}, "checked before the extraction"
    assert below(folder / "labels", opened) == {}
    assert below(folder / "images", opened) == {f"1_demo_4_{frame}.jpg": 1 for frame in (75, 83, 91, 99)}
    assert below(small_root, opened)["sample_submission.json"] == 1
    assert below(run, opened)["best_01.pt"] == 2, "one to see that it is a zip file, one to load it"
