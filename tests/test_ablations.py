"""The ablations' own parts: what is hidden is hidden, whose images are left, and what the table says."""

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import ablations
from benchmarks.ablations import HIDDEN, VARIANTS
from model.model import PoseNet, PoseNetSpec
from modules.pose_utils import cam2world, pixel2cam
from modules.prediction import prediction_loader
from modules.recipes import recipe_of
from tests.builders import make_rows

SPEC = PoseNetSpec(model_type="pose", root="learned")


def test_what_is_hidden_is_what_its_name_says(tmp_path: Path) -> None:
    """Each column is found by changing the sample's own entry and looking at which numbers move."""
    rows = make_rows(tmp_path, 3)
    batch = next(iter(prediction_loader(rows, recipe_of({"spec": SPEC.as_dict()}).dataset, 3)))
    network = PoseNet(SPEC)

    def moved(entry: str, columns: slice) -> set[int]:
        changed = batch[entry].clone()
        changed[..., columns] += 1
        return set(
            ((network.inputs({**batch, entry: changed}) - network.inputs(batch)) != 0).any(0).nonzero()[:, 0].tolist()
        )

    wanted = {
        "depth": moved("joints", slice(2, 3)) | moved("level", slice(0, 4)),
        "confidence": moved("features", slice(0, 1)),
        "floor": moved("features", slice(3, 5)) | moved("level", slice(3, 4)),
        "level": moved("level", slice(0, 7)) | moved("view", slice(0, 6)),
        "pose": set().union(
            *(moved(entry, slice(0, 99)) for entry in ("joints", "features", "floor", "level", "view"))
        ),
    }
    assert {name: set(places.tolist()) for name, places in HIDDEN.items()} == wanted
    before = network.inputs(batch)
    for name, places in HIDDEN.items():
        with ablations.hiding(name):
            hidden = network.inputs(batch)
        assert (hidden[:, places] == 0).all()
        kept = torch.ones(before.shape[1], dtype=torch.bool)
        kept[places] = False
        assert torch.equal(hidden[:, kept], before[:, kept])
    with ablations.hiding(None):
        assert torch.equal(network.inputs(batch), before)


def test_every_variant_has_a_valid_config_of_its_own() -> None:
    configs = {}
    for variant in VARIANTS:
        config = ablations.config_of(variant, 42)
        configs[variant.name] = (config.model_dump_json(), variant.hidden, variant.share, variant.told)
        assert config.TRAIN.model_type == "pose" and (variant.hidden is None or variant.hidden in HIDDEN)
    assert len(set(configs.values())) == len(VARIANTS) == len(configs)


@pytest.mark.parametrize("share", [1, 2, 5])
def test_people_are_left_out_whole(tmp_path: Path, share: int) -> None:
    rows = make_rows(tmp_path, 20)
    left = ablations.some_people(rows, share)
    people = set(left["person"])
    assert len(people) == 5 // share
    assert len(left) == np.isin(rows["person"].astype(str), list(people)).sum()


def test_the_table_says_what_each_costs() -> None:
    def found(world: float) -> dict:  # type: ignore[type-arg]
        return {"scores": {"world_mpjpe": world, "root": 100.0, "root_relative_mpjpe": 90.0}, "images": 9}

    text = ablations.table({"whole": [found(150.0), found(154.0)], "floor": [found(182.4)]})
    assert "| the pose branch, whole | 9 | 152 (seeds ± 3) | 100 | 90 |  |" in text
    assert "| without the heights over the floor | 9 | 182 | 100 | 90 | +30 |" in text


def test_what_is_told_is_the_truth_and_nothing_else(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 4)
    for names in ((), ("joints_px",), ("joints_px", "depth_rel_mm")):
        given = ablations.told(rows, names)
        for name in rows.columns:
            wanted = rows[ablations.TRUE[name]] if name in names else rows[name]
            np.testing.assert_array_equal(given[name], wanted)
    true_depth = given["true_depth_root_mm"][:, None] + given["depth_rel_mm"]
    world = cam2world(pixel2cam(given["joints_px"], true_depth, rows["K"]), rows["R"], rows["t"])
    np.testing.assert_allclose(world, rows["joints_world_mm"], atol=1e-6)
