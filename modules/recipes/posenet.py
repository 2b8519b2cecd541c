"""PoseNet's recipe: augmented crops, simulated views for the pose branch, and one objective per model type."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from model.blend import Shares, blend
from model.heatmaps import marginals
from model.model import ImageAndPoseNet, ImageOnlyNet, PoseNet, PoseNetSpec, PoseOnlyNet, PoseOutput, make_posenet
from model.pose_branch import BranchOutput, PoseBranch, mean_output
from model.skeleton import ROOT
from modules.cache.crop_joints import cam_to_crop
from modules.cache.joint_features import read_joint_features
from modules.cache.label_weights import WEIGHT
from modules.cache.table import FITTED_ROWS, Rows
from modules.config.train import Train
from modules.dataset import PoseDataset, Sample
from modules.inference.lifting import lift
from modules.inference.place import Place, root_at_place
from modules.pose_utils import world2cam
from modules.recipes.base import Autocast, Metric, Objective, Recipe, Released
from modules.recipes.statistics import (
    fit_bones,
    fit_contact,
    fit_feature_axes,
    fit_input_scale,
    fit_root_cues,
    row_inputs,
)
from modules.simulation.augmentation import POSENET_AUGMENTATION, Augmentation
from modules.simulation.views import RealViews, SimulationSettings, ViewSimulator
from modules.training.batches import TOGETHER
from modules.training.losses import Distance, depth_loss, heatmap_loss, log_error_loss, pose_loss
from modules.utils import log

SCALE_SEED, SCALE_VIEWS = 0, 4096  # of the simulated views to which the input scales are fitted
BLEND_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the released weights, for the pose and for the root
BLEND_IMAGES = 512  # of the validation rows, at most, that the shares are chosen on
BLEND_GAIN_MM = 1.0  # by which validation people must gain before the released weights are blended in
PLACE_GAIN_MM = 1.0  # by which validation people must gain before the training people's place is used


class PoseNetRecipe(Recipe):
    """PoseNet's recipe (see modules.recipes.base.Recipe)."""

    title = "PoseNet"
    blends = True
    augmentation = POSENET_AUGMENTATION

    @classmethod
    def spec_of(cls, train: Train) -> PoseNetSpec:
        """Returns the architecture; unless the root depth is learned, bones decide the joints, and pelvis and feet the root."""
        by_height = train.root == "height"
        return replace(super().spec_of(train), bone_prior=by_height, floor_contact=by_height)

    @classmethod
    def augmentation_of(cls, train: Train) -> Augmentation:
        """Returns the recipe's augmentation; a network that learns the root depth also trains without floors."""
        return replace(super().augmentation_of(train), withheld_floors=train.root == "learned")

    @staticmethod
    def check_start(train: Train, parts: Sequence[Rows]) -> None:
        """Raises UserError if joint features are used, and some are missing or stale."""
        for rows in parts if train.joint_features != "none" else ():
            read_joint_features(rows, train.joint_features)

    def network(self, pretrained: bool = False) -> PoseNet:
        """Returns an untrained PoseNet."""
        return make_posenet(self.spec, pretrained)

    @property
    def joint_features(self) -> str:
        """See Recipe: those of the released network, if the facts blend with it."""
        return str(self.facts.get("blend", {}).get("joint_features", self.spec.joint_features))

    def dataset(self, rows: Rows, augmentation: Augmentation | None = None, seed: int = 0) -> PoseDataset:
        """Returns samples in the crop's camera."""
        with_images = self.spec.model_type != "pose"
        return PoseDataset(rows, self.spec.input_shape, augmentation, seed, self.joint_features, with_images)

    def objective(
        self, network: PoseNet, rows: Rows, train: Train, distance: Distance, autocast: Autocast
    ) -> Objective:
        """Returns the objective of the model type; the pose branch's statistics are fitted to the rows."""
        if isinstance(network, ImageOnlyNet):
            return ImageObjective(network, distance, autocast, train.heatmap_sigma)
        rows = rows.sample(FITTED_ROWS)
        simulator = make_simulator(rows, train) if train.view_steps > 0 else None
        if network.pose is not None:
            fit_pose_branch(network.pose, rows, train, simulator)
        if isinstance(network, ImageAndPoseNet):
            return ImageAndPoseObjective(network, distance, autocast, simulator, train.heatmap_sigma)
        return PoseObjective(network, distance, autocast, simulator)

    def log_errors(self, outputs: Sequence[PoseOutput]) -> np.ndarray:
        """Returns the predicted log error (B, 24) in mm, before calibration."""
        return np.asarray(torch.cat([output.log_error for output in outputs]).double().cpu().numpy())

    def blended(
        self, outputs: Sequence[PoseOutput], released: Released, rows: Rows, metric: Metric
    ) -> tuple[dict[str, Any], Sequence[PoseOutput]]:
        """See Recipe: the shares of `chosen_shares` in a grid, if its best is at least BLEND_GAIN_MM better than without."""

        def of(shares: Shares) -> list[PoseOutput]:
            return [blend(*pair, shares) for pair in zip(outputs, released.outputs, strict=True)]

        some = np.unique(np.linspace(0, len(rows) - 1, BLEND_IMAGES).round().astype(int))
        truth = rows.at("joints_world_mm", some)
        errors = {
            shares: _each(metric, self._lifted(*_joined(of(shares)), rows, {})[some], truth)
            for shares in itertools.starmap(Shares, itertools.product(BLEND_SHARES, repeat=2))
        }
        if not errors[Shares(0.0, 0.0)].mean() - min(e.mean() for e in errors.values()) >= BLEND_GAIN_MM:
            return {}, outputs
        shares = chosen_shares(errors)
        return {"blend": {**shares._asdict(), "joint_features": released.joint_features}}, of(shares)

    def place_facts(self, outputs: Sequence[PoseOutput], rows: Rows, metric: Metric) -> dict[str, Any]:
        """See Recipe: the place is used if people who did not train gain at least PLACE_GAIN_MM by it."""
        if set(rows["person"].astype(str)) & set(self.facts["place"]["people"]):
            log.debug("the training people's place is not used: no whole person is held out to show that it helps")
            return {}
        uvd, root_mm = _joined(outputs)
        truth = cam_to_crop(world2cam(rows["joints_world_mm"], rows["R"], rows["t"]), rows["R_cam2crop"])
        facts = {"place_root_log_sd": float(np.sqrt((np.log(root_mm / truth.root_mm) ** 2).mean()))}
        without, with_place = (
            metric(self._lifted(uvd, root_mm, rows, used), rows["joints_world_mm"]) for used in ({}, facts)
        )
        gain = without - with_place
        log.debug("the training people's place: %.1f mm gained on validation people", gain)
        return facts if gain >= PLACE_GAIN_MM else {}

    def lift(self, outputs: Sequence[PoseOutput], rows: Rows) -> np.ndarray:
        """Lifts through the crop's camera, K and [R|t]: (B, 24, 3) world mm."""
        return self._lifted(*_joined(outputs), rows, self.facts)

    def _lifted(self, uvd: np.ndarray, root_mm: np.ndarray, rows: Rows, facts: Mapping[str, Any]) -> np.ndarray:
        """Lifts with root depths that are fused with the training people's place, if the facts say so."""
        if "place_root_log_sd" in facts:
            place = Place.of(self.facts["place"])
            root_mm = root_at_place(place, uvd[:, ROOT, :2], root_mm, facts["place_root_log_sd"], rows.columns)
        return lift(uvd, root_mm, rows.columns)


def chosen_shares(errors: Mapping[Shares, np.ndarray]) -> Shares:
    """Returns the mean of the shares that are as good as the best, by the errors (N,) of the same images with each.

    As good are those whose mean error exceeds the best one's by at most the standard error of the difference: few validation
    people do not tell them apart, and what is between them is right more often than the best by chance.
    """
    best = min(errors.values(), key=lambda error: float(error.mean()))
    excess = {shares: error - best for shares, error in errors.items()}
    as_good = [shares for shares, more in excess.items() if more.mean() <= more.std() / np.sqrt(len(more))]
    return Shares(*np.mean(as_good, 0).tolist())


def _each(metric: Metric, predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Returns the metric of every image by itself: (B,)."""
    return np.array([metric(one[None], other[None]) for one, other in zip(predicted, truth, strict=True)])


def _joined(outputs: Sequence[PoseOutput]) -> tuple[np.ndarray, np.ndarray]:
    """Returns u, v, depth (B, 24, 3) and root depths (B,) mm of all batches."""
    uvd, root_mm = (torch.cat([getattr(output, name) for output in outputs]) for name in ("uvd", "root_mm"))
    return uvd.double().cpu().numpy(), root_mm.double().cpu().numpy()


def make_simulator(rows: Rows, train: Train) -> ViewSimulator:
    """Returns the simulator of views that the config describes."""
    settings, real_views = SimulationSettings.of(train), None
    if train.real_view_share > 0:
        augmentation = PoseNetRecipe.augmentation_of(train)
        real_views = RealViews(rows, settings, augmentation, train.joint_features)
    return ViewSimulator(rows, settings, real_views, train.real_view_share)


def fit_pose_branch(branch: PoseBranch, rows: Rows, train: Train, simulator: ViewSimulator | None) -> None:
    """Fits the statistics of the pose branch; weights of TRAIN.init_from keep the input scales they were trained with."""
    branch.root_cues.copy_(torch.tensor(fit_root_cues(rows.primary)))
    if branch.bone_prior:
        branch.bones_mm.copy_(torch.from_numpy(fit_bones(rows.primary)))
    if branch.floor_contact:
        branch.contact.copy_(torch.tensor(fit_contact(rows.primary)))
    if train.init_from is None:
        rng = np.random.default_rng(SCALE_SEED)
        fit_input_scale(branch, simulator.draw(rng, SCALE_VIEWS) if simulator is not None else row_inputs(rows))
        if branch.uses_joint_features:
            fit_feature_axes(branch, rows, train.joint_features)


class PoseObjective(Objective):
    """Objective of the pose branch: trains on simulated views, or without a simulator on the cached poses of the images."""

    network: PoseOnlyNet | ImageAndPoseNet

    def __init__(
        self, network: PoseNet, distance: Distance, autocast: Autocast, simulator: ViewSimulator | None
    ) -> None:
        super().__init__(network, distance, autocast)
        self.simulator = simulator
        self.trains_on_images = simulator is None

    def view_loss(self, view: Sample) -> torch.Tensor:
        """Returns the mean of the members' pose losses, plus the loss of the log error of their mean output."""
        outputs = self.network.pose.member_outputs(view, bool(view.get(TOGETHER, True)))
        mean = mean_output(outputs)
        self._observe(mean, view)
        losses = [pose_loss(output.uvd, output.root_mm, view, self.distance) for output in outputs]
        losses += [depth_loss(output.depth, view) for output in outputs if output.depth is not None]
        return torch.stack(losses).sum() / len(outputs) + log_error_loss(mean, view)

    def _observe(self, mean: BranchOutput, view: Sample) -> None:
        """Receives the ensemble's mean output before the loss is computed; for subclasses."""

    def image_loss(self, batch: Sample) -> torch.Tensor:
        """Returns the loss of the images' cached poses."""
        return self.view_loss(batch)

    def output_loss(self, output: PoseOutput, batch: Sample) -> torch.Tensor:
        """Returns the pose loss."""
        return pose_loss(output.uvd, output.root_mm, batch, self.distance)


class ImageAndPoseObjective(PoseObjective):
    """Objective of both branches, each with its own loss; the prior's width follows the errors of the pose branch."""

    network: ImageAndPoseNet

    def __init__(
        self,
        network: ImageAndPoseNet,
        distance: Distance,
        autocast: Autocast,
        simulator: ViewSimulator | None,
        heatmap_sigma: float,
    ) -> None:
        super().__init__(network, distance, autocast, simulator)
        self.heatmap_sigma, self.trains_on_images = heatmap_sigma, True

    def _observe(self, mean: BranchOutput, view: Sample) -> None:
        self.network.prior.update(mean.uvd - view["target"])

    def image_loss(self, batch: Sample) -> torch.Tensor:
        """Returns the heatmap loss; without a simulator, plus the loss of the images' cached poses."""
        with self.autocast():
            heatmaps = marginals(self.network.image(batch["image"]))
            loss = heatmap_loss(heatmaps, batch["target"], self.heatmap_sigma, batch.get(WEIGHT))
        return loss if self.simulator is not None else loss + self.view_loss(batch)

    def output_loss(self, output: PoseOutput, batch: Sample) -> torch.Tensor:
        """Returns the pose loss of the fused output plus the heatmap loss."""
        assert output.heatmaps is not None
        loss = heatmap_loss(output.heatmaps, batch["target"], self.heatmap_sigma, batch.get(WEIGHT))
        return super().output_loss(output, batch) + loss


class ImageObjective(Objective):
    """Objective of the image branch alone."""

    network: ImageOnlyNet

    def __init__(self, network: ImageOnlyNet, distance: Distance, autocast: Autocast, heatmap_sigma: float) -> None:
        super().__init__(network, distance, autocast)
        self.heatmap_sigma = heatmap_sigma

    def image_loss(self, batch: Sample) -> torch.Tensor:
        """Returns the pose loss plus the heatmap loss plus the loss of the log error."""
        output = self.output(batch)
        return self.output_loss(output, batch) + log_error_loss(output, batch)

    def output_loss(self, output: PoseOutput, batch: Sample) -> torch.Tensor:
        """Returns the pose loss plus the heatmap loss."""
        assert output.heatmaps is not None
        loss = pose_loss(output.uvd, output.root_mm, batch, self.distance)
        return loss + heatmap_loss(output.heatmaps, batch["target"], self.heatmap_sigma, batch.get(WEIGHT))
