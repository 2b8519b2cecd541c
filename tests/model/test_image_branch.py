"""The image branch: normalisation, shapes, and pretrained weights that cannot be downloaded."""

import pytest
import torch

from model.image_branch import ImageBranch, PretrainedWeightsError
from modules.config.train import Train
from modules.recipes import RECIPES
from modules.utils import UserError
from tests.model.samples import batch_of


def test_images_are_normalised_with_imagenets_statistics() -> None:
    branch = ImageBranch(32)
    seen: list[torch.Tensor] = []
    branch.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    image = batch_of(2)["image"]
    branch(image)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    torch.testing.assert_close(seen[0], (image / 255 - mean) / std)


@pytest.mark.parametrize(("depth", "shape"), [(32, 128), (64, 256)])
def test_the_branch_alone_turns_crops_into_volumes(depth: int, shape: int) -> None:
    branch = ImageBranch(depth).eval()
    image = batch_of(2, shape)["image"]
    features = branch.features(image)
    assert features.shape == (2, 512, shape // 32, shape // 32)
    volumes = branch(image)
    assert volumes.shape == (2, 24, depth, shape // 4, shape // 4)
    torch.testing.assert_close(volumes, branch.volumes(features))


def test_pretrained_weights_that_cannot_be_downloaded_are_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with pytest.raises(PretrainedWeightsError):
        ImageBranch(32, pretrained=True)
    for name, recipe in RECIPES.items():
        train = Train(model=name, model_type="image+pose", view_steps=0, blend_released=False, pretrained=True)
        with pytest.raises(UserError, match="TRAIN.pretrained=true: the ImageNet weights could not be downloaded"):
            recipe(recipe.spec_of(train), {}).first_network(train)
