"""Layers and sums for a batch that is sharded over several processes.

Means over the batch are taken over all processes, so that training on N shards gives the same weights as training in one
process, up to rounding.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn


class BatchShard(NamedTuple):
    """The rows start..stop of a batch of `total` rows, which belong to one process."""

    start: int
    stop: int
    total: int

    @property
    def weight(self) -> float:
        """The shard's weight in a mean over the batch."""
        return (self.stop - self.start) / self.total


def shard_of(total: int, rank: int, processes: int) -> BatchShard:
    """Returns the consecutive rows of process `rank`. The shards differ by at most one row."""
    return BatchShard(total * rank // processes, total * (rank + 1) // processes, total)


def processes() -> int:
    """Returns how many processes share each batch."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


class _Sum(torch.autograd.Function):
    """All-reduce sum; its gradient is the all-reduce sum of the gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        total = grad.clone()
        dist.all_reduce(total)
        return total


def sum_processes(x: Tensor) -> Tensor:
    """Returns the sum of `x` over all processes; differentiable."""
    summed: Tensor = _Sum.apply(x) if processes() > 1 else x
    return summed


def batch_mean(x: Tensor) -> Tensor:
    """Returns the mean over the rows of all processes: (B, ...) → (...)."""
    count = torch.full((1,), float(len(x)), device=x.device)
    summed = sum_processes(torch.cat([x.sum(0).flatten(), count]))
    return (summed[:-1] / summed[-1]).view(x.shape[1:])


@torch.no_grad()
def sum_gradients(network: nn.Module) -> None:
    """Sums the gradients over all processes in one all-reduce. Weights without a gradient are skipped."""
    if processes() == 1:
        return
    gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    for gradient, summed in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(summed.view_as(gradient))


class SyncDropout(nn.Dropout):
    """Dropout that draws the mask of the whole batch in every process; each process applies the rows of its shard.

    The mask is drawn by the CPU's generator on every device, since a checkpoint stores the state of that generator alone.
    """

    shard: BatchShard | None = None  # None: this process has all rows

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return input
        shard = self.shard or BatchShard(0, len(input), len(input))
        mask = torch.empty(shard.total, *input.shape[1:]).bernoulli_(1 - self.p).div_(1 - self.p)
        return input * mask[shard.start : shard.stop].to(input)


def set_shard(network: nn.Module, shard: BatchShard) -> None:
    """Sets which rows of the batch the network receives next."""
    for module in network.modules():
        if isinstance(module, SyncDropout):
            module.shard = shard


class SyncBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm2d over the rows of all processes, on any device (torch's SyncBatchNorm needs GPUs)."""

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or processes() == 1:
            return super().forward(input)
        x = input.float()
        count = torch.full((1,), float(x.numel() // x.shape[1]), device=x.device)
        summed = sum_processes(torch.cat([x.sum((0, 2, 3)), x.square().sum((0, 2, 3)), count]))
        mean, square = (summed[:-1] / summed[-1]).chunk(2)
        variance = (square - mean.square()).clamp_min(0)
        self._update(mean.detach(), variance.detach(), summed[-1])
        scale = self.weight * (variance + self.eps).rsqrt()
        shift = self.bias - mean * scale
        return (x * scale[:, None, None] + shift[:, None, None]).to(input.dtype)

    @torch.no_grad()
    def _update(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        """Updates the running statistics as BatchNorm2d does, with the unbiased variance."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        momentum = 0.1 if self.momentum is None else self.momentum
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, momentum)
        self.running_var.lerp_(variance * (count / (count - 1).clamp_min(1)), momentum)
