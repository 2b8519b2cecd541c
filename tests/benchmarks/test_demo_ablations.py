"""Tests of the demo's ablations: their configs, what they leave out, and the table."""

from contextlib import nullcontext
from pathlib import Path

import torch

from benchmarks import demo_ablations
from benchmarks.demo_ablations import (
    BY_NAME,
    REFERENCE,
    VARIANTS,
    WITHOUT_FEET,
    without_bones,
    without_densities,
    without_feet,
)
from benchmarks.held_out_camera import OWN
from benchmarks.rotations import ROTATIONS
from modules.inference.prediction import prediction_loader
from modules.recipes import make_recipe
from modules.recipes.posenet import PoseNetRecipe
from tests.builders import make_rows


def test_every_variant_differs_from_the_others_in_one_thing() -> None:
    told = set()
    for variant in VARIANTS:
        config = demo_ablations.config_of(variant, 1)
        told.add((config.model_dump_json(), variant.without, variant.truth, variant.blend))
        differs = (bool(variant.truth), variant.without is not nullcontext, variant.blend != OWN)
        assert len(variant.changed) + sum(differs) == (variant.name != REFERENCE)
    assert len(told) == len(VARIANTS) == len(BY_NAME)


def test_parts_are_left_out_only_inside(tmp_path: Path) -> None:
    train = demo_ablations.config_of(BY_NAME[REFERENCE], 1).TRAIN
    recipe = make_recipe(train, make_rows(tmp_path, 4))
    branch = recipe.first_network(train).pose
    branch.bones_mm.copy_(torch.tensor([[300.0], [1.0]]).repeat(1, 24))
    batch = next(iter(prediction_loader(make_rows(tmp_path, 4), recipe.dataset)))
    with torch.no_grad():
        apart, together = branch.member_outputs(batch, together=False)[0], branch.member_outputs(batch)[0]
        with without_bones():
            left_out = branch.member_outputs(batch)[0]
        assert torch.equal(left_out.uvd, apart.uvd) and not torch.equal(together.uvd, apart.uvd)
        assert torch.equal(branch.member_outputs(batch)[0].uvd, together.uvd)
    for left_out, parts in (
        (without_densities, (False, False)),
        (without_feet, (True, False)),
        (nullcontext, (True, True)),
    ):
        with left_out():
            spec = PoseNetRecipe.spec_of(train)
        assert (spec.bone_prior, spec.floor_contact) == parts, left_out


def test_the_table_shows_differences_within_each_rotation() -> None:
    def found(world: float) -> dict[str, object]:
        posenet = [[world + rotation, 30.0, 50.0] for rotation in ROTATIONS]
        return {"posenet": posenet, "extractor": [[150.0, 100.0, 90.0]] * len(ROTATIONS)}

    made = {REFERENCE: found(60), WITHOUT_FEET: found(62), "steps": found(65)}
    lines = demo_ablations.table(made).splitlines()
    assert lines[2] == "| extractor, least squares | 150 | 100 | 90 | +88 | +89, +88, +87, +86 |"
    assert lines[3] == "| default config | 62 | 30 | 50 |  |  |"
    assert lines[4] == f"| {BY_NAME[WITHOUT_FEET].title} | 64 | 30 | 50 | +2 | +2, +2, +2, +2 |"
    assert lines[5] == f"| {BY_NAME['steps'].title} | 68 | 30 | 50 | +3 | +3, +3, +3, +3 |"
    assert len(demo_ablations.table({}).splitlines()) == 2 and len(lines) == 6
