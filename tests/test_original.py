"""The original recipe: its scales there and back, what it drops and jitters, and a training through the real trainer."""

import csv
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from model.original import OriginalPoseNet, OriginalSpec
from modules import evaluation, original, recipes, runs
from modules.augmentation import Augmentation
from modules.cache import CROP_SIZE, Rows
from modules.config import ORIGINAL_CONFIG, ORIGINAL_KEEPS, PROJECT_ROOT, Config, Train, load_config
from modules.losses import DISTANCES
from modules.original import OriginalDataset, OriginalRecipe, box_crop, depth_max_of, from_box, to_box, without_worst
from modules.pose_utils import cam2pixel, pixel2cam
from modules.trainer import Trainer
from modules.utils import UserError
from tests.builders import make_rows

SHIPPED = PROJECT_ROOT / ORIGINAL_CONFIG


def recipe_of(rows: Rows, model_type: str = "image+pose") -> OriginalRecipe:
    return OriginalRecipe(OriginalSpec(model_type=model_type), OriginalRecipe.own_facts(rows))


def moved_origin(rows: Rows, by_mm: np.ndarray) -> Rows:
    """The same people and cameras in a world whose origin lies elsewhere: each camera sees it moved by (B, 3) mm."""
    joints = rows["joints_world_mm"] - np.einsum("bji,bj->bi", rows["R"], by_mm)[:, None]
    return Rows({**rows.columns, "t": rows["t"] + by_mm, "joints_world_mm": joints}, rows.crop_files)


def test_the_truth_comes_back_through_its_own_scale(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 6)
    recipe = recipe_of(rows)
    boxed = to_box(original.true_joints(rows.columns), rows.columns, recipe.facts["depth_max_mm"])
    assert np.abs(2 * boxed[..., 2] - 1).max() == pytest.approx(1)  # the farthest label is at the scale's end
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
    """An origin D mm farther from the camera takes D / depth_max off every ±1 depth, so half of that off 0..1."""
    rows = make_rows(tmp_path, 3)
    depth_max, away = 2000.0, 300.0
    moved = moved_origin(rows, np.array([[0, 0, away]] * 3))
    for joints_of in (original.cached_joints, original.true_joints):
        before, after = (to_box(joints_of(r.columns), r.columns, depth_max) for r in (rows, moved))
        np.testing.assert_allclose(after[..., :2], before[..., :2], atol=1e-9)
        np.testing.assert_allclose(after[..., 2], before[..., 2] - away / depth_max / 2, atol=1e-9)
    aside = moved_origin(rows, np.array([[400.0, -250, 0]] * 3))
    assert depth_max_of(aside.columns) == pytest.approx(depth_max_of(rows.columns))


def test_depth_max_is_the_largest_of_the_training_labels_alone(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 5)
    in_camera = np.einsum("bij,bnj->bni", rows["R"], rows["joints_world_mm"])  # from the world's origin, camera axes
    assert depth_max_of(rows.columns) == pytest.approx(abs(in_camera[..., 2]).max())
    assert recipe_of(rows.take([0, 1])).facts["depth_max_mm"] == pytest.approx(abs(in_camera[:2, :, 2]).max())


def with_errors(rows: Rows, x: np.ndarray, y: np.ndarray) -> Rows:
    """Rows whose extractor is off by these px, every joint of an image alike."""
    off = np.stack([x, y], -1)[:, None]
    return Rows({**rows.columns, "joints_px": rows["true_joints_px"] + off}, rows.crop_files)


def test_the_worst_in_x_go_first_then_those_in_y_of_what_remains(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 41)
    x, y = np.linspace(1, 5, 41), np.linspace(5, 1, 41)
    x[7], x[30], y[7], y[12] = -90, 80, 500, -70  # row 7 is worst in both, and must not save a second one in y
    kept = without_worst(with_errors(rows, x, y))
    expected = np.setdiff1d(np.arange(41), [7, 30, 12])
    assert kept["file_name"].tolist() == rows["file_name"][expected].tolist()  # 2 of 41, then 1 of 39, in their order


def test_few_rows_all_stay(tmp_path: Path) -> None:
    assert len(without_worst(make_rows(tmp_path, 19))) == 19


@pytest.mark.parametrize("size", [128, 256])
def test_the_box_crop_shows_each_joint_where_box_coordinates_say(tmp_path: Path, size: int) -> None:
    """Dots drawn on the cached crop, where its camera sees points of the image, are found at their share of the box."""
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


def test_one_jitter_per_image_and_axis_within_twenty(tmp_path: Path) -> None:
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
    answer = target + torch.tensor([0.1, -0.2, 0.3])
    for model_type, expected in (
        ("image+pose", (12.8 + 25.6 + 9.6) / 3),
        ("image", (12.8 + 25.6 + 9.6) / 3),
        ("pose", 0.2),
    ):
        recipe = recipe_of(rows, model_type)
        lessons = recipe.lessons(recipe.network(), rows, Train(), DISTANCES["l1"], torch.no_grad)
        loss = lessons.answer_loss(answer, {"target": target})
        assert loss.item() == pytest.approx(expected, rel=1e-5), model_type


@pytest.mark.parametrize("model_type", ["image+pose", "pose", "image"])
def test_each_kind_sees_what_its_name_says_and_learns_all_over(model_type: str) -> None:
    torch.manual_seed(0)
    network = OriginalPoseNet(OriginalSpec(model_type=model_type))
    g = torch.Generator().manual_seed(1)
    images = torch.randint(0, 255, (3, 3, 128, 128), dtype=torch.uint8, generator=g)
    batch = {"image": images, "joints": torch.rand(3, 24, 3, generator=g)}
    answer = network(batch)
    assert answer.shape == (3, 24, 3) and answer.dtype == torch.float32
    (answer * network.scale).square().sum().backward()
    assert not [name for name, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    network.eval()
    if network.sees_image:
        torch.nn.init.normal_(network.head[-1].weight, std=0.1)
    before = network(batch)
    for name, sees in (("image", network.sees_image), ("joints", network.sees_pose)):
        moved = (network({**batch, name: batch[name].flip(0)}) - before).abs().max() > 1e-6
        assert bool(moved) is sees, name


def trainer(tmp_path: Path, name: str = "run", **train: Any) -> Trainer:
    folder = tmp_path / name
    folder.mkdir(exist_ok=True)
    shipped = load_config(SHIPPED).TRAIN.model_dump()
    rows = make_rows(tmp_path / "train", 24, seed=1, noise=10, size=0.85)
    validation = make_rows(tmp_path / "validation", 8, seed=2, noise=10, size=0.85)
    config = Config(TRAIN=Train(**{**shipped, "batch_size": 8, **train}))
    return Trainer(config, rows, validation, folder, "key", "fingerprint")


def test_it_trains_on_what_is_kept_and_learns(tmp_path: Path) -> None:
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


@pytest.mark.parametrize("model_type", ["image+pose", "pose"])
def test_a_training_cut_off_within_an_epoch_goes_on_from_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model_type: str
) -> None:
    train = {"num_epochs": 2, "model_type": model_type}
    whole = trainer(tmp_path, "whole", **train)
    whole.fit()
    first = trainer(tmp_path, "cut", **train)
    first._run_epoch(1)
    steps = iter(range(1, 10))
    monkeypatch.setattr(first, "asked_to_stop", lambda: next(steps) == 2)
    with pytest.raises(KeyboardInterrupt):
        first._run_epoch(2)
    second = trainer(tmp_path, "cut", **train)
    torch.manual_seed(999)
    second.resume(tmp_path / "cut" / runs.LAST)
    assert second.next_epoch == 2 and second.partial is not None and second.partial.steps == 2
    second.fit()
    a, b = (runs.load_checkpoint(tmp_path / run / runs.LAST) for run in ("whole", "cut"))
    assert all(torch.equal(value, b["model"][name]) for name, value in a["model"].items())
    assert [row["train_loss"] for row in a["record"]] == [row["train_loss"] for row in b["record"]]


def test_the_test_path_answers_from_the_checkpoint_alone(tmp_path: Path) -> None:
    fitted = trainer(tmp_path, num_epochs=1)
    fitted.fit()
    path = runs.best_checkpoint(tmp_path / "run")
    checkpoint = runs.load_checkpoint(path)
    assert isinstance(runs.restore_network(checkpoint, path), OriginalPoseNet)
    rows = make_rows(tmp_path / "test", 5, seed=9)
    found = np.array([True, True, False, True, True])
    world = evaluation.predict(fitted.config, checkpoint, path, Rows({**rows.columns, "found": found}, rows.crop_files))
    assert world.shape == (5, 24, 3) and np.isfinite(world).all()
    blind = evaluation.predict(fitted.config, checkpoint, path, rows.without_truth())
    np.testing.assert_allclose(world[found], blind[found], atol=0.01)
    methods = evaluation.compare(rows, world, checkpoint["facts"], recipes.recipe_of(checkpoint).title)
    assert "original recipe" in methods and evaluation.OURS not in methods


def test_the_shipped_config_is_the_recipe() -> None:
    train = load_config(SHIPPED).TRAIN
    assert (train.model, train.optimizer, train.scheduler, train.loss_function) == (
        "OriginalPoseNet", "madgrad", "step", "l1",
    )  # fmt: skip
    assert (train.pose_jitter, train.colour_jitter, train.model_type) == (20.0, 0.2, "image+pose")


@pytest.mark.parametrize("key", ORIGINAL_KEEPS)
def test_what_the_recipe_leaves_out_is_refused(key: str) -> None:
    others = {
        "loss_space": "both",
        "simulated_views": 1,
        "root": "learned",
        "simulated_errors": "drawn",
        "heat_cells": 1.0,
        "backbone": "blazepose",
        "looks": "heavy",
        "members": 2,
    }
    value = others.get(key, 0.25)
    with pytest.raises(UserError, match=f"OriginalPoseNet knows no {key}; set it to") as caught:
        load_config(SHIPPED, [f"TRAIN.{key}={value}"])
    assert "\n" not in str(caught.value)
    with pytest.raises(UserError, match=f"or start from {ORIGINAL_CONFIG}"):
        load_config(PROJECT_ROOT / "config/train_config.yml", ["TRAIN.model=OriginalPoseNet"])


def test_every_model_of_the_config_has_a_recipe() -> None:
    choices = Train.model_json_schema()["properties"]["model"]["enum"]
    assert set(choices) == set(recipes.RECIPES)
    for name in choices:
        spec = recipes.recipe_named(name).spec_of(Train()).as_dict()
        assert isinstance(recipes.recipe_of({"spec": spec, "facts": {}}), recipes.recipe_named(name))
