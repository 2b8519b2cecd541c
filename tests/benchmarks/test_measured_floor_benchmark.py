"""The copy of a data set whose camera files declare nothing, and the variants of its rows."""

import json
import shutil
from pathlib import Path

import numpy as np

from benchmarks.measured_floor import copy_without_floor, floors_of
from modules.config.load import load_config
from modules.config.paths import DEFAULT_CONFIG, PROJECT_ROOT
from modules.files.layout import list_frames
from tests.builders import make_rows


def test_a_copy_differs_in_the_camera_files_alone(small_root: Path, tmp_path: Path) -> None:
    original, bare = tmp_path / "original", tmp_path / "bare"
    shutil.copytree(small_root, original, ignore=shutil.ignore_patterns("cache"))
    for _ in range(2):  # the second time over the first copy
        copy_without_floor(original, bare)
    files = [path.relative_to(original) for path in original.rglob("*") if path.is_file()]
    assert sorted(files) == sorted(path.relative_to(bare) for path in bare.rglob("*") if path.is_file())
    for name in files:
        if name.parent.name == "camera":
            kept, left = (json.loads((root / name).read_text()) for root in (original, bare))
            assert left == {key: kept[key] for key in kept if key not in ("world_up", "floor_height_mm")} != kept
        else:
            assert (original / name).read_bytes() == (bare / name).read_bytes(), name
    frame = list_frames(bare, "train")[0]
    assert frame.image_path.stat().st_nlink == 2


def test_the_variants_hide_floor_and_up_and_no_label_is_used(tmp_path: Path) -> None:
    config = load_config(PROJECT_ROOT / DEFAULT_CONFIG, [f"DATA.root={tmp_path}"])
    rows = make_rows(tmp_path / "rows", 4)
    variants = floors_of(config, rows)
    has = {
        name: (np.isfinite(one["floor_height_mm"]).all(), np.isfinite(one["world_up"]).all())
        for name, one in variants.items()
    }
    assert has["floor: declared"] == (True, True)
    assert has["up alone"] == (False, True) and has["neither"] == (False, False)
    assert has["floor: measured"] == (False, False)  # one view of each moment, and no training part
