"""The base classes of recipes and training objectives.

Training and testing use a network only through its recipe. A recipe's `spec` (the architecture) and `facts` (numbers from
the training labels) are stored in every checkpoint.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from model.image_branch import PretrainedWeightsError
from model.model import PoseNetSpec
from modules.cache.table import Rows
from modules.config.train import Train
from modules.dataset import PoseDataset, Sample
from modules.simulation.augmentation import Augmentation
from modules.simulation.views import ViewSimulator
from modules.training.losses import Distance
from modules.utils import UserError

Autocast = Callable[[], AbstractContextManager[Any]]
Metric = Callable[[np.ndarray, np.ndarray], float]  # of predicted and true joints (B, 24, 3) world mm


@dataclass(frozen=True)
class Released:
    """The released network, and what it predicts for the validation rows."""

    outputs: Sequence[Any]  # one per batch of the rows in order
    score: float  # TRAIN.metric_function
    content: dict[str, Any]  # spec and weights, for a checkpoint
    joint_features: str


class Objective(ABC):
    """The losses of one network: for images, for simulated views, and for validation."""

    simulator: ViewSimulator | None = None  # draws the batches of `view_loss`
    trains_on_images = True  # False: `image_loss` is not used

    def __init__(self, network: Any, distance: Distance, autocast: Autocast) -> None:
        self.network, self.distance, self.autocast = network, distance, autocast

    def output(self, batch: Sample) -> Any:
        """Returns the network's output for a batch, in the configured precision."""
        with self.autocast():  # Fabric's module wrapper would cast inputs in millimetres to half precision
            return self.network(batch)

    @abstractmethod
    def output_loss(self, output: Any, batch: Sample) -> torch.Tensor:
        """Returns the validation loss of an output for a labelled batch."""

    def image_loss(self, batch: Sample) -> torch.Tensor:
        """Returns the training loss of a batch of images."""
        return self.output_loss(self.output(batch), batch)

    def view_loss(self, view: Sample) -> torch.Tensor:
        """Returns the training loss of a batch of simulated views."""
        raise NotImplementedError


class Recipe(ABC):
    """The recipe of one value of TRAIN.model: `spec` is the architecture, `facts` are numbers from the training labels."""

    title: str  # of its row in the tables
    blends = False  # whether its outputs can be averaged with the released network's
    augmentation: Augmentation  # of training samples, if TRAIN.augmentation is true
    spec_type: type[PoseNetSpec] = PoseNetSpec

    def __init__(self, spec: PoseNetSpec, facts: dict[str, Any]) -> None:
        self.spec, self.facts = spec, facts

    @classmethod
    def spec_of(cls, train: Train) -> PoseNetSpec:
        """Returns the architecture that the config describes."""
        names = PoseNetSpec.__dataclass_fields__.keys() & Train.model_fields.keys()
        return cls.spec_type(**{name: getattr(train, name) for name in names})

    @classmethod
    def augmentation_of(cls, train: Train) -> Augmentation:
        """Returns the recipe's augmentation, or none if TRAIN.augmentation is false."""
        return cls.augmentation if train.augmentation else Augmentation()

    @staticmethod
    def extra_facts(rows: Rows) -> dict[str, Any]:
        """Returns the facts of the training rows that only this recipe stores, as plain numbers."""
        return {}

    @staticmethod
    def training_rows(rows: Rows) -> Rows:
        """Returns the training rows that the recipe trains on."""
        return rows

    @staticmethod  # noqa: B027  (a recipe without requirements has nothing to check)
    def check_start(train: Train, parts: Sequence[Rows]) -> None:
        """Raises UserError if anything that training needs is missing."""

    @abstractmethod
    def network(self, pretrained: bool = False) -> nn.Module:
        """Returns an untrained network. Raises PretrainedWeightsError if ImageNet weights cannot be downloaded."""

    def first_network(self, train: Train) -> nn.Module:
        """Returns the network that training starts from. Raises UserError if weights cannot be downloaded."""
        try:
            return self.network(train.pretrained)
        except PretrainedWeightsError as error:
            raise UserError(
                f"TRAIN.pretrained=true: the ImageNet weights could not be downloaded ({error}); connect, or set "
                "TRAIN.pretrained to false"
            ) from None

    @abstractmethod
    def dataset(self, rows: Rows, augmentation: Augmentation | None = None, seed: int = 0) -> PoseDataset:
        """Returns the samples of rows in which a person was found."""

    @abstractmethod
    def objective(self, network: Any, rows: Rows, train: Train, distance: Distance, autocast: Autocast) -> Objective:
        """Returns the training objective on these rows, and fits the network's statistics to them."""

    def log_errors(self, outputs: Sequence[Any]) -> np.ndarray | None:
        """Returns the predicted log error (B, 24) in mm before calibration; None if the network predicts none."""
        return None

    @property
    def joint_features(self) -> str:
        """The joint features that the samples hold."""
        return self.spec.joint_features

    def blended(
        self, outputs: Sequence[Any], released: Released, rows: Rows, metric: Metric
    ) -> tuple[dict[str, Any], Sequence[Any]]:
        """Returns the facts and the outputs of the blend that is best for the rows; {} and `outputs` if they gain nothing."""
        return {}, outputs

    def place_facts(self, outputs: Sequence[Any], rows: Rows, metric: Metric) -> dict[str, Any]:
        """Returns the facts with which `lift` also uses the training people's place; empty if validation rows gain nothing."""
        return {}

    @abstractmethod
    def lift(self, outputs: Sequence[Any], rows: Rows) -> np.ndarray:
        """Lifts the network's outputs, one per batch of the rows in order: (B, 24, 3) world mm."""
