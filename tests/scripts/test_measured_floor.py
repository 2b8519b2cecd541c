"""The demo without a declared floor: up and floor are measured, and used by training and testing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from modules.cache.store import open_cache
from modules.config.load import load_config
from modules.config.paths import DEFAULT_CONFIG, PROJECT_ROOT
from modules.files.layout import list_frames
from tests.conftest import FAST, RunScript, options

LABELS_MM = -37.0  # the demo's feet are about 11 mm over its floor, not 48 as those of the synthetic people


@pytest.mark.slow
def test_the_demo_without_its_floor(small_root: Path, tmp_path: Path, run_script: RunScript) -> None:
    root = tmp_path / "bare"
    shutil.copytree(small_root, root, ignore=shutil.ignore_patterns("cache"))
    for path in root.glob("task04_*/camera/*.json"):
        data = json.loads(path.read_text())
        declared = data.pop("floor_height_mm")
        assert data.pop("world_up") == [0, 0, 1]
        path.write_text(json.dumps(data))
    said = run_script("extract_train_info.py", *options(root, tmp_path)).stdout
    assert "1_demo: up is (0, 0, 1), the world axis nearest to the people's" in said
    config = load_config(PROJECT_ROOT / DEFAULT_CONFIG, [f"DATA.root={root}", *FAST])
    for split in ("train", "test"):
        rows, _ = open_cache(config, split, list_frames(root, split))
        assert (rows["world_up"] == [0, 0, 1]).all()
        assert np.abs(rows["floor_height_mm"] - (declared + LABELS_MM)).max() < 20
    again = run_script("extract_train_info.py", *options(root, tmp_path))
    assert "(0 extracted now)" in again.stdout and "up is" not in again.stdout
    run_script("train.py", *options(root, tmp_path))
    run_script("test.py", *options(root, tmp_path))
    table = next((tmp_path / "test").rglob("table.md")).read_text()
    assert "lowest foot on the floor" in table
