"""Tests of the permuted branches: every input of a branch is permuted, and only those."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.branches import BRANCHES, permuted_scores
from benchmarks.rotations import UNPERMUTED
from model.model import PoseNetSpec
from modules.recipes.posenet import PoseNetRecipe
from modules.simulation.pose_inputs import joint_feature_inputs
from tests.builders import make_rows

CALIBRATION_AND_LABEL = {"K_crop", "target", "target_root_mm"}  # entries of a sample that are never permuted


@pytest.mark.parametrize("model_type", ["image+pose", "pose"])
def test_permuted_poses_change_an_untrained_networks_scores_and_images_do_not(tmp_path: Path, model_type: str) -> None:
    rows, spec = make_rows(tmp_path, 6), PoseNetSpec(model_type=model_type)
    recipe = PoseNetRecipe(spec, {})
    permuted = {name for names in BRANCHES.values() for name in names}
    entries = {*recipe.dataset(rows)[0], *joint_feature_inputs({"joint_features": np.zeros((1, 2, 24, 48))})}
    read = permuted if model_type == "image+pose" else permuted - {"image"}  # the pose branch alone sees no crop
    assert entries - CALIBRATION_AND_LABEL == read
    found = permuted_scores(recipe.network(), rows, times=2)
    world = {case: scores["world_mpjpe"] for case, scores in found.items()}
    assert ("pose branch alone" in world) == (model_type == "image+pose")
    assert world["images permuted"] == pytest.approx(world[UNPERMUTED], abs=1)
    assert world["poses permuted"] > world[UNPERMUTED] + 50
