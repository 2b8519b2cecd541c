"""The set in the competition's layout: what its files hold and withhold, and the table of its errors."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from benchmarks import competition_layout, competition_set, pages
from benchmarks.competition_set import (
    ALONE,
    AXES,
    DECLARED,
    FLOOR_MM,
    PLAIN,
    TRUTH,
    UP,
    make_competition_set,
    true_joints,
)
from data.synthetic import plan
from data.synthetic.generate import KNOWN_SETS
from model.skeleton import FEET
from modules.files.atomic import read_json
from modules.files.cameras import read_camera
from modules.files.image_header import header_problem
from modules.files.labels import read_label
from modules.files.layout import list_frames
from modules.pose_utils import project_to_image


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two people by two cameras, rendered by one process, since each spends seconds on its imports."""
    out = tmp_path_factory.mktemp("competition")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "cpu_count", lambda: 1)
        make_competition_set(out, plan.Options(people=2, frames=1, cameras=2, seed=5), train_people=1)
    return out


@pytest.mark.slow
def test_camera_files_and_labels_hold_what_the_competitions_hold(made: Path) -> None:
    for name, further in ((PLAIN, set()), (DECLARED, {"world_up", "floor_height_mm"})):
        train, test = (list_frames(made / name, split) for split in ("train", "test"))
        assert len(train) == len(test) == 2 and {f.person for f in train}.isdisjoint({f.person for f in test})
        for frame in (*train, *test):
            assert set(json.loads(frame.camera_path.read_text())) == {"intrinsics", "extrinsics"} | further
            assert frame.label_path.exists() == (frame.split == "train")
            assert header_problem(frame.image_path, (1920, 1080)) is None
    assert not list((made / TRUTH).rglob("images"))
    alone = list_frames(made / ALONE, "test")
    assert [frame.file_name for frame in alone] == [frame.file_name for frame in list_frames(made / PLAIN, "test")]
    assert not (made / ALONE / "task04_train").exists() and not any(frame.label_path.exists() for frame in alone)


@pytest.mark.slow
def test_the_truth_projects_into_the_images_of_both_sets(made: Path) -> None:
    truth = dict(true_joints(made))
    rendered = {frame.file_name: frame for frame in list_frames(made / "rendered", "test")}
    for name in (PLAIN, DECLARED):
        for frame in list_frames(made / name, "test"):
            original = rendered[frame.file_name]
            expected = project_to_image(read_label(original.label_path), read_camera(original.camera_path))
            found = project_to_image(truth[frame.file_name], read_camera(frame.camera_path))
            np.testing.assert_allclose(found, expected, atol=1e-6)
            assert frame.image_path.stat().st_ino == original.image_path.stat().st_ino
    np.testing.assert_allclose(AXES @ AXES.T, np.eye(3), atol=0)
    assert np.linalg.det(AXES) == 1 and UP.tolist() == [0, -1, 0]
    feet = np.stack(list(truth.values()))[:, FEET] @ UP - FLOOR_MM
    assert feet.min() > 0


def test_errors_are_means_over_the_images_that_have_joints() -> None:
    truth = {name: np.zeros((24, 3)) for name in "abc"}
    found = competition_layout.errors({"a": np.full((24, 3), 3.0), "c": np.zeros((24, 3))}, truth)
    assert found["images"] == 2 and found["world_mpjpe"] == pytest.approx(np.sqrt(27) / 2)


def test_the_table_has_a_row_per_method_and_a_column_per_floor() -> None:
    score = {"world_mpjpe": 123.46, "root": 99.0}
    scores = {name: dict.fromkeys(competition_layout.FLOORS, score) for name in ("default config", "released")}
    lines = competition_layout.format_table({"images": 80, "scores": scores}).splitlines()
    assert lines[0] == "| world MPJPE (root), mm; 80 images | floor: declared | floor: auto | floor: none |"
    assert lines[2] == "| default config | 123.5 (99.0) | 123.5 (99.0) | 123.5 (99.0) |"
    assert len(lines) == 4


def test_the_committed_table_is_on_the_page() -> None:
    table = competition_layout.format_table(read_json(competition_layout.RESULT))
    assert pages.marked("competition", table) in pages.ACCURACY_PAGE.read_text(encoding="utf-8")


def test_the_set_is_of_a_seed_of_its_own() -> None:
    assert competition_set.OPTIONS.seed not in {options.seed for options in KNOWN_SETS.values()}
    assert competition_set.OPTIONS.people == 30
