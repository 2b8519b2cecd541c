"""Metrics: known values, invariances, and refusal of what cannot be scored."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules import metrics
from tests.conftest import rotation, standing_person

seeds = st.integers(0, 2**32 - 1)


def poses(rng: np.random.Generator, count: int = 4) -> np.ndarray:
    return np.stack([standing_person(rng) for _ in range(count)])


def test_perfect_and_shifted(rng: np.random.Generator) -> None:
    reference = poses(rng)
    perfect = metrics.evaluate(reference, reference)
    assert perfect["world_mpjpe"] == perfect["root"] == perfect["competition_mse"] == 0
    assert perfect["pck150"] == 1
    shifted = metrics.evaluate(reference + [30, 40, 0], reference)
    assert shifted["world_mpjpe"] == pytest.approx(50)
    assert shifted["root"] == pytest.approx(50)
    assert shifted["root_relative_mpjpe"] == pytest.approx(0, abs=1e-9)
    assert shifted["pa_mpjpe"] == pytest.approx(0, abs=1e-9)
    assert shifted["competition_mse"] == pytest.approx((900 + 1600) / 3)


def test_one_joint_off(rng: np.random.Generator) -> None:
    reference = poses(rng, 1)
    predicted = reference.copy()
    predicted[0, 20, 1] += 240
    result = metrics.evaluate(predicted, reference)
    assert result["world_mpjpe"] == pytest.approx(10)
    assert result["pck150"] == pytest.approx(23 / 24)
    # perfect joints pass every threshold above 0, the other one none; at 0 nobody passes
    assert result["auc"] == pytest.approx(30 / 31 * 23 / 24)
    assert metrics.per_joint(predicted, reference)["left_wrist"]["world_mpjpe"] == pytest.approx(240)
    assert metrics.per_joint(predicted, reference)["right_wrist"]["world_mpjpe"] == 0


@given(seeds)
@settings(max_examples=40, deadline=None)
def test_procrustes_takes_out_any_similarity_but_no_mirror(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference, R = poses(rng, 2), rotation(rng)
    moved = 1.7 * reference @ R.T + rng.normal(scale=1000, size=3)
    assert metrics.pa_mpjpe(moved, reference) == pytest.approx(0, abs=1e-8)
    assert metrics.pa_mpjpe(reference * [-1, 1, 1], reference) > 1


@given(seeds)
@settings(max_examples=40, deadline=None)
def test_moving_the_world_changes_no_metric(seed: int) -> None:
    rng = np.random.default_rng(seed)
    reference, R, shift = poses(rng), rotation(rng), rng.normal(scale=3000, size=3)
    predicted = reference + rng.normal(scale=60, size=reference.shape)
    before = metrics.evaluate(predicted, reference)
    after = metrics.evaluate(predicted @ R.T + shift, reference @ R.T + shift)
    for name, value in before.items():
        assert after[name] == pytest.approx(value, rel=1e-9), name


def test_aligned_is_never_worse(rng: np.random.Generator) -> None:
    reference = poses(rng)
    predicted = reference + rng.normal(scale=60, size=reference.shape)
    squared = ((metrics.procrustes(predicted, reference) - reference) ** 2).sum()
    assert squared <= ((predicted - reference) ** 2).sum()


def test_all_joints_in_one_point() -> None:
    assert np.isfinite(metrics.procrustes(np.zeros((1, 24, 3)), np.random.default_rng(0).normal(size=(1, 24, 3)))).all()


def test_refuses_nan_empty_and_other_shapes(rng: np.random.Generator) -> None:
    reference = poses(rng)
    broken = reference.copy()
    broken[0, 0, 0] = np.nan
    for predicted, truth in ((broken, reference), (reference[:0], reference[:0]), (reference[:2], reference)):
        with pytest.raises(ValueError, match="metrics need"):
            metrics.evaluate(predicted, truth)
