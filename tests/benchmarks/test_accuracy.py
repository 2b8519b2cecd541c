"""Tests of the accuracy benchmark: scores, stale rows, and the committed tables."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks import frozen, in_plane, pages, record
from benchmarks.accuracy import rows as accuracy_rows
from benchmarks.accuracy import run, scores, tables
from benchmarks.accuracy.baselines import BASELINES
from benchmarks.accuracy.rows import ROW_BY_NAME, ROWS, SETS, Row
from model.skeleton import MIRROR, PARENTS
from modules import metrics
from modules.config.load import load_config
from modules.config.paths import project_path
from modules.files.atomic import write_text
from tests.builders import make_rows
from tests.conftest import standing_person


def made_up_test(folder: Path, set_name: str = "synthetic") -> run.Test:
    rows = make_rows(folder, 30, noise=4.0)
    test = rows.take(range(20, 30))
    kinds = pd.DataFrame({kind: ["some", "none"] * 5 for kind in frozen.KINDS})
    training = run.Training(rows.take(range(14)), rows.take(range(14, 20)), "train")
    return run.Test(SETS[set_name][0], training, test, "test", kinds, 3)


def test_every_row_is_a_baseline_or_trained() -> None:
    assert {row.name for row in ROWS if not (row.seeds or row.released)} == set(BASELINES)
    assert len({row.name for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", [row for row in ROWS if not (row.seeds or row.released)], ids=lambda row: row.name)
def test_a_baseline_gets_every_score(row: Row, tmp_path: Path) -> None:
    result = run.make_row("synthetic", row, None, [made_up_test(tmp_path)])
    assert (
        result["command"] == f"python -m benchmarks.accuracy --set synthetic --row {row.name}"
        and len(result["commit"]) == 40
    )
    part = result["parts"]["held-out people"]
    assert part["images"] == 10 and part["not_found"] == 0 and part["differing_in_bytes"] == 3
    assert part["kinds"]["source"]["some"]["images"] == 5 and len(part["worst"]) == 10
    worst = [image["world_mpjpe"] for image in part["worst"]]
    assert worst == sorted(worst, reverse=True) and worst[0] >= part["overall"]["world_mpjpe"] >= worst[-1]
    assert json.loads(json.dumps(result)) == result


def test_images_without_a_person_are_scored_with_the_fallback(tmp_path: Path) -> None:
    test = made_up_test(tmp_path)
    test.test["found"][4] = False
    result = run.make_row("synthetic", ROW_BY_NAME["bound"], None, [test])["parts"]["held-out people"]
    assert result["not_found"] == 1 and result["images"] == 10 and result["overall"]["world_mpjpe"] > 5


def test_limbs_exclude_spine_head_hands_and_feet(rng: np.random.Generator) -> None:
    truth = np.stack([standing_person(rng) for _ in range(3)])
    wrong = truth.copy()
    others = [joint for joint in range(1, 24) if joint not in scores.LIMBS]
    wrong[:, others] += 500
    assert len(scores.LIMBS) == 12 and scores.limb_scores(wrong, truth) == {
        "world_mpjpe": 0,
        "root_relative_mpjpe": 0,
    }
    wrong[:, scores.LIMBS[0]] += [0, 0, 120]
    assert scores.limb_scores(wrong, truth)["world_mpjpe"] == pytest.approx(10)


def test_bones_deviate_from_those_of_their_own_person(rng: np.random.Generator) -> None:
    truth = np.stack([standing_person(rng), 1.2 * standing_person(rng)])
    people = np.array(["one", "other"])
    assert scores.bone_deviation(truth + 30.0, truth, people) == pytest.approx(0)
    lengths = np.linalg.norm(truth[:, list(range(1, 24))] - truth[:, list(PARENTS[1:])], axis=-1)
    assert scores.bone_deviation(truth * [[[1.1]], [[0.8]]], truth, people) == pytest.approx(
        (0.1 * lengths[0].mean() + 0.2 * lengths[1].mean()) / 2
    )
    three = np.concatenate([truth[:1], truth[:1], 2 * truth[:1]])  # a label that is twice as large is not the median
    assert scores.bone_deviation(truth[:1].repeat(3, 0), three, np.repeat("one", 3)) == pytest.approx(0)


def test_in_plane_errors_are_at_the_true_depth(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 5, noise=0.0)
    np.testing.assert_allclose(in_plane.errors_of_rows(rows.columns), 0, atol=1e-6)
    px_per_mm = rows["K"][:, 0, 0] / rows["true_depth_root_mm"]
    moved = {**rows.columns, "joints_px": rows["joints_px"] + 50 * px_per_mm[:, None, None] * [1, 0]}
    np.testing.assert_allclose(
        np.median(in_plane.errors_of_rows(moved), -1), 50, rtol=0.1
    )  # 50 mm at the pelvis's depth


def test_left_right_swaps_are_detected(rng: np.random.Generator) -> None:
    truth = np.stack([standing_person(rng) for _ in range(4)])
    seen = truth + rng.normal(scale=10, size=truth.shape) + [0, 900, 0]
    seen[2] = seen[2][list(MIRROR)]
    assert metrics.are_swapped(seen, truth).tolist() == [False, False, True, False]


def test_a_row_is_stale_if_its_data_or_settings_changed(tmp_path: Path) -> None:
    test = made_up_test(tmp_path)
    other = run.Test(test.part, test.training, test.test, "changed", None, None)
    keys = {
        run.row_key(ROW_BY_NAME[name], seed, [of])
        for name, seed, of in (
            ("least_squares", None, test), ("bound", None, test), ("pose", 42, test), ("pose", 43, test),
            ("posenet", 42, test), ("least_squares", None, other), ("pose", 42, other),
        )
    }  # fmt: skip
    assert len(keys) == 7
    assert run.row_key(ROW_BY_NAME["pose"], 42, [test]) in keys


def test_the_rotations_share_their_trainings_with_posenet_on_the_demo() -> None:
    part = SETS["demo"][1]
    assert run.training_folder(ROW_BY_NAME["posenet"], part, 43) == "results/rotations/camera_2_seed_43"
    assert run.training_folder(ROW_BY_NAME["pose"], part, 43) == "results/accuracy/demo/camera_2/pose-43"
    zero_shot, synthetic = SETS["zero-shot"][0], SETS["synthetic"][0]
    assert run.training_folder(ROW_BY_NAME["pose"], zero_shot, 42) == run.training_folder(
        ROW_BY_NAME["pose"], synthetic, 42
    )


def test_the_original_recipe_trains_as_many_epochs_as_posenet() -> None:
    for part in (SETS["synthetic"][0], SETS["demo"][0]):
        epochs = {
            name: load_config(project_path(file), assignments).TRAIN.num_epochs
            for name in ("original", "posenet")
            for file, assignments in [run.row_config(ROW_BY_NAME[name], part, 42)]
        }
        assert epochs["original"] == epochs["posenet"]


def test_benchmark_outputs_leave_a_checkout_clean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record, "PROJECT_ROOT", tmp_path)
    assert record.made_by() == {"commit": None, "clean": False}
    for name in ("README.md", "docs/accuracy.md", "train.py"):
        write_text(tmp_path / name, "first")
    record.git("init", "-q")
    record.git("add", ".")
    record.git("-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "first")
    for name in ("README.md", "docs/accuracy.md", "docs/results/accuracy/demo/bound.json", "docs/images/accuracy.png"):
        write_text(tmp_path / name, "second")
    assert record.made_by() == {"commit": record.git("rev-parse", "HEAD"), "clean": True}
    write_text(tmp_path / "train.py", "second")
    assert not record.made_by()["clean"]


def made_up_results() -> accuracy_rows.Results:
    def result(seed: int | None, world: float, parts: int) -> dict[str, Any]:
        overall = dict.fromkeys(tables.METRICS, 0.5) | {"world_mpjpe": world, "root": world / 2}
        part = {
            "overall": overall, "limbs": {"world_mpjpe": world, "root_relative_mpjpe": 1.0}, "swapped": 0.01,
            "cpu_minutes": 30.0, "kinds": {"source": {"clip": {"images": 7, "world_mpjpe": world}}},
            "per_joint": {"pelvis": {"world_mpjpe": world}},
        }  # fmt: skip
        learned = {"parameters": 2e6, "ms_per_image": 5.0} if seed else {}
        named = {
            f"part {index}": {**part, **learned, "overall": {**overall, "world_mpjpe": world + index}}
            for index in range(parts)
        }
        return {"seed": seed, "commit": "0123456789", "clean": True, "parts": named}

    return {
        "synthetic": {
            "least_squares": [result(None, 190, 1)],
            "posenet": [result(42, 100, 1), result(43, 104, 1)],
            "released": [result(42, 90, 1)],
        },
        "zero-shot": {"least_squares": [result(None, 150, 4)]},
    }


def test_cells_show_their_spread() -> None:
    results = made_up_results()
    made = tables.tables(results)
    synthetic = made["accuracy: synthetic"]
    assert "| PoseNet, image and pose | 102 (± 3) |" in synthetic and "| 2.0 | 5.0 |" in synthetic
    assert "| extractor, least squares | 152 ± 1 |" in made["accuracy: zero-shot"]
    assert "| source: clip | 7 | 190 | 90 |" in made["accuracy: kinds"]
    assert "| pelvis | 190 | 90 | 150 |" in made["accuracy: joints"]
    assert "| all | | 2.0 | |" in made["accuracy: cost"]
    main = made["accuracy"]
    assert (
        "| PoseNet, image and pose | 102 (± 3) |  |" in main and "| extractor, least squares | 190 | 152 ± 1 |" in main
    )


def test_every_row_is_in_the_main_table() -> None:
    assert {*tables.MAIN, "place"} == set(ROW_BY_NAME)


def test_the_committed_tables_are_those_of_the_committed_rows() -> None:
    results = accuracy_rows.gather()
    page = pages.ACCURACY_PAGE.read_text(encoding="utf-8")
    for name, table in tables.tables(results).items():
        assert pages.marked(name, table) in page, name
    for readme in pages.READMES:
        text = readme.read_text(encoding="utf-8")
        assert (
            pages.marks("accuracy")[0] not in text
            or pages.marked("accuracy", tables.main_table(results, tables.README_ROWS)) in text
        )


def test_every_committed_result_belongs_to_a_row() -> None:
    for set_name in SETS:
        expected = {accuracy_rows.result_path(set_name, row, seed) for row in ROWS for seed in row.seeds or (None,)}
        assert set((accuracy_rows.RESULTS / set_name).iterdir()) <= expected


def test_the_committed_rows_are_of_the_frozen_list() -> None:
    for set_name, rows in accuracy_rows.gather().items():
        for name, results in rows.items():
            assert [result["seed"] for result in results] == (list(ROW_BY_NAME[name].seeds)[: len(results)] or [None])
            for result in results:
                assert f"--set {set_name} --row {name}" in result["command"]
                assert result["frozen_version"] == frozen.VERSION
                assert list(result["parts"]) == [part.name for part in SETS[set_name]]
                if set_name == "synthetic":
                    assert result["parts"]["held-out people"]["images"] == frozen.read_head()["images"]
