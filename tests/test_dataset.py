"""Samples: their tensors, targets that stay consistent with the inputs under augmentation, and their random numbers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

from modules.cache.crop_joints import cached_joints_cam, crop_to_cam, from_uvd
from modules.cache.table import Rows
from modules.config.train import Train
from modules.dataset import Batches, PoseDataset, as_batch
from modules.inference.lifting import lift
from modules.pose_utils import cam2world, world2cam
from modules.recipes import RECIPES, make_recipe
from modules.simulation.augmentation import POSENET_AUGMENTATION, Augmentation, mirror_rows
from modules.simulation.views import ViewSimulator
from tests.builders import make_rows


def test_sample_shapes_and_types(tmp_path: Path) -> None:
    sample = PoseDataset(make_rows(tmp_path, 2), 128)[1]
    shapes = {name: tuple(value.shape) for name, value in sample.items()}
    assert shapes == {
        "image": (3, 128, 128), "joints": (24, 3), "pose_features": (24, 5), "has_floor": (1,), "has_up": (1,),
        "joints_level": (24, 7), "camera": (6,), "up_crop": (3,),
        "K_crop": (3, 3), "root_mm": (),
        "target": (24, 3), "target_root_mm": (),
    }  # fmt: skip
    assert sample["image"].dtype == torch.uint8
    assert all(value.dtype == torch.float32 for name, value in sample.items() if name != "image")


def test_input_and_target_lift_to_extractor_and_truth(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 4)
    samples = [PoseDataset(rows, 128)[i] for i in range(4)]
    stack = {name: np.stack([s[name].numpy() for s in samples]).astype(float) for name in samples[0]}
    truth = lift(stack["target"], stack["target_root_mm"], rows.columns)
    np.testing.assert_allclose(truth, rows["joints_world_mm"], atol=0.05)
    cached = lift(stack["joints"], stack["root_mm"], rows.columns)
    np.testing.assert_allclose(cached, cam2world(cached_joints_cam(rows.columns), rows["R"], rows["t"]), atol=0.05)
    in_torch = from_uvd(*(torch.tensor(stack[name]) for name in ("target", "target_root_mm", "K_crop")))
    in_numpy = from_uvd(*(stack[name] for name in ("target", "target_root_mm", "K_crop")))
    np.testing.assert_allclose(in_torch, in_numpy, atol=1e-9)
    joints_cam = world2cam(rows["joints_world_mm"], rows["R"], rows["t"])
    np.testing.assert_allclose(crop_to_cam(in_torch.numpy(), rows["R_cam2crop"]), joints_cam, atol=0.05)


def test_without_a_floor_heights_are_zero_and_has_floor_is_zero(tmp_path: Path) -> None:
    sample = PoseDataset(make_rows(tmp_path, 1, floor=False), 128)[0]
    assert (
        sample["has_floor"] == 0
        and (sample["pose_features"][:, 3:] == 0).all()
        and (sample["pose_features"][:, 0] > 0).all()
    )
    assert PoseDataset(make_rows(tmp_path, 1), 128)[0]["has_floor"] == 1


def test_what_needs_a_floor_is_zero_without_it(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 1)
    up_alone = Rows({**rows.columns, "floor_height_mm": np.full(1, np.nan)}, rows.crop_files)
    without = make_rows(tmp_path, 1, floor=False)
    full, up, neither = (PoseDataset(which, 128)[0] for which in (rows, up_alone, without))
    assert [(s["has_floor"].item(), s["has_up"].item()) for s in (full, up, neither)] == [(1, 1), (0, 1), (0, 0)]
    of_floor = torch.zeros(7, dtype=torch.bool)
    of_floor[3] = True
    for sample in (up, neither):
        assert (sample["joints_level"][:, of_floor] == 0).all() and (sample["pose_features"][:, 3:] == 0).all()
        assert not sample["up_crop"].any()
        assert sample["camera"][2] == 0 and sample["camera"][0] == pytest.approx(sample["root_mm"].item() / 1e3)
    up_cam = rows["R"][0] @ rows["world_up"][0]
    np.testing.assert_allclose(full["up_crop"], rows["R_cam2crop"][0] @ up_cam, atol=1e-6)
    torch.testing.assert_close(up["joints_level"][:, ~of_floor], full["joints_level"][:, ~of_floor])
    assert (up["camera"] == full["camera"]).tolist() == [True, True, False, True, True, True]


def test_unlabelled_rows_have_no_target(tmp_path: Path) -> None:
    sample = PoseDataset(make_rows(tmp_path, 1).without_truth(), 128)[0]
    assert "target" not in sample and all(torch.isfinite(v.float()).all() for v in sample.values())


VARIED = Augmentation(4.5, 20, 0.03, 0.5, 30, 0.2, 0.1, 0.5, 0.2)


def test_jitter_moves_the_pose_alone_within_its_bounds(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3)
    how = Augmentation(pose_jitter=4.5, depth_jitter=20.0, root_jitter=0.03, colour_jitter=0.2)
    plain, varied = PoseDataset(rows, 128), PoseDataset(rows, 128, how, seed=1)
    a, b = plain[0], varied[0]
    for name in ("target", "target_root_mm", "K_crop"):
        torch.testing.assert_close(a[name], b[name])
    moved = (b["joints"] - a["joints"]).abs()
    assert 0 < moved[:, :2].max() <= 4.5 * 2 / 256 * 1.001
    assert 0 < moved[:, 2].max() <= 0.0201
    assert 0 < abs(b["root_mm"] / a["root_mm"] - 1) <= 0.0301
    assert not torch.equal(a["image"], b["image"])
    assert (a["image"].float().mean() - b["image"].float().mean()).abs() < 60


def test_augmentation_depends_on_seed_epoch_and_index_alone(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3)
    one, two = (PoseDataset(rows, 128, VARIED, seed=5) for _ in range(2))
    two[2], two[0]  # another order
    assert torch.equal(one[1]["joints"], two[1]["joints"]) and torch.equal(one[1]["image"], two[1]["image"])
    beside_others = next(iter(DataLoader(one, batch_size=3, collate_fn=as_batch)))
    for name, values in beside_others.items():
        for index in range(3):
            torch.testing.assert_close(values[index], two[index][name], rtol=1e-6, atol=1e-6)
    two.epoch = 1
    assert not torch.equal(one[1]["joints"], two[1]["joints"])


def test_rows_without_person_are_refused(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 2)
    with pytest.raises(ValueError, match="person was found"):
        PoseDataset(Rows({**rows.columns, "found": np.array([True, False])}, rows.crop_files), 128)


@pytest.mark.parametrize("model", RECIPES)
def test_without_augmentation_samples_never_vary(tmp_path: Path, model: str) -> None:
    """TRAIN.augmentation: false gives the same sample in every epoch, equal to the validation sample."""
    rows = make_rows(tmp_path, 2)
    train = Train(model=model, view_steps=0, blend_released=False, augmentation=False)
    recipe = make_recipe(train, rows)
    plain, training = recipe.dataset(rows), recipe.dataset(rows, recipe.augmentation_of(train), seed=1)
    varied = recipe.dataset(
        rows, recipe.augmentation_of(Train(model=model, view_steps=0, blend_released=False)), seed=1
    )
    for epoch in (0, 1):
        training.epoch = varied.epoch = epoch
        for name, value in plain[1].items():
            torch.testing.assert_close(training[1][name], value, rtol=1e-5, atol=2e-4 if name != "image" else 1)
        assert not torch.allclose(varied[1]["joints"], plain[1]["joints"], atol=1e-3)


def test_posenets_augmentation_varies_every_part_of_a_sample(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 8)
    plain, varied = PoseDataset(rows, 128), PoseDataset(rows, 128, POSENET_AUGMENTATION)
    for name in ("image", "joints", "target", "root_mm", "K_crop"):
        assert all(not torch.equal(plain[i][name], varied[i][name]) for i in range(8)), name


def test_labels_that_tell_their_uncertainty_weigh_by_it_and_others_have_no_weights(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3)
    assert "weight" not in PoseDataset(rows, 128)[0]
    columns = {**rows.columns, "label_sd_mm": np.full((3, 24), np.nan)}
    columns["label_sd_mm"][1] = np.linspace(1, 200, 24)
    some = PoseDataset(Rows(columns, rows.crop_files), 128)
    assert (some[0]["weight"] == 1).all()
    weight = some[1]["weight"]
    assert weight[0] > 0.99 and (weight.diff() < 0).all() and weight[-1] < 0.1
    mirrored = mirror_rows({**columns}, 256)["label_sd_mm"]
    np.testing.assert_array_equal(mirrored[1, [1, 2]], columns["label_sd_mm"][1, [2, 1]])
    views = ViewSimulator(Rows(columns, rows.crop_files)).draw(np.random.default_rng(0), 50)
    assert views["weight"].shape == (50, 24) and 0 < views["weight"].min() < views["weight"].max() == 1
    assert "weight" not in ViewSimulator(rows).draw(np.random.default_rng(0), 5)


def test_a_batch_is_its_samples_and_the_last_one_may_be_smaller(tmp_path: Path) -> None:
    samples = PoseDataset(make_rows(tmp_path, 5), 128)
    batches = Batches(samples, 2)
    assert [len(batches[index]["joints"]) for index in range(len(batches))] == [2, 2, 1]
    for index in range(5):
        for name, value in samples[index].items():
            torch.testing.assert_close(batches[index // 2][name][index % 2], value, rtol=1e-5, atol=1e-5)


def test_without_images_no_crop_is_read_and_all_else_is_the_same(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3)
    with_images = PoseDataset(rows, 128)[1]
    rows.crop_files[0].unlink()
    blind, varied = (PoseDataset(rows, 128, how, with_images=False)[1] for how in (None, POSENET_AUGMENTATION))
    assert blind.keys() == varied.keys() == with_images.keys() - {"image"}
    assert all(torch.equal(blind[name], with_images[name]) for name in blind)
    assert not torch.equal(varied["joints"], blind["joints"])
