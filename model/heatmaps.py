"""Heatmap volumes: their softmax, its marginals along u, v and depth, and soft-argmax.

Coordinates: u, v over ±1 between the crop's outer edges, depth over ±1 for the root ± 1000 mm.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

Axes = tuple[Tensor, Tensor, Tensor]  # one tensor each for u, v and depth


def cell_centres(cells: int, like: Tensor) -> Tensor:
    """Returns the centres of `cells` equal cells on an axis from -1 to 1: (cells,)."""
    return (torch.arange(cells, device=like.device, dtype=like.dtype) + 0.5) * (2 / cells) - 1


class _Marginals(torch.autograd.Function):
    """Softmax over each volume and its marginals along u, v and depth, with the gradient in closed form.

    With probabilities p, a loss L of the marginals and g = dL/du + dL/dv + dL/dd: dL/dlogit = p (g - E_p[g]).
    Autograd would read and write the volumes twice as often, and they dominate the memory traffic of a training step.
    The arithmetic is in float32 or wider, whatever the precision of the logits.
    """

    @staticmethod
    def forward(ctx: Any, logits: Tensor) -> Axes:
        dtype = torch.promote_types(logits.dtype, torch.float32)
        heat = logits.movedim((-2, -1), (-4, -3)).to(dtype, copy=True)  # (..., H, W, J, D): HeadNet's memory layout
        heat.sub_(heat.amax(-1, keepdim=True).amax((-4, -3), keepdim=True)).exp_()
        over_depth, d = heat.sum(-1), heat.sum((-4, -3))
        scale = 1 / d.sum(-1, keepdim=True)
        u, v = over_depth.sum(-3).mT * scale, over_depth.sum(-2).mT * scale
        d = d * scale
        ctx.save_for_backward(heat, scale, u, v, d)
        ctx.dtype = logits.dtype
        return u, v, d

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad_u: Tensor, grad_v: Tensor, grad_d: Tensor) -> Tensor:
        heat, scale, u, v, d = ctx.saved_tensors
        mean = ((grad_u * u).sum(-1) + (grad_v * v).sum(-1) + (grad_d * d).sum(-1)).unsqueeze(-1)
        plane = ((grad_u - mean) * scale).mT.unsqueeze(-3) + (grad_v * scale).mT.unsqueeze(-2)  # (..., H, W, J)
        grad = (plane.unsqueeze(-1) + (grad_d * scale)[..., None, None, :, :]).mul_(heat)
        logits_grad: Tensor = grad.to(ctx.dtype).movedim((-4, -3), (-2, -1))
        return logits_grad


def marginals(logits: Tensor) -> Axes:
    """Returns the softmax of volumes (..., J, D, H, W) as marginals along u (..., J, W), v (..., J, H), depth (..., J, D)."""
    axes: Axes = _Marginals.apply(logits)
    return axes


def expectation(axes: Axes) -> Tensor:
    """Returns the expectation of marginals (..., cells) along each axis: (..., 3) as u, v, depth over ±1."""
    return torch.stack([(axis * cell_centres(axis.shape[-1], axis)).sum(-1) for axis in axes], -1)


def soft_argmax(logits: Tensor) -> Tensor:
    """Returns the soft-argmax of volumes (..., J, D, H, W): (..., J, 3) as u, v, depth over ±1.

    This is integral pose regression (Sun et al. 2018). The outermost cell centres are half a cell inside the edges.
    """
    return expectation(marginals(logits))
