"""Tests of the ablations: hidden inputs, left-out people, true columns, and the tables."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import ablations, pages
from benchmarks.ablations import HIDDEN, VARIANTS
from model.model import PoseNetSpec, make_pose_branch
from modules.files.atomic import read_json
from modules.inference.prediction import prediction_loader
from modules.pose_utils import cam2world, pixel2cam
from modules.recipes import recipe_of
from modules.recipes.posenet import PoseNetRecipe
from tests.builders import make_rows

SPEC = PoseNetSpec(model_type="pose", root="learned")


def test_the_hidden_inputs_are_those_of_their_names(tmp_path: Path) -> None:
    """The indices of each input are found by changing the sample's entry."""
    rows = make_rows(tmp_path, 3)
    batch = next(iter(prediction_loader(rows, recipe_of({"spec": SPEC.as_dict()}).dataset)))
    branch = make_pose_branch(SPEC)

    def moved(entry: str, columns: slice) -> set[int]:
        changed = batch[entry].clone()
        changed[..., columns] += 1
        difference = branch.inputs({**batch, entry: changed}) - branch.inputs(batch)
        return set((difference != 0).any(0).nonzero()[:, 0].tolist())

    wanted = {
        "depth": moved("joints", slice(2, 3)) | moved("joints_level", slice(0, 4)),
        "confidence": moved("pose_features", slice(0, 1)),
        "floor": moved("pose_features", slice(3, 5)) | moved("joints_level", slice(3, 4)),
        "level": moved("joints_level", slice(0, 7)) | moved("camera", slice(0, 6)) | moved("has_up", slice(0, 1)),
    }
    assert {name: set(places.tolist()) for name, places in HIDDEN.items()} == wanted
    before = branch.inputs(batch)
    for name, places in HIDDEN.items():
        with ablations.hiding(name):
            hidden = branch.inputs(batch)
        assert (hidden[:, places] == 0).all()
        kept = torch.ones(before.shape[1], dtype=torch.bool)
        kept[places] = False
        assert torch.equal(hidden[:, kept], before[:, kept])
    with ablations.hiding(None):
        assert torch.equal(branch.inputs(batch), before)


def test_every_variant_has_a_valid_config_of_its_own() -> None:
    configs = {}
    for variant in VARIANTS:
        config = ablations.config_of(variant)
        others = variant.hidden, variant.one_of, variant.truth, variant.bones
        configs[variant.name] = (config.model_dump_json(), *others)
        assert config.TRAIN.model_type == "pose" and (variant.hidden is None or variant.hidden in HIDDEN)
    assert len(set(configs.values())) == len(VARIANTS) == len(configs)


def test_networks_get_the_architecture_only_inside() -> None:
    train = ablations.config_of(VARIANTS[0]).TRAIN
    with ablations.with_architecture(bone_prior=True):
        inside = PoseNetRecipe.spec_of(train)
    outside = PoseNetRecipe.spec_of(train)
    assert inside == replace(outside, bone_prior=True) and not outside.bone_prior


@pytest.mark.parametrize("one_of", [1, 2, 5])
def test_people_are_left_out_completely(tmp_path: Path, one_of: int) -> None:
    rows = make_rows(tmp_path, 20)
    left = ablations.some_people(rows, one_of)
    people = set(left["person"])
    assert len(people) == 5 // one_of
    assert len(left) == np.isin(rows["person"].astype(str), list(people)).sum()


def test_the_table_shows_differences_to_the_reference() -> None:
    def found(world: float) -> dict[str, object]:
        return {"scores": {"world_mpjpe": world, "root": 100.0, "root_relative_mpjpe": 90.0}, "images": 9}

    result = {"one_crop": found(152.0), "floor": found(182.4), "joint_features": found(140.0)}
    text = ablations.table(result, "one_crop")
    assert "| pose only, from one crop | 9 | 152 | 100 | 90 |  |" in text
    assert "| without the heights over the floor | 9 | 182 | 100 | 90 | +30 |" in text
    assert len(ablations.table(result, "joint_features").splitlines()) == 3


def test_the_page_holds_the_committed_results() -> None:
    result, page = read_json(ablations.RESULT), pages.ACCURACY_PAGE.read_text(encoding="utf-8")
    assert list(result) == [variant.name for variant in VARIANTS]
    for reference in {variant.reference for variant in VARIANTS}:
        assert pages.marked(f"ablations: {reference}", ablations.table(result, reference)) in page


def test_only_the_requested_columns_become_true(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 4)
    for names in ((), ("joints_px",), ("joints_px", "depth_rel_mm")):
        given = ablations.with_truth(rows, names)
        for name in rows.columns:
            wanted = rows[ablations.TRUE_COLUMNS[name]] if name in names else rows[name]
            np.testing.assert_array_equal(given[name], wanted)
    true_depth = given["true_depth_root_mm"][:, None] + given["depth_rel_mm"]
    world = cam2world(pixel2cam(given["joints_px"], true_depth, rows["K"]), rows["R"], rows["t"])
    np.testing.assert_allclose(world, rows["joints_world_mm"], atol=1e-6)
