"""Simulated views: bodies stay bodies, geometry stays exact, and nothing but training rows enters."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from modules import simulation
from modules.augmentation import Augmentation
from modules.cache import Rows
from modules.config import Train
from modules.dataset import PoseDataset, from_uvd, to_uvd
from modules.lifting import cached_crop_pose
from modules.losses import DISTANCES
from modules.pose_utils import cam2pixel, pixel2cam, world2cam
from modules.posenet import PoseNetRecipe
from modules.simulation import (
    LIMB_CORRELATION,
    Miscalibration,
    OwnViews,
    ViewSimulator,
    bend,
    correlated_noise,
    fit_errors,
    fit_root_cues,
    measure_errors,
)
from modules.skeleton import FEET, JOINT_NAMES, MIRROR, PARENTS
from modules.trainer import training_facts
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


def exact(simulator: ViewSimulator) -> ViewSimulator:
    """The same simulator of an extractor and a calibration without any error."""
    none = np.zeros(24)
    simulator.errors = dataclasses.replace(simulator.errors, lateral_sd_mm=none, depth_sd_mm=none, depth_slope=1.0,
                                           root_log_mean=0.0, root_log_sd=0.0)  # fmt: skip
    simulator.swap_share = 0.0
    return simulator


CALIBRATED = Miscalibration(0.0, 0.0)


def test_a_perfect_extractor_gives_perfect_samples(tmp_path: Path) -> None:
    """Without errors the drawn input must be its own target: crop, tilt, yaw and lifting agree to the last digit."""
    drawn = exact(ViewSimulator(make_rows(tmp_path, 6))).draw(np.random.default_rng(0), 50)
    np.testing.assert_allclose(drawn["joints"], drawn["target"], atol=1e-4)
    np.testing.assert_allclose(drawn["root_mm"], drawn["target_root_mm"], rtol=1e-5)
    assert np.ptp(drawn["target_root_mm"]) > 300  # and the views differ


def test_drawn_bodies_keep_their_bones_and_stand_on_the_floor(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3, noise=0.0)
    simulator = exact(ViewSimulator(rows, off=CALIBRATED))
    drawn = {k: v.astype(float) for k, v in simulator.draw(np.random.default_rng(1), 40).items()}
    pose = from_uvd(drawn["target"], drawn["target_root_mm"])
    joints = pixel2cam(pose.joints_px, pose.depth_root_mm[:, None] + pose.depth_rel_mm, drawn["K_crop"])
    known = bone_lengths(rows["joints_world_mm"])
    for lengths in bone_lengths(joints):
        assert np.abs(known - lengths).max(1).min() < 0.5
    lowest = rows["joints_world_mm"][:, FEET, 2].min(1) / 1e3
    heights = drawn["features"][:, FEET, 3].min(1)
    assert (np.abs(heights[:, None] - lowest).min(1) < 2e-3).all()


def test_miscalibration_moves_what_is_shown_alone(tmp_path: Path) -> None:
    simulator = exact(ViewSimulator(make_rows(tmp_path, 3)))
    wrong = simulator.draw(np.random.default_rng(1), 200)
    simulator.off = CALIBRATED
    right = simulator.draw(np.random.default_rng(1), 200)
    for name in ("target", "target_root_mm", "joints", "root_mm"):
        np.testing.assert_array_equal(wrong[name], right[name])
    off = (wrong["features"] - right["features"])[..., 3] * 1e3
    assert 15 < off.std() < 80  # 20 mm of floor, and half a degree at three to five metres


def test_error_model_is_the_extractors(tmp_path: Path) -> None:
    errors = fit_errors(make_rows(tmp_path, 60, noise=6.0, size=0.9))
    assert errors.depth_slope == pytest.approx(0.9, abs=0.05)
    assert errors.root_log_mean == pytest.approx(np.log(0.9), abs=0.03)
    assert not errors.swapped.any()
    assert 10 < errors.lateral_sd_mm[1:].mean() < 25  # 6 px at about 4 m through 1500 px
    assert errors.depth_sd_mm[1:].mean() == pytest.approx(18 * 2**0.5, rel=0.2)  # 18 mm at the joint and at the root
    np.testing.assert_allclose(errors.depth_sd_mm, errors.depth_sd_mm[list(MIRROR)])


def test_noise_follows_the_limbs() -> None:
    noise = correlated_noise(20_000, np.random.default_rng(0))
    correlation = np.corrcoef(noise.T)
    np.testing.assert_allclose(noise.std(0), 1, atol=0.03)
    knee, ankle, other_ankle = (JOINT_NAMES.index(name) for name in ("left_knee", "left_ankle", "right_ankle"))
    assert correlation[knee, ankle] == pytest.approx(LIMB_CORRELATION, abs=0.02)
    assert correlation[ankle, other_ankle] == pytest.approx(LIMB_CORRELATION**6, abs=0.03)


def test_exchanged_sides_are_seen_and_drawn(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 20, noise=3.0)
    columns = dict(rows.columns)
    for name in ("joints_px", "depth_rel_mm", "joints_rel_mm"):
        columns[name] = columns[name].copy()
        columns[name][:5] = columns[name][:5][:, MIRROR]
    swapped = Rows(columns, rows.crop_files)
    errors = fit_errors(swapped)
    assert errors.swapped.tolist() == [True] * 5 + [False] * 15
    np.testing.assert_allclose(errors.lateral_sd_mm, fit_errors(rows).lateral_sd_mm, rtol=1e-6)
    drawn = ViewSimulator(swapped).draw(np.random.default_rng(0), 2000)
    as_is = np.abs(drawn["joints"] - drawn["target"]).mean((1, 2))
    mirrored = np.abs(drawn["joints"][:, MIRROR] - drawn["target"]).mean((1, 2))
    assert (mirrored < as_is).mean() == pytest.approx(simulation.SWAP_SHARE, abs=0.03)


def test_draws_depend_on_the_generator_alone(tmp_path: Path) -> None:
    simulator = ViewSimulator(make_rows(tmp_path, 4))
    one, two, other = (simulator.draw(np.random.default_rng(seed), 8) for seed in (3, 3, 4))
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert not np.array_equal(one["joints"], other["joints"])


def test_without_a_declared_floor_the_cameras_up_serves_and_no_height_is_shown(tmp_path: Path) -> None:
    drawn = ViewSimulator(make_rows(tmp_path, 4, floor=False)).draw(np.random.default_rng(0), 8)
    assert (drawn["floor"] == 0).all() and (drawn["features"][..., 3:] == 0).all()
    assert all(np.isfinite(values).all() for values in drawn.values())


def test_drawn_errors_are_whole_errors_of_training_images(tmp_path: Path) -> None:
    """Seen from the place of its own label, each view is wrong at every joint as one training image is, or its mirror."""
    rows = make_rows(tmp_path, 5, noise=6.0, size=0.9)
    simulator = ViewSimulator(rows, drawn_errors=True, off=CALIBRATED)
    simulator.swap_share = 0.0
    truth = world2cam(rows["joints_world_mm"], rows["R"], rows["t"])[np.zeros(40, int)]
    pixels, root, relative, confidence = simulator._err_as_elsewhere(truth, rows["K"][:1], np.random.default_rng(0))
    errors = measure_errors(rows)
    lateral = (pixels - cam2pixel(truth, rows["K"][:1])) * truth[..., 2:] / rows["K"][0, [0, 1], [0, 1]]
    depth = relative - errors.depth_slope * (truth[..., 2] - truth[:, :1, 2])
    known = np.concatenate([errors.lateral_mm, errors.depth_mm[..., None]], -1)
    known = np.concatenate([known, known[:, MIRROR] * [-1, 1, 1]])
    apart = np.abs(np.concatenate([lateral, depth[..., None]], -1)[:, None] - known).max((2, 3))
    assert apart.min(1).max() < 1e-6 and len(set(apart.argmin(1))) > 5
    np.testing.assert_allclose(np.log(root / truth[:, 0, 2]), errors.root_log[apart.argmin(1) % 5], atol=1e-9)
    assert confidence.shape == (40, 24)


def test_own_views_are_the_training_samples_where_nothing_varies(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 4)
    drawn = OwnViews(rows, 0.0, Augmentation(), CALIBRATED).draw(np.random.default_rng(0), 30)
    samples = [PoseDataset(rows, 128)[index] for index in range(4)]
    which = np.array([[np.abs(s["joints"].numpy() - joints).max() for s in samples] for joints in drawn["joints"]])
    assert set(which.argmin(1)) == {0, 1, 2, 3}
    for name in drawn:
        own = np.stack([samples[index][name].numpy() for index in which.argmin(1)])
        np.testing.assert_allclose(drawn[name], own, atol=2e-4, rtol=1e-5, err_msg=name)


def test_own_views_keep_their_truth_however_they_are_turned_and_mirrored(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 6, noise=0.0)
    how = Augmentation(rotation=30.0, zoom=0.2, shift=0.1)
    drawn = OwnViews(rows, 0.5, how, CALIBRATED).draw(np.random.default_rng(0), 60)
    np.testing.assert_allclose(drawn["joints"], drawn["target"], atol=1e-4)  # a perfect extractor's pose is its target
    np.testing.assert_allclose(drawn["root_mm"], drawn["target_root_mm"], rtol=1e-5)
    jittered = OwnViews(rows, 0.5, dataclasses.replace(how, pose_jitter=20.0)).draw(np.random.default_rng(0), 60)
    assert 0.001 < np.abs(jittered["joints"] - jittered["target"]).mean() < 0.1


def test_own_views_stand_among_simulated_ones_in_their_share(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 6)
    own = OwnViews(rows, 0.0, Augmentation())
    drawn = ViewSimulator(rows, own=own, own_share=0.25).draw(np.random.default_rng(0), 400)
    cached = to_uvd(cached_crop_pose(rows.columns))
    owned = np.abs(drawn["joints"][:, None] - cached).max((2, 3)).min(1) < 1e-4
    assert owned.sum() == 100 and 20 < owned[:200].sum() < 80  # spread over the batch
    assert all(values.shape[0] == 400 and values.dtype == np.float32 for values in drawn.values())


def test_root_cues_weigh_two_measurements(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 30, noise=3.0, size=0.9)
    height, height_spread, depth_spread = fit_root_cues(rows)
    assert height == pytest.approx(rows["joints_world_mm"][:, 0, 2].mean() / 1e3, abs=1e-6)
    assert depth_spread == pytest.approx(-np.log(0.9), abs=0.03)  # limbs a tenth too short: a tenth too near
    assert 0.03 < height_spread < 0.08
    assert fit_root_cues(make_rows(tmp_path, 5, floor=False)) == (0.0, 1e6, 0.0)


def test_people_of_further_data_sets_do_not_say_how_high_those_who_are_tested_stand(tmp_path: Path) -> None:
    rows = make_rows(tmp_path / "own", 12, noise=3.0, size=0.9)
    sitting = make_rows(tmp_path / "further", 12, noise=3.0, size=0.9)
    sitting = Rows({**sitting.columns, "floor_height_mm": sitting["floor_height_mm"] + 500.0}, sitting.crop_files)
    both, train = rows.beside([sitting]), Train(model_type="pose")
    recipe = PoseNetRecipe(PoseNetRecipe.spec_of(train), {})
    network = recipe.network()
    recipe.lessons(network, both, train, DISTANCES["l1"], torch.no_grad)
    assert network.root_cues.tolist() == pytest.approx(fit_root_cues(rows))
    assert training_facts(both)["pelvis_height_mm"] == training_facts(rows)["pelvis_height_mm"]
    assert fit_root_cues(both)[0] == pytest.approx(fit_root_cues(rows)[0] - 0.25, abs=0.02)
    assert both.own["file_name"].tolist() == rows["file_name"].tolist() == rows.own["file_name"].tolist()
