"""Uncertainty: the calibration recovers what distances are drawn from, and only the error head learns from distances."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from model.model import PoseNetSpec, make_posenet
from modules.config.schema import Config
from modules.config.train import Train
from modules.evaluation.prediction import calibration_of, predict_rows
from modules.files.atomic import read_json
from modules.inference.prediction import prediction_loader
from modules.inference.uncertainty import Calibration, sparsification
from modules.inference.uncertainty_file import expected_errors, write_uncertainty
from modules.metrics import joint_errors
from modules.recipes import recipe_of
from modules.runs import checkpoints, folders
from modules.trainer import Trainer, TrainingJob
from modules.training.losses import distances_mm, log_error_loss
from tests.builders import make_rows
from tests.trainings import few_views, small_network  # noqa: F401  (fixtures)

SEEDS = st.integers(0, 2**32 - 1)


def drawn(seed: int, count: int = 4000, slope: float = 0.7) -> tuple[Calibration, np.ndarray, np.ndarray]:
    """Returns a calibration, log errors, and distances that are drawn from it."""
    rng = np.random.default_rng(seed)
    truth = Calibration(rng.uniform(0.5, 2, 24), slope, rng.uniform(0.3, 0.8, 24))
    log_error = rng.normal(4, 0.6, (count, 24))
    return truth, log_error, np.exp(truth.centre(log_error) + truth.spread * rng.normal(size=log_error.shape))


def test_the_fit_finds_what_the_distances_are_drawn_from() -> None:
    truth, log_error, distance = drawn(0)
    fitted = Calibration.fit(log_error, distance)
    assert fitted.slope == pytest.approx(truth.slope, abs=0.01)
    np.testing.assert_allclose(fitted.offset, truth.offset, atol=0.06)
    np.testing.assert_allclose(fitted.spread, truth.spread, rtol=0.05)
    assert fitted.expected_mm(log_error).mean() == pytest.approx(distance.mean(), rel=0.02)


def test_quantiles_and_cdf_hold_on_other_images() -> None:
    _, log_error, distance = drawn(1)
    fitted = Calibration.fit(log_error[:2000], distance[:2000])
    cdf = fitted.cdf(log_error[2000:], distance[2000:])
    for share in (0.1, 0.5, 0.9):
        assert (cdf < share).mean() == pytest.approx(share, abs=0.01)
        below = distance[2000:] < fitted.quantile_mm(log_error[2000:], share)
        np.testing.assert_array_equal(below, cdf < share)
    constant = Calibration.fit(log_error[:2000], distance[:2000], constant=True)
    assert constant.slope == 0 and fitted.nll(log_error[2000:], distance[2000:]) < constant.nll(
        log_error[2000:], distance[2000:]
    )


@given(seed=SEEDS, slope=st.floats(-2, -0.5))
def test_a_misleading_log_error_is_ignored(seed: int, slope: float) -> None:
    _, log_error, distance = drawn(seed, 50, slope)
    distance *= 1e6  # far above MIN_DISTANCE_MM
    fitted = Calibration.fit(log_error, distance)
    assert fitted.slope == 0
    np.testing.assert_allclose(
        fitted.quantile_mm(log_error, 0.5), np.exp(np.log(np.maximum(distance, 1)).mean(0))[None] + 0 * log_error
    )


@given(distance=arrays(float, (3, 24), elements=st.floats(0, 1e5)))
def test_few_images_still_give_finite_numbers(distance: np.ndarray) -> None:
    fitted = Calibration.fit(np.full((3, 24), 4.0), distance)
    assert np.isfinite(fitted.expected_mm(np.full((1, 24), 9.0))).all() and np.isfinite(fitted.nll(distance, distance))
    again = Calibration.of(fitted.as_dict())
    np.testing.assert_array_equal(again.expected_mm(distance / 1e4), fitted.expected_mm(distance / 1e4))


def test_dropping_the_most_uncertain_leaves_the_small_distances() -> None:
    distance = np.random.default_rng(0).exponential(80, (500, 24))
    shares = np.linspace(0, 1, 11)
    best = sparsification(distance, distance, shares)
    assert best[0] == pytest.approx(distance.mean()) and (np.diff(best) < 0).all() and best[-1] == distance.min()
    random = sparsification(distance, np.random.default_rng(1).random(distance.shape), shares[:9])
    np.testing.assert_allclose(random, distance.mean(), rtol=0.06)


def test_only_the_error_head_learns_from_the_distance(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 6)
    recipe = recipe_of({"spec": PoseNetSpec(model_type="pose").as_dict()})
    network = recipe.network()
    batch = next(iter(prediction_loader(rows, recipe.dataset)))
    log_error_loss(network.pose(batch), batch).backward()
    learn = {name for name, weight in network.named_parameters() if weight.grad is not None}
    assert learn == {name for name, _ in network.named_parameters() if ".error." in name}
    with torch.no_grad():
        output = network.eval()(batch)
    world = recipe.lift([output], rows)
    distance = distances_mm(output.uvd, output.root_mm, batch).numpy()
    np.testing.assert_allclose(distance, joint_errors(world, rows["joints_world_mm"]), atol=0.05)


@pytest.mark.usefixtures("small_network", "few_views")
@pytest.mark.parametrize("model_type", ["pose", "image"])
def test_training_calibrates_on_the_validation_rows(tmp_path: Path, model_type: str) -> None:
    rows, validation = make_rows(tmp_path / "a", 16, seed=1), make_rows(tmp_path / "b", 8, seed=2)
    train = Train(model_type=model_type, num_epochs=2, batch_size=8, view_steps=1)
    trainer = Trainer(TrainingJob(Config(TRAIN=train), rows, validation, tmp_path, "key", "fingerprint"))
    trainer.fit()
    path = folders.best_checkpoint(tmp_path)
    checkpoint = checkpoints.load_checkpoint(path)
    calibration = calibration_of(checkpoint)
    assert calibration is not None
    world, log_error = predict_rows(Config(), checkpoint, path, validation)
    assert log_error is not None
    fitted = Calibration.fit(log_error, joint_errors(world, validation["joints_world_mm"]))
    np.testing.assert_allclose(calibration.offset, fitted.offset, atol=0.02)
    np.testing.assert_allclose(calibration.spread, fitted.spread, atol=0.02)
    name = "pose.ensemble.0.error.layers.2.bias" if model_type == "pose" else "reader.error.layers.2.bias"
    untrained = make_posenet(PoseNetSpec(model_type=model_type)).state_dict()
    assert not torch.equal(trainer.network.state_dict()[name], untrained[name])


def test_images_without_a_person_have_no_uncertainty_and_a_note_raises_it(tmp_path: Path) -> None:
    calibration, log_error, _ = drawn(0, 4)
    log_error[1] = np.nan
    whys = [None, None, "wrong", None]
    expected = expected_errors(calibration, log_error, whys, np.array([0, 0, 0, 300.0]), [None, None, None, "a step"])
    write_uncertainty(tmp_path / "u.json", ["a.jpg", "b.jpg", "c.jpg", "d.jpg"], expected)
    first, second, third, raised = read_json(tmp_path / "u.json")
    nothing = {"expected_error_mm": None, "error_90_mm": None}
    assert second == {"file_name": "b.jpg", **nothing, "note": "no person found"}
    assert third == {"file_name": "c.jpg", **nothing, "note": "wrong"}
    assert len(first["expected_error_mm"]) == 24 and all(np.array(first["error_90_mm"]) > 0)
    assert first["note"] == "holds for a camera as exact as those of the training"
    np.testing.assert_allclose(first["expected_error_mm"], calibration.expected_mm(log_error[:1])[0], atol=0.06)
    plain, quantile = calibration.expected_mm(log_error[3:])[0], calibration.quantile_mm(log_error[3:], 0.9)[0]
    assert raised["note"] == "raised by a note: a step"
    np.testing.assert_allclose(raised["expected_error_mm"], np.hypot(plain, 300), atol=0.06)
    np.testing.assert_allclose(raised["error_90_mm"], quantile * np.hypot(plain, 300) / plain, atol=0.06)
