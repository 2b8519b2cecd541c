"""The pose branch: MLPs that correct a cached pose, its root depth and left/right swaps, and predict their own error.

    pose (B, 24, 3+5), floor, camera ─ MLP ─┬─ shift of each joint (u, v, depth)
    joint features (B, 24, 48) ─ MLP ───────┤─ log-ratio of the root depth
                                            ├─ probability of a left/right swap
                                            ├─ log error of each joint (calibrated in modules.inference.uncertainty)
                                            └─ density of each joint's depth (with a bone prior) ─ skeleton tree ─ depth

With a bone prior, the depths of all joints are decided together from their densities and the training people's bone lengths
(model.skeleton_tree). Unless the root's depth is learned, it then follows from a known floor (model.root_cues). The branch is
an ensemble of such MLPs and returns the mean of their outputs. Root depths and errors are averaged as logs. A branch that
learns the root depth has a second ensemble, for poses without a floor.
The untrained branch without a bone prior returns the cached pose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from model.inputs import DEPTH_RANGE_MM, FEATURE_CHANNELS
from model.pose_member import FEATURE_AXES, MemberOutput, PoseMember, choose
from model.root_cues import UNKNOWN, RootEstimate, by_lowest_foot, by_pelvis_height, crop_rays, fused
from model.skeleton import FEET, MIRROR, NUM_JOINTS, ROOT
from model.skeleton_tree import bone_potentials, joint_densities

Batch = dict[str, Tensor]

PER_JOINT = 3 + 5  # numbers per joint of `joints` and `pose_features`
PER_JOINT_LEVEL = 7  # numbers per joint of `joints_level`
PER_CAMERA = 6  # numbers of `camera`
FLAGS = (NUM_JOINTS * PER_JOINT, -1)  # where has_floor and, if the root is learned, has_up are among the inputs
SWAP_THRESHOLD = 0.9  # a left/right swap is undone only above this probability
MAX_STANDARD_DEVIATIONS = 5.0  # standardised inputs are clamped to this
DEPTH_CELLS, DEPTH_HALF_WIDTH = 33, 0.6  # of a joint's density, over the cached depth ± 0.6 (600 mm)
FIRST_DEPTH_SPREAD = 0.1  # of the untrained density
MIRRORED = "mirrored_"  # prefix of the batch entries that describe the mirrored scene


class DepthDensity(NamedTuple):
    """The densities of the joints' depths, over ±1."""

    probability: Tensor  # (B, 24, C)
    cells: Tensor  # (B, 24, C) depths of the cells

    @property
    def mean(self) -> Tensor:
        """The mean depths: (B, 24)."""
        return (self.probability * self.cells).sum(-1)

    @property
    def spread(self) -> Tensor:
        """The standard deviations of the depths: (B, 24)."""
        return (self.probability * (self.cells - self.mean.unsqueeze(-1)) ** 2).sum(-1).sqrt()


class BranchOutput(NamedTuple):
    """The output of one branch for B images."""

    uvd: Tensor  # (B, 24, 3) u, v, depth over ±1
    root_mm: Tensor  # (B,) depth of the root in the crop's camera
    log_error: Tensor  # (B, 24) predicted log error, mm
    depth: DepthDensity | None = None  # of one member with a bone prior


class PoseBranch(nn.Module):
    """The ensemble, the statistics of its inputs, and the cues to the root's depth; modules.dataset describes the batch."""

    mirror: Tensor
    # (3,) mean pelvis height over the floor and its error, m; relative error of the extractor's root depth
    root_cues: Tensor
    contact: Tensor  # (5,) mm, heights of the joints of FEET over the floor that carries them, and their error
    bones_mm: Tensor  # (2, 24) length of the bone to each joint's parent, and its standard deviation
    inputs_mean: Tensor
    inputs_std: Tensor
    features_mean: Tensor
    features_axes: Tensor  # principal axes of the joint features, scaled to unit variance

    def __init__(
        self,
        learns_root: bool,
        uses_joint_features: bool,
        ensemble_size: int,
        bone_prior: bool = False,
        floor_contact: bool = False,
    ) -> None:
        super().__init__()
        self.learns_root, self.uses_joint_features = learns_root, uses_joint_features
        self.bone_prior, self.floor_contact = bone_prior, floor_contact
        self.register_buffer("mirror", torch.tensor(MIRROR), persistent=False)
        self.register_buffer("root_cues", torch.tensor([0.0, UNKNOWN, 0.0]))  # until fitted: the extractor's root depth
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
        if floor_contact:
            self.register_buffer("contact", torch.tensor([0.0] * len(FEET) + [UNKNOWN]))
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
            return [self._corrected(output, swap, batch, together) for output, swap in zip(outputs, swaps, strict=True)]

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

    def _corrected(self, output: MemberOutput, swap: Tensor, batch: Batch, together: bool) -> BranchOutput:
        """Applies a member's corrections; where a floor is known, the root's depth is by the cues, unless it is learned."""
        joints, learned = batch["joints"], output.root_log_ratio
        unswapped = joints + swap[:, None, None] * (joints[:, self.mirror] - joints)
        uvd = unswapped + output.shift
        cue = None if self.learns_root else by_pelvis_height(batch["pose_features"], self.root_cues)
        root_mm = _root_mm(batch, learned, cue)
        if not self.bone_prior:
            return BranchOutput(uvd, root_mm, output.log_error)
        depth = self._depth_density(output, unswapped[..., 2].detach())
        if together:
            depths_mm = root_mm[:, None, None] + DEPTH_RANGE_MM * depth.cells
            potentials = bone_potentials(crop_rays(uvd[..., :2], batch["K_crop"]), depths_mm, self.bones_mm)
            depth = depth._replace(probability=joint_densities(depth.probability, potentials))
        uvd = torch.cat([uvd[..., :2], depth.mean.unsqueeze(-1)], -1)
        if cue is not None and self.floor_contact:
            sd_mm = depth.spread[:, FEET].detach() * DEPTH_RANGE_MM
            cue = fused([cue, by_lowest_foot(uvd.detach(), batch, sd_mm, self.contact)])
            root_mm = _root_mm(batch, learned, cue)
        return BranchOutput(uvd, root_mm, output.log_error, depth)

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


def _root_mm(batch: Batch, learned: Tensor, cue: RootEstimate | None) -> Tensor:
    """Returns the root's depth (B,) mm: by the cue where there is one and a floor is known, else by the learned log-ratio."""
    if cue is not None:
        learned = torch.where(batch["has_floor"].squeeze(1) > 0, cue.log_ratio, learned)
    root_mm: Tensor = batch["root_mm"] * torch.exp(learned)
    return root_mm


def mean_output(outputs: Sequence[BranchOutput]) -> BranchOutput:
    """Returns the mean of several outputs for the same images; root depths are averaged as logs."""
    if len(outputs) == 1:
        return outputs[0]
    uvd, root_log, log_error = (
        torch.stack(values).mean(0)
        for values in zip(*((output.uvd, output.root_mm.log(), output.log_error) for output in outputs), strict=True)
    )
    return BranchOutput(uvd, root_log.exp(), log_error)
