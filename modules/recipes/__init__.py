"""The recipes of TRAIN.model: each has a network, samples, a training objective and lifting.

In: cache rows and the TRAIN section. Out: a `Recipe`, through which training and testing use a network.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from modules.cache.table import Rows
from modules.config.train import Train
from modules.recipes.base import Recipe
from modules.recipes.facts import training_facts
from modules.recipes.original import OriginalRecipe
from modules.recipes.posenet import PoseNetRecipe

RECIPES: dict[str, type[Recipe]] = {"PoseNet": PoseNetRecipe, "OriginalPoseNet": OriginalRecipe}


def make_recipe(train: Train, rows: Rows) -> Recipe:
    """Returns the configured recipe, with facts of these training rows."""
    kind = RECIPES[train.model]
    return kind(kind.spec_of(train), {**training_facts(rows), **kind.extra_facts(rows)})


def recipe_of(checkpoint: Mapping[str, Any]) -> Recipe:
    """Returns the recipe that a checkpoint was trained with."""
    kind = RECIPES[checkpoint["spec"].get("model", "PoseNet")]
    return kind(kind.spec_type(**checkpoint["spec"]), checkpoint.get("facts", {}))
