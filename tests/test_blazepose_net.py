"""BlazePose's network in torch: it says what the extractor's own runtime says, and learns what it should."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter
from torch.nn import functional

from model.blazepose import BlazePoseNet, Depthwise, load_blazepose, read_convolutions
from model.model import PoseNet, PoseNetSpec
from modules import posenet
from modules.config import Train
from modules.extractors.blazepose import LANDMARKS_TO_SMPL24
from modules.utils import UserError
from pre_models.fetch import BLAZEPOSE_FOLDER
from tests.test_model import batch_of

WEIGHTS = BLAZEPOSE_FOLDER / "pose_landmark_full.tflite"
SPEC = PoseNetSpec(input_shape=256, backbone="blazepose")


def picture(seed: int) -> np.ndarray:
    """(256, 256, 3) in 0..1: blobs and noise, so that every layer has something to say."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.random((1, 3, 9, 9), dtype=np.float32))
    smooth = functional.interpolate(coarse, size=256, mode="bicubic")[0].permute(1, 2, 0).numpy()
    return np.clip(smooth + 0.05 * rng.normal(size=smooth.shape).astype(np.float32), 0, 1)


def loaded() -> BlazePoseNet:
    network = BlazePoseNet()
    load_blazepose(network, WEIGHTS)
    return network.eval()


def test_it_says_what_the_extractors_runtime_says() -> None:
    runtime = Interpreter(model_path=str(WEIGHTS))
    runtime.allocate_tensors()
    outputs = {int(np.prod(detail["shape"])): detail["index"] for detail in runtime.get_output_details()}
    network = loaded()
    said = []
    for seed in range(4):
        shown = picture(seed)
        runtime.set_tensor(runtime.get_input_details()[0]["index"], shown[None])
        runtime.invoke()
        with torch.no_grad():
            ours = network(torch.from_numpy(shown).permute(2, 0, 1)[None])
        landmarks = runtime.get_tensor(outputs[195]).reshape(39, 5)[:33]
        world = runtime.get_tensor(outputs[117]).reshape(39, 3)[:33]
        np.testing.assert_allclose(ours.landmarks_px[0], landmarks[:, :2], atol=0.02)
        np.testing.assert_allclose(ours.depth_m[0], world[:, 2], atol=2e-4)
        said.append(landmarks[:, :2])
    assert np.std(said, 0).mean() > 1  # and the pictures are told apart


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize(("stride", "side"), [(1, 7), (2, 8), (2, 9)])
def test_the_gradient_through_a_frozen_kernel_is_torchs(kernel: int, stride: int, side: int) -> None:
    generator = torch.Generator().manual_seed(0)
    layer = Depthwise(4, kernel, stride).double()
    layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator))
    layer.bias.copy_(torch.randn(4, generator=generator) + 2)
    x = torch.randn(2, 4, side, side, dtype=torch.float64, generator=generator, requires_grad=True)
    expected = functional.relu6(functional.conv2d(x, layer.weight, layer.bias, stride, kernel // 2, groups=4))
    torch.testing.assert_close(layer(x), expected)
    weight = torch.randn(expected.shape, dtype=torch.float64, generator=generator)
    (ours,) = torch.autograd.grad((layer(x) * weight).sum(), x)
    (theirs,) = torch.autograd.grad((expected * weight).sum(), x)
    torch.testing.assert_close(ours, theirs)


def test_another_models_file_is_refused() -> None:
    with pytest.raises(UserError, match="this is not BlazePose's full landmark model"):
        load_blazepose(BlazePoseNet(), BLAZEPOSE_FOLDER / "pose_detection.tflite")


def test_the_file_is_read_to_its_end_in_float32() -> None:
    convolutions = list(read_convolutions(WEIGHTS))
    assert len(convolutions) == 96 and all(w.dtype == b.dtype == np.float32 for w, b in convolutions)
    assert all(w.shape[0] == len(b) and w.ndim == 4 for w, b in convolutions)


def test_a_step_moves_what_learns_and_nothing_else() -> None:
    network = PoseNet(dataclasses.replace(SPEC, model_type="image"))
    load_blazepose(network.backbone, WEIGHTS)
    torch.nn.init.uniform_(network.joints.weight, 0, 0.1)
    before = {name: value.clone() for name, value in network.named_parameters()}
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    image = torch.from_numpy((picture(0) * 255).astype(np.uint8)).permute(2, 0, 1)[None].repeat(2, 1, 1, 1)
    network({"image": image, "K_crop": torch.eye(3).repeat(2, 1, 1) * 300}).uvd.square().mean().backward()
    optimizer.step()
    moved = {name for name, value in network.named_parameters() if not torch.equal(value, before[name])}
    learns = {name for name, value in network.backbone.named_parameters() if value.requires_grad}
    assert {name.removeprefix("backbone.") for name in moved if name.startswith("backbone.")} == learns
    assert "joints.weight" in moved
    assert not any(
        name.startswith(("stem", "stages.0", "look", "rise")) or ".look.weight" in name[6:]
        for name in learns
        if not name.startswith("tower")
    )
    assert {"stages.1.0.widen.weight", "stages.3.3.narrow.bias", "widen.weight", "tower.0.look.weight"} <= learns


def test_weights_that_are_absent_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posenet, "BLAZEPOSE_FOLDER", tmp_path)
    train = Train(backbone="blazepose", input_shape=256)
    recipe = posenet.PoseNetRecipe(posenet.PoseNetRecipe.spec_of(train), {})
    with pytest.raises(
        UserError, match="these weights are missing; run `python -m pre_models.fetch blazepose --weights full`"
    ):
        recipe.first_network(train)
    assert posenet.PoseNetRecipe(PoseNetSpec(model_type="pose"), {}).first_network(Train(model_type="pose"))


def test_untrained_it_answers_nearly_the_cached_pose_and_the_image_alone_what_blazepose_says() -> None:
    recipe = posenet.PoseNetRecipe(SPEC, {})
    network = recipe.first_network(Train(backbone="blazepose", input_shape=256)).eval()
    batch = batch_of(2, 256)
    with torch.no_grad():
        answer = network(batch)
        said = network.backbone(batch["image"] / 255)
    assert isinstance(answer.evidence, torch.Tensor)
    torch.testing.assert_close(answer.root_mm, batch["root_mm"])
    apart = answer.evidence - batch["joints"]
    torch.testing.assert_close(
        answer.uvd - batch["joints"], apart * torch.sigmoid(torch.tensor(-6.0)), atol=1e-5, rtol=1e-3
    )
    joints_px = np.einsum("jk,bkc->bjc", LANDMARKS_TO_SMPL24, said.landmarks_px.numpy())
    np.testing.assert_allclose(answer.evidence[..., :2], joints_px / 128 - 1, atol=1e-4)
    assert (answer.evidence[:, 0, 2] == 0).all()  # relative to the pelvis


def test_the_judge_teaches_the_image_what_to_tell_it_and_the_pose_branch_nothing() -> None:
    network = PoseNet(dataclasses.replace(SPEC, root="learned"))
    load_blazepose(network.backbone, WEIGHTS)
    torch.nn.init.uniform_(network.joints.weight, 0, 0.1)
    for layer in (network.judge.trust, network.judge.shift, network.judge.root):
        torch.nn.init.normal_(layer.weight, std=0.1)
    answer = network(batch_of(2, 256))
    assert network.training  # at rest only while the judge was asked
    (answer.uvd.sum() + answer.root_mm.sum()).backward()
    taught = {
        name.split(".")[0] for name, value in network.named_parameters() if value.grad is not None and value.grad.any()
    }
    assert taught == {"judge", "backbone"}
