"""Uncertainty: the calibration finds what it is drawn from, says it truly, and teaching it changes nothing else."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from model.model import PoseNet, PoseNetSpec
from modules import evaluation, runs
from modules.config import Config, Train
from modules.losses import distances_mm, doubt_loss
from modules.metrics import joint_errors
from modules.prediction import lift_answers, prediction_loader
from modules.recipes import recipe_of
from modules.submission import write_uncertainty
from modules.trainer import Trainer
from modules.uncertainty import Calibration, sparsification
from modules.utils import read_json
from tests.builders import make_rows

SOME = st.integers(0, 2**32 - 1)


def drawn(seed: int, count: int = 4000, slope: float = 0.7) -> tuple[Calibration, np.ndarray, np.ndarray]:
    """A calibration, doubts, and distances that it is the truth of."""
    rng = np.random.default_rng(seed)
    truth = Calibration(rng.uniform(0.5, 2, 24), slope, rng.uniform(0.3, 0.8, 24))
    doubt = rng.normal(4, 0.6, (count, 24))
    return truth, doubt, np.exp(truth.centre(doubt) + truth.spread * rng.normal(size=doubt.shape))


def test_the_fit_finds_what_the_distances_are_drawn_from() -> None:
    truth, doubt, distance = drawn(0)
    fitted = Calibration.fit(doubt, distance)
    assert fitted.slope == pytest.approx(truth.slope, abs=0.01)
    np.testing.assert_allclose(fitted.offset, truth.offset, atol=0.06)
    np.testing.assert_allclose(fitted.spread, truth.spread, rtol=0.05)
    assert fitted.expected_mm(doubt).mean() == pytest.approx(distance.mean(), rel=0.02)


def test_what_it_says_of_others_is_true() -> None:
    _, doubt, distance = drawn(1)
    fitted = Calibration.fit(doubt[:2000], distance[:2000])
    ranks = fitted.rank(doubt[2000:], distance[2000:])
    for share in (0.1, 0.5, 0.9):
        assert (ranks < share).mean() == pytest.approx(share, abs=0.01)
        below = distance[2000:] < fitted.quantile_mm(doubt[2000:], share)
        np.testing.assert_array_equal(below, ranks < share)
    constant = Calibration.fit(doubt[:2000], distance[:2000], constant=True)
    assert constant.slope == 0 and fitted.nll(doubt[2000:], distance[2000:]) < constant.nll(
        doubt[2000:], distance[2000:]
    )


@given(seed=SOME, slope=st.floats(-2, -0.5))
def test_a_doubt_that_misleads_is_not_listened_to(seed: int, slope: float) -> None:
    _, doubt, distance = drawn(seed, 50, slope)
    distance *= 1e6  # farther than what counts as closest
    fitted = Calibration.fit(doubt, distance)
    assert fitted.slope == 0
    np.testing.assert_allclose(
        fitted.quantile_mm(doubt, 0.5), np.exp(np.log(np.maximum(distance, 1)).mean(0))[None] + 0 * doubt
    )


@given(distance=arrays(float, (3, 24), elements=st.floats(0, 1e5)))
def test_hardly_any_images_still_give_finite_numbers(distance: np.ndarray) -> None:
    fitted = Calibration.fit(np.full((3, 24), 4.0), distance)
    assert np.isfinite(fitted.expected_mm(np.full((1, 24), 9.0))).all() and np.isfinite(fitted.nll(distance, distance))
    again = Calibration.of(fitted.as_dict())
    np.testing.assert_array_equal(again.expected_mm(distance / 1e4), fitted.expected_mm(distance / 1e4))


def test_dropping_the_doubtful_leaves_the_close() -> None:
    distance = np.random.default_rng(0).exponential(80, (500, 24))
    shares = np.linspace(0, 1, 11)
    best = sparsification(distance, distance, shares)
    assert best[0] == pytest.approx(distance.mean()) and (np.diff(best) < 0).all() and best[-1] == distance.min()
    blind = sparsification(distance, np.random.default_rng(1).random(distance.shape), shares[:9])
    np.testing.assert_allclose(blind, distance.mean(), rtol=0.06)


def test_only_the_doubt_learns_of_the_distance(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 6)
    recipe = recipe_of({"spec": PoseNetSpec(model_type="pose").as_dict()})
    network = recipe.network()
    batch = next(iter(prediction_loader(rows, recipe.dataset, 6)))
    placed = network.place(batch)
    doubt_loss(placed.doubt, placed.uvd, placed.root_mm, batch).backward()
    taught = {name for name, weight in network.named_parameters() if weight.grad is not None}
    assert taught == {name for name, _ in network.named_parameters() if ".doubt." in name}
    with torch.no_grad():
        answer = network.eval()(batch)
    world = lift_answers([answer], rows)
    off = distances_mm(answer.uvd, answer.root_mm, batch).numpy()
    np.testing.assert_allclose(off, joint_errors(world, rows["joints_world_mm"]), atol=0.05)


@pytest.mark.parametrize("model_type", ["pose", "image"])
def test_training_calibrates_on_what_validates(tmp_path: Path, model_type: str) -> None:
    rows, validation = make_rows(tmp_path / "a", 16, seed=1), make_rows(tmp_path / "b", 8, seed=2)
    train = Train(model_type=model_type, num_epochs=2, batch_size=8, simulated_views=16)
    trainer = Trainer(Config(TRAIN=train), rows, validation, tmp_path, "key", "fingerprint")
    trainer.fit()
    path = runs.best_checkpoint(tmp_path)
    checkpoint = runs.load_checkpoint(path)
    calibration = evaluation.calibration_of(checkpoint)
    assert calibration is not None
    world, doubt = evaluation.predict_all(Config(), checkpoint, path, validation)
    assert doubt is not None
    fitted = Calibration.fit(doubt, joint_errors(world, validation["joints_world_mm"]))
    np.testing.assert_allclose(calibration.offset, fitted.offset, atol=0.02)
    np.testing.assert_allclose(calibration.spread, fitted.spread, atol=0.02)
    told = trainer.network.state_dict()["members.0.doubt.2.bias"]
    assert not torch.equal(told, PoseNet(PoseNetSpec(model_type=model_type)).state_dict()["members.0.doubt.2.bias"])


def test_where_nobody_is_found_nothing_is_told(tmp_path: Path) -> None:
    calibration, doubt, _ = drawn(0, 3)
    doubt[1] = np.nan
    write_uncertainty(tmp_path / "u.json", ["a.jpg", "b.jpg", "c.jpg"], doubt, calibration)
    first, second, third = read_json(tmp_path / "u.json")
    assert second == {"file_name": "b.jpg", "expected_error_mm": None, "error_90_mm": None}
    for entry in (first, third):
        assert len(entry["expected_error_mm"]) == 24 and all(np.array(entry["error_90_mm"]) > 0)
    np.testing.assert_allclose(first["expected_error_mm"], calibration.expected_mm(doubt[:1])[0], atol=0.06)
