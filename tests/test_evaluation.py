"""Stage 3 on made-up rows: fallbacks, comparisons that share their input, and tables that say what was computed."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from model.model import PoseNet, PoseNetSpec
from modules import evaluation, metrics
from modules.cache import TRUTH_COLUMNS, Rows
from modules.config import Config
from modules.pose_utils import cam2world
from modules.posenet import fit_inputs
from modules.trainer import training_facts
from modules.utils import UserError
from tests.builders import make_rows


def checkpoint_of(rows: Rows, seed: int = 0) -> dict[str, Any]:
    torch.manual_seed(seed)
    spec = PoseNetSpec(model_type="pose")
    network = PoseNet(spec)
    torch.nn.init.normal_(network.members[0].shift.weight, std=0.01)
    return {"spec": spec.as_dict(), "model": network.state_dict(), "facts": training_facts(rows)}


def with_found(rows: Rows, found: list[bool]) -> Rows:
    """The rows as if nobody had been found where `found` is false."""
    columns = {name: values.copy() for name, values in rows.columns.items()}
    columns["found"] = np.array(found)
    for name in ("joints_px", "depth_root_mm", "depth_rel_mm", "joints_rel_mm", "confidence", "R_cam2crop", "K_crop"):
        columns[name][~columns["found"]] = np.nan
    return Rows(columns, rows.crop_files)


def test_nobody_found_is_answered_by_the_documented_fallback(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 4)
    checkpoint = checkpoint_of(rows)
    whole = evaluation.predict(Config(), checkpoint, tmp_path, rows)
    partly = evaluation.predict(Config(), checkpoint, tmp_path, with_found(rows, [True, False, True, True]))
    np.testing.assert_allclose(partly[[0, 2, 3]], whole[[0, 2, 3]], atol=1e-3)
    mean = np.array(checkpoint["facts"]["mean_pose_crop_mm"])
    np.testing.assert_allclose(partly[1], cam2world(mean, rows["R"][1], rows["t"][1]))
    nobody = evaluation.predict(Config(), checkpoint, tmp_path, with_found(rows, [False] * 4))
    assert nobody.shape == (4, 24, 3) and np.isfinite(nobody).all()
    methods = evaluation.compare(with_found(rows, [False] * 4), nobody, checkpoint["facts"])
    for joints in methods.values():
        np.testing.assert_allclose(joints, nobody)


def test_prediction_does_not_see_the_truth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What reaches the network's loader holds no label, whatever the cache holds."""
    rows = make_rows(tmp_path, 3)
    checkpoint = checkpoint_of(rows)
    reached: list[Rows] = []
    real = evaluation.prediction_loader

    def spy(rows: Rows, *arguments: Any) -> Any:
        reached.append(rows)
        return real(rows, *arguments)

    monkeypatch.setattr(evaluation, "prediction_loader", spy)
    expected = evaluation.predict(Config(), checkpoint, tmp_path, rows)
    assert len(reached) == 1 and not reached[0]["labelled"].any()
    assert all(np.isnan(reached[0][name]).all() for name in TRUTH_COLUMNS)
    np.testing.assert_array_equal(evaluation.predict(Config(), checkpoint, tmp_path, rows.without_truth()), expected)


def test_batches_do_not_change_the_answer(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 5)
    checkpoint = checkpoint_of(rows)
    one_by_one = np.concatenate([evaluation.predict(Config(), checkpoint, tmp_path, rows.take([i])) for i in range(5)])
    np.testing.assert_allclose(evaluation.predict(Config(), checkpoint, tmp_path, rows), one_by_one, atol=0.01)


def test_report_and_tables(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 6)
    facts = training_facts(rows)
    predicted = rows["joints_world_mm"] + [0, 0, 25.0]
    results = evaluation.report(rows, evaluation.compare(rows, predicted, facts))
    assert list(results) == [
        evaluation.LEAST_SQUARES, evaluation.AT_HEIGHT, evaluation.ON_FLOOR, evaluation.OURS, evaluation.BOUND,
    ]  # fmt: skip
    ours = results[evaluation.OURS]
    assert ours["overall"]["world_mpjpe"] == pytest.approx(25) and ours["per_joint"]["head"][
        "world_mpjpe"
    ] == pytest.approx(25)
    assert (
        results[evaluation.BOUND]["overall"]["world_mpjpe"]
        < results[evaluation.LEAST_SQUARES]["overall"]["world_mpjpe"]
    )
    table = evaluation.format_table(results)
    assert f"| {evaluation.OURS} | 25.0 | 25.0 | 0.0 | 0.0 | 1.000 |" in table
    assert "| left_wrist |" in evaluation.format_breakdown(results, "per_joint")
    assert "| 1 |" in evaluation.format_breakdown(results, "per_camera")


def test_an_extractor_that_places_the_pelvis_elsewhere_has_a_row_of_its_own(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3)
    facts = training_facts(rows)
    columns = {**rows.columns, "root_cam_mm": rows["root_cam_mm"] + [0, 0, 70.0]}
    methods = evaluation.compare(Rows(columns, rows.crop_files), rows["joints_world_mm"], facts)
    assert next(iter(methods)) == evaluation.OWN
    moved = methods[evaluation.OWN] - methods[evaluation.LEAST_SQUARES]
    np.testing.assert_allclose(moved, np.broadcast_to((rows["R"][:, 2] * 70)[:, None], moved.shape), atol=1e-3)


def test_rows_that_need_a_floor_are_absent_without_one(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3, floor=False)
    facts = training_facts(rows)
    assert facts["pelvis_height_mm"] is None
    methods = evaluation.compare(rows, rows["joints_world_mm"], facts)
    assert evaluation.AT_HEIGHT not in methods and evaluation.ON_FLOOR not in methods


def test_facts_are_the_training_rows(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 7)
    facts = training_facts(rows)
    assert facts["pelvis_height_mm"] == pytest.approx(rows["joints_world_mm"][:, 0, 2].mean())
    mean = np.array(facts["mean_pose_crop_mm"])
    assert mean.shape == (24, 3) and abs(mean[:, :2]).max() < 1500 and 2500 < mean[0, 2] < 6000
    fallback = evaluation.fallback_world(mean, rows["R"], rows["t"])
    assert metrics.world_mpjpe(fallback, rows["joints_world_mm"]) < 1500


def test_a_network_that_places_people_by_the_floor_refuses_images_without_one(tmp_path: Path) -> None:
    """One that was taught without a floor, or by the extractor's root, answers for all."""
    taught, floorless = make_rows(tmp_path / "a", 6), make_rows(tmp_path / "b", 3, floor=False)
    for root, rows, refuses in (("learned", taught, True), ("learned", floorless, False), ("height", taught, False)):
        spec = PoseNetSpec(model_type="pose", root=root)
        network = PoseNet(spec)
        if root == "learned":
            fit_inputs(network, rows)
        checkpoint = {"spec": spec.as_dict(), "model": network.state_dict(), "facts": training_facts(taught)}
        assert np.isfinite(evaluation.predict(Config(), checkpoint, tmp_path, taught)).all()
        if refuses:
            with pytest.raises(
                UserError, match=r"_0\.jpg and 2 more images: their cameras declare no floor.*floor_height_mm"
            ):
                evaluation.predict(Config(), checkpoint, tmp_path, floorless)
        else:
            assert np.isfinite(evaluation.predict(Config(), checkpoint, tmp_path, floorless)).all()
