"""The table for people holds the submission's numbers, and says what they are and what made them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from model.skeleton import JOINT_NAMES
from modules.evaluation import joint_table
from modules.evaluation.joint_table import COLUMNS, commit, joint_table_path, write_joint_table

RUN = {"path": "/data/results/train/POSENET_1/best_07.pt", "released": False}


@pytest.mark.parametrize("expected", [True, False])
def test_the_table_is_read_back(tmp_path: Path, rng: np.random.Generator, expected: bool) -> None:
    names = ["30_F160A_1_4.jpg", '30_김, "a"_1_3.jpg']
    joints = rng.normal(size=(2, 24, 3)) * 1000
    errors = np.stack([rng.uniform(10, 90, 24), np.full(24, np.nan)]) if expected else None
    path = joint_table_path(tmp_path / "pred_submission.json")
    write_joint_table(path, names, joints, np.array([True, False]), errors, RUN)
    table = pd.read_csv(path)
    assert path.name == "pred_submission.csv" and tuple(table.columns) == COLUMNS and len(table) == 48
    assert table["file_name"].tolist() == [name for name in names for _ in range(24)]
    assert table["joint"].tolist() == [*JOINT_NAMES, *JOINT_NAMES]
    np.testing.assert_allclose(table[["x_mm", "y_mm", "z_mm"]].to_numpy().reshape(2, 24, 3), joints, atol=1e-4)
    assert table["person"].tolist() == ["found"] * 24 + ["fallback"] * 24 and set(table["frame"]) == {"world"}
    assert set(table["weights"]) == {"POSENET_1/best_07.pt"}
    shown = table["expected_error_mm"].to_numpy().reshape(2, 24)
    np.testing.assert_allclose(shown, np.full((2, 24), np.nan) if errors is None else errors, atol=0.051)


def test_released_weights_and_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_joint_table(
        tmp_path / "a.csv", ["1_F_1_1.jpg"], np.zeros((1, 24, 3)), np.array([True]), None, {**RUN, "released": True}
    )
    assert set(pd.read_csv(tmp_path / "a.csv")["weights"]) == {"released"}
    answers = {"rev-parse": ["0123456789ab"], "status": []}
    monkeypatch.setattr(joint_table, "git_lines", lambda command, *_: iter(answers[command]))
    assert commit() == "0123456789ab"
    answers["status"] = [" M test.py"]
    assert commit() == "0123456789ab+"
    answers["rev-parse"] = []
    assert commit() == ""
