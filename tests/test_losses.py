"""Losses: nothing is asked of the right answer, and an image branch may not be surer than it was taught to be."""

import pytest
import torch

from model.model import Axes, cell_centres
from modules.losses import DISTANCES, heat_loss, pose_loss

CELL = 2 / 32
HEAT_CELLS = 3.0


def density(centre: torch.Tensor, sd_cells: float) -> Axes:
    u, v, d = (
        (-0.5 * ((cell_centres(32, centre) - centre[..., axis, None]) / (sd_cells * CELL)) ** 2).softmax(-1)
        for axis in range(3)
    )
    return u, v, d


def test_heat_loss_is_least_at_the_target_and_the_taught_width() -> None:
    target = torch.rand(4, 24, 3) - 0.5
    right = heat_loss(density(target, HEAT_CELLS), target, HEAT_CELLS).item()
    assert abs(right) < 1e-5
    assert heat_loss(density(target, HEAT_CELLS / 2), target, HEAT_CELLS) > 0.1  # right, and surer than it may be
    assert heat_loss(density(target + 0.3, HEAT_CELLS), target, HEAT_CELLS) > heat_loss(
        density(target + 0.1, HEAT_CELLS), target, HEAT_CELLS
    )
    wrong = target + 8 * CELL  # a wrong one had better be unsure
    assert heat_loss(density(wrong, 2 * HEAT_CELLS), target, HEAT_CELLS) < heat_loss(
        density(wrong, HEAT_CELLS), target, HEAT_CELLS
    )


def test_heat_loss_stays_finite_where_a_joint_is_outside_the_crop() -> None:
    logits = torch.zeros(2, 24, 32, requires_grad=True)
    axes = (logits.softmax(-1),) * 3
    loss = heat_loss(axes, torch.full((2, 24, 3), 5.0), HEAT_CELLS)
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


def test_the_spaces_measure_what_they_say() -> None:
    """The same pose on a camera that zooms twice: half as wide in space, unchanged in the crop."""
    batch = a_batch()
    zoomed = {**batch, "K_crop": batch["K_crop"] * torch.tensor([2.0, 2.0, 1.0])[:, None]}
    zoomed["K_crop"][:, :2, 2] = 127.5
    uvd = batch["target"] + torch.tensor([0.1, 0.0, 0.0])  # sideways alone
    for distance in DISTANCES.values():
        normalised, world, both = (
            [pose_loss(uvd, b["target_root_mm"], b, distance, space).item() for b in (batch, zoomed)]
            for space in ("normalised", "world", "both")
        )
        assert normalised[0] == normalised[1]
        assert 0 < world[1] < world[0] * 0.51
        assert both == pytest.approx([n + w for n, w in zip(normalised, world, strict=True)])


def test_world_loss_is_the_distance_in_metres() -> None:
    """3 m away under f = 300 px, a tenth of the crop's half (12.8 px) is 128 mm; L1 over x, y, z is a third of it."""
    batch = {name: value[:1] for name, value in a_batch().items()}
    batch["target"] = batch["target"] * torch.tensor([1.0, 1.0, 0.0])  # all joints at the root's depth
    uvd = batch["target"] + torch.tensor([0.1, 0.0, 0.0])
    away = pose_loss(uvd, batch["target_root_mm"], batch, DISTANCES["l1"], "world").item()
    assert away == pytest.approx(0.128 / 3, rel=1e-5)
    assert pose_loss(uvd, batch["target_root_mm"], batch, DISTANCES["mse"], "world").item() == pytest.approx(
        0.128**2 / 3, rel=1e-4
    )


@pytest.mark.parametrize("space", ["both", "normalised", "world"])
@pytest.mark.parametrize("name", list(DISTANCES))
def test_every_loss_can_be_learned_from(name: str, space: str) -> None:
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
        loss = pose_loss(start + off, root, batch, DISTANCES[name], space)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.15 * losses[0]
