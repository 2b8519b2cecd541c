"""PoseNet's recipe: crops that are varied with their cameras, simulated views beside them, answers in the crop's camera."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from model.blazepose import BlazePoseNet, load_blazepose
from model.model import LOOK_AXES, Answer, PoseNet, marginals, mean_placed
from modules.augmentation import Augmentation
from modules.cache import Rows
from modules.config import Train
from modules.dataset import PoseDataset, Sample, pose_inputs
from modules.extractors.blazepose import LANDMARKS_TO_SMPL24, check_weights
from modules.lifting import cached_crop_pose
from modules.looks import LOOK_CHANNELS, read_looks
from modules.losses import Distance, doubt_loss, heat_loss, pose_loss
from modules.prediction import lift_answers
from modules.recipes import Autocast, Lessons, Recipe
from modules.simulation import Miscalibration, OwnViews, ViewSimulator, fit_root_cues
from modules.utils import UserError
from pre_models.fetch import BLAZEPOSE_FOLDER


class PoseNetRecipe(Recipe):
    """See modules.recipes.Recipe."""

    title = "PoseNet"

    @staticmethod
    def check_start(train: Train, parts: Sequence[Rows]) -> None:
        """See modules.recipes.Recipe."""
        for rows in parts if train.looks != "none" else ():
            read_looks(rows, train.looks)
        if train.backbone == "blazepose" and train.model_type != "pose":
            check_weights("full", BLAZEPOSE_FOLDER)

    def network(self, pretrained: bool = False) -> PoseNet:
        """A PoseNet that answers the cached pose."""
        return PoseNet(self.spec, pretrained)

    def first_network(self, train: Train) -> PoseNet:
        """With BlazePose's network from its own file, and its joints as the extractor has them."""
        network = self.network(train.pretrained)
        if network.sees_image and isinstance(network.backbone, BlazePoseNet):
            load_blazepose(network.backbone, check_weights("full", BLAZEPOSE_FOLDER)[1])
            with torch.no_grad():
                network.joints.weight.copy_(torch.from_numpy(LANDMARKS_TO_SMPL24))
        return network

    def dataset(self, rows: Rows, augmentation: Augmentation | None = None, seed: int = 0) -> PoseDataset:
        """Samples in the crop's camera."""
        return PoseDataset(rows, self.spec.input_shape, augmentation, seed, self.spec.looks)

    def lessons(self, network: PoseNet, rows: Rows, train: Train, distance: Distance, autocast: Autocast) -> Lessons:
        """Images and simulated views; the root's cues are fitted to the rows."""
        simulates = train.simulated_views > 0 and network.sees_pose
        simulator = make_simulator(rows, train) if simulates else None
        if network.sees_pose:
            network.root_cues.copy_(torch.tensor(fit_root_cues(rows.own)))
            if network.learns_root and train.init_from is None:  # else the weights know their inputs as they were
                fit_inputs(network, rows)
            if network.sees_looks and train.init_from is None:
                fit_looks(network, rows)
        return PoseNetLessons(network, distance, autocast, simulator, train.loss_space, train.heat_cells)

    def check_rows(self, network: PoseNet, rows: Rows) -> None:
        """See modules.recipes.Recipe."""
        lacking = np.isnan(rows["floor_height_mm"]) | np.isnan(rows["world_up"]).any(1)
        if lacking.any() and network.needs_floor:
            raise UserError(
                f"{rows['file_name'][lacking][0]} and {lacking.sum() - 1} more images: their cameras declare no floor, and "
                "this network has learned to place people by theirs; write world_up and floor_height_mm into the camera "
                "files, or train on data without them"
            )

    def doubts(self, answers: Sequence[Answer]) -> np.ndarray:
        """How far off each joint may be: (B, 24) log mm, to be calibrated."""
        return torch.cat([answer.doubt for answer in answers]).double().cpu().numpy()

    def lift(self, answers: Sequence[Answer], rows: Rows) -> np.ndarray:
        """Through the crop's camera, K and [R|t]: (B, 24, 3) world mm."""
        return lift_answers(answers, rows)


def make_simulator(rows: Rows, train: Train) -> ViewSimulator:
    """The simulated views that the config asks for."""
    off, own = Miscalibration.of(train), None
    if train.own_views > 0:
        own = OwnViews(rows, train.simulated_mirror, Augmentation.of(train), off, train.looks)
    return ViewSimulator(rows, train.simulated_mirror, train.simulated_errors == "drawn", own, train.own_views, off)


def fit_inputs(network: PoseNet, rows: Rows) -> None:
    """Let the pose branch see every input about its mean over the training rows, in spreads."""
    inputs = pose_inputs(cached_crop_pose(rows.columns), dict(rows.columns))
    seen = network.inputs({name: torch.from_numpy(np.asarray(values, np.float32)) for name, values in inputs.items()})
    network.inputs_mean.copy_(seen.mean(0))
    network.inputs_spread.copy_(seen.std(0).clamp_min(1e-3))


def fit_looks(network: PoseNet, rows: Rows) -> None:
    """Let the pose branch be told of all joints' looks over the training rows what varies most, in spreads."""
    looks = read_looks(rows, network.spec.looks)[:, 0].reshape(-1, LOOK_CHANNELS).astype(np.float64)
    mean, spread = looks.mean(0), looks.std(0) + 1e-3
    variances, axes = np.linalg.eigh(np.cov((looks - mean) / spread, rowvar=False, bias=True))
    scaled = axes / np.sqrt(variances.clip(1e-2))  # of unit variance, but for what hardly varies
    network.looks_mean.copy_(torch.from_numpy(mean))
    network.looks_axes.copy_(torch.from_numpy(scaled[:, ::-1][:, :LOOK_AXES] / spread[:, None]))


class PoseNetLessons(Lessons):
    """Each branch learns apart from the other, the pose branch from simulated views where there are any."""

    network: PoseNet

    def __init__(
        self, network: PoseNet, distance: Distance, autocast: Autocast, simulator: ViewSimulator | None, space: str,
        heat_cells: float,
    ) -> None:  # fmt: skip
        super().__init__(network, distance, autocast)
        self.simulator, self.space, self.heat_cells = simulator, space, heat_cells

    def view_loss(self, view: Sample) -> torch.Tensor:
        """What the pose branch's members get wrong, each by itself, and how little all of them know of it; the prior's width
        follows their mean."""
        places = self.network.places(view)
        placed = mean_placed(places)
        if self.network.sees_image and not self.network.is_blazepose:
            self.network.prior.follow(placed.uvd - view["target"])
        losses = [pose_loss(one.uvd, one.root_mm, view, self.distance, self.space) for one in places]
        return torch.stack(losses).mean() + doubt_loss(placed.doubt, placed.uvd, placed.root_mm, view)

    def image_loss(self, batch: Sample) -> torch.Tensor:
        """What a batch of images has to teach: the image branch its densities, and all that nothing else teaches."""
        if not self.network.sees_image:
            return self.view_loss(batch)
        if not self.network.sees_pose:
            answer = self.answer(batch)
            return self.answer_loss(answer, batch) + doubt_loss(answer.doubt, answer.uvd, answer.root_mm, batch)
        if self.network.is_blazepose:
            loss = self.answer_loss(self.answer(batch), batch)
        else:
            with self.autocast():
                loss = heat_loss(marginals(self.network.see(batch)[1]), batch["target"], self.heat_cells)
        return loss if self.simulator is not None else loss + self.view_loss(batch)

    def answer_loss(self, answer: Answer, batch: Sample) -> torch.Tensor:
        """How far the pose, and what the image says by itself, are from the label."""
        loss = pose_loss(answer.uvd, answer.root_mm, batch, self.distance, self.space)
        if answer.evidence is None:
            return loss
        if isinstance(answer.evidence, torch.Tensor):
            return loss + self.distance(answer.evidence, batch["target"])
        return loss + heat_loss(answer.evidence, batch["target"], self.heat_cells)
