"""PoseNet: a person crop and a cached pose in, the refined pose and its root depth out.

    crop (B, 3, S, S) ─ ImageBranch ─ heatmap volumes ─ marginals ─┐
                                                                   ├─ product ─ soft-argmax → u, v, depth
    pose (B, 24, 3+5) ─ PoseBranch ─ u, v, depth ─ PosePrior ──────┘
                             └─ root depth, log error

Each branch has its own loss. The prior is a Gaussian as wide as the pose branch's errors, so that its product with the
heatmap marginals weights both (`ImageAndPoseNet`). `PoseOnlyNet` and `ImageOnlyNet` have one branch.
Coordinates: u, v over ±1 between the crop's outer edges, depth over ±1 for the root ± 1000 mm.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from model.distributed import SyncDropout
from model.heatmaps import Axes, expectation, marginals
from model.image_branch import RESNET_CHANNELS, ImageBranch
from model.inputs import CROP_SIZE
from model.pose_branch import Batch, BranchOutput, PoseBranch
from model.pose_member import HIDDEN, ErrorHead, zero_linear
from model.prior import PosePrior
from model.skeleton import NUM_JOINTS

BODY_SPAN_MM = 2000.0  # image only: the crop shows about this much at the root's depth


@dataclass(frozen=True)
class PoseNetSpec:
    """The architecture; stored in every checkpoint."""

    input_shape: int = 128
    output_depth: int = 32
    resnet_type: int = 18
    model_type: str = "image+pose"
    root: str = "height"
    joint_features: str = "none"
    ensemble_size: int = 1
    bone_prior: bool = False
    floor_contact: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Returns the fields as plain values."""
        return asdict(self)

    @property
    def output_shape(self) -> int:
        """Cells of the heatmap volume along u and v."""
        return self.input_shape // 4


class PoseOutput(NamedTuple):
    """PoseNet's output for B images."""

    uvd: Tensor  # (B, 24, 3) u, v, depth over ±1
    root_mm: Tensor  # (B,) depth of the root in the crop's camera
    heatmaps: Axes | None  # marginals of the image branch along u, v, depth: (B, 24, cells) each
    log_error: Tensor  # (B, 24) predicted log error, mm, before calibration


class PoseNet(nn.Module):
    """Base class of the three model types: the spec and the two branches, of which one may be None."""

    image: ImageBranch | None
    pose: PoseBranch | None

    def __init__(self, spec: PoseNetSpec, image: ImageBranch | None = None, pose: PoseBranch | None = None) -> None:
        super().__init__()
        self.spec, self.image, self.pose = spec, image, pose
        self.to(memory_format=torch.channels_last)  # a third faster or more, with the same results


def make_pose_branch(spec: PoseNetSpec) -> PoseBranch:
    """Returns the pose branch of this architecture."""
    return PoseBranch(
        spec.root == "learned", spec.joint_features != "none", spec.ensemble_size, spec.bone_prior, spec.floor_contact
    )


class PoseOnlyNet(PoseNet):
    """The pose branch alone (model_type: pose)."""

    pose: PoseBranch

    def __init__(self, spec: PoseNetSpec) -> None:
        super().__init__(spec, pose=make_pose_branch(spec))

    def forward(self, batch: Batch) -> PoseOutput:
        """Returns the pose branch's output for a batch of samples (see modules.dataset)."""
        return without_image(self.pose(batch))


class ImageAndPoseNet(PoseNet):
    """Both branches, fused as the product of heatmap marginals and pose prior (model_type: image+pose)."""

    image: ImageBranch
    pose: PoseBranch

    def __init__(self, spec: PoseNetSpec, pretrained: bool = False) -> None:
        super().__init__(spec, ImageBranch(spec.output_depth, pretrained), make_pose_branch(spec))
        self.prior = PosePrior((spec.output_shape, spec.output_shape, spec.output_depth))

    def forward(self, batch: Batch) -> PoseOutput:
        """Returns the fused output for a batch of samples (see modules.dataset)."""
        heatmaps = marginals(self.image(batch["image"]))
        by_pose: BranchOutput = self.pose(batch)
        return PoseOutput(self.prior.fuse(by_pose.uvd, heatmaps), by_pose.root_mm, heatmaps, by_pose.log_error)


class ImageReader(nn.Module):
    """Predicts a correction of the soft-argmax, the root depth and the log error from pooled image features (B, 512)."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden = nn.Sequential(nn.Linear(RESNET_CHANNELS, HIDDEN), nn.GELU(), SyncDropout(0.1))
        self.shift, self.root = zero_linear(HIDDEN, NUM_JOINTS * 3), zero_linear(HIDDEN, 1)
        self.error = ErrorHead(RESNET_CHANNELS + HIDDEN)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns shift (B, 24, 3), root log-ratio (B,) and log error (B, 24) of features (B, 512)."""
        hidden = self.hidden(features)
        shift = self.shift(hidden).float().unflatten(1, (NUM_JOINTS, 3))
        log_error = self.error(torch.cat([features, hidden], 1))
        return shift, self.root(hidden).float().squeeze(1), log_error


class ImageOnlyNet(PoseNet):
    """The image branch alone (model_type: image); the root depth starts from the crop's focal length."""

    image: ImageBranch

    def __init__(self, spec: PoseNetSpec, pretrained: bool = False) -> None:
        super().__init__(spec, ImageBranch(spec.output_depth, pretrained))
        self.reader = ImageReader()

    def forward(self, batch: Batch) -> PoseOutput:
        """Returns the image branch's output for a batch of samples (see modules.dataset)."""
        features = self.image.features(batch["image"])
        heatmaps = marginals(self.image.volumes(features))
        shift, root_log_ratio, log_error = self.reader(features.mean((-2, -1)))
        root_mm = batch["K_crop"][:, 0, 0] * (BODY_SPAN_MM / CROP_SIZE) * torch.exp(root_log_ratio)
        return PoseOutput(expectation(heatmaps) + shift, root_mm, heatmaps, log_error)


def without_image(output: BranchOutput) -> PoseOutput:
    """Returns the pose branch's output as a PoseOutput without heatmaps."""
    return PoseOutput(output.uvd, output.root_mm, None, output.log_error)


def make_posenet(spec: PoseNetSpec, pretrained: bool = False) -> PoseNet:
    """Returns an untrained network of spec.model_type; if `pretrained`, its ResNet18 has ImageNet weights.

    Raises ValueError for an unknown architecture, PretrainedWeightsError if the weights cannot be downloaded.
    """
    if spec.resnet_type != 18:
        raise ValueError(f"resnet_type must be 18, not {spec.resnet_type}")
    if spec.model_type == "pose":
        return PoseOnlyNet(spec)
    if spec.model_type == "image":
        return ImageOnlyNet(spec, pretrained)
    if spec.model_type == "image+pose":
        return ImageAndPoseNet(spec, pretrained)
    raise ValueError(f"model_type must be pose, image or image+pose, not {spec.model_type}")
