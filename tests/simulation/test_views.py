"""Simulated and real views: exact geometry, bodies that keep their bones, and draws that depend on the generator alone."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from model.skeleton import FEET, MIRROR
from modules.cache.crop_joints import cached_crop_pose, from_uvd, to_uvd
from modules.cache.table import Rows
from modules.config.train import Train
from modules.dataset import PoseDataset
from modules.pose_utils import resize_intrinsics
from modules.recipes.posenet import PoseNetRecipe, make_simulator
from modules.simulation import errors
from modules.simulation.augmentation import Augmentation
from modules.simulation.errors import FittedErrors, ResampledErrors
from modules.simulation.scene import CalibrationError
from modules.simulation.views import RealViews, SimulationSettings, ViewSimulator
from tests.builders import make_rows
from tests.simulation.test_errors import swapped_rows
from tests.simulation.test_scene import CALIBRATED, bone_lengths

PLAIN = SimulationSettings(calibration_error=CALIBRATED)
MIRRORED_HALF = SimulationSettings(mirror=0.5, calibration_error=CALIBRATED)


@pytest.fixture
def no_swaps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(errors, "SWAP_SHARE", 0.0)


def exact(simulator: ViewSimulator) -> ViewSimulator:
    """Removes the extractor's errors from a simulator, but for swaps."""
    assert isinstance(simulator.estimate, FittedErrors)
    none = np.zeros(24)
    simulator.estimate.model = dataclasses.replace(simulator.estimate.model, lateral_sd_mm=none, depth_sd_mm=none,
                                                   depth_slope=1.0, root_log_mean=0.0, root_log_sd=0.0)  # fmt: skip
    return simulator


@pytest.mark.usefixtures("no_swaps")
def test_a_perfect_extractor_gives_perfect_samples(tmp_path: Path) -> None:
    """Without errors the drawn input must be its own target: crop, tilt, yaw and lifting agree to the last digit."""
    drawn = exact(ViewSimulator(make_rows(tmp_path, 6))).draw(np.random.default_rng(0), 50)
    np.testing.assert_allclose(drawn["joints"], drawn["target"], atol=1e-4)
    np.testing.assert_allclose(drawn["root_mm"], drawn["target_root_mm"], rtol=1e-5)
    assert np.ptp(drawn["target_root_mm"]) > 300  # and the views differ


@pytest.mark.usefixtures("no_swaps")
def test_drawn_bodies_keep_their_bones_and_stand_on_the_floor(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3, noise=0.0)
    simulator = exact(ViewSimulator(rows, PLAIN))
    drawn = {name: x.astype(float) for name, x in simulator.draw(np.random.default_rng(1), 40).items()}
    joints = from_uvd(drawn["target"], drawn["target_root_mm"], drawn["K_crop"])
    known = bone_lengths(rows["joints_world_mm"])
    for lengths in bone_lengths(joints):
        assert np.abs(known - lengths).max(1).min() < 0.5
    lowest = rows["joints_world_mm"][:, FEET, 2].min(1) / 1e3
    heights = drawn["pose_features"][:, FEET, 3].min(1)
    assert (np.abs(heights[:, None] - lowest).min(1) < 2e-3).all()


@pytest.mark.usefixtures("no_swaps")
def test_calibration_errors_change_only_what_the_network_sees_of_the_floor(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3)
    wrong = exact(ViewSimulator(rows)).draw(np.random.default_rng(1), 200)
    right = exact(ViewSimulator(rows, PLAIN)).draw(np.random.default_rng(1), 200)
    for name in ("target", "target_root_mm", "joints", "root_mm"):
        np.testing.assert_array_equal(wrong[name], right[name])
    off = (wrong["pose_features"] - right["pose_features"])[..., 3] * 1e3
    assert 15 < off.std() < 80  # 20 mm of floor, and half a degree at three to five metres


def test_sides_are_swapped_in_their_share_of_views_whatever_the_rows_show(tmp_path: Path) -> None:
    drawn = ViewSimulator(swapped_rows(make_rows(tmp_path, 20, noise=3.0), 5)).draw(np.random.default_rng(0), 2000)
    plain = np.abs(drawn["joints"] - drawn["target"]).mean((1, 2))
    mirrored = np.abs(drawn["joints"][:, MIRROR] - drawn["target"]).mean((1, 2))
    assert (mirrored < plain).mean() == pytest.approx(errors.SWAP_SHARE, abs=0.03)


@pytest.mark.parametrize("resampled", [False, True])
def test_draws_depend_on_the_generator_alone(tmp_path: Path, resampled: bool) -> None:
    settings = SimulationSettings(0.5, resampled)
    simulator = ViewSimulator(make_rows(tmp_path, 4), settings)
    assert type(simulator.estimate) is (ResampledErrors if resampled else FittedErrors)
    one, two, other = (simulator.draw(np.random.default_rng(seed), 8) for seed in (3, 3, 4))
    assert all(np.array_equal(one[name], two[name]) for name in one)
    assert not np.array_equal(one["joints"], other["joints"])


def test_without_a_declared_floor_the_cameras_up_is_used_and_no_height_is_shown(tmp_path: Path) -> None:
    drawn = ViewSimulator(make_rows(tmp_path, 4, floor=False)).draw(np.random.default_rng(0), 8)
    assert (drawn["has_floor"] == 0).all() and (drawn["pose_features"][..., 3:] == 0).all()
    assert all(np.isfinite(values).all() for values in drawn.values())


def test_a_network_that_learns_the_root_sees_views_without_a_floor_and_without_up(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 6)
    for root, shares in (("learned", {(1.0, 1.0), (0.0, 1.0), (0.0, 0.0)}), ("height", {(1.0, 1.0)})):
        train = Train(model_type="pose", root=root, view_steps=1, real_view_share=0.5)
        drawn = make_simulator(rows, train).draw(np.random.default_rng(0), 200)
        assert {
            (floor, up) for floor, up in zip(drawn["has_floor"][:, 0], drawn["has_up"][:, 0], strict=True)
        } == shares
        assert all(np.isfinite(values).all() for values in drawn.values())


def test_real_views_without_variation_are_the_training_samples(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 4)
    drawn = RealViews(rows, PLAIN, Augmentation()).draw(np.random.default_rng(0), 30)
    samples = [PoseDataset(rows, 128)[index] for index in range(4)]
    which = np.array([[np.abs(s["joints"].numpy() - joints).max() for s in samples] for joints in drawn["joints"]])
    assert set(which.argmin(1)) == {0, 1, 2, 3}
    for name in drawn:
        expected = np.stack([samples[index][name].numpy() for index in which.argmin(1)])
        np.testing.assert_allclose(drawn[name], expected, atol=2e-4, rtol=1e-5, err_msg=name)


def test_real_views_keep_their_truth_however_they_are_turned_and_mirrored(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 6, noise=0.0)
    how = Augmentation(rotation=30.0, zoom=0.2, shift=0.1)
    drawn = RealViews(rows, MIRRORED_HALF, how).draw(np.random.default_rng(0), 60)
    np.testing.assert_allclose(drawn["joints"], drawn["target"], atol=1e-4)  # a perfect extractor's pose is its target
    np.testing.assert_allclose(drawn["root_mm"], drawn["target_root_mm"], rtol=1e-5)
    jitter = dataclasses.replace(how, pose_jitter=4.5, depth_jitter=20.0)
    jittered = RealViews(rows, SimulationSettings(0.5), jitter).draw(np.random.default_rng(0), 60)
    assert 0.001 < np.abs(jittered["joints"] - jittered["target"]).mean() < 0.1


def test_a_lower_resolution_of_the_images_changes_no_view(tmp_path: Path) -> None:
    rows, how = make_rows(tmp_path, 6), PoseNetRecipe.augmentation_of(Train())
    smaller = dict(rows.columns)
    smaller["K"] = np.stack([resize_intrinsics(K, 0.25) for K in rows["K"]])
    smaller["joints_px"] = (rows["joints_px"] + 0.5) * 0.25 - 0.5
    smaller["image_size"] = rows["image_size"] // 4
    drawn, same = (
        ViewSimulator(of, MIRRORED_HALF, RealViews(of, MIRRORED_HALF, how), 0.5).draw(np.random.default_rng(0), 60)
        for of in (rows, Rows(smaller, rows.crop_files))
    )
    for name, values in drawn.items():
        np.testing.assert_allclose(same[name], values, rtol=2e-3, atol=2e-3, err_msg=name)


def test_real_views_are_mixed_with_simulated_ones_in_their_share(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 6)
    real = RealViews(rows, SimulationSettings(), Augmentation())
    drawn = ViewSimulator(rows, real_views=real, real_view_share=0.25).draw(np.random.default_rng(0), 400)
    cached = to_uvd(cached_crop_pose(rows.columns), rows["K_crop"])
    is_real = np.abs(drawn["joints"][:, None] - cached).max((2, 3)).min(1) < 1e-4
    assert is_real.sum() == 100 and 20 < is_real[:200].sum() < 80  # spread over the batch
    assert all(values.shape[0] == 400 and values.dtype == np.float32 for values in drawn.values())


def test_the_config_decides_how_views_are_drawn() -> None:
    train = Train(simulated_mirror=0.5, simulated_errors="resampled", calibration_error=[1.0, 5.0])
    assert SimulationSettings.of(train) == SimulationSettings(0.5, True, CalibrationError(1.0, 5.0))
    assert SimulationSettings.of(Train()) == SimulationSettings()
