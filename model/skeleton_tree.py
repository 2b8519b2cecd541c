"""Decides the depths of all joints together: exact sum-product on the skeleton's tree, with bone lengths as its edges.

The depth of a joint is a density over cells along its ray. By itself it cannot tell a bone that points towards the camera from
one that points away; with the length of every bone, the neighbours decide. Messages go from the leaves to the root and back.
Shapes: B poses, 24 joints, 23 bones (bone b ends at joint b + 1), C cells.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from model.skeleton import PARENTS

DEGREES_OF_FREEDOM = 3  # of the Student-t distribution of bone lengths
SMALLEST = 1e-30  # of sums of probabilities that are divided by
_PARENT = torch.tensor(PARENTS[1:])  # of each bone


def _depth_of(joint: int) -> int:
    return 0 if PARENTS[joint] < 0 else 1 + _depth_of(PARENTS[joint])


LEVELS: tuple[tuple[int, ...], ...] = tuple(
    tuple(joint for joint in range(len(PARENTS)) if _depth_of(joint) == level)
    for level in range(1, 1 + max(map(_depth_of, range(len(PARENTS)))))
)
"""The joints at each distance from the root, nearest first, without the root."""


class _StudentT(torch.autograd.Function):
    """(1 + x²)^-2: a Student-t density with 3 degrees of freedom, not normalised, of x = z / sqrt(3).

    Its backward pass needs two of the large tensors, where autograd would keep six.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Returns the density."""
        inverse = torch.addcmul(x.new_ones(()), x, x).reciprocal_()
        ctx.save_for_backward(x, inverse)
        return inverse * inverse

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        """Returns the gradient: -4 x (1 + x²)^-3 times the incoming one."""
        x, inverse = ctx.saved_tensors
        return gradient.mul(x).mul_(inverse).mul_(inverse).mul_(inverse).mul_(-4)


def bone_potentials(rays: Tensor, depths_mm: Tensor, bones_mm: Tensor) -> Tensor:
    """Returns how well each pair of cells fits each bone's length: (B, 23, C of the parent, C of the child), 0..1.

    `rays` (B, 24, 3) have z = 1, `depths_mm` (B, 24, C) are absolute, `bones_mm` (2, 24) are the length of the bone to each
    joint's parent and its standard deviation. The deviation of the length d from L is taken as (d² - L²) / 2L, which equals
    d - L to first order and needs no square root.
    """
    length, spread = bones_mm[:, 1:, None]
    end, start = rays[:, 1:], rays[:, _PARENT]
    end2, start2, product = ((a * b).sum(-1, keepdim=True) for a, b in ((end, end), (start, start), (start, end)))
    of_start, of_end = depths_mm[:, _PARENT], depths_mm[:, 1:]
    scale = 1 / (2 * length * spread * DEGREES_OF_FREEDOM**0.5)
    # d² = start² + end² - 2 start·end, for all pairs of cells at once, as a product of two matrices of rank 3.
    left = torch.stack(
        [scale * (start2 * of_start**2 - length**2), scale.expand_as(of_start), -2 * scale * product * of_start], -1
    )
    right = torch.stack([torch.ones_like(of_end), end2 * of_end**2, of_end], -2)
    potentials: Tensor = _StudentT.apply(left @ right)
    return potentials


def joint_densities(unaries: Tensor, potentials: Tensor) -> Tensor:
    """Returns the density of each joint given all others: (B, 24, C), each of sum 1.

    `unaries` (B, 24, C) are each joint's own densities, of any scale; `potentials` (B, 23, C, C) are of bone_potentials.
    """
    own = list(unaries.unbind(1))  # of a joint and all that hang on it
    upward: dict[int, Tensor] = {}
    for level in reversed(LEVELS):
        messages = _send(potentials[:, _bones(level)], torch.stack([own[joint] for joint in level], 1))
        for joint, message in zip(level, messages.unbind(1), strict=True):
            upward[joint] = message
            own[PARENTS[joint]] = _normalised(own[PARENTS[joint]] * message)
    densities = {0: _normalised(own[0])}
    for level in LEVELS:
        # A parent's density without the child's own message.
        others = torch.stack([densities[PARENTS[joint]] / upward[joint].clamp_min(SMALLEST**0.5) for joint in level], 1)
        messages = _send(potentials[:, _bones(level)].transpose(-1, -2), _normalised(others))
        together = _normalised(torch.stack([own[joint] for joint in level], 1) * messages)
        densities.update(zip(level, together.unbind(1), strict=True))
    return torch.stack([densities[joint] for joint in range(len(PARENTS))], 1)


def _bones(level: tuple[int, ...]) -> list[int]:
    return [joint - 1 for joint in level]


def _send(potentials: Tensor, density: Tensor) -> Tensor:
    """Returns messages (B, N, C) over N bones, each of sum 1."""
    return _normalised((potentials @ density.unsqueeze(-1)).squeeze(-1))


def _normalised(density: Tensor) -> Tensor:
    return density / density.sum(-1, keepdim=True).clamp_min(SMALLEST)
