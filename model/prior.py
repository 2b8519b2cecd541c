"""The pose branch's prediction as a Gaussian prior on the heatmap volume, and its product with the image's density."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from model.distributed import batch_mean
from model.heatmaps import Axes, cell_centres, expectation
from model.skeleton import NUM_JOINTS

FIRST_SIGMA_CELLS = 1.5
MIN_SIGMA_CELLS = 0.5  # a narrower Gaussian would fall between the cell centres
SIGMA_MOMENTUM = 0.02  # of the moving average of the pose branch's error, per step
MIN_LOG_WEIGHT = -12.0  # per axis: lower values end in denormal numbers, which are 6 times slower on a CPU
MIN_PROBABILITY = 1e-8
SD_PER_MEAN_ABS = 1.2533  # a Gaussian's standard deviation over its mean absolute deviation: sqrt(pi / 2)


class PosePrior(nn.Module):
    """A separable Gaussian about each joint; its width per joint and axis follows the errors of the pose branch."""

    width: Tensor  # (24, 3) standard deviations, u, v, depth over ±1

    def __init__(self, cells: tuple[int, int, int]) -> None:
        super().__init__()
        self.cells = cells  # along u, v and depth
        first = torch.tensor([FIRST_SIGMA_CELLS * 2 / count for count in cells])
        self.register_buffer("width", first.repeat(NUM_JOINTS, 1))

    @torch.no_grad()
    def update(self, error: Tensor) -> None:
        """Moves the widths towards the spread of these errors (B, 24, 3), estimated from their mean absolute value."""
        spread = SD_PER_MEAN_ABS * batch_mean(error.abs())
        narrowest = torch.tensor([MIN_SIGMA_CELLS * 2 / cells for cells in self.cells], device=spread.device)
        self.width.lerp_(torch.maximum(spread, narrowest), SIGMA_MOMENTUM)

    def log_weights(self, centre: Tensor) -> Axes:
        """Returns the log-weights along u, v and depth about centres (B, 24, 3): three of (B, 24, cells)."""

        def along(axis: int, cells: int) -> Tensor:
            z = (cell_centres(cells, centre) - centre[..., axis, None]) / self.width[:, axis, None]
            return (-0.5 * z**2).clamp(MIN_LOG_WEIGHT)

        u, v, d = (along(axis, cells) for axis, cells in enumerate(self.cells))
        return u, v, d

    def fuse(self, centre: Tensor, heatmaps: Axes) -> Tensor:
        """Returns the expectation under the product of prior and heatmap marginals: (B, 24, 3) u, v, depth over ±1.

        The result is `centre` plus the difference between this expectation and that of the prior alone, so that neither
        the cell size nor the volume's edges bias it.
        """
        prior = self.log_weights(centre)
        u, v, d = (
            (log_weights + heatmap.clamp_min(MIN_PROBABILITY).log()).softmax(-1)
            for log_weights, heatmap in zip(prior, heatmaps, strict=True)
        )
        prior_u, prior_v, prior_d = (log_weights.softmax(-1) for log_weights in prior)
        return centre + expectation((u, v, d)) - expectation((prior_u, prior_v, prior_d))
