"""The extractor's error model: fitted from rows, drawn along limbs or resampled whole, with left/right swaps."""

from pathlib import Path

import numpy as np
import pytest

from model.skeleton import JOINT_NAMES, MIRROR
from modules.cache.table import Rows
from modules.pose_utils import cam2pixel, world2cam
from modules.simulation import errors as simulated_errors
from modules.simulation.errors import (
    LIMB_CORRELATION,
    FittedErrors,
    ResampledErrors,
    SimulatedEstimate,
    correlated_noise,
    fit_errors,
    measure_errors,
    swap_some,
)
from tests.builders import make_rows


def mirrored_twice(rows: Rows) -> np.ndarray:
    """Returns the confidence of the rows and of their mirrored scenes, as the view simulator passes it."""
    return np.concatenate([rows["confidence"], rows["confidence"][:, list(MIRROR)]])


def swapped_rows(rows: Rows, count: int) -> Rows:
    """Returns the rows with left and right swapped in the estimates of the first `count`."""
    columns = dict(rows.columns)
    for name in ("joints_px", "depth_rel_mm", "joints_rel_mm"):
        columns[name] = columns[name].copy()
        columns[name][:count] = columns[name][:count][:, MIRROR]
    return Rows(columns, rows.crop_files)


def test_the_error_model_is_the_extractors(tmp_path: Path) -> None:
    errors = fit_errors(make_rows(tmp_path, 60, noise=6.0, size=0.9))
    assert errors.depth_slope == pytest.approx(0.9, abs=0.05)
    assert errors.root_log_mean == pytest.approx(np.log(0.9), abs=0.03)
    assert not errors.swapped.any()
    assert 10 < errors.lateral_sd_mm[1:].mean() < 25  # 6 px at about 4 m through 1500 px
    assert errors.depth_sd_mm[1:].mean() == pytest.approx(18 * 2**0.5, rel=0.2)  # 18 mm at the joint and at the root
    np.testing.assert_allclose(errors.depth_sd_mm, errors.depth_sd_mm[list(MIRROR)])


def test_noise_is_correlated_along_the_limbs() -> None:
    noise = correlated_noise(20_000, np.random.default_rng(0))
    correlation = np.corrcoef(noise.T)
    np.testing.assert_allclose(noise.std(0), 1, atol=0.03)
    knee, ankle, other_ankle = (JOINT_NAMES.index(name) for name in ("left_knee", "left_ankle", "right_ankle"))
    assert correlation[knee, ankle] == pytest.approx(LIMB_CORRELATION, abs=0.02)
    assert correlation[ankle, other_ankle] == pytest.approx(LIMB_CORRELATION**6, abs=0.03)


def test_errors_are_measured_after_swap_correction(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 20, noise=3.0)
    errors = fit_errors(swapped_rows(rows, 5))
    assert errors.swapped.tolist() == [True] * 5 + [False] * 15
    np.testing.assert_allclose(errors.lateral_sd_mm, fit_errors(rows).lateral_sd_mm, rtol=1e-6)


def test_fitted_errors_are_drawn_from_the_fitted_distribution(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulated_errors, "SWAP_SHARE", 0.0)
    rows = make_rows(tmp_path, 30, noise=6.0, size=0.9)
    sampler = FittedErrors(rows, mirrored_twice(rows))
    truth = world2cam(rows["joints_world_mm"], rows["R"], rows["t"])[np.zeros(4000, int)]
    drawn = sampler(truth, rows["K"][:1], np.random.default_rng(0))
    lateral = (drawn.joints_px - cam2pixel(truth, rows["K"][:1])) * truth[..., 2:] / rows["K"][0, [0, 1], [0, 1]]
    spread = np.sqrt((lateral**2).mean((0, 2)))
    np.testing.assert_allclose(spread, sampler.model.lateral_sd_mm, rtol=0.05)
    root_log = np.log(drawn.root_mm / truth[:, 0, 2])
    assert root_log.mean() == pytest.approx(sampler.model.root_log_mean, abs=0.003)
    assert root_log.std() == pytest.approx(sampler.model.root_log_sd, rel=0.05)
    assert drawn.confidence.shape == (4000, 24)


def test_resampled_errors_are_whole_errors_of_training_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen from the place of its own label, each view has the errors of one training image, or of its mirror image."""
    monkeypatch.setattr(simulated_errors, "SWAP_SHARE", 0.0)
    rows = make_rows(tmp_path, 5, noise=6.0, size=0.9)
    truth = world2cam(rows["joints_world_mm"], rows["R"], rows["t"])[np.zeros(40, int)]
    drawn = ResampledErrors(rows, mirrored_twice(rows))(truth, rows["K"][:1], np.random.default_rng(0))
    errors = measure_errors(rows)
    lateral = (drawn.joints_px - cam2pixel(truth, rows["K"][:1])) * truth[..., 2:] / rows["K"][0, [0, 1], [0, 1]]
    depth = drawn.depth_rel_mm - errors.depth_slope * (truth[..., 2] - truth[:, :1, 2])
    known = np.concatenate([errors.lateral_mm, errors.depth_mm[..., None]], -1)
    known = np.concatenate([known, known[:, MIRROR] * [-1, 1, 1]])
    distance = np.abs(np.concatenate([lateral, depth[..., None]], -1)[:, None] - known).max((2, 3))
    assert distance.min(1).max() < 1e-6 and len(set(distance.argmin(1))) > 5
    root_log = np.log(drawn.root_mm / truth[:, 0, 2])
    np.testing.assert_allclose(root_log, errors.root_log[distance.argmin(1) % 5], atol=1e-9)
    assert drawn.confidence.shape == (40, 24)


def test_swaps_exchange_left_and_right_in_a_share_of_the_estimates(rng: np.random.Generator) -> None:
    values = rng.random((2000, 24, 4))

    def estimate() -> SimulatedEstimate:
        return SimulatedEstimate(values[..., :2].copy(), np.ones(2000), values[..., 2].copy(), values[..., 3].copy())

    for share, expected in ((0.0, 0.0), (1.0, 1.0), (None, simulated_errors.SWAP_SHARE)):
        drawn = swap_some(estimate(), rng, share)
        swapped = (drawn.depth_rel_mm == values[..., 2][:, MIRROR]).all(1)
        assert swapped.mean() == pytest.approx(expected, abs=0.015)
        unswapped = np.where(swapped[:, None, None], drawn.joints_px[:, MIRROR], drawn.joints_px)
        np.testing.assert_array_equal(unswapped, values[..., :2])
        confidence = np.where(swapped[:, None], drawn.confidence[:, MIRROR], drawn.confidence)
        np.testing.assert_array_equal(confidence, values[..., 3])
