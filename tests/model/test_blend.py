"""The blend of two networks: its ends, its middle, and that neither network sees what only the other needs."""

import pytest
import torch

from model.blend import BlendedNet, Shares, blend
from model.inputs import FEATURE_CHANNELS
from model.model import PoseNetSpec, PoseOutput, make_posenet
from model.pose_branch import MIRRORED
from tests.model.samples import batch_of, randomise_ensemble


def output(seed: int) -> PoseOutput:
    torch.manual_seed(seed)
    return PoseOutput(torch.randn(5, 24, 3), 1000 + 4000 * torch.rand(5), None, torch.randn(5, 24))


def test_a_share_is_of_the_pose_or_of_the_root() -> None:
    own, released = output(0), output(1)
    for pose, root in ((0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)):
        blended = blend(own, released, Shares(pose, root))
        of_pose, of_root = released if pose else own, released if root else own
        torch.testing.assert_close(blended.uvd, of_pose.uvd)
        torch.testing.assert_close(blended.log_error, of_pose.log_error)
        torch.testing.assert_close(blended.root_mm, of_root.root_mm)
    half = blend(own, released, Shares(0.5, 0.5))
    torch.testing.assert_close(half.uvd, (own.uvd + released.uvd) / 2)
    torch.testing.assert_close(half.root_mm, (own.root_mm * released.root_mm).sqrt())


@pytest.mark.parametrize("model_type", ["pose", "image+pose"])
def test_each_network_predicts_as_alone(model_type: str) -> None:
    """The network without joint features ignores those of the released one, and the mirrored scene that comes with them."""
    own = make_posenet(PoseNetSpec(model_type=model_type, bone_prior=True)).eval()
    released = make_posenet(PoseNetSpec(model_type="pose", root="learned", joint_features="heavy")).eval()
    for network in (own, released):
        assert network.pose is not None
        randomise_ensemble(network.pose)
    plain = batch_of(3)
    features = {"joint_features": torch.rand(3, 24, FEATURE_CHANNELS), "has_joint_features": torch.ones(3, 1)}
    batch = plain | features
    batch |= {MIRRORED + name: torch.rand_like(value) for name, value in batch.items() if name != "image"}
    with torch.no_grad():
        for shares, expected in ((Shares(0.0, 0.0), own(plain)), (Shares(1.0, 1.0), released(batch))):
            found = BlendedNet(own, released, shares).eval()(batch)
            torch.testing.assert_close(found.uvd, expected.uvd)
            torch.testing.assert_close(found.root_mm, expected.root_mm)
