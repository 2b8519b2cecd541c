"""Prediction from a checkpoint: the fallback, no access to labels, and rows that a network cannot handle."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model.model import PoseNetSpec, make_posenet
from modules.cache.table import TRUTH_COLUMNS, Rows
from modules.config.schema import Config
from modules.evaluation import prediction
from modules.evaluation.methods import compare
from modules.evaluation.prediction import calibration_of, predict_rows, predict_world
from modules.pose_utils import cam2world
from modules.recipes.facts import training_facts
from modules.recipes.statistics import fit_input_scale, row_inputs
from tests.builders import make_rows
from tests.model.samples import randomise


def checkpoint_of(rows: Rows, root: str = "height") -> dict[str, Any]:
    torch.manual_seed(0)
    spec = PoseNetSpec(model_type="pose", root=root)
    network = make_posenet(spec)
    randomise(network.pose.ensemble[0].shift, std=0.01)
    if root == "learned":
        fit_input_scale(network.pose, row_inputs(rows))
    return {
        "spec": spec.as_dict(),
        "model": network.state_dict(),
        "facts": training_facts(rows),
        "config": Config().model_dump(mode="json"),
    }


def with_found(rows: Rows, found: list[bool]) -> Rows:
    """Returns the rows as extraction leaves them where nobody is found."""
    columns = {name: values.copy() for name, values in rows.columns.items()}
    columns["found"] = np.array(found)
    for name in ("joints_px", "depth_root_mm", "depth_rel_mm", "joints_rel_mm", "confidence", "R_cam2crop", "K_crop"):
        columns[name][~columns["found"]] = np.nan
    return Rows(columns, rows.crop_files)


def test_images_without_a_person_get_the_fallback(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 4)
    checkpoint = checkpoint_of(rows)
    whole = predict_world(Config(), checkpoint, tmp_path, rows)
    partly = predict_world(Config(), checkpoint, tmp_path, with_found(rows, [True, False, True, True]))
    np.testing.assert_allclose(partly[[0, 2, 3]], whole[[0, 2, 3]], atol=1e-3)
    mean = np.array(checkpoint["facts"]["mean_pose_crop_mm"])
    np.testing.assert_allclose(partly[1], cam2world(mean, rows["R"][1], rows["t"][1]))
    nobody = predict_world(Config(), checkpoint, tmp_path, with_found(rows, [False] * 4))
    assert nobody.shape == (4, 24, 3) and np.isfinite(nobody).all()
    methods = compare(with_found(rows, [False] * 4), nobody, checkpoint["facts"])
    for joints in methods.values():
        np.testing.assert_allclose(joints, nobody)


def test_prediction_does_not_see_the_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network's loader receives no label, whatever the cache holds."""
    rows = make_rows(tmp_path, 3)
    checkpoint = checkpoint_of(rows)
    reached: list[Rows] = []
    real = prediction.prediction_loader

    def spy(rows: Rows, *arguments: Any) -> Any:
        reached.append(rows)
        return real(rows, *arguments)

    monkeypatch.setattr(prediction, "prediction_loader", spy)
    expected = predict_world(Config(), checkpoint, tmp_path, rows)
    assert len(reached) == 1 and not reached[0]["labelled"].any()
    assert all(np.isnan(reached[0][name]).all() for name in TRUTH_COLUMNS)
    np.testing.assert_array_equal(predict_world(Config(), checkpoint, tmp_path, rows.without_truth()), expected)


def test_batches_do_not_change_the_prediction(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 5)
    checkpoint = checkpoint_of(rows)
    one_by_one = np.concatenate([predict_world(Config(), checkpoint, tmp_path, rows.take([i])) for i in range(5)])
    np.testing.assert_allclose(predict_world(Config(), checkpoint, tmp_path, rows), one_by_one, atol=0.01)


@pytest.mark.parametrize("root", ["height", "learned"])
def test_a_network_answers_with_a_floor_with_up_alone_and_without_either(tmp_path: Path, root: str) -> None:
    with_floor, without = make_rows(tmp_path / "a", 6), make_rows(tmp_path / "b", 3, floor=False)
    up_alone = Rows({**with_floor.columns, "floor_height_mm": np.full(6, np.nan)}, with_floor.crop_files)
    checkpoint = checkpoint_of(with_floor, root)
    for rows in (with_floor, up_alone, without):
        assert np.isfinite(predict_world(Config(), checkpoint, tmp_path, rows)).all()


def test_log_errors_are_missing_where_nobody_is_found(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3)
    checkpoint = checkpoint_of(rows)
    _, log_error = predict_rows(Config(), checkpoint, tmp_path, with_found(rows, [True, False, True]))
    assert log_error is not None and log_error.shape == (3, 24)
    assert np.isfinite(log_error[[0, 2]]).all() and np.isnan(log_error[1]).all()
    assert predict_rows(Config(), checkpoint, tmp_path, with_found(rows, [False] * 3)).log_error is None
    assert calibration_of(checkpoint) is None  # facts without "uncertainty"
