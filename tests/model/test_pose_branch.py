"""The pose branch alone: an untrained output equal to the cached pose, the root's depth, and the ensemble."""

import pytest
import torch

from model.inputs import FEATURE_CHANNELS
from model.pose_branch import MIRRORED, SWAP_THRESHOLD, BranchOutput, PoseBranch, crop_rays, mean_output
from model.pose_member import FEATURE_AXES, FIRST_LOG_ERROR, PoseMember
from model.skeleton import EDGES, MIRROR
from tests.model.samples import batch_of, randomise, randomise_ensemble

HEIGHT, LEARNED = (False, False), (True, False)  # learns_root, uses_joint_features


def test_untrained_branch_returns_the_cached_pose() -> None:
    for learns_root in (False, True):
        branch, batch = PoseBranch(learns_root, False, 2).eval(), batch_of()
        output = branch(batch)
        torch.testing.assert_close(output.uvd, batch["joints"])
        torch.testing.assert_close(output.root_mm, batch["root_mm"])
        torch.testing.assert_close(output.log_error, torch.full((3, 24), FIRST_LOG_ERROR))


def test_a_member_alone_corrects_nothing_before_training() -> None:
    member = PoseMember(10, uses_joint_features=True).eval()
    features = torch.rand(4, 24 * FEATURE_AXES)
    for arguments in ((), (features, torch.ones(4, 1))):
        output = member(torch.rand(4, 10), *arguments)
        assert output.shift.shape == (4, 24, 3) and not output.shift.any()
        assert output.root_log_ratio.shape == (4,) and not output.root_log_ratio.any()
        assert output.swap.shape == (4,) and (output.swap < 0.01).all()
        assert output.log_error.shape == (4, 24)


def test_members_ignore_features_that_no_image_supplies() -> None:
    torch.manual_seed(0)
    member = PoseMember(10, uses_joint_features=True).eval()
    randomise(member.shift)
    inputs, features = torch.rand(4, 10), torch.rand(4, 24 * FEATURE_AXES)
    absent = [member(inputs, shown, torch.zeros(4, 1)).shift for shown in (features, features.flip(0))]
    present = [member(inputs, shown, torch.ones(4, 1)).shift for shown in (features, features.flip(0))]
    assert torch.equal(*absent) and not torch.allclose(*present)


def test_root_moves_to_the_mean_pelvis_height_of_training() -> None:
    """Camera 2 m up; the extractor puts a pelvis of 0.9 m a tenth too near, so at 1.01 m; the height corrects it."""
    branch = PoseBranch(*HEIGHT, 1).eval()
    batch = batch_of(1)
    true_root = torch.tensor([4000.0])
    batch["root_mm"] = 0.9 * true_root
    batch["pose_features"][:, 0, 3:] = torch.tensor([2 - 1.1 * 0.9, -1.1 * 0.9])
    branch.root_cues.copy_(torch.tensor([0.9, 1e-4, 0.05]))
    torch.testing.assert_close(branch(batch).root_mm, true_root, rtol=1e-3, atol=0)
    branch.root_cues.copy_(torch.tensor([0.9, 0.05 * 1.1 * 0.9, 0.05]))  # equal variances: half way, in logarithms
    torch.testing.assert_close(branch(batch).root_mm, true_root * 0.9**0.5, rtol=1e-3, atol=0)
    batch["pose_features"][:, 0, 3:] = torch.tensor([2.0, 0.0])  # a level ray
    torch.testing.assert_close(branch(batch).root_mm, batch["root_mm"], rtol=0.1, atol=0)
    batch["has_floor"] = torch.zeros(1, 1)
    torch.testing.assert_close(branch(batch).root_mm, batch["root_mm"])


def test_only_a_learned_root_uses_the_level_frame() -> None:
    for learns_root in (False, True):
        torch.manual_seed(0)
        branch = PoseBranch(learns_root, False, 1).eval()
        randomise(branch.ensemble[0].shift, branch.ensemble[0].root)
        batch = batch_of()
        for name in ("joints_level", "camera"):
            other = batch | {name: batch[name] + 0.3}
            assert torch.equal(branch(batch).root_mm, branch(other).root_mm) is not learns_root, (learns_root, name)


def test_extreme_inputs_are_clamped_for_a_learned_root() -> None:
    branch = PoseBranch(*LEARNED, 1).eval()
    randomise(branch.ensemble[0].root)
    far, farther = ({**batch_of(), "camera": torch.full((3, 6), value)} for value in (1e3, 1e6))
    torch.testing.assert_close(branch(far).root_mm, branch(farther).root_mm)


def test_a_learned_root_ignores_what_needs_a_missing_floor() -> None:
    """Two batches that differ in unknown inputs alone; the others still matter."""
    branch = PoseBranch(*LEARNED, 1).eval()
    randomise_ensemble(branch)
    branch.inputs_mean.uniform_(-1, 1)
    full = batch_of()
    batch = full | {"has_floor": torch.zeros(3, 1)}
    unknown = {name: full[name].clone() for name in ("pose_features", "joints_level", "camera")}
    unknown["pose_features"][..., 3:] += 0.7
    unknown["joints_level"][..., 3] += 0.7
    unknown["camera"][:, 2] += 0.7

    def root(*entries: dict[str, torch.Tensor]) -> torch.Tensor:
        return branch({name: value for entry in entries for name, value in entry.items()}).root_mm

    assert torch.equal(root(batch), root(batch, unknown))
    assert not torch.equal(root(full), root(full, unknown))
    assert not torch.equal(root(batch), root(batch, {"has_up": torch.zeros(3, 1)}))  # the flag is an input
    assert not torch.equal(root(batch), root(batch, {"camera": batch["camera"] + torch.eye(6)[0]}))


def test_poses_without_a_floor_have_members_of_their_own() -> None:
    """Each pose is predicted by, and trains, the members of its kind alone."""
    branch = PoseBranch(*LEARNED, 2)
    randomise_ensemble(branch)
    batch = batch_of(4)
    batch["has_floor"] = torch.tensor([[1.0], [0.0], [1.0], [0.0]])
    outputs = branch(batch)
    for place, members, others in (
        (0, branch.ensemble, branch.without_floor),
        (1, branch.without_floor, branch.ensemble),
    ):
        branch.zero_grad()
        outputs.uvd[place].sum().backward(retain_graph=True)
        assert all(member.shift.weight.grad.abs().sum() > 0 for member in members)
        assert all(member.shift.weight.grad.abs().sum() == 0 for member in others)
    assert not hasattr(PoseBranch(*HEIGHT, 1), "without_floor")


@pytest.mark.parametrize("learns_root", [False, True])
def test_the_branch_returns_the_mean_of_its_ensemble(learns_root: bool) -> None:
    torch.manual_seed(0)
    branch = PoseBranch(learns_root, False, 3).eval()
    randomise_ensemble(branch)
    batch = batch_of() if learns_root else batch_of() | {"has_floor": torch.zeros(3, 1)}
    one, two, three = branch.member_outputs(batch)
    assert not torch.allclose(one.uvd, two.uvd) and not torch.allclose(two.root_mm, three.root_mm)
    output = branch(batch)
    torch.testing.assert_close(output.uvd, (one.uvd + two.uvd + three.uvd) / 3)
    torch.testing.assert_close(output.root_mm, (one.root_mm * two.root_mm * three.root_mm) ** (1 / 3))
    torch.testing.assert_close(output.log_error, (one.log_error + two.log_error + three.log_error) / 3)


def test_the_mean_of_one_output_is_that_output() -> None:
    output = BranchOutput(torch.rand(2, 24, 3), torch.rand(2) + 1, torch.rand(2, 24))
    assert mean_output([output]) is output


def test_an_ensemble_of_one_equals_the_first_of_several() -> None:
    """So that the number of members does not change how the first one starts and what it computes."""
    branches = {}
    for size in (1, 2):
        torch.manual_seed(7)
        branches[size] = PoseBranch(*HEIGHT, size)
    alone, first = branches[1].state_dict(), branches[2].state_dict()
    assert alone.keys() < first.keys()
    for name, value in alone.items():
        assert torch.equal(first[name], value), name


def test_sides_are_swapped_by_all_members_or_by_none() -> None:
    """In eval mode, where the mean probability decides; sigmoid(2) is below SWAP_THRESHOLD."""
    branch = PoseBranch(*HEIGHT, 2).eval()
    batch, mirror = batch_of(), list(MIRROR)
    assert torch.tensor(2.0).sigmoid() < SWAP_THRESHOLD < torch.tensor([9.0, 2.0]).sigmoid().mean()
    for logits, swapped in (((9.0, 9.0), True), ((9.0, -9.0), False), ((9.0, 2.0), True), ((2.0, 2.0), False)):
        for member, logit in zip(branch.ensemble, logits, strict=True):
            torch.nn.init.constant_(member.swap.bias, logit)
        expected = batch["joints"][:, mirror] if swapped else batch["joints"]
        torch.testing.assert_close(branch(batch).uvd, expected)


def test_each_member_learns_by_itself() -> None:
    torch.manual_seed(0)
    branch = PoseBranch(*HEIGHT, 2)
    branch.member_outputs(batch_of())[0].uvd.square().sum().backward()
    changed = {name for name, weight in branch.named_parameters() if weight.grad is not None and weight.grad.any()}
    assert changed and all(name.startswith("ensemble.0.") for name in changed)


def test_the_mirrored_scene_is_averaged_where_the_batch_describes_it() -> None:
    torch.manual_seed(0)
    branch = PoseBranch(True, True, 1).eval()
    randomise_ensemble(branch)
    features = {"joint_features": torch.rand(3, 24, FEATURE_CHANNELS), "has_joint_features": torch.ones(3, 1)}
    batch, other = batch_of() | features, batch_of(seed=1) | features
    plain, mirrored = branch(batch), branch(other)
    both = branch(batch | {MIRRORED + name: value for name, value in other.items()})
    unmirrored = mirrored.uvd[:, list(MIRROR)] * torch.tensor([-1.0, 1, 1])
    torch.testing.assert_close(both.uvd, (plain.uvd + unmirrored) / 2)
    torch.testing.assert_close(both.root_mm, (plain.root_mm * mirrored.root_mm).sqrt())
    torch.testing.assert_close(both.log_error, (plain.log_error + mirrored.log_error[:, list(MIRROR)]) / 2)


def bone_branch(bones_mm: torch.Tensor | None = None) -> PoseBranch:
    branch = PoseBranch(*HEIGHT, 1, bone_prior=True).eval()
    if bones_mm is not None:
        branch.bones_mm.copy_(bones_mm)
    return branch


def bone_lengths(output: BranchOutput, K_crop: torch.Tensor) -> torch.Tensor:
    rays = crop_rays(output.uvd[..., :2], K_crop)
    joints = rays * (output.root_mm[:, None] + 1000 * output.uvd[..., 2])[..., None]
    return torch.stack([(joints[:, child] - joints[:, parent]).norm(dim=-1) for parent, child in EDGES], 1)


def test_rays_are_those_of_the_crop_camera() -> None:
    K_crop = torch.tensor([[[300.0, 0, 120], [0, 310, 130], [0, 0, 1]]])
    pixels = torch.rand(1, 24, 2) * 255
    rays = crop_rays((pixels + 0.5) * 2 / 256 - 1, K_crop)
    torch.testing.assert_close((rays @ K_crop.mT)[..., :2], pixels)
    assert (rays[..., 2] == 1).all()


def test_untrained_branch_with_unknown_bones_returns_the_cached_pose_about_its_root() -> None:
    batch = batch_of()
    output = bone_branch()(batch)
    torch.testing.assert_close(output.uvd[..., :2], batch["joints"][..., :2])
    torch.testing.assert_close(output.uvd[:, 1:, 2], batch["joints"][:, 1:, 2], atol=1e-4, rtol=0)
    assert not output.uvd[:, 0, 2].any()  # the root's own relative depth


def test_known_bones_move_depths_until_the_lengths_fit() -> None:
    """A possible pose whose depths are wrong by up to 100 mm: with its bones' lengths they come back by half and more."""
    torch.manual_seed(0)
    batch = batch_of() | {
        "root_mm": torch.full((3,), 3000.0),
        "K_crop": torch.tensor([[400.0, 0, 128], [0, 400, 128], [0, 0, 1]]).repeat(3, 1, 1),
    }
    batch["joints"] = torch.rand(1, 24, 3).repeat(3, 1, 1) * 0.4 - 0.2
    batch["joints"][:, 0, 2] = 0.0
    true_depth = batch["joints"][..., 2].clone()
    truth = BranchOutput(batch["joints"], batch["root_mm"], torch.zeros(3, 24))
    lengths = bone_lengths(truth, batch["K_crop"])[0]
    bones = torch.stack([torch.cat([torch.ones(1), lengths]), torch.full((24,), 20.0)])
    batch["joints"] = (
        batch["joints"] + torch.rand(3, 24, 3) * torch.tensor([0.0, 0.0, 0.2]) - torch.tensor([0.0, 0.0, 0.1])
    )
    branch = bone_branch(bones)
    output = branch(batch)

    def misfit(found: BranchOutput) -> float:
        return (bone_lengths(found, batch["K_crop"]) - lengths).abs().mean().item()

    (alone,) = branch.member_outputs(batch, together=False)
    assert misfit(output) < 0.5 * misfit(alone)
    errors = [(found.uvd[:, 1:, 2] - true_depth[:, 1:]).abs().mean() for found in (output, alone)]
    assert errors[0] < errors[1]
    torch.testing.assert_close(alone.uvd[:, 1:, 2], batch["joints"][:, 1:, 2], atol=1e-4, rtol=0)


def test_every_part_of_the_density_learns_through_the_tree() -> None:
    branch, batch = bone_branch(torch.stack([torch.full((24,), 300.0), torch.full((24,), 20.0)])), batch_of()
    (output,) = branch.member_outputs(batch)
    assert output.depth is not None
    torch.testing.assert_close(output.depth.probability.sum(-1), torch.ones(3, 24))
    output.uvd[..., 2].square().sum().backward()
    member = branch.ensemble[0]
    for layer in (member.shift, member.depth):
        assert torch.isfinite(layer.weight.grad).all() and layer.weight.grad.any()


def test_a_mean_with_bones_has_no_density() -> None:
    branch = PoseBranch(*HEIGHT, 2, bone_prior=True).eval()
    assert branch(batch_of()).depth is None
    assert PoseBranch(*HEIGHT, 1)(batch_of()).depth is None
