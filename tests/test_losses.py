"""Losses: nothing is asked of the right answer, and an image branch may not be surer than it was taught to be."""

import torch

from model.model import Axes, cell_centres
from modules.losses import DISTANCES, HEAT_CELLS, heat_loss, pose_loss

CELL = 2 / 32


def density(centre: torch.Tensor, sd_cells: float) -> Axes:
    u, v, d = (
        (-0.5 * ((cell_centres(32, centre) - centre[..., axis, None]) / (sd_cells * CELL)) ** 2).softmax(-1)
        for axis in range(3)
    )
    return u, v, d


def test_heat_loss_is_least_at_the_target_and_the_taught_width() -> None:
    target = torch.rand(4, 24, 3) - 0.5
    right = heat_loss(density(target, HEAT_CELLS), target).item()
    assert abs(right) < 1e-5
    assert heat_loss(density(target, HEAT_CELLS / 2), target) > 0.1  # right, and surer than it may be
    assert heat_loss(density(target + 0.3, HEAT_CELLS), target) > heat_loss(density(target + 0.1, HEAT_CELLS), target)
    wrong = target + 8 * CELL  # a wrong one had better be unsure
    assert heat_loss(density(wrong, 2 * HEAT_CELLS), target) < heat_loss(density(wrong, HEAT_CELLS), target)


def test_heat_loss_stays_finite_where_a_joint_is_outside_the_crop() -> None:
    logits = torch.zeros(2, 24, 32, requires_grad=True)
    axes = (logits.softmax(-1),) * 3
    loss = heat_loss(axes, torch.full((2, 24, 3), 5.0))
    loss.backward()
    assert loss.isfinite() and logits.grad is not None and logits.grad.isfinite().all()


def test_pose_loss_of_the_truth_is_zero_and_grows_with_the_root() -> None:
    target, root = torch.rand(2, 24, 3) - 0.5, torch.tensor([3000.0, 4000.0])
    K = torch.tensor([[300.0, 0, 127.5], [0, 300, 127.5], [0, 0, 1]]).repeat(2, 1, 1)
    batch = {"target": target, "target_root_mm": root, "K_crop": K}
    for distance in DISTANCES.values():
        assert pose_loss(target, root, batch, distance) == 0
        near, far = (pose_loss(target, root * share, batch, distance) for share in (1.02, 1.1))
        assert 0 < near < far
