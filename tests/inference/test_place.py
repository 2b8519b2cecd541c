"""The training people's place: the depth it implies, its width, and when it is used."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from model.model import PoseNetSpec, PoseOutput
from modules.cache.crop_joints import cached_crop_pose, to_uvd
from modules.cache.table import Rows
from modules.config.schema import Config
from modules.inference.baselines import place_at_place
from modules.inference.place import MIN_SPREAD_MM, Place, depth_at_place, fit_place, fuse_depth, root_at_place
from modules.metrics import root_error, world_mpjpe
from modules.pose_utils import pixel2ray
from modules.recipes.facts import training_facts
from modules.recipes.posenet import PoseNetRecipe
from modules.runs.checkpoints import facts_for
from tests.builders import make_rows


def covariance_of(values: list[float], rng: np.random.Generator) -> np.ndarray:
    turn = Rotation.random(random_state=rng).as_matrix()
    return np.asarray(turn @ np.diag(np.square(values)) @ turn.T)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.lists(st.floats(20, 3000), min_size=3, max_size=3))
def test_the_depth_is_the_most_likely_one_and_moves_with_the_world(seed: int, spreads: list[float]) -> None:
    rng = np.random.default_rng(seed)
    place = Place(rng.normal(0, 1000, 3), covariance_of(spreads, rng))
    centres, rays = rng.normal(0, 3000, (5, 3)), rng.normal(size=(5, 3))
    depth, sd = depth_at_place(place, centres, rays)

    def distance(at: np.ndarray) -> np.ndarray:
        offset = centres + at[:, None] * rays - place.mean_mm
        return np.einsum("bi,ij,bj->b", offset, np.linalg.inv(place.covariance_mm2), offset)

    np.testing.assert_allclose(distance(depth + sd) - distance(depth), 1, rtol=1e-5)  # one standard deviation
    np.testing.assert_allclose(distance(depth - sd) - distance(depth), 1, rtol=1e-5)
    turn, shift = Rotation.random(random_state=rng).as_matrix(), rng.normal(0, 5000, 3)
    moved = Place(turn @ place.mean_mm + shift, turn @ place.covariance_mm2 @ turn.T)
    for found, expected in zip(
        depth_at_place(moved, centres @ turn.T + shift, rays @ turn.T), (depth, sd), strict=True
    ):
        np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


def test_people_who_stand_apart_widen_the_place(rng: np.random.Generator) -> None:
    people = np.repeat(["a", "b", "c"], 50)
    at = np.repeat([[0.0, 0, 900], [2000, 0, 900], [0, 2000, 900]], 50, axis=0)
    noise = rng.normal(0, 10, (150, 3))
    apart, together, alone = (
        fit_place(at + noise, people),
        fit_place(noise, people),
        fit_place(noise, np.full(150, "a")),
    )
    assert np.sqrt(np.linalg.eigvalsh(apart.covariance_mm2)[1:]).min() > 700
    assert np.sqrt(np.linalg.eigvalsh(together.covariance_mm2)).max() < 2 * MIN_SPREAD_MM
    np.testing.assert_allclose(together.covariance_mm2, alone.covariance_mm2, rtol=0.2, atol=30)
    many = fit_place(np.concatenate([np.zeros((500, 3)), np.full((1, 3), 300.0)]), np.array(["a"] * 500 + ["b"]))
    np.testing.assert_allclose(many.mean_mm, 150)  # each person counts the same


def test_a_narrow_place_replaces_the_depth_and_a_wide_one_leaves_it(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 6).columns
    pelvis = rows["joints_world_mm"][:, 0]
    rays = (pixel2ray(rows["true_joints_px"][:, :1], rows["K"]) @ rows["R"])[:, 0]
    wrong = rows["true_depth_root_mm"] * 1.2
    for spread, expected in ((1.0, rows["true_depth_root_mm"]), (1e7, wrong)):
        found = [
            fuse_depth(Place(pelvis[i], spread**2 * np.eye(3)), wrong[i : i + 1], 0.1, rays[i : i + 1],
                       {name: rows[name][i : i + 1] for name in ("R", "t")})
            for i in range(6)
        ]  # fmt: skip
        np.testing.assert_allclose(np.concatenate(found), expected, rtol=1e-3)
    centre = -np.einsum("bji,bj->bi", rows["R"], rows["t"])
    behind = Place(2 * centre[0] - pelvis[0], np.eye(3))
    first = {name: rows[name][:1] for name in ("R", "t")}
    np.testing.assert_array_equal(fuse_depth(behind, wrong[:1], 0.1, rays[:1], first), wrong[:1])


def test_the_baseline_places_the_extractor_there(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 20, noise=2.0, size=0.9)
    facts = training_facts(rows)
    joints = place_at_place(rows.columns, Place.of(facts["place"]), facts["place"]["root_log_sd"])
    reference = rows["joints_world_mm"]
    far = place_at_place(rows.columns, Place(np.zeros(3), 1e12 * np.eye(3)), 0.1)
    assert root_error(joints, reference) < 0.5 * root_error(far, reference)


def outputs_of(rows: Rows, root_scale: float) -> list[PoseOutput]:
    pose = cached_crop_pose(rows.columns)
    uvd, root = torch.tensor(to_uvd(pose, rows["K_crop"])), torch.tensor(pose.root_mm * root_scale)
    return [PoseOutput(uvd, root, None, torch.zeros(len(rows), 24))]


def renamed(rows: Rows, prefix: str) -> Rows:
    people = np.array([prefix + name for name in rows["person"]], dtype=object)
    return Rows({**rows.columns, "person": people}, rows.crop_files)


def test_the_place_is_used_only_if_held_out_people_gain(tmp_path: Path) -> None:
    """Everybody of `make_rows` stands near the world's origin."""
    train, validation = make_rows(tmp_path / "a", 20, noise=1.0), make_rows(tmp_path / "b", 10, seed=1, noise=1.0)
    recipe = PoseNetRecipe(PoseNetSpec(model_type="pose"), training_facts(train))
    held_out, reference = renamed(validation, "other-"), validation["joints_world_mm"]
    assert recipe.place_facts(outputs_of(validation, 1.1), validation, world_mpjpe) == {}  # the same people
    used = recipe.place_facts(outputs_of(held_out, 1.1), held_out, world_mpjpe)
    assert used["place_root_log_sd"] == pytest.approx(np.log(1.1), rel=0.1)
    with_place = PoseNetRecipe(recipe.spec, recipe.facts | used)
    outputs = outputs_of(held_out, 1.1)
    assert root_error(with_place.lift(outputs, held_out), reference) < 0.6 * root_error(
        recipe.lift(outputs, held_out), reference
    )
    elsewhere = {**recipe.facts["place"], "mean_mm": [1500.0, 1500.0, 900.0]}
    misled = PoseNetRecipe(recipe.spec, {**recipe.facts, "place": elsewhere})
    assert misled.place_facts(outputs_of(held_out, 1.01), held_out, world_mpjpe) == {}


def test_the_crops_camera_and_the_camera_agree(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 8, noise=0.0)
    place = Place(np.array([0.0, 0.0, 900.0]), np.diag([50.0, 60.0, 70.0]) ** 2)
    pose = cached_crop_pose(rows.columns)
    uv = to_uvd(pose, rows["K_crop"])[:, 0, :2]
    in_crop = root_at_place(place, uv, pose.root_mm, 0.05, rows.columns) / pose.root_mm
    rays = (pixel2ray(rows["joints_px"][:, :1], rows["K"]) @ rows["R"])[:, 0]
    in_camera = fuse_depth(place, rows["depth_root_mm"], 0.05, rays, rows.columns) / rows["depth_root_mm"]
    np.testing.assert_allclose(in_crop, in_camera, rtol=1e-9)


@pytest.mark.parametrize("shift_mm", [[0, 0, 1000], [2000, 0, 0], [0, 5000, 0], [-3000, 3000, 500]])
def test_people_of_another_world_keep_their_depth(tmp_path: Path, shift_mm: list[float]) -> None:
    """Test cameras whose world begins elsewhere: the joints move with it, and are not drawn to the training people."""
    rows = make_rows(tmp_path, 8, noise=0.0)
    place = Place(np.array([0.0, 0.0, 900.0]), np.diag([80.0, 80.0, 40.0]) ** 2)
    pose = cached_crop_pose(rows.columns)
    uv = to_uvd(pose, rows["K_crop"])[:, 0, :2]
    assert (root_at_place(place, uv, pose.root_mm * 1.05, 0.05, rows.columns) != pose.root_mm * 1.05).all()
    moved = {**rows.columns, "t": rows["t"] - rows["R"] @ np.array(shift_mm, float)}
    np.testing.assert_array_equal(root_at_place(place, uv, pose.root_mm, 0.05, moved), pose.root_mm)


def test_the_place_holds_in_the_training_world_alone(tmp_path: Path) -> None:
    config = Config().model_dump(mode="json")
    checkpoint = {"config": config, "facts": {"place": {}, "place_root_log_sd": 0.1, "pelvis_height_mm": 900.0}}
    assert facts_for(checkpoint, Config()) == checkpoint["facts"]
    same = Config.model_validate({"DATA": {"root": config["DATA"]["root"] + "/"}})
    assert facts_for(checkpoint, same) == checkpoint["facts"]
    other = Config.model_validate({"DATA": {"root": str(tmp_path)}})
    assert facts_for(checkpoint, other) == {"pelvis_height_mm": 900.0}
