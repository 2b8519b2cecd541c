"""The same config and data give the same bytes: in a moved folder, another time zone, another locale, by more workers."""

import shutil
from pathlib import Path

import pytest
import torch

from modules.runs import checkpoints, folders
from tests.conftest import FirstStart, RunScript, options

pytestmark = pytest.mark.slow

# Kiritimati is a day ahead; Turkish lowers I to ı, and its decimal sign is a comma, if the system has it.
ELSEWHERE = """import locale, os, time
os.environ.update(TZ="Pacific/Kiritimati", LANG="tr_TR.UTF-8", LC_ALL="tr_TR.UTF-8", COLUMNS="40", HOME="/nonexistent")
time.tzset()
try:
    locale.setlocale(locale.LC_ALL, "")
except locale.Error:
    pass
"""


@pytest.fixture(scope="module")
def finished(first_start: FirstStart) -> tuple[Path, Path]:
    """All three stages as a user starts them: (results folder, run folder)."""
    return first_start.finished


def parts(root: Path) -> dict[str, bytes]:
    """Returns the parts of a cache, poses and crops, by their relative paths."""
    found = [path for kind in ("parquet", "jpgs") for path in (root / "cache").rglob(f"part-*.{kind}")]
    return {str(path.relative_to(root)): path.read_bytes() for path in found}


def test_another_folder_time_zone_locale_and_number_of_workers(
    small_root: Path, finished: tuple[Path, Path], tmp_path: Path, run_script: RunScript
) -> None:
    results, run = finished
    root = tmp_path / "moved to elsewhere"
    shutil.copytree(small_root, root, ignore=shutil.ignore_patterns("cache"))
    there = options(root, tmp_path / "results", "DATALOADER.num_workers=2")
    for script in ("extract_train_info.py", "train.py", "test.py"):
        run_script(script, *there, setup=ELSEWHERE)
    assert parts(root) == parts(small_root) and len(parts(root)) == 4
    moved = folders.newest_complete(tmp_path / "results" / "train")
    assert moved is not None
    ours, theirs = (checkpoints.load_checkpoint(folders.best_checkpoint(one)) for one in (moved, run))
    assert ours["model"].keys() == theirs["model"].keys() and ours["facts"] == theirs["facts"]
    assert all(torch.equal(value, theirs["model"][name]) for name, value in ours["model"].items())
    for name in ("pred_submission.json", "pred_submission_uncertainty.json"):
        assert (tmp_path / "results" / name).read_bytes() == (results / name).read_bytes()
