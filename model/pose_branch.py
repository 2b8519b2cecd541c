"""The pose branch: MLPs that correct a cached pose, its root depth and left/right swaps, and predict their own error.

    pose (B, 24, 3+5), floor, camera ─ MLP ─┬─ shift of each joint (u, v, depth)
    joint features (B, 24, 48) ─ MLP ───────┤─ log-ratio of the root depth
                                            ├─ probability of a left/right swap
                                            └─ log error of each joint (calibrated in modules.inference.uncertainty)

The branch is an ensemble of such MLPs and returns the mean of their outputs. Root depths and errors are averaged as logs. A
branch that learns the root depth has a second ensemble, for poses without a floor.
The untrained branch returns the cached pose.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from model.distributed import SyncDropout
from model.inputs import FEATURE_CHANNELS
from model.skeleton import MIRROR, NUM_JOINTS, ROOT

Batch = dict[str, Tensor]

FEATURE_AXES = 24  # principal axes of the joint features that are inputs of the network
PER_JOINT = 3 + 5  # numbers per joint of `joints` and `pose_features`
PER_JOINT_LEVEL = 7  # numbers per joint of `joints_level`
PER_CAMERA = 6  # numbers of `camera`
FLAGS = (NUM_JOINTS * PER_JOINT, -1)  # where has_floor and has_up are among the inputs of a branch that learns the root
EMBEDDING, HIDDEN, ERROR_HIDDEN = 256, 256, 128
FIRST_SWAP_LOGIT = -6.0
FIRST_LOG_ERROR = 4.6  # log of 100 mm
SWAP_THRESHOLD = 0.9  # a left/right swap is undone only above this probability
MIN_DROP_M = 0.05  # height differences between pelvis and camera below this are replaced by it
MAX_STANDARD_DEVIATIONS = 5.0  # standardised inputs are clamped to this
MIRRORED = "mirrored_"  # prefix of the batch entries that describe the mirrored scene


class MemberOutput(NamedTuple):
    """The corrections of one ensemble member for B poses."""

    shift: Tensor  # (B, 24, 3) of u, v, depth
    root_log_ratio: Tensor  # (B,) log of the root depth over the cached one
    swap: Tensor  # (B,) probability of a left/right swap
    log_error: Tensor  # (B, 24) predicted log error, mm


def choose(where: Tensor, one: MemberOutput, other: MemberOutput) -> MemberOutput:
    """Returns, for each pose, the one output where `where` (B, 1) is above 0, and the other elsewhere."""
    chosen = where.squeeze(1) > 0
    return MemberOutput(*(
        torch.where(chosen.view(-1, *[1] * (a.ndim - 1)), a, b) for a, b in zip(one, other, strict=True)
    ))  # fmt: skip


class BranchOutput(NamedTuple):
    """The output of one branch for B images."""

    uvd: Tensor  # (B, 24, 3) u, v, depth over ±1
    root_mm: Tensor  # (B,) depth of the root in the crop's camera
    log_error: Tensor  # (B, 24) predicted log error, mm


class ErrorHead(nn.Module):
    """Predicts the log of each joint's error in mm; its gradient stops at its input."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        last = nn.Linear(ERROR_HIDDEN, NUM_JOINTS)
        nn.init.zeros_(last.weight)
        nn.init.constant_(last.bias, FIRST_LOG_ERROR)
        self.layers = nn.Sequential(nn.Linear(inputs, ERROR_HIDDEN), nn.GELU(), last)

    def forward(self, features: Tensor) -> Tensor:
        """Returns the log error (B, 24) of features (B, inputs)."""
        log_error: Tensor = self.layers(features.detach()).float()
        return log_error


def zero_linear(inputs: int, outputs: int, bias: float = 0.0) -> nn.Linear:
    """Returns a linear layer with zero weights, whose output is initially `bias` for every input."""
    layer = nn.Linear(inputs, outputs)
    nn.init.zeros_(layer.weight)
    nn.init.constant_(layer.bias, bias)
    return layer


class PoseMember(nn.Module):
    """One member of the ensemble: predicts corrections from inputs (B, N) and, if used, joint features (B, 24 * 24)."""

    def __init__(self, inputs: int, uses_joint_features: bool) -> None:
        super().__init__()
        self.embed = nn.Sequential(
            nn.Linear(inputs, 512), nn.LayerNorm(512), nn.GELU(), SyncDropout(0.1), nn.Linear(512, EMBEDDING), nn.GELU()
        )  # fmt: skip
        if uses_joint_features:
            self.embed_features = nn.Sequential(
                SyncDropout(0.3), nn.Linear(NUM_JOINTS * FEATURE_AXES, 256), nn.GELU(), SyncDropout(0.1), nn.Linear(256, 512)
            )  # fmt: skip
        self.hidden = nn.Sequential(nn.Linear(EMBEDDING, HIDDEN), nn.GELU(), SyncDropout(0.1))
        self.shift, self.root = zero_linear(HIDDEN, NUM_JOINTS * 3), zero_linear(HIDDEN, 1)
        self.swap = zero_linear(HIDDEN, 1, FIRST_SWAP_LOGIT)
        self.error = ErrorHead(EMBEDDING + HIDDEN)

    def forward(
        self, inputs: Tensor, features: Tensor | None = None, has_features: Tensor | None = None
    ) -> MemberOutput:
        """Returns the corrections; the joint features of a row are used if its `has_features` (B, 1) is 1, not 0."""
        embedding = self._embed(inputs, features, has_features)
        hidden = self.hidden(embedding)
        shift = self.shift(hidden).float().unflatten(1, (NUM_JOINTS, 3))
        swap = self.swap(hidden).squeeze(1).sigmoid()
        log_error = self.error(torch.cat([embedding, hidden], 1))
        return MemberOutput(shift, self.root(hidden).float().squeeze(1), swap, log_error)

    def _embed(self, inputs: Tensor, features: Tensor | None, has_features: Tensor | None) -> Tensor:
        if features is None:
            embedding: Tensor = self.embed(inputs)
            return embedding
        # A row without features adds nothing; features of zero would still add the biases of their layers.
        embedding = self.embed[1:](self.embed[0](inputs) + self.embed_features(features) * has_features)
        return embedding


class PoseBranch(nn.Module):
    """The ensemble, the statistics of its inputs, and the root depth by pelvis height; modules.dataset describes the batch."""

    mirror: Tensor
    # (3,) mean pelvis height over the floor and its error, m; relative error of the extractor's root depth
    root_cues: Tensor
    inputs_mean: Tensor
    inputs_std: Tensor
    features_mean: Tensor
    features_axes: Tensor  # principal axes of the joint features, scaled to unit variance

    def __init__(self, learns_root: bool, uses_joint_features: bool, ensemble_size: int) -> None:
        super().__init__()
        self.learns_root, self.uses_joint_features = learns_root, uses_joint_features
        self.register_buffer("mirror", torch.tensor(MIRROR), persistent=False)
        self.register_buffer("root_cues", torch.tensor([0.0, 1e6, 0.0]))  # until fitted: the extractor's root depth
        inputs = NUM_JOINTS * PER_JOINT + 1
        if learns_root:
            inputs += NUM_JOINTS * PER_JOINT_LEVEL + PER_CAMERA + 1
            self.register_buffer("inputs_mean", torch.zeros(inputs))  # of the training rows in which each is known
            self.register_buffer("inputs_std", torch.ones(inputs))
        if uses_joint_features:
            self.register_buffer("features_mean", torch.zeros(FEATURE_CHANNELS))  # of the training rows
            self.register_buffer("features_axes", torch.eye(FEATURE_CHANNELS, FEATURE_AXES))
        self.ensemble = nn.ModuleList(PoseMember(inputs, uses_joint_features) for _ in range(ensemble_size))
        if learns_root:  # of the poses without a floor: one MLP for both cases would be 16 mm worse with a floor
            self.without_floor = nn.ModuleList(PoseMember(inputs, uses_joint_features) for _ in range(ensemble_size))

    def forward(self, batch: Batch) -> BranchOutput:
        """Returns the mean over the ensemble and, if the batch has the mirrored scene too, over both scenes."""
        output = mean_output(self.member_outputs(batch))
        mirrored = {name.removeprefix(MIRRORED): x for name, x in batch.items() if name.startswith(MIRRORED)}
        if not mirrored:
            return output
        return mean_output([output, self._unmirrored(mean_output(self.member_outputs(mirrored)))])

    def member_outputs(self, batch: Batch) -> list[BranchOutput]:
        """Returns the output of each ensemble member."""
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
                self._corrected(output, swap, by_height, batch) for output, swap in zip(outputs, swaps, strict=True)
            ]

    def inputs(self, batch: Batch) -> Tensor:
        """Returns the inputs of the MLPs before they are standardised: (B, N)."""
        pose = torch.cat([batch["joints"], batch["pose_features"]], -1).flatten(1)
        parts = [pose, batch["has_floor"]]
        if self.learns_root:
            parts += [batch["joints_level"].flatten(1), batch["camera"], batch["has_up"]]
        return torch.cat(parts, 1)

    def known_inputs(self, batch: Batch) -> Tensor:
        """Returns which inputs of a branch that learns the root are known: (B, N), 0 where they need a missing floor."""
        floor = batch["has_floor"]
        one = torch.ones_like(floor)
        per_joint = torch.cat([one.expand(-1, PER_JOINT - 2), floor, floor], 1)
        per_joint_level = torch.cat([one, one, one, floor, one, one, one], 1)
        camera = torch.cat([one, one, floor, one, one, one], 1)
        return torch.cat([per_joint.repeat(1, NUM_JOINTS), one, per_joint_level.repeat(1, NUM_JOINTS), camera, one], 1)

    def _standardised(self, batch: Batch) -> Tensor:
        """Returns the inputs, standardised if the root depth is learned; unknown ones are then zero, which is the mean."""
        inputs = self.inputs(batch)
        if not self.learns_root:
            return inputs
        standardised = (inputs - self.inputs_mean) / self.inputs_std * self.known_inputs(batch)
        return standardised.clamp(-MAX_STANDARD_DEVIATIONS, MAX_STANDARD_DEVIATIONS)

    def _corrected(self, output: MemberOutput, swap: Tensor, by_height: Tensor | None, batch: Batch) -> BranchOutput:
        """Applies a member's corrections; `by_height` (B,) replaces its root log-ratio where a floor is known."""
        root_log_ratio, joints = output.root_log_ratio, batch["joints"]
        unswapped = joints + swap[:, None, None] * (joints[:, self.mirror] - joints)
        if by_height is not None:
            root_log_ratio = torch.where(batch["has_floor"].squeeze(1) > 0, by_height, root_log_ratio)
        root_mm = batch["root_mm"] * torch.exp(root_log_ratio)
        return BranchOutput(unswapped + output.shift, root_mm, output.log_error)

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


def mean_output(outputs: Sequence[BranchOutput]) -> BranchOutput:
    """Returns the mean of several outputs for the same images; root depths are averaged as logs."""
    if len(outputs) == 1:
        return outputs[0]
    uvd, root_log, log_error = (
        torch.stack(values).mean(0)
        for values in zip(*((output.uvd, output.root_mm.log(), output.log_error) for output in outputs), strict=True)
    )
    return BranchOutput(uvd, root_log.exp(), log_error)
