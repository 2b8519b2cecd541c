"""The root's depth by the floor: exact geometry, weights of the cues, and poses that tell nothing."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model.model import PoseNetSpec, make_posenet
from model.root_cues import RootEstimate, by_lowest_foot, fused
from model.skeleton import FEET
from modules.dataset import PoseDataset
from modules.simulation.augmentation import Augmentation
from modules.simulation.views import ViewSimulator
from tests.builders import make_rows
from tests.model.samples import batch_of

EXACT, BLURRED = torch.zeros(1, 4), torch.full((1, 4), 50.0)


def estimate(log_ratio: float, variance: float) -> RootEstimate:
    return RootEstimate(torch.tensor([log_ratio]), torch.tensor([variance]))


def test_the_mean_of_estimates_is_weighted_by_inverse_variance() -> None:
    log_ratio, variance = fused([estimate(0.0, 1.0), estimate(0.3, 0.5)])
    assert (log_ratio.item(), variance.item()) == pytest.approx((0.2, 1 / 3))
    for unknown in (estimate(0.0, torch.inf), estimate(9.0, 1e12)):
        assert fused([estimate(0.3, 0.5), unknown]).log_ratio.item() == pytest.approx(0.3)


@pytest.mark.parametrize("seed", range(3))
def test_with_true_relative_depths_the_lowest_foot_gives_the_true_root(seed: int, tmp_path: Path) -> None:
    """Cameras look from any side, crops are turned, and the extractor's root is a tenth too near."""
    rows = make_rows(tmp_path, 8, seed=seed, size=0.9)
    dataset = PoseDataset(rows, 128, Augmentation(rotation=30.0, shift=0.1), seed=seed)
    heights = rows["joints_world_mm"][:, FEET, 2] - rows["floor_height_mm"][:, None]
    for index in range(8):
        batch = dataset.__getitems__([index])
        lowest = float(heights[index].min())
        contact = torch.tensor([lowest] * 4 + [10.0])
        log_ratio, variance = by_lowest_foot(batch["target"], batch, EXACT, contact)
        found = batch["root_mm"] * torch.exp(log_ratio)
        torch.testing.assert_close(found, batch["target_root_mm"], rtol=1e-4, atol=0.5)
        higher = by_lowest_foot(batch["target"], batch, EXACT, contact + torch.tensor([20.0] * 4 + [0.0]))
        fall = 20.0 / (found - batch["root_mm"] * torch.exp(higher.log_ratio))  # of the ray, per depth
        assert fall > 0  # a floor that carries feet at a greater height is nearer
        assert variance.sqrt().item() == pytest.approx(10 / fall.item() / found.item(), rel=0.05)
        blurred = by_lowest_foot(batch["target"], batch, BLURRED, contact)
        assert blurred.variance.item() == pytest.approx(variance.item() + (50 / found.item()) ** 2, rel=1e-3)


def test_a_lifted_foot_has_no_say(tmp_path: Path) -> None:
    batch = PoseDataset(make_rows(tmp_path, 1), 128).__getitems__([0])
    contact = torch.tensor([80.0, 80.0, 30.0, 30.0, 10.0])
    standing = by_lowest_foot(batch["target"], batch, EXACT, contact)
    up = batch["target"].clone()
    up[:, FEET[0], 1] -= 0.4  # the left leg, towards the crop's upper edge
    up[:, FEET[2], 1] -= 0.4
    right = by_lowest_foot(up, batch, EXACT, contact)
    assert right.log_ratio >= standing.log_ratio
    down = batch["target"].clone()
    down[:, FEET[2], 1] += 0.4
    assert by_lowest_foot(down, batch, EXACT, contact).log_ratio < standing.log_ratio


def test_what_does_not_fit_a_floor_has_no_weight() -> None:
    contact = torch.tensor([80.0, 80.0, 30.0, 30.0, 10.0])
    batch = batch_of(1) | {"K_crop": torch.tensor([[[300.0, 0, 128], [0, 300, 128], [0, 0, 1]]])}
    batch["pose_features"][..., 3:] = torch.tensor([0.9, -0.9])  # 1.8 m below the camera's height
    batch["joints"][:, FEET] = torch.tensor([0.0, 0.9, 0.0])
    usual = by_lowest_foot(batch["joints"], batch, BLURRED, contact)
    assert torch.isfinite(usual.variance).all() and usual.log_ratio.abs() < 0.7
    level, above = batch["joints"].clone(), batch["joints"].clone()
    level[:, FEET, 1], above[:, FEET, 1] = 0.0, -0.9
    far = batch | {"root_mm": batch["root_mm"] * 0.1}
    none = batch | {"has_floor": torch.zeros(1, 1), "up_crop": torch.zeros(1, 3)}
    for joints, inputs in ((level, batch), (above, batch), (batch["joints"], far), (batch["joints"], none)):
        found = by_lowest_foot(joints, inputs, BLURRED, contact)
        assert torch.isinf(found.variance).all() and not found.log_ratio.any()


def test_a_fitted_network_places_simulated_people_better_by_their_feet(tmp_path: Path) -> None:
    """People stand and stoop; the mean pelvis height is wrong for all of them, the floor is not."""
    rows = make_rows(tmp_path, 24, noise=3.0, size=0.9)
    views = ViewSimulator(rows).draw(np.random.default_rng(0), 256)
    batch = {name: torch.from_numpy(values) for name, values in views.items()}
    spec = PoseNetSpec(model_type="pose", bone_prior=True, floor_contact=True)
    branch = make_posenet(spec).eval().pose
    heights = rows["joints_world_mm"][:, FEET, 2] - rows["floor_height_mm"][:, None]
    pelvis = float((rows["joints_world_mm"][:, 0, 2] - rows["floor_height_mm"]).mean()) / 1e3
    branch.root_cues.copy_(torch.tensor([pelvis + 0.15, 0.05, 0.1]))
    errors = {}
    for name, error in (("without", 1e6), ("with", 20.0)):
        lowest = np.median(heights.min(1))
        branch.contact.copy_(torch.tensor([lowest] * 4 + [error]))
        errors[name] = (branch(batch).root_mm / batch["target_root_mm"]).log().abs().mean().item()
    assert errors["with"] < 0.8 * errors["without"], errors
