"""Training on made-up rows: it learns, resumes to the same numbers, stops early, and records what it did."""

import csv
import logging
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

from modules import runs
from modules.config import Config, Train
from modules.earlystoppers import EarlyStopper
from modules.trainer import Trainer
from modules.utils import UserError
from tests.builders import make_rows

POSE_ONLY = {"model_type": "pose", "batch_size": 8}


def trainer(tmp_path: Path, name: str = "run", **train: Any) -> Trainer:
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    rows = make_rows(tmp_path / "train", 24, seed=1, noise=10, size=0.85)
    validation = make_rows(tmp_path / "validation", 8, seed=2, noise=10, size=0.85)
    return Trainer(Config(TRAIN=Train(**{**POSE_ONLY, **train})), rows, validation, folder, "key", "fingerprint")


def test_it_learns_and_records(tmp_path: Path) -> None:
    summary = trainer(tmp_path, num_epochs=8, simulated_views=0).fit()
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
    for name in ("model.pt", "loss.png", "score.jpg", runs.COMPLETE):
        assert (folder / name).stat().st_size > 0
    assert list(record[0]) == list(Config().PERFORMANCE_RECORD.column_list)


def test_it_learns_from_simulated_views(tmp_path: Path) -> None:
    fitted = trainer(tmp_path, num_epochs=6)
    fitted.fit()
    losses = [row["train_loss"] for row in fitted.recorder.rows]
    assert losses[-1] < losses[0] and fitted.stopper.best_score < fitted.baseline


def test_image_branch_trains_too(tmp_path: Path) -> None:
    fitted = trainer(tmp_path, num_epochs=1, model_type="image+pose", members=2)
    before = {name: value.clone() for name, value in fitted.network.state_dict().items()}
    fitted.fit()
    after = fitted.network.state_dict()
    of_pose = [f"members.{k}.{layer}.weight" for k in (0, 1) for layer in ("embed.0", "shift", "swap")]
    for part in ("backbone.0.weight", "head.9.weight", *of_pose, "prior.width"):
        assert not torch.equal(before[part], after[part]), part


def test_blazeposes_network_is_tuned_from_its_own_weights(tmp_path: Path) -> None:
    fitted = trainer(tmp_path, num_epochs=1, model_type="image+pose", backbone="blazepose", input_shape=256)
    assert fitted.network.backbone.stem.weight.abs().max() > 0.1
    before = {name: value.clone() for name, value in fitted.network.state_dict().items()}
    fitted.fit()
    after = runs.restore_network(runs.load_checkpoint(tmp_path / "run" / runs.LAST), tmp_path).state_dict()
    for part, learns in (("stages.1.0.widen.weight", True), ("stem.weight", False), ("stages.1.0.look.weight", False)):
        assert torch.equal(before[f"backbone.{part}"], after[f"backbone.{part}"]) is not learns, part


def test_a_cut_off_run_resumes_to_the_same_weights_and_record(tmp_path: Path) -> None:
    whole = trainer(tmp_path, "whole", num_epochs=5)
    whole.fit()
    first = trainer(tmp_path, "cut", num_epochs=5)
    for epoch in (1, 2, 3):
        first._run_epoch(epoch)
    second = trainer(tmp_path, "cut", num_epochs=5)
    torch.manual_seed(999)  # whatever state the new process is in
    second.resume(tmp_path / "cut" / runs.LAST)
    second.fit()
    for name in (runs.LAST, read_best(tmp_path / "whole")):
        a, b = (runs.load_checkpoint(tmp_path / run / name) for run in ("whole", "cut"))
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


@pytest.mark.parametrize(
    "train",
    [
        {},
        {"model_type": "image+pose", "num_epochs": 2},
        {
            "model_type": "image+pose",
            "num_epochs": 2,
            "backbone": "blazepose",
            "input_shape": 256,
            "backbone_rate": 0.5,
        },
        {"simulated_views": 0},
        {"root": "learned", "simulated_errors": "drawn", "own_views": 0.5, "simulated_mirror": 0.5},
        {"optimizer": "madgrad"},
        {"optimizer": "sgd", "scheduler": "step"},
        {"optimizer": "adam", "scheduler": "plateau"},
    ],
)
def test_a_training_cut_off_within_an_epoch_goes_on_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, train: dict[str, Any]
) -> None:
    train = {"num_epochs": 3, "checkpoint_steps": 2, "batch_size": 5, "simulated_views": 16, **train}
    whole = trainer(tmp_path, "whole", **train)
    whole.fit()
    first = trainer(tmp_path, "cut", **train)
    first._run_epoch(1)
    plain_save, saved = first._save_last, []

    def save_and_die(epoch: int, partial: Any = None) -> None:
        plain_save(epoch, partial)
        saved.append(partial.steps)
        if len(saved) == 2:
            raise CutOffError

    monkeypatch.setattr(first, "_save_last", save_and_die)
    with pytest.raises(CutOffError):
        first._run_epoch(2)
    second = trainer(tmp_path, "cut", **train)
    torch.manual_seed(999)
    second.resume(tmp_path / "cut" / runs.LAST)
    assert second.next_epoch == 2 and second.partial is not None and second.partial.steps == 4
    second.fit()
    a, b = (runs.load_checkpoint(tmp_path / run / runs.LAST) for run in ("whole", "cut"))
    for key, value in a["model"].items():
        assert torch.equal(value, b["model"][key]), key
    assert [row["train_loss"] for row in a["record"]] == [row["train_loss"] for row in b["record"]]


@pytest.mark.parametrize("scheduler", ["cosine", "plateau"])
def test_going_on_behind_an_epochs_last_step_is_quiet_and_boasts_of_no_speed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: list[logging.LogRecord], scheduler: str
) -> None:
    """Ctrl-C came while the last step of the first epoch was made: what is left of it is to validate."""
    train = {"num_epochs": 2, "simulated_views": 16, "scheduler": scheduler}
    whole = trainer(tmp_path, "whole", **train)
    whole.fit()
    first = trainer(tmp_path, "cut", **train)
    monkeypatch.setattr(first, "asked_to_stop", lambda: next(steps) == 3)
    steps = iter((1, 2, 3))
    with pytest.raises(KeyboardInterrupt):
        first._run_epoch(1)
    second = trainer(tmp_path, "cut", **train)
    second.resume(tmp_path / "cut" / runs.LAST)
    assert second.partial is not None and second.partial.steps == len(whole.batches)
    said.clear()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        second.fit()
    rates = [row["images_per_second"] for row in second.recorder.rows]
    assert rates[0] == 0 < rates[1]
    lines = [record.getMessage() for record in said if record.getMessage().startswith("epoch")]
    assert "images/s" not in lines[0] and "images/s" in lines[1]
    a, b = (runs.load_checkpoint(tmp_path / run / runs.LAST)["model"] for run in ("whole", "cut"))
    assert all(torch.equal(a[name], b[name]) for name in a)


def read_best(folder: Path) -> str:
    return runs.best_checkpoint(folder).name


def test_a_checkpoint_of_another_config_is_refused(tmp_path: Path) -> None:
    first = trainer(tmp_path, num_epochs=2)
    first._run_epoch(1)
    other = trainer(tmp_path, num_epochs=2)
    other.key = "another key"
    with pytest.raises(UserError, match="another config or cache"):
        other.resume(tmp_path / "run" / runs.LAST)


def test_early_stopping_ends_the_run(tmp_path: Path) -> None:
    stopped = trainer(tmp_path, num_epochs=50, early_stopping_patience=2, learning_rate=1e-12)
    stopped.stopper.best_score = 0.0  # nothing can be better
    stopped.stopper.best_epoch = 1
    assert stopped.fit()["epochs"] == 2


def test_early_stopper() -> None:
    stopper = EarlyStopper(2)
    assert [stopper.update(e, s) for e, s in enumerate([5, 4, 4, 3, float("nan")])] == [True, True, False, True, False]
    assert not stopper.should_stop and stopper.best_epoch == 3
    copy = EarlyStopper(2)
    copy.load_state_dict(stopper.state_dict())
    assert not copy.update(5, 3.5) and copy.should_stop


def test_loss_that_explodes_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"lower TRAIN.learning_rate"):
        trainer(tmp_path, num_epochs=30, optimizer="sgd", loss_function="mse", learning_rate=1e6).fit()


def test_bfloat16_trains(tmp_path: Path) -> None:
    assert trainer(tmp_path, num_epochs=1, precision="bf16-mixed", model_type="image+pose").fit()["best_score"] < 1000


def test_plateau_lowers_the_rate_where_the_score_stays(tmp_path: Path) -> None:
    fitted = trainer(tmp_path, scheduler="plateau", learning_rate=0.01)
    for score in (50.0, 51, 51, 51, 51, 51):
        fitted.scheduler.step(score)
    assert fitted.optimizer.param_groups[0]["lr"] == pytest.approx(0.003)
    trainer(tmp_path, "run_2", scheduler="plateau", num_epochs=2).fit()


def test_gradients_are_cut_where_the_config_says(tmp_path: Path) -> None:
    lengths = {}
    for name, clip in (("free", 0.0), ("cut", 0.01)):
        fitted = trainer(tmp_path, name, gradient_clip=clip, num_epochs=1)
        seen: list[float] = []
        step = fitted.optimizer.step

        def watched(fitted: Trainer = fitted, seen: list[float] = seen, step: Any = step) -> None:
            grads = [p.grad for p in fitted.network.parameters() if p.grad is not None]
            seen.append(torch.stack([g.norm() for g in grads]).norm().item())
            step()

        fitted.optimizer.step = watched
        fitted.fit()
        lengths[name] = max(seen)
    assert lengths["cut"] <= 0.01001 < lengths["free"]


def test_a_learned_root_is_taught_about_the_training_rows_mean(tmp_path: Path) -> None:
    one = trainer(tmp_path, root="learned", model_type="pose", own_views=0.5, num_epochs=4)
    summary = one.fit()
    assert summary["best_score"] < summary["extractor_score"]
    rows = one.train_rows
    samples = [one.recipe.dataset(rows)[index] for index in range(len(rows))]
    inputs = one.network.inputs({name: torch.stack([s[name] for s in samples]) for name in samples[0]})
    torch.testing.assert_close(one.network.inputs_mean, inputs.mean(0), atol=1e-4, rtol=1e-4)
