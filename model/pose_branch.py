"""The pose branch: MLPs that correct a cached pose, its root depth and left/right swaps, and predict their own error.

    pose (B, 24, 3+5), floor, camera ─ MLP ─┬─ shift of each joint (u, v, depth)
    joint features (B, 24, 48) ─ MLP ───────┤─ log-ratio of the root depth
                                            ├─ probability of a left/right swap
                                            ├─ log error of each joint (calibrated in modules.inference.uncertainty)
                                            └─ density of each joint's depth (with a bone prior) ─ skeleton tree ─ depth

With a bone prior, the depths of all joints are decided together from their densities and the training people's bone lengths
(model.skeleton_tree). The branch is an ensemble of such MLPs and returns the mean of their outputs. Root depths and errors
are averaged as logs. A branch that learns the root depth has a second ensemble, for poses without a floor.
The untrained branch without a bone prior returns the cached pose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from model.inputs import CROP_SIZE, DEPTH_RANGE_MM, FEATURE_CHANNELS
from model.pose_member import FEATURE_AXES, MemberOutput, PoseMember, choose
from model.skeleton import MIRROR, NUM_JOINTS, ROOT
from model.skeleton_tree import bone_potentials, joint_densities

Batch = dict[str, Tensor]

PER_JOINT = 3 + 5  # numbers per joint of `joints` and `pose_features`
PER_JOINT_LEVEL = 7  # numbers per joint of `joints_level`
PER_CAMERA = 6  # numbers of `camera`
FLAGS = (NUM_JOINTS * PER_JOINT, -1)  # where has_floor and, if the root is learned, has_up are among the inputs
SWAP_THRESHOLD = 0.9  # a left/right swap is undone only above this probability
MIN_DROP_M = 0.05  # height differences between pelvis and camera below this are replaced by it
MAX_STANDARD_DEVIATIONS = 5.0  # standardised inputs are clamped to this
DEPTH_CELLS, DEPTH_HALF_WIDTH = 33, 0.6  # of a joint's density, over the cached depth ± 0.6 (600 mm)
FIRST_DEPTH_SPREAD = 0.1  # of the untrained density
MIRRORED = "mirrored_"  # prefix of the batch entries that describe the mirrored scene


class DepthDensity(NamedTuple):
    """The densities of the joints' depths, over ±1."""

    probability: Tensor  # (B, 24, C)
    cells: Tensor  # (B, 24, C) depths of the cells


class BranchOutput(NamedTuple):
    """The output of one branch for B images."""

    uvd: Tensor  # (B, 24, 3) u, v, depth over ±1
    root_mm: Tensor  # (B,) depth of the root in the crop's camera
    log_error: Tensor  # (B, 24) predicted log error, mm
    depth: DepthDensity | None = None  # of one member with a bone prior


class PoseBranch(nn.Module):
    """The ensemble, the statistics of its inputs, and the root depth by pelvis height; modules.dataset describes the batch."""

    mirror: Tensor
    # (3,) mean pelvis height over the floor and its error, m; relative error of the extractor's root depth
    root_cues: Tensor
    bones_mm: Tensor  # (2, 24) length of the bone to each joint's parent, and its standard deviation
    inputs_mean: Tensor
    inputs_std: Tensor
    features_mean: Tensor
    features_axes: Tensor  # principal axes of the joint features, scaled to unit variance

    def __init__(
        self, learns_root: bool, uses_joint_features: bool, ensemble_size: int, bone_prior: bool = False
    ) -> None:
        super().__init__()
        self.learns_root, self.uses_joint_features, self.bone_prior = learns_root, uses_joint_features, bone_prior
        self.register_buffer("mirror", torch.tensor(MIRROR), persistent=False)
        self.register_buffer("root_cues", torch.tensor([0.0, 1e6, 0.0]))  # until fitted: the extractor's root depth
        inputs = NUM_JOINTS * PER_JOINT + 1
        if learns_root:
            inputs += NUM_JOINTS * PER_JOINT_LEVEL + PER_CAMERA + 1
        self.register_buffer("inputs_mean", torch.zeros(inputs))  # of the training views in which each is known
        self.register_buffer("inputs_std", torch.ones(inputs))
        if uses_joint_features:
            self.register_buffer("features_mean", torch.zeros(FEATURE_CHANNELS))  # of the training rows
            self.register_buffer("features_axes", torch.eye(FEATURE_CHANNELS, FEATURE_AXES))
        if bone_prior:
            self.register_buffer(
                "bones_mm", torch.tensor([[1e3], [1e6]]).repeat(1, NUM_JOINTS)
            )  # until fitted: any length
        member = (inputs, uses_joint_features, DEPTH_CELLS if bone_prior else 0)
        self.ensemble = nn.ModuleList(PoseMember(*member) for _ in range(ensemble_size))
        if learns_root:  # of the poses without a floor: one MLP for both cases would be 16 mm worse with a floor
            self.without_floor = nn.ModuleList(PoseMember(*member) for _ in range(ensemble_size))

    def forward(self, batch: Batch) -> BranchOutput:
        """Returns the mean over the ensemble and, with joint features of the mirrored scene too, over both scenes."""
        output = mean_output(self.member_outputs(batch))
        mirrored = {name.removeprefix(MIRRORED): x for name, x in batch.items() if name.startswith(MIRRORED)}
        if not (mirrored and self.uses_joint_features):
            return output
        return mean_output([output, self._unmirrored(mean_output(self.member_outputs(mirrored)))])

    def member_outputs(self, batch: Batch, together: bool = True) -> list[BranchOutput]:
        """Returns the output of each ensemble member; unless `together`, a bone prior is left out."""
        # In float32, since half precision would cost millimetres and save no time.
        with torch.autocast(batch["joints"].device.type, enabled=False):
            inputs, features, has_features = self._standardised(batch), None, None
            if self.uses_joint_features:
                projected = (batch["joint_features"] - self.features_mean) @ self.features_axes
                features = projected.clamp(-MAX_STANDARD_DEVIATIONS, MAX_STANDARD_DEVIATIONS).flatten(1)
                has_features = batch["has_joint_features"]
            outputs: list[MemberOutput] = [member(inputs, features, has_features) for member in self.ensemble]
            if self.learns_root:
                others: list[MemberOutput] = [member(inputs, features, has_features) for member in self.without_floor]
                outputs = [choose(batch["has_floor"], *pair) for pair in zip(outputs, others, strict=True)]
            swaps = [output.swap for output in outputs]
            if not self.training:  # one decision for all members, since half a swap would mix left and right
                swaps = [(torch.stack(swaps).mean(0) > SWAP_THRESHOLD).to(swaps[0].dtype)] * len(outputs)
            by_height = None if self.learns_root else self._root_by_height(batch["pose_features"])
            return [
                self._corrected(output, swap, by_height, batch, together)
                for output, swap in zip(outputs, swaps, strict=True)
            ]

    def inputs(self, batch: Batch) -> Tensor:
        """Returns the inputs of the MLPs before they are standardised: (B, N)."""
        pose = torch.cat([batch["joints"], batch["pose_features"]], -1).flatten(1)
        parts = [pose, batch["has_floor"]]
        if self.learns_root:
            parts += [batch["joints_level"].flatten(1), batch["camera"], batch["has_up"]]
        return torch.cat(parts, 1)

    def known_inputs(self, batch: Batch) -> Tensor:
        """Returns which inputs are known: (B, N), 0 where they need a missing floor."""
        floor = batch["has_floor"]
        one = torch.ones_like(floor)
        parts = [torch.cat([one.expand(-1, PER_JOINT - 2), floor, floor], 1).repeat(1, NUM_JOINTS), one]
        if self.learns_root:
            per_joint_level = torch.cat([one, one, one, floor, one, one, one], 1)
            camera = torch.cat([one, one, floor, one, one, one], 1)
            parts += [per_joint_level.repeat(1, NUM_JOINTS), camera, one]
        return torch.cat(parts, 1)

    def _standardised(self, batch: Batch) -> Tensor:
        """Returns the standardised inputs; unknown ones are zero, which is the mean."""
        standardised = (self.inputs(batch) - self.inputs_mean) / self.inputs_std * self.known_inputs(batch)
        return standardised.clamp(-MAX_STANDARD_DEVIATIONS, MAX_STANDARD_DEVIATIONS)

    def _corrected(
        self, output: MemberOutput, swap: Tensor, by_height: Tensor | None, batch: Batch, together: bool
    ) -> BranchOutput:
        """Applies a member's corrections; `by_height` (B,) replaces its root log-ratio where a floor is known."""
        root_log_ratio, joints = output.root_log_ratio, batch["joints"]
        unswapped = joints + swap[:, None, None] * (joints[:, self.mirror] - joints)
        if by_height is not None:
            root_log_ratio = torch.where(batch["has_floor"].squeeze(1) > 0, by_height, root_log_ratio)
        root_mm = batch["root_mm"] * torch.exp(root_log_ratio)
        uvd = unswapped + output.shift
        if not self.bone_prior:
            return BranchOutput(uvd, root_mm, output.log_error)
        depth = self._depth_density(output, unswapped[..., 2].detach())
        if together:
            depths_mm = root_mm[:, None, None] + DEPTH_RANGE_MM * depth.cells
            potentials = bone_potentials(crop_rays(uvd[..., :2], batch["K_crop"]), depths_mm, self.bones_mm)
            depth = depth._replace(probability=joint_densities(depth.probability, potentials))
        mean = (depth.probability * depth.cells).sum(-1, keepdim=True)
        return BranchOutput(torch.cat([uvd[..., :2], mean], -1), root_mm, output.log_error, depth)

    def _depth_density(self, output: MemberOutput, centre: Tensor) -> DepthDensity:
        """Returns each joint's own density about the cached depth (B, 24); the root's relative depth is 0."""
        offsets = torch.linspace(-DEPTH_HALF_WIDTH, DEPTH_HALF_WIDTH, DEPTH_CELLS, device=centre.device)
        first = -0.5 * ((offsets - output.shift[..., 2:]) / FIRST_DEPTH_SPREAD) ** 2
        own = (first + output.depth_logits).softmax(-1)
        at_root = nn.functional.one_hot(torch.tensor(DEPTH_CELLS // 2, device=centre.device), DEPTH_CELLS).to(own.dtype)
        is_root = (torch.arange(NUM_JOINTS, device=centre.device) == ROOT)[:, None]
        cells = torch.where(is_root, 0.0, centre[..., None]) + offsets
        return DepthDensity(torch.where(is_root, at_root, own), cells)

    def _unmirrored(self, output: BranchOutput) -> BranchOutput:
        """Returns the output of the mirrored scene, mirrored back."""
        uvd = output.uvd[:, self.mirror] * output.uvd.new_tensor([-1.0, 1.0, 1.0])
        return output._replace(uvd=uvd, log_error=output.log_error[:, self.mirror])

    def _root_by_height(self, pose_features: Tensor) -> Tensor:
        """Returns the log-ratio (B,) of the root depth over the extractor's, for rows that declare a floor.

        It is the mean of two estimates, weighted by inverse variance: the extractor's root depth (log-ratio 0), and the
        depth at which the pelvis's ray reaches the mean pelvis height of the training people. The error of the latter
        grows as the ray approaches the horizontal.
        """
        mean_height, height_error, depth_error = self.root_cues
        # The extractor's pelvis: its height over the floor, and relative to the camera (negative below it), m.
        height, to_camera = pose_features[:, ROOT, 3], pose_features[:, ROOT, 4]
        to_camera = torch.where(to_camera.abs() < MIN_DROP_M, torch.full_like(to_camera, MIN_DROP_M), to_camera)
        by_height = torch.log(((mean_height - (height - to_camera)) / to_camera).clamp(0.5, 2.0))
        error = height_error / to_camera.abs()
        weighted: Tensor = by_height * depth_error**2 / (depth_error**2 + error**2)
        return weighted


def crop_rays(uv: Tensor, K_crop: Tensor) -> Tensor:
    """Returns the rays (B, 24, 3) with z = 1 in the crop's camera, of u, v (B, 24, 2) over ±1."""
    pixels = (uv + 1) * (CROP_SIZE / 2) - 0.5
    focal, centre = torch.diagonal(K_crop, dim1=-2, dim2=-1)[:, None, :2], K_crop[:, None, :2, 2]
    return nn.functional.pad((pixels - centre) / focal, (0, 1), value=1.0)


def mean_output(outputs: Sequence[BranchOutput]) -> BranchOutput:
    """Returns the mean of several outputs for the same images; root depths are averaged as logs."""
    if len(outputs) == 1:
        return outputs[0]
    uvd, root_log, log_error = (
        torch.stack(values).mean(0)
        for values in zip(*((output.uvd, output.root_mm.log(), output.log_error) for output in outputs), strict=True)
    )
    return BranchOutput(uvd, root_log.exp(), log_error)
