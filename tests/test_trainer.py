"""Training on made-up rows: it learns, resumes to the same numbers, stops early, and records its progress."""

import csv
import dataclasses
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model.pose_branch import FLAGS
from modules import trainer as training
from modules.config.schema import Config
from modules.dataset import PoseDataset
from modules.earlystoppers import EarlyStopper
from modules.recipes.posenet import SCALE_SEED, SCALE_VIEWS, ImageAndPoseObjective, ImageObjective, PoseObjective
from modules.runs import checkpoints, folders
from modules.simulation.augmentation import POSENET_AUGMENTATION, Augmentation
from modules.simulation.scene import CalibrationError
from modules.trainer import Trainer
from modules.utils import UserError
from tests.trainings import (  # noqa: F401  (fixtures)
    assert_same_end,
    few_views,
    interrupt,
    make_trainer,
    resume,
    small_network,
)


def trainer(tmp_path: Path, name: str = "run", **train: Any) -> Trainer:
    """Returns a trainer of the pose branch alone, unless `train` says otherwise."""
    return make_trainer(tmp_path, name, **{"model_type": "pose", **train})


def test_training_learns_and_records(tmp_path: Path) -> None:
    summary = trainer(tmp_path, num_epochs=8, view_steps=0, draws=True, root="learned").fit()
    folder = tmp_path / "run"
    with open(folder / "record.csv", encoding="utf-8") as handle:
        record = list(csv.DictReader(handle))
    assert [int(row["epoch"]) for row in record] == list(range(1, 9))
    assert float(record[-1]["train_loss"]) < 0.95 * float(record[0]["train_loss"])
    assert summary["best_score"] == pytest.approx(min(float(row["validation_score"]) for row in record), rel=1e-5)
    assert (
        [path.name for path in folder.glob("best_*.pt")]
        == [summary["best"]]
        == [f"best_{summary['best_epoch']:02d}.pt"]
    )
    for name in ("model.pt", "loss.png", "score.jpg", folders.COMPLETE):
        assert (folder / name).stat().st_size > 0
    assert list(record[0]) == list(Config().PERFORMANCE_RECORD.column_list)


def test_training_learns_from_simulated_views(tmp_path: Path) -> None:
    fitted = trainer(tmp_path, num_epochs=3, view_steps=27)  # three on every batch of images
    fitted.fit()
    losses = [row["train_loss"] for row in fitted.recorder.rows]
    assert losses[-1] < losses[0] and fitted.stopper.best_score < fitted.baseline


@pytest.mark.usefixtures("few_views")
def test_both_branches_and_the_prior_are_trained(tmp_path: Path) -> None:
    fitted = trainer(tmp_path, num_epochs=1, model_type="image+pose", ensemble_size=2, view_steps=6)
    before = {name: value.clone() for name, value in fitted.network.state_dict().items()}
    fitted.fit()
    after = fitted.network.state_dict()
    of_pose = [f"pose.ensemble.{k}.{layer}.weight" for k in (0, 1) for layer in ("embed.0", "shift", "swap")]
    for part in ("image.backbone.0.weight", "image.head.9.weight", *of_pose, "prior.width"):
        assert not torch.equal(before[part], after[part]), part


@pytest.mark.usefixtures("few_views")
def test_a_cut_off_run_resumes_to_the_same_weights_and_record(tmp_path: Path) -> None:
    whole = trainer(tmp_path, "whole", num_epochs=5)
    whole.fit()
    first = trainer(tmp_path, "cut", num_epochs=5)
    for epoch in (1, 2, 3):
        first._run_epoch(epoch)
    second = resume(tmp_path, model_type="pose", num_epochs=5)
    second.fit()
    for name in (folders.LAST, folders.best_checkpoint(tmp_path / "whole").name):
        a, b = (checkpoints.load_checkpoint(tmp_path / run / name) for run in ("whole", "cut"))
        assert a["epoch"] == b["epoch"]
        for key, value in a["model"].items():
            assert torch.equal(value, b["model"][key]), key
    timeless = [
        [{k: v for k, v in row.items() if k not in ("seconds", "images_per_second")} for row in t.recorder.rows]
        for t in (whole, second)
    ]
    assert timeless[0] == timeless[1]


class CutOffError(Exception):
    """Stands for a SIGKILL where the process must live on to compare."""


@pytest.mark.usefixtures("small_network", "few_views")
@pytest.mark.parametrize(
    "train",
    [
        {},
        {"model_type": "image+pose", "num_epochs": 2},
        {"model_type": "image", "num_epochs": 2},
        {"view_steps": 0},
        {"root": "learned", "simulated_errors": "resampled", "real_view_share": 0.5, "simulated_mirror": 0.5},
        {"optimizer": "madgrad"},
        {"optimizer": "sgd", "scheduler": "step"},
        {"optimizer": "adam", "scheduler": "plateau"},
    ],
)
def test_a_training_killed_within_an_epoch_resumes_from_its_last_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, train: dict[str, Any]
) -> None:
    monkeypatch.setattr(training, "CHECKPOINT_STEPS", 2)
    train = {"model_type": "pose", "num_epochs": 3, "batch_size": 5, "view_steps": 1, **train}
    make_trainer(tmp_path, "whole", **train).fit()
    first = make_trainer(tmp_path, "cut", **train)
    first._run_epoch(1)
    save_last, saved = first._save_last, []

    def save_and_die(epoch: int, partial: Any = None) -> None:
        save_last(epoch, partial)
        saved.append(partial.steps)
        if len(saved) == 2:
            raise CutOffError

    monkeypatch.setattr(first, "_save_last", save_and_die)
    with pytest.raises(CutOffError):
        first._run_epoch(2)
    second = resume(tmp_path, **train)
    assert second.next_epoch == 2 and second.partial is not None and second.partial.steps == 4
    second.fit()
    assert_same_end(tmp_path)


@pytest.mark.usefixtures("few_views")
@pytest.mark.parametrize("scheduler", ["cosine", "plateau"])
def test_resuming_after_an_epochs_last_step_warns_of_nothing_and_reports_no_speed(
    tmp_path: Path, log_records: list[logging.LogRecord], scheduler: str
) -> None:
    """Ctrl-C came during the last step of the first epoch, so only its validation is left."""
    train = {"model_type": "pose", "num_epochs": 2, "view_steps": 1, "scheduler": scheduler}
    whole = make_trainer(tmp_path, "whole", **train)
    whole.fit()
    interrupt(make_trainer(tmp_path, "cut", **train), epoch=1, steps=3)
    second = resume(tmp_path, **train)
    assert second.partial is not None and second.partial.steps == len(whole.batches)
    log_records.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        second.fit()
    rates = [row["images_per_second"] for row in second.recorder.rows]
    assert rates[0] == 0 < rates[1]
    lines = [record.getMessage() for record in log_records if record.getMessage().startswith("epoch")]
    assert "images/s" not in lines[0] and "images/s" in lines[1]
    assert_same_end(tmp_path)


@pytest.mark.usefixtures("few_views")
def test_a_checkpoint_of_another_config_is_refused(tmp_path: Path) -> None:
    first = trainer(tmp_path, num_epochs=2)
    first._run_epoch(1)
    other = trainer(tmp_path, num_epochs=2)
    other.job = dataclasses.replace(other.job, key="another key")
    with pytest.raises(UserError, match="another config or cache"):
        other.resume(tmp_path / "run" / folders.LAST)


@pytest.mark.usefixtures("few_views")
def test_early_stopping_ends_the_run(tmp_path: Path) -> None:
    stopped = trainer(tmp_path, num_epochs=50, early_stopping_patience=2, learning_rate=1e-12)
    stopped.stopper.best_score = 0.0  # nothing can be better
    stopped.stopper.best_epoch = 1
    assert stopped.fit()["epochs"] == 2


@pytest.mark.usefixtures("few_views")
def test_a_kill_after_the_last_checkpoint_leaves_no_older_best(tmp_path: Path) -> None:
    """Between the last model.pt and the removal of an older best_XX.pt; a resumed run has no epoch left to remove it."""
    first = trainer(tmp_path, num_epochs=2)
    first.fit()
    (tmp_path / "run" / folders.COMPLETE).unlink()
    (tmp_path / "run" / "best_90.pt").touch()
    resumed = trainer(tmp_path, num_epochs=2)
    resumed.resume(tmp_path / "run" / folders.LAST)
    summary = resumed.fit()
    assert [path.name for path in (tmp_path / "run").glob("best_*.pt")] == [summary["best"]]


def test_early_stopper() -> None:
    stopper = EarlyStopper(2)
    assert [stopper.update(e, s) for e, s in enumerate([5, 4, 4, 3, float("nan")])] == [True, True, False, True, False]
    assert not stopper.should_stop and stopper.best_epoch == 3
    copy = EarlyStopper(2)
    copy.load_state_dict(stopper.state_dict())
    assert not copy.update(5, 3.5) and copy.should_stop


def test_a_loss_that_is_not_finite_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"lower TRAIN.learning_rate"):
        trainer(tmp_path, num_epochs=30, optimizer="sgd", loss_function="mse", learning_rate=1e6).fit()


@pytest.mark.usefixtures("small_network", "few_views")  # without bfloat16 instructions ResNet18 would take minutes
def test_bfloat16_trains(tmp_path: Path) -> None:
    assert trainer(tmp_path, num_epochs=1, precision="bf16-mixed", model_type="image+pose").fit()["best_score"] < 1000


@pytest.mark.usefixtures("few_views")
def test_plateau_lowers_the_rate_where_the_score_stays(tmp_path: Path) -> None:
    fitted = trainer(tmp_path, scheduler="plateau", learning_rate=0.01)
    for score in (50.0, 51, 51, 51, 51, 51):
        fitted.scheduler.step(score)
    assert fitted.optimizer.param_groups[0]["lr"] == pytest.approx(0.003)
    trainer(tmp_path, "run_2", scheduler="plateau", num_epochs=2).fit()


def test_a_learned_root_standardises_its_inputs_with_the_training_views(tmp_path: Path) -> None:
    one = trainer(tmp_path, root="learned", model_type="pose", real_view_share=0.5, num_epochs=4)
    summary = one.fit()
    assert summary["best_score"] < summary["extractor_score"]
    views = one.objective.simulator.draw(np.random.default_rng(SCALE_SEED), SCALE_VIEWS)
    branch, batch = one.network.pose, {name: torch.from_numpy(values) for name, values in views.items()}
    inputs, known = branch.inputs(batch), branch.known_inputs(batch)
    mean = (inputs * known).sum(0) / known.sum(0)
    standardised = torch.ones(inputs.shape[1], dtype=torch.bool)
    standardised[list(FLAGS)] = False
    torch.testing.assert_close(branch.inputs_mean[standardised], mean[standardised], atol=1e-4, rtol=1e-4)


@pytest.mark.usefixtures("small_network")
@pytest.mark.parametrize(
    ("model_type", "objective"),
    [("pose", PoseObjective), ("image", ImageObjective), ("image+pose", ImageAndPoseObjective)],
)
def test_each_model_type_has_its_objective(tmp_path: Path, model_type: str, objective: type) -> None:
    with_views = trainer(tmp_path, model_type=model_type).objective
    assert type(with_views) is objective
    assert (with_views.simulator is None, with_views.trains_on_images) == (model_type == "image", model_type != "pose")
    without = trainer(tmp_path, model_type=model_type, view_steps=0).objective
    assert without.simulator is None and without.trains_on_images


def test_the_config_reaches_augmentation_and_calibration_error(tmp_path: Path) -> None:
    usual = trainer(tmp_path)
    assert usual.dataset.augmentation == POSENET_AUGMENTATION
    assert usual.objective.simulator.settings.calibration_error == CalibrationError(0.5, 20.0)
    other = trainer(tmp_path, augmentation=False, calibration_error=[0.0, 5.0], real_view_share=0.5)
    assert other.dataset.augmentation == other.objective.simulator.real_views.augmentation == Augmentation()
    assert other.objective.simulator.settings.calibration_error == CalibrationError(0.0, 5.0)
    assert other.objective.simulator.real_views.settings.calibration_error == CalibrationError(0.0, 5.0)


def test_without_augmentation_training_sees_the_same_sample_in_every_epoch(tmp_path: Path) -> None:
    plain = PoseDataset(trainer(tmp_path).train_rows, 128)
    for augmentation, varies in ((False, False), (True, True)):
        fitted = trainer(tmp_path, f"run_{augmentation}", augmentation=augmentation, view_steps=0, num_epochs=1)
        seen: list[torch.Tensor] = []
        loss = fitted.objective.view_loss

        def watched(batch: Any, seen: list[torch.Tensor] = seen, loss: Any = loss) -> torch.Tensor:
            seen.extend(batch["joints"])
            return loss(batch)

        fitted.objective.view_loss = watched
        fitted.fit()
        assert len(seen) == 24
        known = torch.stack([plain[index]["joints"] for index in range(24)])
        distance = (torch.stack(seen)[:, None] - known).abs().amax((2, 3)).amin(1)
        assert bool((distance > 1e-3).all()) is varies and bool((distance < 1e-4).all()) is not varies


@pytest.mark.usefixtures("few_views")
def test_checkpoints_within_an_epoch_are_written_every_so_many_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "CHECKPOINT_STEPS", 2)
    fitted = trainer(tmp_path, num_epochs=1, batch_size=4, view_steps=1)  # 6 steps
    saved: list[int | None] = []
    monkeypatch.setattr(fitted, "_save_last", lambda epoch, partial=None: saved.append(partial and partial.steps))
    fitted.fit()
    assert saved == [2, 4, 6, None]


@pytest.mark.usefixtures("few_views")
def test_a_checkpoint_holds_what_prediction_needs(tmp_path: Path) -> None:
    fitted = trainer(tmp_path, num_epochs=1)
    fitted.fit()
    content = checkpoints.load_checkpoint(folders.best_checkpoint(tmp_path / "run"))
    assert content["version"] == folders.CHECKPOINT_VERSION == 5
    assert content["spec"] == dataclasses.asdict(fitted.recipe.spec)
    assert content["config"] == fitted.config.model_dump(mode="json")
    assert set(content["facts"]) == {"mean_pose_crop_mm", "pelvis_height_mm", "place", "uncertainty"}
