"""Losses: zero at the truth, least at the target's own width, and minimised by gradient descent."""

import math
from collections.abc import Callable

import pytest
import torch

from model.heatmaps import Axes, cell_centres
from model.pose_branch import BranchOutput, DepthDensity
from modules.training.losses import (
    DEPTH_WEIGHT,
    DISTANCES,
    depth_loss,
    distances_mm,
    heatmap_loss,
    log_error_loss,
    normalised_loss,
    pose_loss,
    space_loss,
)

CELL = 2 / 32
SIGMA = 3.0


def density(centre: torch.Tensor, sd_cells: float) -> Axes:
    u, v, d = (
        (-0.5 * ((cell_centres(32, centre) - centre[..., axis, None]) / (sd_cells * CELL)) ** 2).softmax(-1)
        for axis in range(3)
    )
    return u, v, d


def test_heatmap_loss_is_least_at_the_target_and_its_width() -> None:
    target = torch.rand(4, 24, 3) - 0.5
    right = heatmap_loss(density(target, SIGMA), target, SIGMA).item()
    assert abs(right) < 1e-5
    assert heatmap_loss(density(target, SIGMA / 2), target, SIGMA) > 0.1  # right, but overconfident
    assert heatmap_loss(density(target + 0.3, SIGMA), target, SIGMA) > heatmap_loss(
        density(target + 0.1, SIGMA), target, SIGMA
    )
    wrong = target + 8 * CELL  # where wrong, a wider heatmap costs less
    assert heatmap_loss(density(wrong, 2 * SIGMA), target, SIGMA) < heatmap_loss(density(wrong, SIGMA), target, SIGMA)


def test_heatmap_loss_stays_finite_where_a_joint_is_outside_the_crop() -> None:
    logits = torch.zeros(2, 24, 32, requires_grad=True)
    axes = (logits.softmax(-1),) * 3
    loss = heatmap_loss(axes, torch.full((2, 24, 3), 5.0), SIGMA)
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


def a_batch() -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    K = torch.tensor([[300.0, 0, 127.5], [0, 300, 127.5], [0, 0, 1]]).repeat(2, 1, 1)
    return {"target": torch.rand(2, 24, 3) - 0.5, "target_root_mm": torch.tensor([3000.0, 4000.0]), "K_crop": K}


def test_pose_loss_is_the_sum_of_both_spaces() -> None:
    """The same pose on a camera that zooms twice: half as wide in space, unchanged in the crop."""
    batch = a_batch()
    zoomed = {**batch, "K_crop": batch["K_crop"] * torch.tensor([2.0, 2.0, 1.0])[:, None]}
    zoomed["K_crop"][:, :2, 2] = 127.5
    uvd = batch["target"] + torch.tensor([0.1, 0.0, 0.0])  # sideways alone
    for distance in DISTANCES.values():
        normalised, space, both = (
            [loss(uvd, b["target_root_mm"], b, distance).item() for b in (batch, zoomed)]
            for loss in (normalised_loss, space_loss, pose_loss)
        )
        assert normalised[0] == normalised[1]
        assert 0 < space[1] < space[0] * 0.51
        assert both == pytest.approx([n + w for n, w in zip(normalised, space, strict=True)])


def test_space_loss_is_the_distance_in_metres() -> None:
    """3 m away under f = 300 px, a tenth of the crop's half (12.8 px) is 128 mm; L1 over x, y, z is a third of it."""
    batch = {name: value[:1] for name, value in a_batch().items()}
    batch["target"] = batch["target"] * torch.tensor([1.0, 1.0, 0.0])  # all joints at the root's depth
    uvd = batch["target"] + torch.tensor([0.1, 0.0, 0.0])
    losses = {name: space_loss(uvd, batch["target_root_mm"], batch, DISTANCES[name]).item() for name in ("l1", "mse")}
    assert losses["l1"] == pytest.approx(0.128 / 3, rel=1e-5)
    assert losses["mse"] == pytest.approx(0.128**2 / 3, rel=1e-4)
    torch.testing.assert_close(distances_mm(uvd, batch["target_root_mm"], batch), torch.full((1, 24), 128.0))


def test_log_error_loss_is_zero_at_the_logarithm_of_the_distance() -> None:
    batch = a_batch()
    uvd = batch["target"] + torch.tensor([0.1, 0.0, 0.0])
    distance = distances_mm(uvd, batch["target_root_mm"], batch)
    for offset in (0.0, 0.5, -0.5):
        output = BranchOutput(uvd, batch["target_root_mm"], distance.log() + offset)
        assert log_error_loss(output, batch).item() == pytest.approx(abs(offset), abs=1e-5)
    exact = BranchOutput(
        batch["target"], batch["target_root_mm"], torch.zeros(2, 24)
    )  # distances below 1 mm count as 1
    assert log_error_loss(exact, batch).item() == 0


@pytest.mark.parametrize("loss_of", [pose_loss, normalised_loss, space_loss])
@pytest.mark.parametrize("name", list(DISTANCES))
def test_gradient_descent_minimises_every_loss(name: str, loss_of: Callable[..., torch.Tensor]) -> None:
    """Plain gradient descent from a pose that is off by up to 10 cells and a root that is off by a tenth."""
    batch = a_batch()
    off = torch.zeros(2, 24, 3, requires_grad=True)
    log_root = torch.full((2,), 0.1, requires_grad=True)
    start = batch["target"] + 0.3 * torch.randn(2, 24, 3)
    optimizer = torch.optim.Adam([off, log_root], lr=0.01)
    losses = []
    for _ in range(150):
        optimizer.zero_grad()
        root = batch["target_root_mm"] * log_root.exp()
        loss = loss_of(start + off, root, batch, DISTANCES[name])
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.15 * losses[0]


def test_depth_loss_is_the_log_likelihood_between_cells() -> None:
    """Half of the probability at the depth's cell: one bit; half way between two cells: the mean of both."""
    cells = torch.linspace(-1, 1, 5).expand(2, 24, 5)
    probability = torch.tensor([0.0, 0.25, 0.5, 0.25, 0.0]).expand(2, 24, 5)
    depth = DepthDensity(probability, cells)

    def loss(target: float) -> float:
        return depth_loss(depth, {"target": torch.full((2, 24, 3), target)}).item() / DEPTH_WEIGHT

    assert loss(0.0) == pytest.approx(-math.log(0.5))
    assert loss(0.25) == pytest.approx(-math.log(0.375))
    assert loss(0.5) == pytest.approx(-math.log(0.25))
    assert math.isfinite(loss(7.0)) and loss(7.0) > loss(0.5)  # outside of the cells
    at_root = {"target": torch.zeros(2, 24, 3)}
    at_root["target"][:, 0] = 1.0
    assert depth_loss(depth, at_root).item() == pytest.approx(DEPTH_WEIGHT * -math.log(0.5))  # the root does not count


@pytest.mark.parametrize("name", list(DISTANCES))
def test_equal_weights_change_nothing_and_a_joint_without_weight_does_not_count(name: str) -> None:
    batch, distance = a_batch(), DISTANCES[name]
    uvd, root = batch["target"] + 0.1 * torch.randn(2, 24, 3), batch["target_root_mm"] * 1.05
    plain = pose_loss(uvd, root, batch, distance)
    even = pose_loss(uvd, root, {**batch, "weight": torch.full((2, 24), 0.3)}, distance)
    torch.testing.assert_close(even, plain)
    weight = torch.ones(2, 24)
    weight[:, 7] = 0
    wrong = uvd.clone()
    wrong[:, 7] += 1
    others = {**batch, "weight": weight}
    assert pose_loss(wrong, root, batch, distance) > plain
    torch.testing.assert_close(pose_loss(wrong, root, others, distance), pose_loss(uvd, root, others, distance))
    axes = density(wrong.clamp(-1, 1), SIGMA)
    assert heatmap_loss(axes, batch["target"], SIGMA, weight) < heatmap_loss(axes, batch["target"], SIGMA)
