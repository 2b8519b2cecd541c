"""Simulated views: bodies stay bodies, geometry stays exact, and nothing but training rows enters."""

from pathlib import Path

import numpy as np
import pytest

from modules.cache import Rows
from modules.dataset import from_uvd
from modules.pose_utils import pixel2cam
from modules.simulation import FEET, ViewSimulator, bend, measure_errors
from modules.skeleton import MIRROR, PARENTS
from tests.builders import make_rows
from tests.conftest import standing_person


def bone_lengths(joints: np.ndarray) -> np.ndarray:
    return np.linalg.norm(joints[:, 1:] - joints[:, PARENTS[1:]], axis=-1)


def test_bending_keeps_every_bone(rng: np.random.Generator) -> None:
    joints = np.stack([standing_person(rng) for _ in range(5)])
    bent = bend(joints, 20.0, rng)
    np.testing.assert_allclose(bone_lengths(bent), bone_lengths(joints), rtol=1e-10)
    assert np.abs(bent - joints).max() > 50
    np.testing.assert_allclose(bend(joints, 0.0, rng), joints, atol=1e-9)


def test_a_perfect_extractor_gives_perfect_samples(tmp_path: Path) -> None:
    """Without errors the drawn input must be its own target: crop, tilt, yaw and lifting agree to the last digit."""
    simulator = ViewSimulator(make_rows(tmp_path, 6, noise=0.0))
    simulator.swap_share = 0.0
    drawn = simulator.draw(np.random.default_rng(0), 50)
    np.testing.assert_allclose(drawn["joints"], drawn["target"], atol=1e-4)
    np.testing.assert_allclose(drawn["root_mm"], drawn["target_root_mm"], rtol=1e-5)
    assert np.ptp(drawn["target_root_mm"]) > 300  # and the views differ


def test_drawn_bodies_keep_their_bones_and_stand_on_the_floor(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3, noise=0.0)
    simulator = ViewSimulator(rows)
    simulator.swap_share = 0.0
    drawn = {k: v.astype(float) for k, v in simulator.draw(np.random.default_rng(1), 40).items()}
    pose = from_uvd(drawn["target"], drawn["target_root_mm"])
    joints = pixel2cam(pose.joints_px, pose.depth_root_mm[:, None] + pose.depth_rel_mm, drawn["K_crop"])
    known = bone_lengths(rows["joints_world_mm"])
    for lengths in bone_lengths(joints):
        assert np.abs(known - lengths).max(1).min() < 0.5
    lowest = rows["joints_world_mm"][:, FEET, 2].min(1) / 1e3
    heights = drawn["features"][:, FEET, 3].min(1)
    assert (np.abs(heights[:, None] - lowest).min(1) < 2e-3).all()


def test_errors_are_the_extractors(tmp_path: Path) -> None:
    errors = measure_errors(make_rows(tmp_path, 40, noise=6.0, size=0.9))
    assert errors.depth_slope == pytest.approx(0.9, abs=0.05)
    assert errors.root_log.mean() == pytest.approx(np.log(0.9), abs=0.03)
    assert not errors.swapped.any()
    assert 10 < errors.lateral_mm.std() < 25  # 6 px at about 4 m through 1500 px


def test_exchanged_sides_are_seen_and_drawn(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 20, noise=3.0)
    columns = dict(rows.columns)
    for name in ("joints_px", "depth_rel_mm", "joints_rel_mm"):
        columns[name] = columns[name].copy()
        columns[name][:5] = columns[name][:5][:, MIRROR]
    swapped = Rows(columns, rows.crop_files)
    errors = measure_errors(swapped)
    assert errors.swapped.tolist() == [True] * 5 + [False] * 15
    np.testing.assert_allclose(errors.lateral_mm.std(), measure_errors(rows).lateral_mm.std(), rtol=0.05)
    drawn = ViewSimulator(swapped).draw(np.random.default_rng(0), 2000)
    as_is = np.abs(drawn["joints"] - drawn["target"]).mean((1, 2))
    mirrored = np.abs(drawn["joints"][:, MIRROR] - drawn["target"]).mean((1, 2))
    assert (mirrored < as_is).mean() == pytest.approx(0.25, abs=0.06)


def test_draws_depend_on_the_generator_alone(tmp_path: Path) -> None:
    simulator = ViewSimulator(make_rows(tmp_path, 4))
    one, two, other = (simulator.draw(np.random.default_rng(seed), 8) for seed in (3, 3, 4))
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert not np.array_equal(one["joints"], other["joints"])


def test_without_a_declared_floor_the_cameras_up_serves_and_no_height_is_shown(tmp_path: Path) -> None:
    drawn = ViewSimulator(make_rows(tmp_path, 4, floor=False)).draw(np.random.default_rng(0), 8)
    assert (drawn["floor"] == 0).all() and (drawn["features"][..., 3:] == 0).all()
    assert all(np.isfinite(values).all() for values in drawn.values())
