"""predict.py gives what test.py gives, from the images alone."""

import json
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import RunScript


@pytest.mark.slow
def test_predict_equals_test(
    finished: tuple[Path, Path], small_root: Path, run_script: RunScript, tmp_path: Path
) -> None:
    results, run = finished
    test = small_root / "task04_test"
    done = run_script(
        "predict.py", str(test / "images" / "1_demo_4"), "--camera", str(test / "camera" / "1_demo_4.json"),
        "--run", str(run), "--output", str(tmp_path / "out"), "--save", "npz", "--json",
    )  # fmt: skip
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["rows"] == 4 and summary["not_found"] == []
    submitted = {
        entry["file_name"]: entry["3d_pos"] for entry in json.loads((results / "pred_submission.json").read_text())
    }
    with np.load(tmp_path / "out" / "poses.npz", allow_pickle=False) as poses:
        assert set(poses["image"].tolist()) == set(submitted)
        expected = np.array([submitted[name] for name in poses["image"].tolist()])
        np.testing.assert_allclose(poses["joints_mm"], expected, atol=0.03)  # the image branch may compute in bfloat16
