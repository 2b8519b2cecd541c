"""Validates a network: computes its loss and score, and calibrates its log error."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch

from modules.cache.table import Rows
from modules.dataset import Sample
from modules.inference.uncertainty import Calibration
from modules.metrics import joint_errors, root_error, root_relative_mpjpe
from modules.recipes.base import Metric, Objective, Recipe, Released


@dataclass(frozen=True)
class Evaluation:
    """The result of one validation; errors in mm."""

    loss: float
    score: float
    root: float
    root_relative: float
    facts: dict[
        str, Any
    ]  # for the checkpoint: a Calibration as plain numbers, and how place and released weights are used


@torch.no_grad()
def validate(
    recipe: Recipe,
    objective: Objective,
    loader: Iterable[Sample],
    rows: Rows,
    metric: Metric,
    released: Released | None = None,
) -> Evaluation:
    """Evaluates the objective's network on labelled rows, whose samples the loader yields in order.

    With the released network's outputs for the same batches, the best blend of both networks is evaluated.
    """
    objective.network.eval()
    total = 0.0
    own = []
    for batch in loader:
        own.append(objective.output(batch))
        total += objective.output_loss(own[-1], batch).item() * len(batch["joints"])
    facts, outputs = ({}, own) if released is None else recipe.blended(own, released, rows, metric)
    facts |= recipe.place_facts(outputs, rows, metric)
    world, reference = type(recipe)(recipe.spec, recipe.facts | facts).lift(outputs, rows), rows["joints_world_mm"]
    log_errors = recipe.log_errors(outputs)
    if log_errors is not None:
        facts["uncertainty"] = Calibration.fit(log_errors, joint_errors(world, reference)).as_dict()
    return Evaluation(
        total / len(reference), metric(world, reference), root_error(world, reference),
        root_relative_mpjpe(world, reference), facts,
    )  # fmt: skip
