"""Layers for a batch that several processes share: whatever is taken over the batch is taken over all of it.

One process with a batch and N processes with an N-th of it each then learn the same, up to rounding.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.distributed as dist
from torch import Tensor, nn


class Share(NamedTuple):
    """Which rows of a batch of `total` are this process's."""

    start: int
    stop: int
    total: int

    @property
    def weight(self) -> float:
        """This process's part in a mean over the batch."""
        return (self.stop - self.start) / self.total


def share_of(total: int, rank: int, processes: int) -> Share:
    """The rows of a batch that process `rank` takes: as equal as can be, in order."""
    return Share(total * rank // processes, total * (rank + 1) // processes, total)


def processes() -> int:
    """How many processes share each batch."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


class _Sum(torch.autograd.Function):
    """The sum over all processes; each one's gradient is the sum of all processes' gradients of it."""

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
    """The sum of `x` over all processes, which all of them receive; differentiable."""
    summed: Tensor = _Sum.apply(x) if processes() > 1 else x
    return summed


def batch_mean(x: Tensor) -> Tensor:
    """The mean over the rows of all processes: (B, ...) → (...)."""
    count = torch.full((1,), float(len(x)), device=x.device)
    summed = sum_processes(torch.cat([x.sum(0).flatten(), count]))
    return (summed[:-1] / summed[-1]).view(x.shape[1:])


@torch.no_grad()
def sum_gradients(network: nn.Module) -> None:
    """Add up the gradients over all processes, in one message. A weight that none was computed for stays without."""
    if processes() == 1:
        return
    gradients = [weight.grad for weight in network.parameters() if weight.grad is not None]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    dist.all_reduce(flat)
    for gradient, summed in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
        gradient.copy_(summed.view_as(gradient))


class SharedDropout(nn.Dropout):
    """Dropout whose mask is drawn for the whole batch in every process alike; each uses its own rows of it.

    It is drawn by the CPU's generator whatever the device, so that a training that goes on draws on.
    """

    share: Share | None = None  # None: all rows are here

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return input
        share = self.share or Share(0, len(input), len(input))
        mask = torch.empty(share.total, *input.shape[1:]).bernoulli_(1 - self.p).div_(1 - self.p)
        return input * mask[share.start : share.stop].to(input)


def set_share(network: nn.Module, share: Share) -> None:
    """Tell a network which rows of the batch it is going to see."""
    for module in network.modules():
        if isinstance(module, SharedDropout):
            module.share = share


class SharedBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm2d over the rows of all processes, on any device; in one process it is BatchNorm2d itself.

    torch's SyncBatchNorm does the same on GPUs only.
    """

    def forward(self, input: Tensor) -> Tensor:
        if not self.training or processes() == 1:
            return super().forward(input)
        x = input.float()
        count = torch.full((1,), float(x.numel() // x.shape[1]), device=x.device)
        summed = sum_processes(torch.cat([x.sum((0, 2, 3)), x.square().sum((0, 2, 3)), count]))
        mean, square = (summed[:-1] / summed[-1]).chunk(2)
        variance = (square - mean.square()).clamp_min(0)
        self._follow(mean.detach(), variance.detach(), summed[-1])
        scale = self.weight * (variance + self.eps).rsqrt()
        shift = self.bias - mean * scale
        return (x * scale[:, None, None] + shift[:, None, None]).to(input.dtype)

    @torch.no_grad()
    def _follow(self, mean: Tensor, variance: Tensor, count: Tensor) -> None:
        """Let the running statistics approach this batch's, the variance without bias, as BatchNorm2d does."""
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        pace = 0.1 if self.momentum is None else self.momentum
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, pace)
        self.running_var.lerp_(variance * (count / (count - 1).clamp_min(1)), pace)
