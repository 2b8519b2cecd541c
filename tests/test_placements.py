"""The answers without learning: exact where they are told enough, better where they should be, and moved with the world."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks import placements
from benchmarks.placements import PLACEMENTS
from modules.cache import Rows
from modules.lifting import cached_joints_cam, place_least_squares
from modules.metrics import world_mpjpe
from modules.pose_utils import cam2world
from tests.builders import make_rows
from tests.test_lifting import yawed


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    return make_rows(tmp_path_factory.mktemp("rows"), 24, noise=5.0)


@pytest.fixture(scope="module")
def fits(rows: Rows) -> placements.Fits:
    return placements.fit(rows.take(range(16)), rows.take(range(16, 20)))


@pytest.mark.parametrize("name", list(PLACEMENTS))
def test_every_answer_moves_with_the_world(name: str, rows: Rows, fits: placements.Fits) -> None:
    shift = np.array([500.0, -2000.0, 300.0])
    columns, Q = yawed(dict(rows.columns), 0.7, shift)
    answer = PLACEMENTS[name](rows, fits)
    assert answer.shape == (24, 24, 3) and np.isfinite(answer).all()
    moved = PLACEMENTS[name](Rows(columns, rows.crop_files), fits)
    np.testing.assert_allclose(moved, answer @ Q.T + shift, atol=1e-2)


@pytest.mark.parametrize("size", [0.9, 1.1])
def test_the_limb_scale_undoes_the_extractors_own(size: float, tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 8, noise=0.0, size=size)
    scale = placements.fit_limb_scale(rows)
    assert scale == pytest.approx(1 / size, abs=2e-3)
    right = place_least_squares(placements.with_limb_scale(rows, 1 / size).columns)
    np.testing.assert_allclose(right, rows["joints_world_mm"], atol=1e-3)


def test_true_depths_are_used_where_they_are_named(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 6, noise=0.0)
    off = Rows({**rows.columns, "depth_root_mm": rows["depth_root_mm"] * 1.2}, rows.crop_files)
    np.testing.assert_allclose(placements.place_with_true_root(off), rows["joints_world_mm"], atol=1e-4)
    flat = Rows({**off.columns, "depth_rel_mm": 0 * rows["depth_rel_mm"]}, rows.crop_files)
    assert world_mpjpe(placements.place_with_true_root(flat), rows["joints_world_mm"]) > 10
    np.testing.assert_allclose(placements.place_bound(flat), rows["joints_world_mm"], atol=1e-4)


def test_the_linear_map_mends_what_is_always_wrong(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 40, noise=1.0)
    wrong = Rows({**rows.columns, "depth_root_mm": rows["depth_root_mm"] * 1.1}, rows.crop_files)
    held_out = wrong.take(range(30, 40))
    before = world_mpjpe(place_own_depths(held_out), held_out["joints_world_mm"])
    linear = placements.fit_linear(wrong.take(range(30)), penalty=10.0)
    assert world_mpjpe(placements.place_linear(held_out, linear), held_out["joints_world_mm"]) < before / 3


def place_own_depths(rows: Rows) -> np.ndarray:
    return cam2world(cached_joints_cam(rows.columns), rows["R"], rows["t"])
