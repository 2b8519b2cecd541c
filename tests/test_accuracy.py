"""The accuracy table: what is scored, what makes a row stale, and that the committed tables are those of the committed rows."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from benchmarks import accuracy, accuracy_rows, accuracy_tables, failures, frozen, record, rotations
from benchmarks.accuracy_rows import ROWS, SETS
from benchmarks.placements import PLACEMENTS
from modules import metrics
from modules.config import load_config, project_path
from modules.skeleton import MIRROR
from modules.utils import write_text
from tests.builders import make_rows
from tests.conftest import standing_person

ROW = {row.name: row for row in ROWS}


def made_up_test(folder: Path, set_name: str = "synthetic") -> accuracy.Test:
    rows = make_rows(folder, 30, noise=4.0)
    test = rows.take(range(20, 30))
    kinds = pd.DataFrame({kind: ["some", "none"] * 5 for kind in frozen.KINDS})
    training = accuracy.Training(rows.take(range(14)), rows.take(range(14, 20)), "train")
    return accuracy.Test(SETS[set_name][0], training, test, "test", kinds, 3)


def test_every_row_is_either_placed_or_trained() -> None:
    assert {row.method for row in ROWS if not row.seeds} == set(PLACEMENTS)
    assert len({row.name for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", [row for row in ROWS if not row.seeds], ids=lambda row: row.name)
def test_a_row_without_learning_is_scored_whole(row: accuracy.Row, tmp_path: Path) -> None:
    result = accuracy.make_row("synthetic", row, None, [made_up_test(tmp_path)])
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


def test_where_nobody_was_found_the_fallback_is_scored_too(tmp_path: Path) -> None:
    test = made_up_test(tmp_path)
    test.test["found"][4] = False
    result = accuracy.make_row("synthetic", ROW["bound"], None, [test])["parts"]["held-out people"]
    assert result["not_found"] == 1 and result["images"] == 10 and result["overall"]["world_mpjpe"] > 5


def test_limbs_leave_spine_head_hands_and_feet_out(rng: np.random.Generator) -> None:
    truth = np.stack([standing_person(rng) for _ in range(3)])
    wrong = truth.copy()
    others = [joint for joint in range(1, 24) if joint not in accuracy.LIMBS]
    wrong[:, others] += 500
    assert len(accuracy.LIMBS) == 12 and accuracy.limb_scores(wrong, truth) == {
        "world_mpjpe": 0,
        "root_relative_mpjpe": 0,
    }
    wrong[:, accuracy.LIMBS[0]] += [0, 0, 120]
    assert accuracy.limb_scores(wrong, truth)["world_mpjpe"] == pytest.approx(10)


def test_how_far_2d_is_aside_is_told_at_the_truths_depth(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 5, noise=0.0)
    np.testing.assert_allclose(failures.aside_mm(rows.columns), 0, atol=1e-6)
    px_per_mm = rows["K"][:, 0, 0] / rows["true_depth_root_mm"]
    moved = {**rows.columns, "joints_px": rows["joints_px"] + 50 * px_per_mm[:, None, None] * [1, 0]}
    np.testing.assert_allclose(failures.aside_mm(moved), 50, rtol=0.1)  # 50 mm at the pelvis's depth


def test_exchanged_sides_are_seen(rng: np.random.Generator) -> None:
    truth = np.stack([standing_person(rng) for _ in range(4)])
    seen = truth + rng.normal(scale=10, size=truth.shape) + [0, 900, 0]
    seen[2] = seen[2][list(MIRROR)]
    assert metrics.are_exchanged(seen, truth).tolist() == [False, False, True, False]


def test_a_row_is_stale_where_its_data_or_settings_changed(tmp_path: Path) -> None:
    test = made_up_test(tmp_path)
    other = accuracy.Test(test.part, test.training, test.test, "changed", None, None)
    keys = {
        accuracy.row_key(ROW[name], seed, [of])
        for name, seed, of in (
            ("least_squares", None, test), ("bound", None, test), ("pose", 42, test), ("pose", 43, test),
            ("posenet", 42, test), ("least_squares", None, other), ("pose", 42, other),
        )
    }  # fmt: skip
    assert len(keys) == 7
    assert accuracy.row_key(ROW["pose"], 42, [test]) in keys


def test_posenet_on_the_demo_is_trained_once_for_both_benchmarks() -> None:
    part = SETS["demo"][1]
    assert accuracy.training_folder(ROW["several_posenet"], part, 43) == "results/rotations/camera_2_seed_43"
    assert accuracy.training_folder(ROW["pose"], part, 43) == "results/accuracy/demo/camera_2/pose-43"
    zero_shot, synthetic = SETS["zero-shot"][0], SETS["synthetic"][0]
    assert accuracy.training_folder(ROW["pose"], zero_shot, 42) == accuracy.training_folder(ROW["pose"], synthetic, 42)


def test_the_original_recipe_has_as_many_passes_as_posenet() -> None:
    for part in (SETS["synthetic"][0], SETS["demo"][0]):
        epochs = {
            name: load_config(project_path(file), assignments).TRAIN.num_epochs
            for name in ("original", "posenet")
            for file, assignments in [accuracy.row_config(ROW[name], part, 42)]
        }
        assert epochs["original"] == epochs["posenet"]


def test_what_benchmarks_write_makes_no_checkout_unclean(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    def run(seed: int | None, world: float, parts: int) -> dict[str, Any]:
        overall = dict.fromkeys(accuracy_tables.METRICS, 0.5) | {"world_mpjpe": world, "root": world / 2}
        part = {
            "overall": overall, "limbs": {"world_mpjpe": world, "root_relative_mpjpe": 1.0}, "exchanged": 0.01,
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
            "least_squares": [run(None, 200, 1)],
            "several_least_squares": [run(None, 190, 1)],
            "several_posenet": [run(42, 100, 1), run(43, 104, 1)],
        },
        "zero-shot": {"several_least_squares": [run(None, 150, 4)]},
    }


def test_cells_say_their_spread() -> None:
    results = made_up_results()
    made = accuracy_tables.tables(results)
    synthetic = made["accuracy: synthetic"]
    assert "| several crops: PoseNet | 102 (± 3) |" in synthetic and "| 2.0 | 5.0 |" in synthetic
    assert "| several crops: extractor, least squares | 152 ± 1 |" in made["accuracy: zero-shot"]
    assert "| source: clip | 7 | 190 | 102 |" in made["accuracy: kinds"]
    assert "| all | | 2.0 | |" in made["accuracy: cost"]
    short = accuracy_tables.short_table(results)
    assert "| PoseNet | 102 (± 3) |  |" in short and "| extractor, least squares | 190 | 152 ± 1 |" in short


def test_the_committed_tables_are_those_of_the_committed_rows() -> None:
    results = accuracy_rows.gather()
    page = accuracy_tables.PAGE.read_text(encoding="utf-8")
    for name, table in accuracy_tables.tables(results).items():
        begin, end = record.marks(name)
        assert f"{begin}\n{table}\n{end}" in page, name
    begin, end = record.marks("accuracy")
    for readme in rotations.READMES:
        text = readme.read_text(encoding="utf-8")
        assert begin not in text or f"{begin}\n{accuracy_tables.short_table(results)}\n{end}" in text


def test_the_committed_rows_are_of_the_frozen_list() -> None:
    for set_name, rows in accuracy_rows.gather().items():
        for name, runs in rows.items():
            assert [run["seed"] for run in runs] == (list(ROW[name].seeds)[: len(runs)] or [None])
            for run in runs:
                assert run["frozen_version"] == frozen.VERSION
                assert list(run["parts"]) == [part.name for part in SETS[set_name]]
                if set_name == "synthetic":
                    assert run["parts"]["held-out people"]["images"] == frozen.read_head()["images"]
