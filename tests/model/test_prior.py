"""The pose prior: fusion with the heatmap marginals by width, and a width that follows the pose branch's error."""

import torch

from model.heatmaps import Axes, cell_centres
from model.prior import MIN_LOG_WEIGHT, MIN_SIGMA_CELLS, PosePrior

CELLS = (32, 32, 32)


def gaussians(centre: torch.Tensor, sd: float, cells: int = 32) -> Axes:
    """Returns probabilities about centres (B, 24, 3), as an image branch would predict them."""
    u, v, d = (
        (-0.5 * ((cell_centres(cells, centre) - centre[..., axis, None]) / sd) ** 2).softmax(-1) for axis in range(3)
    )
    return u, v, d


def test_heatmaps_and_prior_are_weighted_by_their_widths() -> None:
    """The product of two Gaussians has the mean that is weighted by inverse variances."""
    prior = PosePrior(CELLS)
    prior.width.fill_(0.1)
    centre = torch.linspace(-0.4, 0.4, 72).reshape(1, 24, 3)
    seen = centre + torch.linspace(0.3, -0.3, 72).reshape(1, 24, 3)
    expected = (0.2**2 * centre + 0.1**2 * seen) / (0.2**2 + 0.1**2)
    torch.testing.assert_close(prior.fuse(centre, gaussians(seen, 0.2)), expected, atol=2e-3, rtol=0)
    uniform = (torch.full((1, 24, 32), 1 / 32),) * 3
    outside = torch.full((1, 24, 3), 1.3)
    torch.testing.assert_close(prior.fuse(outside, uniform), outside, atol=1e-5, rtol=0)


def test_width_follows_the_error_of_the_pose_branch() -> None:
    prior = PosePrior(CELLS)
    g = torch.Generator().manual_seed(0)
    spread = torch.tensor([0.05, 0.1, 0.2])
    for _ in range(400):
        prior.update(torch.randn(64, 24, 3, generator=g) * spread)
    torch.testing.assert_close(prior.width.mean(0), spread, rtol=0.05, atol=0)
    for _ in range(400):
        prior.update(torch.zeros(64, 24, 3))
    torch.testing.assert_close(prior.width, torch.full((24, 3), MIN_SIGMA_CELLS * 2 / 32), rtol=0.01, atol=0)


def test_prior_far_away_has_no_denormals() -> None:
    axes = PosePrior(CELLS).log_weights(torch.full((1, 24, 3), 7.0))
    assert min(axis.min().item() for axis in axes) == MIN_LOG_WEIGHT


def test_each_axis_has_its_own_cells() -> None:
    prior = PosePrior((64, 32, 16))
    axes = prior.log_weights(torch.zeros(2, 24, 3))
    assert [axis.shape for axis in axes] == [(2, 24, 64), (2, 24, 32), (2, 24, 16)]
    torch.testing.assert_close(prior.width[0] * torch.tensor([64.0, 32, 16]), torch.full((3,), prior.width[0, 0] * 64))
