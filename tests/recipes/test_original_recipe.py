"""The original recipe: box coordinates and back, dropped rows, jitter, and a training through the trainer."""

import csv
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from model.inputs import CROP_SIZE
from model.original import OriginalPoseNet, OriginalSpec
from modules.cache.table import Rows
from modules.config.load import load_config
from modules.config.paths import ORIGINAL_CONFIG, PROJECT_ROOT
from modules.config.train import ORIGINAL_FIXED, Train
from modules.evaluation.methods import OURS, compare
from modules.evaluation.prediction import predict_world
from modules.pose_utils import cam2pixel, pixel2cam
from modules.recipes import RECIPES, original
from modules.recipes import recipe_of as recipe_of_checkpoint
from modules.recipes.original import (
    OriginalDataset,
    OriginalRecipe,
    box_crop,
    depth_max_of,
    from_box,
    to_box,
    without_worst_rows,
)
from modules.runs import checkpoints, folders
from modules.simulation.augmentation import ORIGINAL_AUGMENTATION, Augmentation
from modules.trainer import Trainer
from modules.training.losses import DISTANCES
from modules.utils import UserError
from tests.builders import make_rows
from tests.trainings import assert_same_end, interrupt, make_trainer, resume, small_network  # noqa: F401  (a fixture)

SHIPPED = PROJECT_ROOT / ORIGINAL_CONFIG


def recipe_of(rows: Rows, model_type: str = "image+pose") -> OriginalRecipe:
    return OriginalRecipe(OriginalSpec(model_type=model_type), OriginalRecipe.extra_facts(rows))


def moved_origin(rows: Rows, by_mm: np.ndarray) -> Rows:
    """Returns the rows in a world whose origin is elsewhere: moved by (B, 3) mm in each camera's axes."""
    joints = rows["joints_world_mm"] - np.einsum("bji,bj->bi", rows["R"], by_mm)[:, None]
    return Rows({**rows.columns, "t": rows["t"] + by_mm, "joints_world_mm": joints}, rows.crop_files)


def test_the_label_survives_scaling_and_lifting(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 6)
    recipe = recipe_of(rows)
    boxed = to_box(original.true_joints(rows.columns), rows.columns, recipe.facts["depth_max_mm"])
    assert np.abs(2 * boxed[..., 2] - 1).max() == pytest.approx(1)  # the farthest label is at the end of the scale
    world = recipe.lift([torch.tensor(boxed[:4]), torch.tensor(boxed[4:])], rows)
    np.testing.assert_allclose(world, rows["joints_world_mm"], atol=0.01)
    samples = [recipe.dataset(rows)[index]["target"] for index in range(6)]  # in single precision, as trained
    np.testing.assert_allclose(recipe.lift([torch.stack(samples)], rows), rows["joints_world_mm"], atol=0.01)


def test_box_coordinates_are_shares_of_the_box_and_of_depth_max(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 2)
    left, top, width, height = rows["box_xywh"].T
    t_z = rows["t"][:, 2]
    corners = np.stack([[left, top, t_z - 500], [left + width, top + height, t_z + 500], [left, top, t_z]])
    boxed = to_box(corners.transpose(2, 0, 1), rows.columns, 500.0)
    np.testing.assert_allclose(boxed, np.broadcast_to([[0, 0, 0], [1, 1, 1], [0, 0, 0.5]], (2, 3, 3)), atol=1e-12)
    np.testing.assert_allclose(from_box(boxed, rows.columns, 500.0), corners.transpose(2, 0, 1), atol=1e-9)


def test_moving_the_origin_along_the_axis_moves_depth_alone(tmp_path: Path) -> None:
    """An origin D mm farther from the camera reduces every depth over ±1 by D / depth_max, over 0..1 by half of that."""
    rows = make_rows(tmp_path, 3)
    depth_max, away = 2000.0, 300.0
    moved = moved_origin(rows, np.array([[0, 0, away]] * 3))
    for joints_of in (original.cached_joints, original.true_joints):
        before, after = (to_box(joints_of(r.columns), r.columns, depth_max) for r in (rows, moved))
        np.testing.assert_allclose(after[..., :2], before[..., :2], atol=1e-9)
        np.testing.assert_allclose(after[..., 2], before[..., 2] - away / depth_max / 2, atol=1e-9)
    aside = moved_origin(rows, np.array([[400.0, -250, 0]] * 3))
    assert depth_max_of(aside.columns) == pytest.approx(depth_max_of(rows.columns))


def test_depth_max_is_the_largest_depth_of_the_training_labels(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 5)
    in_camera = np.einsum("bij,bnj->bni", rows["R"], rows["joints_world_mm"])  # from the world's origin, camera axes
    assert depth_max_of(rows.columns) == pytest.approx(abs(in_camera[..., 2]).max())
    assert recipe_of(rows.take([0, 1])).facts["depth_max_mm"] == pytest.approx(abs(in_camera[:2, :, 2]).max())


def with_errors(rows: Rows, x: np.ndarray, y: np.ndarray) -> Rows:
    """Returns rows whose estimates are off by these px, all joints of an image alike."""
    off = np.stack([x, y], -1)[:, None]
    return Rows({**rows.columns, "joints_px": rows["true_joints_px"] + off}, rows.crop_files)


def test_the_worst_rows_along_x_are_dropped_then_those_along_y(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 41)
    x, y = np.linspace(1, 5, 41), np.linspace(5, 1, 41)
    x[7], x[30], y[7], y[12] = -90, 80, 500, -70  # row 7 is worst along both, and does not count along y
    kept = without_worst_rows(with_errors(rows, x, y))
    expected = np.setdiff1d(np.arange(41), [7, 30, 12])
    assert kept["file_name"].tolist() == rows["file_name"][expected].tolist()  # 2 of 41, then 1 of 39, in their order


def test_of_few_rows_none_is_dropped(tmp_path: Path) -> None:
    assert len(without_worst_rows(make_rows(tmp_path, 19))) == 19


@pytest.mark.parametrize("size", [128, 256])
def test_box_coordinates_hold_in_the_box_crop(tmp_path: Path, size: int) -> None:
    """A dot drawn on the cached crop, at the projection of an image point, is at the point's share of the box."""
    row = make_rows(tmp_path, 1).columns
    for share in ([0.2, 0.3], [0.8, 0.75], [0.5, 0.9]):
        point_px = row["box_xywh"][:, :2] + np.array(share) * row["box_xywh"][:, 2:]
        ray = pixel2cam(point_px[:, None], np.ones((1, 1)), row["K"])
        at = cam2pixel(ray @ row["R_cam2crop"].swapaxes(-1, -2), row["K_crop"])[0, 0]
        grid = np.stack(np.meshgrid(np.arange(CROP_SIZE), np.arange(CROP_SIZE)), -1)
        dot = (255 * np.exp(-0.5 * ((grid - at) ** 2).sum(-1) / 3**2)).astype(np.uint8)
        seen = box_crop(cv2.merge([dot] * 3), row, size)[..., 0].astype(float)
        assert seen.shape == (size, size)
        found = [(seen.sum(axis) * (np.arange(size) + 0.5)).sum() / seen.sum() / size for axis in (0, 1)]
        np.testing.assert_allclose(found, share, atol=0.004)


def test_jitter_is_one_draw_per_image_and_axis_within_twenty(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 40)
    plain = OriginalDataset(rows, 128, 1000.0)
    varied = OriginalDataset(rows, 128, 1000.0, Augmentation(pose_jitter=20.0, colour_jitter=0.2), seed=3)
    shifts = []
    for index in range(40):
        a, b = plain[index], varied[index]
        assert torch.equal(a["target"], b["target"]) and not torch.equal(a["image"], b["image"])
        joints = np.stack([s["joints"].numpy().astype(float) for s in (a, b)])
        row = rows.take([index] * 2).columns
        before, after = from_box(joints, row, 1000.0)
        np.testing.assert_allclose(after - before, np.broadcast_to((after - before)[0], (24, 3)), atol=2e-3)
        shifts.append((after - before)[0])
    assert np.abs(shifts).max() <= 20.01 and (np.abs(shifts).max(0) > 17).all()
    assert (np.array(shifts).min(0) < -10).all() and abs(np.corrcoef(np.transpose(shifts))[0, 1:]).max() < 0.5
    varied.epoch = 1
    assert not torch.equal(varied[0]["joints"], b["joints"])


def test_the_loss_is_l1_in_px_of_the_crop_and_cells_of_depth(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 2)
    target = torch.rand(2, 24, 3)
    output = target + torch.tensor([0.1, -0.2, 0.3])
    for model_type, expected in (
        ("image+pose", (12.8 + 25.6 + 9.6) / 3),
        ("image", (12.8 + 25.6 + 9.6) / 3),
        ("pose", 0.2),
    ):
        recipe = recipe_of(rows, model_type)
        objective = recipe.objective(recipe.network(), rows, Train(), DISTANCES["l1"], torch.no_grad)
        loss = objective.output_loss(output, {"target": target})
        assert loss.item() == pytest.approx(expected, rel=1e-5), model_type


@pytest.mark.parametrize("model_type", ["image+pose", "pose", "image"])
def test_each_type_uses_what_its_name_says_and_all_weights_learn(model_type: str) -> None:
    torch.manual_seed(0)
    network = OriginalPoseNet(OriginalSpec(model_type=model_type))
    uses_image, uses_pose = "image" in model_type, "pose" in model_type
    assert ((network.image is not None), (network.embed is not None)) == (uses_image, uses_pose)
    g = torch.Generator().manual_seed(1)
    images = torch.randint(0, 255, (3, 3, 128, 128), dtype=torch.uint8, generator=g)
    batch = {"image": images, "joints": torch.rand(3, 24, 3, generator=g)}
    output = network(batch)
    assert output.shape == (3, 24, 3) and output.dtype == torch.float32
    (output * network.scale).square().sum().backward()
    assert not [name for name, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    network.eval()
    if network.image is not None:
        torch.nn.init.normal_(network.image.head[-1].weight, std=0.1)
    before = network(batch)
    for name, uses in (("image", uses_image), ("joints", uses_pose)):
        changed = (network({**batch, name: batch[name].flip(0)}) - before).abs().max() > 1e-6
        assert bool(changed) is uses, name


def trainer(tmp_path: Path, name: str = "run", **train: Any) -> Trainer:
    return make_trainer(tmp_path, name, **{**load_config(SHIPPED).TRAIN.model_dump(), "batch_size": 8, **train})


def test_training_uses_the_rows_that_are_kept_and_learns(tmp_path: Path) -> None:
    fitted = trainer(tmp_path, num_epochs=8, model_type="pose")
    assert len(fitted.dataset) == 22 and fitted.batches.images == 22
    assert fitted.recipe.facts["depth_max_mm"] == depth_max_of(
        make_rows(tmp_path / "all", 24, seed=1, size=0.85).columns
    )
    summary = fitted.fit()
    with open(tmp_path / "run" / "record.csv", encoding="utf-8") as handle:
        record = list(csv.DictReader(handle))
    assert float(record[-1]["train_loss"]) < 0.7 * float(record[0]["train_loss"])
    assert float(record[-1]["learning_rate"]) == pytest.approx(0.3 * load_config(SHIPPED).TRAIN.learning_rate)
    assert summary["best_score"] == pytest.approx(min(float(row["validation_score"]) for row in record), rel=1e-5)


@pytest.mark.usefixtures("small_network")
@pytest.mark.parametrize("model_type", ["image+pose", "pose"])
def test_an_interrupted_training_resumes_within_its_epoch(tmp_path: Path, model_type: str) -> None:
    train = {**load_config(SHIPPED).TRAIN.model_dump(), "batch_size": 8, "num_epochs": 2, "model_type": model_type}
    make_trainer(tmp_path, "whole", **train).fit()
    first = make_trainer(tmp_path, "cut", **train)
    first._run_epoch(1)
    interrupt(first, epoch=2, steps=2)
    second = resume(tmp_path, **train)
    assert second.next_epoch == 2 and second.partial is not None and second.partial.steps == 2
    second.fit()
    assert_same_end(tmp_path)


@pytest.mark.usefixtures("small_network")
def test_prediction_needs_the_checkpoint_alone(tmp_path: Path) -> None:
    fitted = trainer(tmp_path, num_epochs=1)
    fitted.fit()
    path = folders.best_checkpoint(tmp_path / "run")
    checkpoint = checkpoints.load_checkpoint(path)
    assert isinstance(checkpoints.restore_network(checkpoint, path), OriginalPoseNet)
    rows = make_rows(tmp_path / "test", 5, seed=9)
    found = np.array([True, True, False, True, True])
    world = predict_world(fitted.config, checkpoint, path, Rows({**rows.columns, "found": found}, rows.crop_files))
    assert world.shape == (5, 24, 3) and np.isfinite(world).all()
    unlabelled = predict_world(fitted.config, checkpoint, path, rows.without_truth())
    np.testing.assert_allclose(world[found], unlabelled[found], atol=0.01)
    methods = compare(rows, world, checkpoint["facts"], recipe_of_checkpoint(checkpoint).title)
    assert "original recipe" in methods and OURS not in methods


def test_the_shipped_config_is_the_recipe() -> None:
    train = load_config(SHIPPED).TRAIN
    assert (train.model, train.optimizer, train.scheduler, train.loss_function) == (
        "OriginalPoseNet", "madgrad", "step", "l1",
    )  # fmt: skip
    assert (train.augmentation, train.model_type) == (True, "image+pose")
    assert OriginalRecipe.augmentation_of(train) == ORIGINAL_AUGMENTATION
    assert (ORIGINAL_AUGMENTATION.pose_jitter, ORIGINAL_AUGMENTATION.colour_jitter) == (20.0, 0.2)


@pytest.mark.parametrize("key", ORIGINAL_FIXED)
def test_keys_that_the_recipe_does_not_use_are_refused(key: str) -> None:
    values = {
        "view_steps": 1, "root": "learned", "simulated_errors": "resampled", "heatmap_sigma": 1.0,
        "joint_features": "heavy", "ensemble_size": 2, "calibration_error": "[0.25, 20.0]", "blend_released": "true",
    }  # fmt: skip
    value = values.get(key, 0.25)
    with pytest.raises(UserError, match=f"OriginalPoseNet does not use {key}; set it to") as caught:
        load_config(SHIPPED, [f"TRAIN.{key}={value}"])
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=f"or start from {ORIGINAL_CONFIG}"):
        load_config(PROJECT_ROOT / "config/train_config.yml", ["TRAIN.model=OriginalPoseNet"])


def test_every_model_of_the_config_has_a_recipe() -> None:
    choices = Train.model_json_schema()["properties"]["model"]["enum"]
    assert set(choices) == set(RECIPES)
    for name in choices:
        spec = RECIPES[name].spec_of(Train()).as_dict()
        assert isinstance(recipe_of_checkpoint({"spec": spec, "facts": {}}), RECIPES[name])
