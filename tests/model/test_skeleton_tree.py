"""Sum-product on the skeleton's tree: equal to the sum over all combinations, and what bone lengths decide."""

import numpy as np
import torch

from model.skeleton import EDGES, JOINT_NAMES, NUM_JOINTS, PARENTS
from model.skeleton_tree import LEVELS, _StudentT, bone_potentials, joint_densities

KNEE, ANKLE = JOINT_NAMES.index("left_knee"), JOINT_NAMES.index("left_ankle")


def test_levels_hold_every_joint_after_its_parent() -> None:
    order = [0, *(joint for level in LEVELS for joint in level)]
    assert sorted(order) == list(range(NUM_JOINTS))
    assert all(order.index(parent) < order.index(child) for parent, child in EDGES)
    assert all(len({PARENTS[joint] in level for joint in level}) == 1 for level in LEVELS)


def test_densities_are_the_sum_over_all_combinations() -> None:
    """24 joints of two cells: all 2^24 combinations, summed by one einsum per joint."""
    generator = torch.Generator().manual_seed(0)
    unaries = torch.rand(1, NUM_JOINTS, 2, generator=generator, dtype=torch.float64) + 0.1
    potentials = torch.rand(1, NUM_JOINTS - 1, 2, 2, generator=generator, dtype=torch.float64) + 0.1
    found = joint_densities(unaries, potentials)[0]
    factors = [(unaries[0, joint].numpy(), [joint]) for joint in range(NUM_JOINTS)]
    factors += [(potentials[0, child - 1].numpy(), [parent, child]) for parent, child in EDGES]
    operands = [part for factor in factors for part in factor]
    for joint in range(NUM_JOINTS):
        expected = np.einsum(*operands, [joint], optimize=True)
        np.testing.assert_allclose(found[joint].numpy(), expected / expected.sum(), rtol=1e-9)


def test_bones_of_any_length_leave_the_own_densities() -> None:
    unaries = torch.rand(2, NUM_JOINTS, 5) + 0.1
    found = joint_densities(unaries, torch.ones(2, NUM_JOINTS - 1, 5, 5))
    torch.testing.assert_close(found, unaries / unaries.sum(-1, keepdim=True))


def test_potentials_are_largest_where_the_bone_has_its_length() -> None:
    """A bone of 500 mm from the root, 3 m away, to a ray that is 0.1 to its side: it ends before or behind the root."""
    rays = torch.tensor([[0.0, 0.0, 1.0]]).repeat(NUM_JOINTS, 1)[None]
    rays[:, 1] += torch.tensor([0.1, 0.0, 0.0])
    depths = torch.linspace(2400, 3600, 241)
    bones = torch.stack([torch.full((NUM_JOINTS,), 500.0), torch.full((NUM_JOINTS,), 5.0)])
    potential = bone_potentials(rays, depths.expand(1, NUM_JOINTS, -1), bones)[0, 0, 120]  # of the root's cell at 3 m
    lengths = torch.hypot(0.1 * depths, depths - 3000)
    for side in (depths < 3000, depths > 3000):
        assert abs(lengths[side][potential[side].argmax()].item() - 500) < 5
    assert potential.max() <= 1 and (potential[(lengths - 500).abs() > 50] < 0.01).all()


def test_a_neighbour_decides_the_sign_of_a_bone() -> None:
    """A knee may be before or behind the hip; where the ankle is known and far behind, it is behind."""
    rays = torch.tensor([[0.0, 0.0, 1.0]]).repeat(NUM_JOINTS, 1)[None]
    offsets = torch.linspace(-600, 600, 49)
    cells = (3000 + offsets).expand(1, NUM_JOINTS, -1)
    bones = torch.stack([torch.full((NUM_JOINTS,), 1000.0), torch.full((NUM_JOINTS,), 1e6)])
    bones[:, KNEE] = bones[:, ANKLE] = torch.tensor([300.0, 15.0])

    def around(*depths: float) -> torch.Tensor:
        return sum((torch.exp(-0.5 * ((offsets - depth) / 30) ** 2) for depth in depths), torch.zeros(49))

    unaries = around(0.0).repeat(1, NUM_JOINTS, 1)
    unaries[0, KNEE] = around(-300.0, 300.0)
    densities = {}
    for where in (600.0, -600.0):
        unaries[0, ANKLE] = around(where)
        densities[where] = joint_densities(unaries, bone_potentials(rays, cells, bones))[0, KNEE]
    assert (densities[600.0] * offsets).sum() > 250 and (densities[-600.0] * offsets).sum() < -250


def test_the_gradient_of_the_student_t_is_that_of_its_formula() -> None:
    x = torch.linspace(-3, 3, 13, dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(_StudentT.apply, (x,))
    torch.testing.assert_close(_StudentT.apply(x), (1 + x**2) ** -2)


def test_gradients_flow_through_densities_that_are_certain() -> None:
    """One-hot densities, such as the root's, and impossible bones give finite gradients."""
    unaries = torch.zeros(1, NUM_JOINTS, 7)
    unaries[..., 3] = 1.0
    unaries.requires_grad_()
    rays = torch.tensor([[0.1, 0.2, 1.0]]).repeat(NUM_JOINTS, 1)[None].requires_grad_()
    bones = torch.stack([torch.full((NUM_JOINTS,), 900.0), torch.full((NUM_JOINTS,), 1.0)])
    cells = torch.linspace(2900, 3100, 7).expand(1, NUM_JOINTS, -1)
    densities = joint_densities(unaries, bone_potentials(rays, cells, bones))
    (densities * cells).sum().backward()
    assert torch.isfinite(densities).all() and unaries.grad is not None and rays.grad is not None
    assert torch.isfinite(unaries.grad).all() and torch.isfinite(rays.grad).all()
