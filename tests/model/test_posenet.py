"""PoseNet's model types: compositions of the branches, their outputs, gradients, and what each of them uses."""

import dataclasses

import pytest
import torch

from model.heatmaps import expectation, marginals
from model.model import (
    ImageAndPoseNet,
    ImageOnlyNet,
    PoseNet,
    PoseNetSpec,
    PoseOnlyNet,
    make_posenet,
    without_image,
)
from tests.model.samples import SMALL, batch_of, randomise, randomise_ensemble

TYPES = {"image+pose": ImageAndPoseNet, "pose": PoseOnlyNet, "image": ImageOnlyNet}


def make(model_type: str, **spec: object) -> PoseNet:
    torch.manual_seed(0)
    return make_posenet(dataclasses.replace(SMALL, model_type=model_type, **spec))


@pytest.mark.parametrize("root", ["height", "learned"])
@pytest.mark.parametrize("model_type", ["image+pose", "pose"])
def test_untrained_network_returns_the_cached_pose(model_type: str, root: str) -> None:
    network = make(model_type, root=root, ensemble_size=2).eval()
    batch = batch_of()
    batch["joints"][0, 3] = torch.tensor([1.3, -1.2, 0.1])  # outside the crop: the prior is cut, the output is not
    output = network(batch)
    torch.testing.assert_close(output.uvd, batch["joints"], atol=2e-3, rtol=0)
    torch.testing.assert_close(output.root_mm, batch["root_mm"])


@pytest.mark.parametrize(
    ("spec", "shape"),
    [
        (SMALL, 128),
        (PoseNetSpec(256, 64), 256),
        (PoseNetSpec(model_type="image"), 128),
        (PoseNetSpec(model_type="pose"), 128),
    ],
)
def test_shapes_and_gradients_of_every_type(spec: PoseNetSpec, shape: int) -> None:
    torch.manual_seed(0)
    network = make_posenet(spec)
    uvd, root_mm, heatmaps, log_error = network(batch_of(2, shape))
    assert uvd.shape == (2, 24, 3) and root_mm.shape == (2,)
    assert uvd.dtype == root_mm.dtype == torch.float32 and (root_mm > 0).all()
    if network.image is not None:
        assert [axis.shape for axis in heatmaps] == [
            (2, 24, spec.output_shape), (2, 24, spec.output_shape), (2, 24, spec.output_depth)
        ]  # fmt: skip
        assert spec.output_shape == shape // 4
        for axis in heatmaps:
            torch.testing.assert_close(axis.sum(-1), torch.ones(2, 24))
    else:
        assert heatmaps is None
    assert log_error.shape == (2, 24)
    (uvd.square().sum() + root_mm.log().sum() + log_error.sum()).backward()
    without = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not without


@pytest.mark.parametrize("model_type", TYPES)
def test_each_type_uses_what_its_name_says(model_type: str) -> None:
    network = make(model_type).eval()
    uses_image, uses_pose = "image" in model_type, "pose" in model_type
    assert type(network) is TYPES[model_type]
    assert ((network.image is not None), (network.pose is not None)) == (uses_image, uses_pose)
    if isinstance(network, ImageOnlyNet):
        randomise(network.reader.shift, network.reader.root)
    if network.pose is not None:
        randomise_ensemble(network.pose)
    if network.image is not None:
        randomise(network.image.head[-1])
    batch = batch_of(2)
    before = torch.cat([value.flatten() for value in network(batch)[:2]])

    def depends_on(*names: str) -> bool:
        changed = {**batch, **{name: batch[name].flip(0) for name in names}}
        return bool((torch.cat([value.flatten() for value in network(changed)[:2]]) - before).abs().max() > 1e-6)

    assert depends_on("image") is uses_image
    assert depends_on("joints", "pose_features", "root_mm") is uses_pose


def test_pose_only_is_the_pose_branch() -> None:
    network, batch = make("pose").eval(), batch_of()
    randomise_ensemble(network.pose)
    for ours, alone in zip(network(batch), without_image(network.pose(batch)), strict=True):
        assert (ours is alone is None) or torch.equal(ours, alone)


def test_image_and_pose_is_the_fusion_of_both_branches() -> None:
    network, batch = make("image+pose").eval(), batch_of()
    randomise_ensemble(network.pose)
    randomise(network.image.head[-1], std=1.0)
    heatmaps, by_pose = marginals(network.image(batch["image"])), network.pose(batch)
    output = network(batch)
    torch.testing.assert_close(output.uvd, network.prior.fuse(by_pose.uvd, heatmaps))
    assert (output.uvd - by_pose.uvd).abs().max() > 1e-3  # the image has its say
    for ours, alone in ((output.root_mm, by_pose.root_mm), (output.log_error, by_pose.log_error)):
        assert torch.equal(ours, alone)
    torch.testing.assert_close(output.heatmaps, heatmaps)


def test_image_only_is_the_image_branch_with_a_reader() -> None:
    """Before training: the soft-argmax of the volumes, at the depth where the crop shows 2 m."""
    network, batch = make("image").eval(), batch_of()
    randomise(network.image.head[-1], std=1.0)
    output = network(batch)
    torch.testing.assert_close(output.uvd, expectation(marginals(network.image(batch["image"]))))
    torch.testing.assert_close(output.root_mm, torch.full((3,), 300 * 2000 / 256))


def test_pose_weights_are_those_of_the_pose_branch_in_both_types() -> None:
    """So that weights of image+pose start a pose network (see modules.runs.checkpoints)."""
    alone, both = make("pose").state_dict(), make("image+pose").state_dict()
    assert set(alone) < set(both) and all(name.startswith("pose.") for name in alone)


@pytest.mark.parametrize(
    ("spec", "says"), [({"model_type": "both"}, "model_type must be"), ({"resnet_type": 50}, "resnet_type must be 18")]
)
def test_unknown_architectures_are_refused(spec: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make_posenet(dataclasses.replace(SMALL, **spec))
