"""Trainings on made-up rows, interrupted and resumed."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from benchmarks.kills.small_network import HEAD_CHANNELS, backbone
from model import image_branch
from modules import trainer
from modules.cache.table import Rows
from modules.config.schema import Config
from modules.config.train import Train
from modules.runs import checkpoints, folders
from modules.trainer import Trainer, TrainingJob
from modules.training import batches
from tests.builders import make_rows


def use_backbone(patch: pytest.MonkeyPatch, made: Callable[..., nn.Module]) -> None:
    """Replaces ResNet18 by another backbone, and makes HeadNet narrow."""
    patch.setattr(image_branch, "resnet18", made)
    patch.setattr(image_branch.HeadNet.__init__, "__defaults__", (HEAD_CHANNELS,))


@pytest.fixture
def small_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the image branch small where its accuracy does not matter: a checkpoint of ResNet18 has 200 MB."""
    use_backbone(monkeypatch, backbone)


@pytest.fixture
def few_views(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the batches of simulated views small where it does not matter how much is learned from them."""
    for module in (batches, trainer):
        monkeypatch.setattr(module, "SIMULATED_BATCH", 16)


@functools.cache
def rows_of(folder: Path) -> tuple[Rows, Rows]:
    """Returns the rows that all trainers in a folder train and validate on, which are made once."""
    rows = make_rows(folder / "train", 24, seed=1, noise=10, size=0.85)
    return rows, make_rows(folder / "validation", 8, seed=2, noise=10, size=0.85)


def make_trainer(folder: Path, name: str = "run", draws: bool = False, **train: Any) -> Trainer:
    """Returns a trainer on 24 rows that validates on 8; its run folder is `folder` / `name`. Curves are drawn if `draws`."""
    run = folder / name
    run.mkdir(exist_ok=True)
    config = Config(TRAIN=Train(**{"batch_size": 8, "view_steps": 50, **train}))
    made = Trainer(TrainingJob(config, *rows_of(folder), run, "key", "fingerprint"))
    if not draws:
        made.recorder.draw = lambda: None  # type: ignore[method-assign]
    return made


def interrupt(running: Trainer, epoch: int, steps: int) -> None:
    """Runs an epoch and interrupts it as Ctrl-C does, after so many steps."""
    counted = itertools.count(1)
    running.stop_requested = lambda: next(counted) == steps
    with pytest.raises(KeyboardInterrupt):
        running._run_epoch(epoch)


def resume(folder: Path, name: str = "cut", **train: Any) -> Trainer:
    """Returns a new trainer that has resumed from the run's model.pt, whatever state the random generator was in."""
    resumed = make_trainer(folder, name, **train)
    torch.manual_seed(999)
    resumed.resume(folder / name / folders.LAST)
    return resumed


def assert_same_end(folder: Path, one: str = "whole", other: str = "cut") -> None:
    """Asserts that two runs ended with the same weights and training losses."""
    a, b = (checkpoints.load_checkpoint(folder / run / folders.LAST) for run in (one, other))
    for name, value in a["model"].items():
        assert torch.equal(value, b["model"][name]), name
    assert [row["train_loss"] for row in a["record"]] == [row["train_loss"] for row in b["record"]]
