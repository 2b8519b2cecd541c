"""The MLPs of the pose branch: one ensemble member's corrections of a cached pose."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from model.distributed import SyncDropout
from model.skeleton import NUM_JOINTS

FEATURE_AXES = 24  # principal axes of the joint features that are inputs of the network
EMBEDDING, HIDDEN, ERROR_HIDDEN = 256, 256, 128
FIRST_SWAP_LOGIT = -6.0
FIRST_LOG_ERROR = 4.6  # log of 100 mm


class MemberOutput(NamedTuple):
    """The corrections of one ensemble member for B poses."""

    shift: Tensor  # (B, 24, 3) of u, v, depth
    root_log_ratio: Tensor  # (B,) log of the root depth over the cached one
    swap: Tensor  # (B,) probability of a left/right swap
    log_error: Tensor  # (B, 24) predicted log error, mm
    depth_logits: Tensor  # (B, 24, C) added to the log density of each joint's depth; C is 0 without a bone prior


def choose(where: Tensor, one: MemberOutput, other: MemberOutput) -> MemberOutput:
    """Returns, for each pose, the one output where `where` (B, 1) is above 0, and the other elsewhere."""
    chosen = where.squeeze(1) > 0
    return MemberOutput(*(
        torch.where(chosen.view(-1, *[1] * (a.ndim - 1)), a, b) for a, b in zip(one, other, strict=True)
    ))  # fmt: skip


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

    def __init__(self, inputs: int, uses_joint_features: bool, depth_cells: int = 0) -> None:
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
        self.depth = zero_linear(HIDDEN, NUM_JOINTS * depth_cells) if depth_cells else None

    def forward(
        self, inputs: Tensor, features: Tensor | None = None, has_features: Tensor | None = None
    ) -> MemberOutput:
        """Returns the corrections; the joint features of a row are used if its `has_features` (B, 1) is 1, not 0."""
        embedding = self._embed(inputs, features, has_features)
        hidden = self.hidden(embedding)
        shift = self.shift(hidden).float().unflatten(1, (NUM_JOINTS, 3))
        swap = self.swap(hidden).squeeze(1).sigmoid()
        log_error = self.error(torch.cat([embedding, hidden], 1))
        logits = shift[..., :0] if self.depth is None else self.depth(hidden).float().unflatten(1, (NUM_JOINTS, -1))
        return MemberOutput(shift, self.root(hidden).float().squeeze(1), swap, log_error, logits)

    def _embed(self, inputs: Tensor, features: Tensor | None, has_features: Tensor | None) -> Tensor:
        if features is None:
            embedding: Tensor = self.embed(inputs)
            return embedding
        # A row without features adds nothing; features of zero would still add the biases of their layers.
        embedding = self.embed[1:](self.embed[0](inputs) + self.embed_features(features) * has_features)
        return embedding
