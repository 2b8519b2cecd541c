"""Statistics and facts of the training rows: root cues, input scales, and extra data sets that do not count."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import default_collate

from model.pose_branch import FLAGS
from model.root_cues import UNKNOWN
from model.skeleton import FEET, MIRROR
from modules import metrics
from modules.cache.table import Rows
from modules.config.train import Train
from modules.dataset import PoseDataset
from modules.inference.prediction import fallback_world
from modules.recipes.facts import training_facts
from modules.recipes.posenet import PoseNetRecipe
from modules.recipes.statistics import (
    BONE_MM,
    SOLE_MM,
    fit_bones,
    fit_contact,
    fit_input_scale,
    fit_root_cues,
    row_inputs,
)
from modules.training.losses import DISTANCES
from tests.builders import make_rows


def test_root_cues_are_height_and_both_errors(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 30, noise=3.0, size=0.9)
    height, height_error, depth_error = fit_root_cues(rows)
    assert height == pytest.approx(rows["joints_world_mm"][:, 0, 2].mean() / 1e3, abs=1e-6)
    assert depth_error == pytest.approx(-np.log(0.9), abs=0.03)  # limbs a tenth too short: a tenth too near
    assert 0.03 < height_error < 0.08
    assert fit_root_cues(make_rows(tmp_path, 5, floor=False)) == (0.0, 1e6, 0.0)


def test_rows_without_a_floor_leave_the_root_cues_of_the_others(tmp_path: Path) -> None:
    with_floor = make_rows(tmp_path / "with", 12, noise=3.0)
    without = make_rows(tmp_path / "without", 3, seed=1, floor=False)
    both = Rows(
        {name: np.concatenate([with_floor[name], without[name]]) for name in with_floor.columns},
        with_floor.crop_files + without.crop_files,
    )
    assert fit_root_cues(both) == fit_root_cues(with_floor)


def on_floor(rows: Rows, heights_mm: np.ndarray) -> Rows:
    """Returns the rows with the joints of FEET at these heights (B, 4) over the floor, along world z."""
    joints = rows["joints_world_mm"].copy()
    joints[:, FEET, 2] = rows["floor_height_mm"][:, None] + heights_mm
    return Rows({**rows.columns, "joints_world_mm": joints}, rows.crop_files)


def test_contact_is_the_height_of_the_lower_foot_and_its_error(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 9)
    assert (rows["world_up"] == [0, 0, 1]).all()
    standing = np.tile([80.0, 80.0, 30.0, 30.0], (9, 1))
    stride = standing + np.tile([[0, 200, 0, 150], [200, 0, 150, 0], [0, 0, 0, 0]], (3, 1))  # one foot is lifted
    for heights in (standing, stride):
        assert fit_contact(on_floor(rows, heights)) == pytest.approx((80, 80, 30, 30, SOLE_MM))
    jumps = standing.copy()
    jumps[0] += 300
    assert fit_contact(on_floor(rows, jumps)) == pytest.approx((80, 80, 30, 30, np.hypot(100, SOLE_MM)))
    without = Rows({**rows.columns, "floor_height_mm": np.full(9, np.nan)}, rows.crop_files)
    assert fit_contact(without) == (0, 0, 0, 0, UNKNOWN)
    some = np.where(np.arange(9) < 4, np.nan, rows["floor_height_mm"])
    assert fit_contact(Rows({**on_floor(rows, standing).columns, "floor_height_mm": some}, rows.crop_files)) == (
        pytest.approx((80, 80, 30, 30, SOLE_MM))
    )


def test_people_of_extra_data_sets_do_not_change_the_pelvis_height(tmp_path: Path) -> None:
    rows = make_rows(tmp_path / "primary", 12, noise=3.0, size=0.9)
    sitting = make_rows(tmp_path / "extra", 12, noise=3.0, size=0.9)
    sitting = Rows({**sitting.columns, "floor_height_mm": sitting["floor_height_mm"] + 500.0}, sitting.crop_files)
    both, train = rows.with_extra([sitting]), Train(model_type="pose")
    recipe = PoseNetRecipe(PoseNetRecipe.spec_of(train), {})
    network = recipe.network()
    recipe.objective(network, both, train, DISTANCES["l1"], torch.no_grad)
    assert network.pose.root_cues.tolist() == pytest.approx(fit_root_cues(rows))
    assert network.pose.contact.tolist() == pytest.approx(fit_contact(rows))
    assert training_facts(both)["pelvis_height_mm"] == training_facts(rows)["pelvis_height_mm"]
    assert fit_root_cues(both)[0] == pytest.approx(fit_root_cues(rows)[0] - 0.25, abs=0.02)
    names = rows["file_name"].tolist()
    assert both.primary["file_name"].tolist() == names == rows.primary["file_name"].tolist()


def test_inputs_are_standardised_with_the_training_rows(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 40)
    branch = PoseNetRecipe(PoseNetRecipe.spec_of(Train(model_type="pose", root="learned")), {}).network().pose
    fit_input_scale(branch, row_inputs(rows))
    inputs = branch.inputs(default_collate([PoseDataset(rows, 128)[index] for index in range(40)]))
    standardised = (inputs - branch.inputs_mean) / branch.inputs_std
    mean = torch.zeros(inputs.shape[1])
    mean[list(FLAGS)] = 1.0  # flags are not standardised
    torch.testing.assert_close(standardised.mean(0), mean, atol=2e-2, rtol=0)
    varies = inputs.std(0) > 2e-3
    assert varies.sum() > 300
    torch.testing.assert_close(standardised.std(0)[varies], torch.ones(int(varies.sum())), atol=1e-2, rtol=0)


def test_rows_without_a_floor_do_not_change_the_scale_of_what_needs_one(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 12)
    half = np.arange(12) < 6
    some = Rows({**rows.columns, "floor_height_mm": np.where(half, rows["floor_height_mm"], np.nan)}, rows.crop_files)
    branches = {}
    for name, fitted in (("half", rows.take(half)), ("some", some), ("all", rows)):
        branches[name] = (
            PoseNetRecipe(PoseNetRecipe.spec_of(Train(model_type="pose", root="learned")), {}).network().pose
        )
        fit_input_scale(branches[name], row_inputs(fitted))
    no_floor = {"has_floor": torch.zeros(1, 1), "has_up": torch.ones(1, 1)}
    floor_inputs = branches["all"].known_inputs(no_floor)[0] == 0
    for name in ("inputs_mean", "inputs_std"):
        half_scale, scale, all_scale = (getattr(branches[which], name) for which in ("half", "some", "all"))
        torch.testing.assert_close(scale[floor_inputs], half_scale[floor_inputs])
        torch.testing.assert_close(scale[~floor_inputs], all_scale[~floor_inputs])


def test_facts_are_the_training_rows(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 7)
    facts = training_facts(rows)
    assert facts["pelvis_height_mm"] == pytest.approx(rows["joints_world_mm"][:, 0, 2].mean())
    mean = np.array(facts["mean_pose_crop_mm"])
    assert mean.shape == (24, 3) and abs(mean[:, :2]).max() < 1500 and 2500 < mean[0, 2] < 6000
    fallback = fallback_world(mean, rows["R"], rows["t"])
    assert metrics.world_mpjpe(fallback, rows["joints_world_mm"]) < 1500
    assert training_facts(make_rows(tmp_path, 2, floor=False))["pelvis_height_mm"] is None


def test_bones_are_the_people_s_mean_with_the_same_sides(tmp_path: Path) -> None:
    """Two people with nine images and three: the mean of their medians, and a spread that covers both."""
    people = []
    for name, images in (("one", 9), ("other", 3)):
        rows = make_rows(tmp_path / name, images)
        people.append(Rows({**rows.columns, "person": np.array([name] * images)}, rows.crop_files))
    (of_one, spread_of_one), (of_other, _) = map(fit_bones, people)
    both = Rows(
        {name: np.concatenate([rows[name] for rows in people]) for name in people[0].columns},
        people[0].crop_files + people[1].crop_files,
    )
    mean, spread = fit_bones(both)
    np.testing.assert_allclose(mean[1:], (of_one[1:] + of_other[1:]) / 2)
    np.testing.assert_allclose(spread[1:], np.hypot(BONE_MM, (of_other - of_one)[1:] / 2))
    np.testing.assert_allclose(spread_of_one[1:], BONE_MM)
    np.testing.assert_allclose(of_one, of_one[list(MIRROR)])
    shanks = [
        np.linalg.norm(np.diff(people[0]["joints_world_mm"][:, side], axis=1), axis=-1) for side in ((4, 7), (5, 8))
    ]
    assert of_one[7] == pytest.approx(np.median(np.mean(shanks, axis=0)))
