"""BlazePose's trunk in torch: it sees what the extractor's own runtime sees, and learns what it should."""

from pathlib import Path

import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter
from torch.nn import functional

from model.blazepose import COARSE, FINE, BlazePoseTrunk, Depthwise, load_trunk, read_convolutions
from model.model import PoseNet, PoseNetSpec
from modules import posenet
from modules.config import Train
from modules.utils import UserError
from pre_models.fetch import BLAZEPOSE_FOLDER

WEIGHTS = BLAZEPOSE_FOLDER / "pose_landmark_full.tflite"
SPEC = PoseNetSpec(input_shape=256, output_shape=32, backbone="blazepose")


def picture(seed: int) -> np.ndarray:
    """(256, 256, 3) in 0..1: blobs and noise, so that every layer has something to say."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.random((1, 3, 9, 9), dtype=np.float32))
    smooth = functional.interpolate(coarse, size=256, mode="bicubic")[0].permute(1, 2, 0).numpy()
    return np.clip(smooth + 0.05 * rng.normal(size=smooth.shape).astype(np.float32), 0, 1)


def loaded(fine_side: int = 32) -> BlazePoseTrunk:
    trunk = BlazePoseTrunk(fine_side)
    load_trunk(trunk, WEIGHTS)
    return trunk.eval()


@pytest.mark.parametrize(("side", "fine_name"), [(32, "model_1/model/add_10/add"), (64, "model_1/model/add_11/add")])
def test_it_sees_what_the_extractors_runtime_sees(side: int, fine_name: str) -> None:
    with pytest.warns(UserWarning, match="experimental_preserve_all_tensors"):
        runtime = Interpreter(model_path=str(WEIGHTS), experimental_preserve_all_tensors=True)
    runtime.allocate_tensors()
    by_name = {detail["name"]: detail["index"] for detail in runtime.get_tensor_details()}
    (coarse_name,) = (name for name in by_name if name.startswith("model_1/model/re_lu_31/Relu6"))
    trunk = loaded(side)
    for seed in range(3):
        shown = picture(seed)
        runtime.set_tensor(runtime.get_input_details()[0]["index"], shown[None])
        runtime.invoke()
        with torch.no_grad():
            coarse, fine = trunk(torch.from_numpy(shown).permute(2, 0, 1)[None])
        assert coarse.shape == (1, COARSE, 8, 8) and fine.shape == (1, FINE, side, side)
        for ours, name in ((coarse, coarse_name), (fine, fine_name)):
            theirs = runtime.get_tensor(by_name[name])
            assert theirs.std() > 0.1
            np.testing.assert_allclose(ours.permute(0, 2, 3, 1), theirs, atol=2e-4 * np.abs(theirs).max())


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
        load_trunk(BlazePoseTrunk(), BLAZEPOSE_FOLDER / "pose_detection.tflite")


def test_the_file_is_read_to_its_end_in_float32() -> None:
    convolutions = list(read_convolutions(WEIGHTS))
    assert len(convolutions) == 96 and all(w.dtype == b.dtype == np.float32 for w, b in convolutions)
    assert all(w.shape[0] == len(b) and w.ndim == 4 for w, b in convolutions)


@pytest.mark.parametrize("side", [32, 64])
def test_volumes_have_the_side_that_the_spec_names(side: int) -> None:
    spec = PoseNetSpec(input_shape=256, output_shape=side, output_depth=32, backbone="blazepose", model_type="image")
    network = PoseNet(spec).eval()
    with torch.no_grad():
        features, volume = network.see({"image": torch.zeros(1, 3, 256, 256, dtype=torch.uint8)})
    assert features.shape == (1, COARSE, 8, 8) and volume.shape == (1, 24, 32, side, side)


def test_a_step_moves_what_learns_and_nothing_else() -> None:
    network = PoseNet(SPEC)
    load_trunk(network.backbone, WEIGHTS)
    before = {name: value.clone() for name, value in network.named_parameters()}
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    image = torch.from_numpy((picture(0) * 255).astype(np.uint8)).permute(2, 0, 1)[None].repeat(2, 1, 1, 1)
    for _ in range(2):  # the head's last layer is nearly even at first and lets little through
        optimizer.zero_grad()
        network.see({"image": image})[1].float().square().mean().backward()
        optimizer.step()
    moved = {name for name, value in network.named_parameters() if not torch.equal(value, before[name])}
    learns = {name for name, value in network.backbone.named_parameters() if value.requires_grad}
    assert {name.removeprefix("backbone.") for name in moved if name.startswith("backbone.")} == learns
    assert not any("look" in name or name.startswith(("stem", "stages.0")) for name in learns)
    assert {"stages.1.0.widen.weight", "stages.3.3.narrow.bias", "widen.weight", "laterals.1.mix.weight"} <= learns


def test_weights_that_are_absent_are_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posenet, "BLAZEPOSE_FOLDER", tmp_path)
    train = Train(backbone="blazepose", input_shape=256, output_shape=32)
    recipe = posenet.PoseNetRecipe(posenet.PoseNetRecipe.spec_of(train), {})
    with pytest.raises(UserError, match="these weights are missing; run `python -m pre_models.fetch blazepose`"):
        recipe.first_network(train)
    assert posenet.PoseNetRecipe(PoseNetSpec(model_type="pose"), {}).first_network(Train(model_type="pose"))
