"""Blends with the released weights: chosen on people who are not trained on, kept in the checkpoint, used when predicting."""

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model.blend import Shares
from model.model import PoseNetSpec, PoseOutput, make_posenet
from modules import dataset
from modules.cache.crop_joints import cached_crop_pose, cam_to_crop, to_uvd
from modules.cache.table import Rows
from modules.config.schema import Config
from modules.evaluation.prediction import predict_rows
from modules.evaluation.testing import load_run
from modules.files.atomic import read_json
from modules.metrics import world_mpjpe
from modules.pose_utils import world2cam
from modules.recipes.base import Released
from modules.recipes.posenet import PoseNetRecipe, chosen_shares
from modules.runs import blending, checkpoints, folders
from modules.trainer import Trainer, TrainingJob
from modules.utils import UserError
from tests.builders import make_rows
from tests.conftest import RunScript

RECIPE = PoseNetRecipe(PoseNetSpec(model_type="pose"), {})


def released_of(outputs: list[PoseOutput]) -> Released:
    return Released(outputs, 0.0, {}, "heavy")


def other_people(rows: Rows) -> Rows:
    people = np.array(["other-" + name for name in rows["person"]], dtype=object)
    return Rows({**rows.columns, "person": people}, rows.crop_files)


def output_of(rows: Rows, true_pose: bool, true_root: bool) -> list[PoseOutput]:
    """Returns the labels' pose or root depth, and the extractor's, 1.2 times as far, for the other."""
    truth = cam_to_crop(world2cam(rows["joints_world_mm"], rows["R"], rows["t"]), rows["R_cam2crop"])
    cached = cached_crop_pose(rows.columns)
    uvd = torch.tensor(to_uvd(truth if true_pose else cached, rows["K_crop"]))
    root = torch.tensor(truth.root_mm if true_root else 1.2 * cached.root_mm)
    return [PoseOutput(uvd, root, None, torch.full((len(rows), 24), 3.0 + true_pose))]


def test_the_better_of_both_is_taken_for_pose_and_root(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 10, noise=15.0)
    own, released = output_of(rows, False, True), output_of(rows, True, False)
    facts, outputs = RECIPE.blended(own, released_of(released), rows, world_mpjpe)
    assert facts == {"blend": {"pose": 1.0, "root": 0.0, "joint_features": "heavy"}}
    assert world_mpjpe(RECIPE.lift(outputs, rows), rows["joints_world_mm"]) < 1e-3
    assert float(outputs[0].log_error[0, 0]) == 4.0
    facts, outputs = RECIPE.blended(released, released_of(own), rows, world_mpjpe)
    assert (facts["blend"]["pose"], facts["blend"]["root"]) == (0.0, 1.0)


def test_without_a_gain_nothing_is_blended(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 10, noise=15.0)
    own = output_of(rows, True, True)
    for released in (own, output_of(rows, False, False)):
        facts, outputs = RECIPE.blended(own, released_of(released), rows, world_mpjpe)
        assert facts == {} and outputs is own


def test_shares_that_few_images_do_not_tell_apart_are_averaged() -> None:
    near, far = Shares(1.0, 0.5), Shares(0.0, 0.0)
    errors = {
        Shares(1.0, 1.0): [90.0, 100.0],
        near: [110.0, 82.0],
        far: [200.0, 190.0],
    }  # near: 1 mm worse, by 19 and -18
    assert chosen_shares({shares: np.array(error) for shares, error in errors.items()}) == Shares(1.0, 0.75)
    many = {shares: np.repeat(error, 2000) for shares, error in errors.items()}
    assert chosen_shares(many) == Shares(1.0, 1.0)


@pytest.fixture
def released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The released weights in git, which see the mean joint features of their training in every crop."""
    content = checkpoints.load_checkpoint(checkpoints.RELEASED)
    mean = content["model"]["pose.features_mean"].numpy()
    monkeypatch.setattr(dataset, "read_joint_features", lambda rows, weights: np.tile(mean, (len(rows), 2, 24, 1)))
    monkeypatch.setattr(blending, "fill_joint_features", lambda rows, weights, engine: len(rows))
    return content


def config_of(**train: Any) -> Config:
    small = {"model_type": "pose", "batch_size": 4, "view_steps": 1, "num_epochs": 1, "precision": "32-true"}
    return Config.model_validate({"TRAIN": {**small, **train}})


def test_people_who_are_trained_on_choose_nothing(released: dict[str, Any], tmp_path: Path) -> None:
    train = make_rows(tmp_path / "train", 10)
    validation = other_people(make_rows(tmp_path / "validation", 8, seed=1))
    assert blending.released_on(config_of(), train, validation) is not None
    assert blending.released_on(config_of(), train, train) is None
    for config in (
        config_of(blend_released=False),
        config_of(joint_features="full", real_view_share=0.5),
        Config.model_validate({"EXTRACT": {"weights": "full"}}),
    ):
        assert blending.released_on(config, train, validation) is None


def test_a_training_keeps_its_blend(
    released: dict[str, Any], tmp_path: Path, run_script: RunScript, log_records: list[Any]
) -> None:
    """One step of learning the root is worse than the released weights, so that the checkpoint predicts with them."""
    config = config_of(root="learned")
    train = make_rows(tmp_path / "train", 10, noise=10.0, size=0.9)
    validation = other_people(make_rows(tmp_path / "validation", 8, seed=1, noise=10.0, size=0.9))
    run = tmp_path / "run"
    run.mkdir()
    released_part = blending.released_on(config, train, validation)
    assert released_part is not None
    summary = Trainer(TrainingJob(config, train, validation, run, "key", "fingerprint", released_part)).fit()
    assert summary["released_score"] == released_part.score and summary["best_score"] <= released_part.score
    assert any("of the root)" in record.getMessage() for record in log_records)
    trained = load_run(run)
    shares = trained.checkpoint["facts"]["blend"]
    assert shares["root"] > 0 and shares["joint_features"] == "heavy"
    predicted = predict_rows(config, trained.checkpoint, trained.path, validation).world
    assert world_mpjpe(predicted, validation["joints_world_mm"]) == pytest.approx(summary["best_score"], abs=1e-2)
    weights = checkpoints.weights_of(trained.path, trained.checkpoint)
    assert f"{shares['root']:.0%} of their root" in checkpoints.weights_sentence(weights)
    refused = run_script("pre_models/release.py", "--run", str(run), check=False)
    assert refused.returncode == 2 and "train it with TRAIN.blend_released=false" in refused.stderr
    assert read_json(run / folders.COMPLETE)["released_score"] == released_part.score


@pytest.mark.parametrize(
    "change",
    [
        {"blend": None}, {"blend": {"pose": 2.0, "root": 0.0, "joint_features": "heavy"}},
        {"blend": {"pose": "1", "root": 0.0, "joint_features": "heavy"}},
        {"blend": {"pose": 1.0, "root": 0.0, "joint_features": "full"}}, {"blend": {}},
    ],
)  # fmt: skip
def test_a_blend_that_is_none_is_refused(released: dict[str, Any], tmp_path: Path, change: dict[str, Any]) -> None:
    spec = PoseNetSpec(model_type="pose")
    shares = {"pose": 1.0, "root": 0.5, "joint_features": "heavy"}
    content = {
        "version": folders.CHECKPOINT_VERSION, "spec": spec.as_dict(), "config": Config().model_dump(mode="json"),
        "facts": released["facts"] | {"blend": shares}, "key": "key", "fingerprint": "0",
        "model": make_posenet(spec).state_dict(), "released": {name: released[name] for name in ("spec", "model")},
    }  # fmt: skip
    path = tmp_path / "best_01.pt"
    checkpoints.save_checkpoint(path, content)
    checkpoints.restore_network(checkpoints.load_checkpoint(path), path)
    broken = copy.deepcopy(content)
    broken["facts"] = released["facts"] | change
    checkpoints.save_checkpoint(path, broken)
    with pytest.raises(UserError, match="this checkpoint is damaged"):
        checkpoints.load_checkpoint(path)
    del content["released"]
    checkpoints.save_checkpoint(path, content)
    with pytest.raises(UserError, match="this checkpoint is damaged"):
        checkpoints.load_checkpoint(path)
