"""Heatmap volumes: crop pixels to cells and back, soft-argmax, and marginals with their gradient."""

import numpy as np
import pytest
import torch

from model.heatmaps import cell_centres, expectation, marginals, soft_argmax
from model.inputs import CROP_SIZE
from modules.cache.crop_joints import denormalise_px, normalise_px


def test_cells_and_crop_pixels_share_their_edges() -> None:
    """A cell of the 32-cell volume covers exactly 8 px of the 256 px crop, centred on pixel 8 i + 3.5."""
    centres_px = denormalise_px(cell_centres(32, torch.zeros(1, dtype=torch.float64)))
    np.testing.assert_allclose(centres_px, np.arange(32) * 8 + 3.5)
    np.testing.assert_allclose(normalise_px(np.array([-0.5, CROP_SIZE - 0.5])), [-1, 1])


@pytest.mark.parametrize("cells", [(32, 32, 32), (64, 32, 16)])
def test_soft_argmax_recovers_known_joints(cells: tuple[int, int, int]) -> None:
    """A Gaussian drawn about a joint is read at that joint, off the half-cell grid too, on every axis."""
    joints = torch.tensor([[0.1, -0.33, 0.5], [-0.4, 0.27, -0.61], [0.0, 0.0, 0.0]], dtype=torch.float64)
    depth, height, width = cells
    logits = torch.zeros(3, depth, height, width, dtype=torch.float64)
    for axis, (count, shape) in enumerate(((width, (1, 1, 1, -1)), (height, (1, 1, -1, 1)), (depth, (1, -1, 1, 1)))):
        distance = cell_centres(count, joints) - joints[:, axis, None]
        logits = logits - 0.5 * (distance / (2.4 / count)).square().reshape(3, *shape[1:])
    torch.testing.assert_close(soft_argmax(logits), joints, atol=1e-4, rtol=0)


def test_soft_argmax_axes_are_u_v_depth() -> None:
    logits = torch.full((1, 8, 8, 8), -50.0)
    logits[0, 1, 2, 6] = 50
    torch.testing.assert_close(soft_argmax(logits)[0], torch.tensor([6.5, 2.5, 1.5]) / 4 - 1)


def test_soft_argmax_is_the_expectation_of_the_marginals() -> None:
    logits = torch.randn(2, 3, 4, 5, 6, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(soft_argmax(logits), expectation(marginals(logits)))


def test_marginals_and_their_gradient_equal_a_summed_softmax() -> None:
    generator = torch.Generator().manual_seed(1)
    logits = (5 * torch.randn(2, 3, 4, 5, 6, dtype=torch.float64, generator=generator)).requires_grad_()
    heat = logits.flatten(-3).softmax(-1).unflatten(-1, (4, 5, 6))
    expected = heat.sum((-3, -2)), heat.sum((-3, -1)), heat.sum((-2, -1))
    weights = [torch.randn(axis.shape, dtype=torch.float64, generator=generator) for axis in expected]
    gradients = {}
    for name, axes in (("autograd", expected), ("closed form", marginals(logits))):
        torch.testing.assert_close(axes, expected)
        loss = sum((axis * weight).square().sum() for axis, weight in zip(axes, weights, strict=True))
        (gradients[name],) = torch.autograd.grad(loss, logits, retain_graph=True)
    torch.testing.assert_close(gradients["closed form"], gradients["autograd"])
    assert torch.autograd.gradcheck(marginals, logits)


def test_marginals_of_half_precision_volumes_are_in_full_precision() -> None:
    logits = torch.randn(2, 3 * 4, 5, 6).to(torch.bfloat16, memory_format=torch.channels_last).requires_grad_()
    volumes = logits.unflatten(1, (3, 4))
    axes = marginals(volumes)
    torch.testing.assert_close(axes, marginals(volumes.float()))
    assert all(axis.dtype == torch.float32 for axis in axes)
    axes[0].square().sum().backward()
    assert logits.grad is not None and logits.grad.dtype == torch.bfloat16 and logits.grad.abs().sum() > 0
