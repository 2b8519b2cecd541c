"""Tests of the stature benchmark: people of a wrong size lose by it, and sharing the size undoes errors of single images."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import stature
from modules.cache.table import Rows
from tests.builders import make_rows


def predicted(rows: Rows, log_ratio: np.ndarray) -> np.ndarray:
    """Returns the truth, scaled about each camera."""
    centres = -np.einsum("bji,bj->bi", rows["R"], rows["t"])
    return stature.along_sight(rows["joints_world_mm"], centres, log_ratio)


def people(rows: Rows) -> Rows:
    return rows.with_columns({"person": np.array([f"P{i // 10}" for i in range(len(rows))])})


def test_a_wrong_stature_is_a_persons_error(tmp_path: Path) -> None:
    rows = people(make_rows(tmp_path, 30, noise=0.0))
    found = stature.measure(predicted(rows, np.repeat([-0.06, 0.0, 0.06], 10)), rows)
    assert found["log_sd"] == {"person": pytest.approx(0.049, abs=1e-3), "within": 0}
    changes = found["changes"]
    assert changes["**true** correction of each person"]["world_mpjpe"] == pytest.approx(0, abs=1e-6)
    assert changes["**true** correction within each person"] == changes["as predicted"]
    assert changes["as predicted"]["root"] > 50


def test_a_shared_size_corrects_single_images(tmp_path: Path) -> None:
    rows = people(make_rows(tmp_path, 30, noise=0.0))
    same = rows.with_columns({"joints_world_mm": rows["joints_world_mm"][:1].repeat(30, 0)})
    wrong = np.zeros(30)
    wrong[::10] = 0.1
    found = stature.measure(predicted(same, wrong), same)
    errors = [of["world_mpjpe"] for of in found["changes"].values()]
    assert errors[0] > 1.3 * errors[1] > 1.6 * errors[2] > 0 and errors[3] < errors[0]
    assert "| as predicted |" in stature.format_table({"images": 30, "people": 3, "floors": {"declared": found}})
