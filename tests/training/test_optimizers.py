"""The optimizers and learning-rate schedules that the config names."""

import itertools
from typing import Any

import pytest
import torch

from modules.config.train import Train
from modules.training.optimizers import make_optimizer, make_scheduler


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd", "madgrad"])
@pytest.mark.parametrize("schedule", ["cosine", "step", "none"])
def test_optimizers_and_schedules(name: Any, schedule: Any) -> None:
    weight = torch.nn.Linear(1, 1)
    config = Train(optimizer=name, scheduler=schedule, num_epochs=14, learning_rate=0.1)
    optimizer = make_optimizer(config, weight)
    assert type(optimizer).__name__.lower() == name
    scheduler = make_scheduler(config, optimizer)
    rates = []
    for _ in range(14):
        rates.append(optimizer.param_groups[0]["lr"])
        weight(torch.ones(1, 1)).sum().backward()
        optimizer.step()
        scheduler.step()
    expected = {"cosine": (0.1, None), "step": (0.1, 0.03), "none": (0.1, 0.1)}[schedule]
    assert rates[0] == expected[0] and (expected[1] is None or rates[7] == pytest.approx(expected[1]))
    if schedule == "cosine":
        assert all(a > b for a, b in itertools.pairwise(rates))
        assert optimizer.param_groups[0]["lr"] == pytest.approx(0.001)


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd", "madgrad"])
def test_every_optimizer_finds_a_minimum(name: Any) -> None:
    """A line through five points, from a poor start: the loss falls to a hundredth."""
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 5)[:, None]
    line = torch.nn.Linear(1, 1)
    optimizer = make_optimizer(Train(optimizer=name, learning_rate=0.05, weight_decay=0.0), line)
    losses = []
    for _ in range(200):
        optimizer.zero_grad()
        loss = (line(x) - (3 * x - 2)).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.01 * losses[0]


def test_weight_decay_and_momentum_reach_the_optimizer() -> None:
    config = Train(optimizer="madgrad", momentum=0.8, weight_decay=0.02)
    group = make_optimizer(config, torch.nn.Linear(1, 1)).param_groups[0]
    assert (group["momentum"], group["weight_decay"]) == (0.8, 0.02)
    group = make_optimizer(Train(optimizer="adam", momentum=0.8), torch.nn.Linear(1, 1)).param_groups[0]
    assert group["betas"] == (0.8, 0.999)


def test_all_weights_learn_at_one_rate() -> None:
    network = torch.nn.ModuleDict({"backbone": torch.nn.Linear(2, 2), "head": torch.nn.Linear(2, 1)})
    groups = make_optimizer(Train(learning_rate=0.5), network).param_groups
    assert [group["lr"] for group in groups] == [0.5]  # the learning_rate of record.csv
    assert len(groups[0]["params"]) == 4
