"""PoseNet: half pixels from crop to volume and back, an untrained answer that is the cached pose, and both branches."""

import dataclasses

import numpy as np
import pytest
import torch

from model import model as net
from model.model import PoseNet, PoseNetSpec, PosePrior, cell_centres, marginals, soft_argmax
from modules.cache import CROP_SIZE
from modules.dataset import denormalise_px, normalise_px
from modules.skeleton import MIRROR
from modules.utils import UserError

SMALL = PoseNetSpec()


def batch_of(size: int = 3, shape: int = 128, seed: int = 0) -> dict[str, torch.Tensor]:
    """Samples of the right shapes."""
    g = torch.Generator().manual_seed(seed)
    return {
        "image": torch.randint(0, 255, (size, 3, shape, shape), dtype=torch.uint8, generator=g),
        "joints": torch.rand(size, 24, 3, generator=g) - 0.5,
        "features": torch.rand(size, 24, 5, generator=g),
        "floor": torch.ones(size, 1),
        "level": torch.rand(size, 24, 7, generator=g) - 0.5,
        "view": torch.rand(size, 6, generator=g),
        "root_mm": 3000 + 1000 * torch.rand(size, generator=g),
        "K_crop": torch.eye(3).repeat(size, 1, 1) * 300,
    }


def test_cells_and_crop_pixels_share_their_edges() -> None:
    """A cell of the 32-cell volume covers exactly 8 px of the 256 px crop, centred on pixel 8 i + 3.5."""
    centres_px = denormalise_px(cell_centres(32, torch.zeros(1, dtype=torch.float64)))
    np.testing.assert_allclose(centres_px, np.arange(32) * 8 + 3.5)
    np.testing.assert_allclose(normalise_px(np.array([-0.5, CROP_SIZE - 0.5])), [-1, 1])


@pytest.mark.parametrize("cells", [(32, 32, 32), (64, 32, 16)])
def test_known_joints_come_back_through_the_volume(cells: tuple[int, int, int]) -> None:
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


def test_marginals_and_their_gradient_are_those_of_a_softmax_summed() -> None:
    generator = torch.Generator().manual_seed(1)
    logits = (5 * torch.randn(2, 3, 4, 5, 6, dtype=torch.float64, generator=generator)).requires_grad_()
    heat = logits.flatten(-3).softmax(-1).unflatten(-1, (4, 5, 6))
    expected = heat.sum((-3, -2)), heat.sum((-3, -1)), heat.sum((-2, -1))
    weights = [torch.randn(axis.shape, dtype=torch.float64, generator=generator) for axis in expected]
    answers = {}
    for name, axes in (("written out", expected), ("ours", marginals(logits))):
        torch.testing.assert_close(axes, expected)
        loss = sum((axis * weight).square().sum() for axis, weight in zip(axes, weights, strict=True))
        (answers[name],) = torch.autograd.grad(loss, logits, retain_graph=True)
    torch.testing.assert_close(answers["ours"], answers["written out"])
    assert torch.autograd.gradcheck(marginals, logits)


def test_marginals_of_half_precision_volumes_are_in_full_precision() -> None:
    logits = torch.randn(2, 3 * 4, 5, 6).to(torch.bfloat16, memory_format=torch.channels_last).requires_grad_()
    volumes = logits.unflatten(1, (3, 4))
    axes = marginals(volumes)
    torch.testing.assert_close(axes, marginals(volumes.float()))
    assert all(axis.dtype == torch.float32 for axis in axes)
    axes[0].square().sum().backward()
    assert logits.grad is not None and logits.grad.dtype == torch.bfloat16 and logits.grad.abs().sum() > 0


@pytest.mark.parametrize("root", ["height", "learned"])
@pytest.mark.parametrize("model_type", ["image+pose", "pose"])
def test_untrained_network_answers_the_cached_pose(model_type: str, root: str) -> None:
    torch.manual_seed(0)
    network = PoseNet(dataclasses.replace(SMALL, model_type=model_type, root=root, members=2)).eval()
    batch = batch_of()
    batch["joints"][0, 3] = torch.tensor([1.3, -1.2, 0.1])  # outside the crop: the prior is cut, the answer is not
    uvd, root, *_ = network(batch)
    torch.testing.assert_close(uvd, batch["joints"], atol=2e-3, rtol=0)
    torch.testing.assert_close(root, batch["root_mm"])


@pytest.mark.parametrize(
    ("spec", "shape"),
    [
        (SMALL, 128),
        (PoseNetSpec(256, 64, 64), 256),
        (PoseNetSpec(model_type="image"), 128),
        (PoseNetSpec(model_type="pose"), 128),
    ],
)
def test_shapes_and_gradients_of_every_kind(spec: PoseNetSpec, shape: int) -> None:
    torch.manual_seed(0)
    network = PoseNet(spec)
    uvd, root, evidence, doubt = network(batch_of(2, shape))
    assert uvd.shape == (2, 24, 3) and root.shape == (2,)
    assert uvd.dtype == root.dtype == torch.float32 and (root > 0).all()
    if network.sees_image:
        assert [axis.shape for axis in evidence] == [(2, 24, shape // 4)] * 3
        torch.testing.assert_close(torch.stack(evidence).sum(-1), torch.ones(3, 2, 24))
    assert doubt.shape == (2, 24)
    (uvd.square().sum() + root.log().sum() + doubt.sum()).backward()
    without = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not without


def test_each_kind_sees_what_its_name_says() -> None:
    torch.manual_seed(0)
    for model_type, sees_image, sees_pose in (
        ("image+pose", True, True),
        ("pose", False, True),
        ("image", True, False),
    ):
        network = PoseNet(dataclasses.replace(SMALL, model_type=model_type)).eval()
        for last in (network.members[0].shift, network.members[0].root, *([network.head[-1]] if sees_image else [])):
            torch.nn.init.normal_(last.weight, std=0.1)
        batch = batch_of(2)
        before = torch.cat([value.flatten() for value in network(batch)[:2]])

        def moved(
            names: tuple[str, ...], batch: dict = batch, network: PoseNet = network, before: torch.Tensor = before
        ) -> bool:
            changed = {**batch, **{name: batch[name].flip(0) for name in names}}
            return bool((torch.cat([v.flatten() for v in network(changed)[:2]]) - before).abs().max() > 1e-6)

        assert moved(("image",)) is sees_image, model_type
        assert moved(("joints", "features", "root_mm")) is sees_pose, model_type


def gaussians(centre: torch.Tensor, sd: float, cells: int = 32) -> net.Axes:
    """Probabilities about centres (B, 24, 3), as an image branch would give them."""
    u, v, d = (
        (-0.5 * ((cell_centres(cells, centre) - centre[..., axis, None]) / sd) ** 2).softmax(-1) for axis in range(3)
    )
    return u, v, d


def test_evidence_and_prior_are_weighed_by_their_widths() -> None:
    """The product of two Gaussians stands at the mean that is weighed by inverse variances."""
    prior = PosePrior(SMALL)
    prior.width.fill_(0.1)
    centre = torch.linspace(-0.4, 0.4, 72).reshape(1, 24, 3)
    seen = centre + torch.linspace(0.3, -0.3, 72).reshape(1, 24, 3)
    expected = (0.2**2 * centre + 0.1**2 * seen) / (0.2**2 + 0.1**2)
    torch.testing.assert_close(prior.fuse(centre, gaussians(seen, 0.2)), expected, atol=2e-3, rtol=0)
    nothing_seen = (torch.full((1, 24, 32), 1 / 32),) * 3
    outside = torch.full((1, 24, 3), 1.3)
    torch.testing.assert_close(prior.fuse(outside, nothing_seen), outside, atol=1e-5, rtol=0)


def test_prior_is_as_wide_as_the_pose_branch_errs() -> None:
    prior = PosePrior(SMALL)
    g = torch.Generator().manual_seed(0)
    spread = torch.tensor([0.05, 0.1, 0.2])
    for _ in range(400):
        prior.follow(torch.randn(64, 24, 3, generator=g) * spread)
    torch.testing.assert_close(prior.width.mean(0), spread, rtol=0.05, atol=0)
    for _ in range(400):
        prior.follow(torch.zeros(64, 24, 3))
    torch.testing.assert_close(prior.width, torch.full((24, 3), net.NARROWEST * 2 / 32), rtol=0.01, atol=0)


def test_prior_far_away_has_no_denormals() -> None:
    axes = PosePrior(SMALL).axes(torch.full((1, 24, 3), 7.0))
    assert min(axis.min().item() for axis in axes) == net.PRIOR_FLOOR


def test_normalisation_is_imagenets_on_uint8() -> None:
    network = PoseNet(SMALL)
    seen: list[torch.Tensor] = []
    network.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    batch = batch_of(1)
    network(batch)
    expected = (batch["image"] / 255 - torch.tensor([0.485, 0.456, 0.406]).view(3, 1, 1)) / network.image_std
    torch.testing.assert_close(seen[0], expected)


def test_pretrained_and_unreachable_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(UserError, match="TRAIN.pretrained=true"):
        PoseNet(SMALL, pretrained=True)


def test_root_goes_to_the_height_that_training_people_carry_it_at() -> None:
    """Camera 2 m up; the extractor puts a pelvis of 0.9 m a tenth too near, so at 1.01 m: trusted, the height mends it."""
    network = PoseNet(PoseNetSpec(model_type="pose")).eval()
    batch = batch_of(1)
    true_root = torch.tensor([4000.0])
    batch["root_mm"] = 0.9 * true_root
    batch["features"][:, 0, 3:] = torch.tensor([2 - 1.1 * 0.9, -1.1 * 0.9])
    network.root_cues.copy_(torch.tensor([0.9, 1e-4, 0.05]))
    torch.testing.assert_close(network(batch)[1], true_root, rtol=1e-3, atol=0)
    network.root_cues.copy_(torch.tensor([0.9, 0.05 * 1.1 * 0.9, 0.05]))  # both as wrong: half way, in logarithms
    torch.testing.assert_close(network(batch)[1], true_root * 0.9**0.5, rtol=1e-3, atol=0)
    batch["features"][:, 0, 3:] = torch.tensor([2.0, 0.0])  # a level ray
    torch.testing.assert_close(network(batch)[1], batch["root_mm"], rtol=0.1, atol=0)
    batch["floor"] = torch.zeros(1, 1)
    torch.testing.assert_close(network(batch)[1], batch["root_mm"])


def test_a_learned_root_sees_the_level_frame_and_one_by_height_does_not() -> None:
    for root, sees in (("height", False), ("learned", True)):
        torch.manual_seed(0)
        network = PoseNet(dataclasses.replace(SMALL, model_type="pose", root=root)).eval()
        for layer in (network.members[0].shift, network.members[0].root):
            torch.nn.init.normal_(layer.weight, std=0.1)
        batch = batch_of()
        for name in ("level", "view"):
            other = batch | {name: batch[name] + 0.3}
            assert torch.equal(network.place(batch)[1], network.place(other)[1]) is not sees, (root, name)


def test_an_input_far_out_does_not_run_away_with_a_learned_root() -> None:
    network = PoseNet(dataclasses.replace(SMALL, model_type="pose", root="learned")).eval()
    torch.nn.init.normal_(network.members[0].root.weight, std=0.1)
    far, farther = ({**batch_of(), "view": torch.full((3, 6), value)} for value in (1e3, 1e6))
    torch.testing.assert_close(network.place(far)[1], network.place(farther)[1])


def wakened(network: PoseNet) -> PoseNet:
    """Its members' last layers drawn at random, each its own."""
    for member in network.members:
        for layer in (member.shift, member.root, member.doubt[-1]):
            torch.nn.init.normal_(layer.weight, std=0.1)
    return network.eval()


@pytest.mark.parametrize("root", ["height", "learned"])
def test_the_pose_branch_answers_its_members_mean(root: str) -> None:
    torch.manual_seed(0)
    network = wakened(PoseNet(dataclasses.replace(SMALL, model_type="pose", root=root, members=3)))
    batch = batch_of() | {"floor": torch.zeros(3, 1)} if root == "height" else batch_of()
    one, two, three = network.places(batch)
    assert not torch.allclose(one.uvd, two.uvd) and not torch.allclose(two.root_mm, three.root_mm)
    placed = network.place(batch)
    torch.testing.assert_close(placed.uvd, (one.uvd + two.uvd + three.uvd) / 3)
    torch.testing.assert_close(placed.root_mm, (one.root_mm * two.root_mm * three.root_mm) ** (1 / 3))
    torch.testing.assert_close(placed.doubt, (one.doubt + two.doubt + three.doubt) / 3)


def test_one_member_is_the_first_of_several() -> None:
    """So that a network of one begins as it did before there were more, and answers as it would by itself."""
    networks = {}
    for members in (1, 2):
        torch.manual_seed(7)
        networks[members] = PoseNet(dataclasses.replace(SMALL, model_type="pose", members=members))
    alone, first = networks[1].state_dict(), networks[2].state_dict()
    assert alone.keys() < first.keys()
    for name, value in alone.items():
        assert torch.equal(first[name], value), name


def test_sides_are_exchanged_by_all_members_or_by_none() -> None:
    network = PoseNet(dataclasses.replace(SMALL, model_type="pose", members=2)).eval()
    batch, mirror = batch_of(), list(MIRROR)
    for told, exchanged in (((9.0, 9.0), True), ((9.0, -9.0), False), ((9.0, 2.0), True), ((2.0, 2.0), False)):
        for member, logit in zip(network.members, told, strict=True):
            torch.nn.init.constant_(member.swap.bias, logit)
        wanted = batch["joints"][:, mirror] if exchanged else batch["joints"]
        torch.testing.assert_close(network.place(batch).uvd, wanted)


def test_every_member_learns_and_none_what_another_does() -> None:
    torch.manual_seed(0)
    network = PoseNet(dataclasses.replace(SMALL, model_type="pose", members=2))
    places = network.places(batch_of())
    places[0].uvd.square().sum().backward()
    moved = {name for name, weight in network.named_parameters() if weight.grad is not None and weight.grad.any()}
    assert moved and all(name.startswith("members.0.") for name in moved)
