"""Tests of the untrained baselines: exact with perfect input, better where expected, and equivariant to the world frame."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.accuracy import baselines
from benchmarks.accuracy.baselines import BASELINES
from modules.cache.crop_joints import cached_joints_cam
from modules.cache.table import Rows
from modules.metrics import world_mpjpe
from modules.pose_utils import cam2world
from tests.builders import make_rows
from tests.inference.test_lifting import yawed


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    return make_rows(tmp_path_factory.mktemp("rows"), 24, noise=5.0)


@pytest.fixture(scope="module")
def fits(rows: Rows) -> baselines.Fits:
    return baselines.fit(rows.take(range(16)), rows.take(range(16, 20)))


@pytest.mark.parametrize("name", list(BASELINES))
def test_every_baseline_moves_with_the_world(name: str, rows: Rows, fits: baselines.Fits) -> None:
    shift = np.array([500.0, -2000.0, 300.0])
    columns, Q = yawed(dict(rows.columns), 0.7, shift)
    joints = BASELINES[name](rows, fits)
    assert joints.shape == (24, 24, 3) and np.isfinite(joints).all()
    place = fits.facts["place"]
    covariance, mean = np.array(place["covariance_mm2"]), np.array(place["mean_mm"])
    moved_place = {
        **place,
        "mean_mm": Q @ mean + shift,
        "covariance_mm2": Q @ covariance @ Q.T,
    }  # it moves with the world
    moved_fits = replace(fits, facts={**fits.facts, "place": moved_place})
    moved = BASELINES[name](Rows(columns, rows.crop_files), moved_fits)
    np.testing.assert_allclose(moved, joints @ Q.T + shift, atol=1e-2)


def test_true_depths_are_used_by_the_baselines_that_name_them(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 6, noise=0.0)
    off = Rows({**rows.columns, "depth_root_mm": rows["depth_root_mm"] * 1.2}, rows.crop_files)
    np.testing.assert_allclose(baselines.place_with_true_root(off), rows["joints_world_mm"], atol=1e-4)
    flat = Rows({**off.columns, "depth_rel_mm": 0 * rows["depth_rel_mm"]}, rows.crop_files)
    assert world_mpjpe(baselines.place_with_true_root(flat), rows["joints_world_mm"]) > 10
    np.testing.assert_allclose(baselines.place_bound(flat), rows["joints_world_mm"], atol=1e-4)


def test_the_linear_map_corrects_a_constant_error(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 40, noise=1.0)
    wrong = Rows({**rows.columns, "depth_root_mm": rows["depth_root_mm"] * 1.1}, rows.crop_files)
    held_out = wrong.take(range(30, 40))
    before = world_mpjpe(place_own_depths(held_out), held_out["joints_world_mm"])
    linear = baselines.fit_linear(wrong.take(range(30)), penalty=10.0)
    assert world_mpjpe(baselines.place_linear(held_out, linear), held_out["joints_world_mm"]) < before / 3


def place_own_depths(rows: Rows) -> np.ndarray:
    return cam2world(cached_joints_cam(rows.columns), rows["R"], rows["t"])
