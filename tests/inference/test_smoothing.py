"""Smoothing over time: it removes jitter, keeps motion, trusts sure moments, and stops at gaps."""

import numpy as np
import pytest

from modules.inference.smoothing import LONGEST_GAP_S, smooth

TIME = np.arange(60) / 30
ERROR = np.full((60, 24), 60.0)


def walking(time_s: np.ndarray) -> np.ndarray:
    """24 joints that walk along x while they swing."""
    phase = np.arange(24)[None] + 2 * np.pi * time_s[:, None]
    return np.stack([1200 * time_s[:, None] + 0 * phase, 150 * np.sin(phase), 1000 + 20 * np.cos(phase)], -1)


def acceleration(joints: np.ndarray) -> np.ndarray:
    return joints[2:] - 2 * joints[1:-1] + joints[:-2]


def test_jitter_goes_and_motion_stays(rng: np.random.Generator) -> None:
    truth = walking(TIME)
    noisy = truth + rng.normal(scale=15, size=truth.shape)
    found = smooth(noisy, ERROR, TIME)
    before, after = (np.linalg.norm(acceleration(j) - acceleration(truth), axis=-1).mean() for j in (noisy, found))
    assert after < before / 3
    assert np.linalg.norm(found - truth, axis=-1).mean() < 0.7 * np.linalg.norm(noisy - truth, axis=-1).mean()
    np.testing.assert_allclose(smooth(truth, ERROR, TIME), truth, atol=6)


def test_an_unsure_moment_counts_less() -> None:
    joints = np.zeros((60, 24, 3))
    joints[30] = 300
    unsure = ERROR.copy()
    unsure[30] = 600
    assert np.abs(smooth(joints, unsure, TIME)).max() < 0.3 * np.abs(smooth(joints, ERROR, TIME)).max()


def test_it_turns_and_moves_with_the_world(rng: np.random.Generator) -> None:
    joints = walking(TIME) + rng.normal(scale=15, size=(60, 24, 3))
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    np.testing.assert_allclose(
        smooth(joints @ turn + 500, ERROR, TIME), smooth(joints, ERROR, TIME) @ turn + 500, atol=1e-6
    )


def test_nothing_is_smoothed_across_a_gap(rng: np.random.Generator) -> None:
    joints = walking(TIME) + rng.normal(scale=15, size=(60, 24, 3))
    time = TIME.copy()
    time[30:] += 2 * LONGEST_GAP_S
    joints[30:] += 5000
    found = smooth(joints, ERROR, time)
    np.testing.assert_allclose(found[:30], smooth(joints[:30], ERROR[:30], TIME[:30]))
    np.testing.assert_allclose(found[30:], smooth(joints[30:], ERROR[30:], TIME[30:] - TIME[30]), atol=1e-6)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_moments(count: int) -> None:
    joints = walking(TIME[:count])
    np.testing.assert_allclose(smooth(joints, ERROR[:count], TIME[:count]), joints, atol=10)


def test_two_moments_at_nearly_the_same_time() -> None:
    joints = walking(np.zeros(3))
    assert np.isfinite(smooth(joints, ERROR[:3], np.array([0.0, 1e-9, 0.1]))).all()
