"""The methods that are compared, and the tables of their metrics."""

from pathlib import Path

import numpy as np
import pytest

from modules.cache.table import Rows
from modules.evaluation import methods, tables
from modules.recipes.facts import training_facts
from tests.builders import make_rows


def test_report_and_tables(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 6)
    facts = training_facts(rows)
    predicted = rows["joints_world_mm"] + [0, 0, 25.0]
    results = tables.report(rows, methods.compare(rows, predicted, facts))
    assert list(results) == [
        methods.LEAST_SQUARES, methods.AT_HEIGHT, methods.AT_PLACE, methods.ON_FLOOR, methods.OURS, methods.BOUND,
    ]  # fmt: skip
    ours = results[methods.OURS]
    assert ours["overall"]["world_mpjpe"] == pytest.approx(25)
    assert ours["per_joint"]["head"]["world_mpjpe"] == pytest.approx(25)
    bound, least_squares = (results[name]["overall"]["world_mpjpe"] for name in (methods.BOUND, methods.LEAST_SQUARES))
    assert bound < least_squares
    table = tables.format_table(results)
    assert f"| {methods.OURS} | 25.0 | 25.0 | 0.0 | 0.0 | 1.000 |" in table
    assert "| left_wrist |" in tables.format_breakdown(results, "per_joint")
    assert "| 1 |" in tables.format_breakdown(results, "per_camera")


def test_an_extractor_that_places_the_pelvis_elsewhere_has_a_row_of_its_own(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3)
    facts = training_facts(rows)
    columns = {**rows.columns, "root_cam_mm": rows["root_cam_mm"] + [0, 0, 70.0]}
    compared = methods.compare(Rows(columns, rows.crop_files), rows["joints_world_mm"], facts)
    assert next(iter(compared)) == methods.OWN
    moved = compared[methods.OWN] - compared[methods.LEAST_SQUARES]
    np.testing.assert_allclose(moved, np.broadcast_to((rows["R"][:, 2] * 70)[:, None], moved.shape), atol=1e-3)


def test_methods_that_need_a_floor_are_left_out_without_one(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3, floor=False)
    facts = training_facts(rows)
    assert facts["pelvis_height_mm"] is None
    compared = methods.compare(rows, rows["joints_world_mm"], facts)
    assert methods.AT_HEIGHT not in compared and methods.ON_FLOOR not in compared


def test_the_prediction_is_named_by_its_recipe(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 2)
    compared = methods.compare(rows, rows["joints_world_mm"], training_facts(rows), "original recipe")
    assert "original recipe" in compared and methods.OURS not in compared


def test_rows_without_a_floor_beside_others_are_placed_by_least_squares(tmp_path: Path) -> None:
    """Up may be measured where the floor is refused: a height over the world's origin must not be used then."""
    rows = make_rows(tmp_path, 4, noise=2.0, size=0.9)
    floor = np.where(np.arange(4) < 2, rows["floor_height_mm"], np.nan)
    up = np.where(np.arange(4)[:, None] == 3, np.nan, rows["world_up"])
    mixed = Rows({**rows.columns, "floor_height_mm": floor, "world_up": up}, rows.crop_files)
    facts = training_facts(rows)
    whole, some = (methods.compare(which, rows["joints_world_mm"], facts) for which in (rows, mixed))
    for name in (methods.AT_HEIGHT, methods.ON_FLOOR):
        np.testing.assert_allclose(some[name][:2], whole[name][:2])
        np.testing.assert_allclose(some[name][2:], whole[methods.LEAST_SQUARES][2:])
        assert np.abs(some[name][:2] - whole[methods.LEAST_SQUARES][:2]).max() > 5
    assert training_facts(mixed)["pelvis_height_mm"] == training_facts(rows.take([0, 1]))["pelvis_height_mm"]
