"""What differs between the networks that TRAIN.model names: what they are shown, what they are taught, how they are read.

A recipe makes the network, its samples and its lessons, and lifts its answers. Trainer and test ask it for these and
know no network by name. All that it remembers of a training, `spec` and `facts`, stands in every checkpoint.
"""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
from torch import nn

from model.model import PoseNetSpec
from modules.augmentation import Augmentation
from modules.cache import Rows
from modules.config import Train
from modules.dataset import PoseDataset, Sample
from modules.losses import Distance
from modules.simulation import ViewSimulator

Autocast = Callable[[], AbstractContextManager[Any]]
RECIPES = {"PoseNet": "modules.posenet:PoseNetRecipe", "OriginalPoseNet": "modules.original:OriginalRecipe"}


class Lessons(ABC):
    """What training makes small, for one network; answers are of the kind that the network gives."""

    simulator: ViewSimulator | None = None  # where there is one, `view_loss` learns from its views

    def __init__(self, network: Any, distance: Distance, autocast: Autocast) -> None:
        self.network, self.distance, self.autocast = network, distance, autocast

    def answer(self, batch: Sample) -> Any:
        """The network's answer to a batch, in the configured precision."""
        with self.autocast():  # not through Fabric's wrapper, which would round millimetres to half precision
            return self.network(batch)

    @abstractmethod
    def answer_loss(self, answer: Any, batch: Sample) -> torch.Tensor:
        """What is wrong with an answer to a labelled batch."""

    def image_loss(self, batch: Sample) -> torch.Tensor:
        """What a batch of images has to teach."""
        return self.answer_loss(self.answer(batch), batch)

    def view_loss(self, view: Sample) -> torch.Tensor:
        """What a batch of simulated views has to teach."""
        raise NotImplementedError


class Recipe(ABC):
    """One TRAIN.model: `spec` shapes its network, `facts` are what it took from the training labels."""

    title: str  # of its row in the tables
    spec_type: type[PoseNetSpec] = PoseNetSpec

    def __init__(self, spec: PoseNetSpec, facts: dict[str, Any]) -> None:
        self.spec, self.facts = spec, facts

    @classmethod
    def spec_of(cls, train: Train) -> PoseNetSpec:
        """What the config says of the network."""
        shapes = (train.input_shape, train.output_shape, train.output_depth)
        return cls.spec_type(
            *shapes, train.resnet_type, train.model_type, train.root, train.backbone, train.looks, train.members
        )

    @staticmethod
    def own_facts(rows: Rows) -> dict[str, Any]:
        """What this recipe alone must remember of the labelled training rows: plain numbers."""
        return {}

    @staticmethod
    def kept(rows: Rows) -> Rows:
        """The training rows that are learned from."""
        return rows

    @staticmethod  # noqa: B027  (a recipe that starts from nothing has nothing to check)
    def check_start(train: Train, parts: Sequence[Rows]) -> None:
        """UserError where weights that a training of this recipe starts from, or what it is told of the rows, are not there."""

    @abstractmethod
    def network(self, pretrained: bool = False) -> nn.Module:
        """A network whose weights are still to come: trained here, or from a checkpoint."""

    def first_network(self, train: Train) -> nn.Module:
        """The network that a training starts from; `check_start` says whether it can be made."""
        return self.network(train.pretrained)

    @abstractmethod
    def dataset(self, rows: Rows, augmentation: Augmentation | None = None, seed: int = 0) -> PoseDataset:
        """Rows in which a person was found, as this network's samples."""

    @abstractmethod
    def lessons(self, network: Any, rows: Rows, train: Train, distance: Distance, autocast: Autocast) -> Lessons:
        """How the network is taught on these rows; what is fitted to them instead of trained goes into it here."""

    def doubts(self, answers: Sequence[Any]) -> np.ndarray | None:
        """How far off each joint of the answers may be, (B, 24) log mm before calibration; None where it is not told."""
        return None

    def check_rows(self, network: Any, rows: Rows) -> None:  # noqa: B027  (most networks answer for all rows)
        """UserError where the network cannot answer for rows such as these."""

    @abstractmethod
    def lift(self, answers: Sequence[Any], rows: Rows) -> np.ndarray:
        """The network's answers, batch after batch, for rows in their order: (B, 24, 3) world mm."""


def recipe_named(name: str) -> type[Recipe]:
    """The recipe of a TRAIN.model."""
    module, _, kind = RECIPES[name].partition(":")
    found: type[Recipe] = getattr(importlib.import_module(module), kind)
    return found


def recipe_of(checkpoint: Mapping[str, Any]) -> Recipe:
    """The recipe that a checkpoint was trained by; a spec that names none is PoseNet's."""
    kind = recipe_named(checkpoint["spec"].get("model", "PoseNet"))
    return kind(kind.spec_type(**checkpoint["spec"]), checkpoint.get("facts", {}))
