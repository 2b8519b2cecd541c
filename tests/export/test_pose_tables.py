"""CSV, Parquet, npz and JSON, each read back by the standard library, pandas, NumPy or jsonschema alone."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pandas as pd
import pytest

from model.skeleton import JOINT_NAMES
from modules.export import WRITERS, arrays, document
from modules.export.poses import Poses
from modules.utils import UserError
from tests.export.examples import ALL, NOBODY, TWO_PEOPLE, VIDEO

every_case = pytest.mark.parametrize("poses", ALL.values(), ids=list(ALL))


@every_case
def test_csv(poses: Poses, tmp_path: Path) -> None:
    path = WRITERS["csv"](poses, tmp_path)
    rows = list(csv.DictReader(path.open(encoding="utf-8", newline="")))
    assert len(rows) == len(poses)
    for index, row in enumerate(rows):
        assert row["image"] == poses.image[index] and row["axes"] == "world"
        assert (int(row["frame_index"]), int(row["person"])) == (poses.frame_index[index], poses.person[index])
        numbers = [row[f"{name}_{axis}_mm"] for name in JOINT_NAMES for axis in "xyz"]
        errors = [row[f"{name}_error_mm"] for name in JOINT_NAMES]
        assert row["found"] == str(int(poses.found[index]))
        if poses.found[index]:
            assert np.allclose(np.array(numbers, float).reshape(24, 3), poses.joints_mm[index], atol=6e-4)
            assert np.allclose(np.array(errors, float), poses.expected_error_mm[index], atol=6e-4)
        else:
            assert set(numbers + errors) == {""}
        timed = np.isfinite(poses.time_s[index])
        assert (abs(float(row["time_s"]) - poses.time_s[index]) < 1e-6) if timed else row["time_s"] == ""
    about = json.loads((tmp_path / "poses.csv.json").read_text(encoding="utf-8"))
    assert about["unit"] == "mm" and about["joint_names"] == list(JOINT_NAMES) and about["up"] == [0, 0, 1]
    assert about["frames_without_person"] == sorted(set(poses.frame_index[~poses.found].tolist()))
    assert about["origin"]["weights"] == "posenet.safetensors" and about["floor_height_mm"] == 12.5


@every_case
def test_parquet_is_the_same_table(poses: Poses, tmp_path: Path) -> None:
    table = pd.read_parquet(WRITERS["parquet"](poses, tmp_path))
    text = pd.read_csv(WRITERS["csv"](poses, tmp_path), keep_default_na=False, na_values={"": [""]})
    numbers = [name for name in table.columns if name.endswith("_mm") or name in ("frame_index", "person", "found")]
    for name in numbers:
        assert np.allclose(table[name].astype(float), pd.to_numeric(text[name]).astype(float), equal_nan=True), name
    import pyarrow.parquet as pq  # noqa: PLC0415

    about = json.loads(pq.read_schema(tmp_path / "poses.parquet").metadata[b"groundpose"])
    assert about["unit"] == "mm" and about["rows"] == len(poses)


@every_case
def test_npz_needs_no_pickle_and_is_read_back(poses: Poses, tmp_path: Path) -> None:
    path = WRITERS["npz"](poses, tmp_path)
    with np.load(path, allow_pickle=False) as file:
        assert np.array_equal(file["joints_mm"], poses.joints_mm, equal_nan=True)
        assert file["joint_names"].tolist() == list(JOINT_NAMES)
        assert json.loads(str(file["about"]))["unit"] == "mm"
    assert_same(arrays.read_npz(path), poses, 0)


@every_case
def test_json_has_its_schema_and_is_read_back(poses: Poses, tmp_path: Path) -> None:
    path = WRITERS["json"](poses, tmp_path)
    schema = json.loads(document.SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    content = json.loads(path.read_text(encoding="utf-8"))
    jsonschema.validate({**content, "poses": content["poses"][::10]}, schema)  # every tenth: a row takes 10 ms
    assert [entry["joints_mm"] is not None for entry in content["poses"]] == poses.found.tolist()
    assert_same(document.read_document(path), poses, 6e-4)


def test_the_schema_can_refuse(tmp_path: Path) -> None:
    content = json.loads(WRITERS["json"](NOBODY, tmp_path).read_text(encoding="utf-8"))
    schema = json.loads(document.SCHEMA.read_text(encoding="utf-8"))
    content["poses"][0]["joints_mm"] = [[0, 0, 0]] * 24  # a pose where nobody was found
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, schema)


def test_numbers_of_rows_without_a_person_are_never_written(tmp_path: Path) -> None:
    """Not even if a caller has left a fallback pose in them."""
    fallback = replace(NOBODY, joints_mm=np.ones((4, 24, 3)), expected_error_mm=np.ones((4, 24)))
    table = pd.read_csv(WRITERS["csv"](fallback, tmp_path))
    assert table[[name for name in table.columns if name.endswith("_mm")]].isna().to_numpy().all()
    with np.load(WRITERS["npz"](fallback, tmp_path)) as file:
        assert np.isnan(file["joints_mm"]).all() and np.isnan(file["expected_error_mm"]).all()
    assert all(row["joints_mm"] is None for row in json.loads(WRITERS["json"](fallback, tmp_path).read_text())["poses"])


def test_raw_joints_stay_beside_smoothed_ones(tmp_path: Path) -> None:
    smoothed = replace(TWO_PEOPLE, raw_joints_mm=TWO_PEOPLE.joints_mm + 5, warnings=["", "cut off"] * 19 + [""])
    table = pd.read_csv(WRITERS["csv"](smoothed, tmp_path))
    assert np.allclose((table["head_raw_x_mm"] - table["head_x_mm"]).dropna(), 5, atol=2e-3)
    assert list(table["warning"].fillna("")) == smoothed.warnings
    for read in (
        arrays.read_npz(WRITERS["npz"](smoothed, tmp_path)),
        document.read_document(WRITERS["json"](smoothed, tmp_path)),
    ):
        assert_same(read, smoothed, 6e-4)
        assert read.warnings == smoothed.warnings


def test_a_damaged_or_foreign_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "poses.npz"
    np.savez(path, joints_mm=np.zeros((1, 24, 3)))
    with pytest.raises(UserError, match=r"poses\.npz: these are no poses of this version"):
        arrays.read_npz(path)
    path.write_bytes(WRITERS["npz"](VIDEO, tmp_path).read_bytes()[:5000])
    with pytest.raises(UserError, match="damaged"):
        arrays.read_npz(path)
    content = json.loads(WRITERS["json"](NOBODY, tmp_path).read_text())
    del content["poses"][1]["person"]
    (tmp_path / "poses.json").write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"poses\.json: these are no poses"):
        document.read_document(tmp_path / "poses.json")


def assert_same(read: Poses, written: Poses, tolerance: float) -> None:
    for name in ("joints_mm", "expected_error_mm", "time_s", "frame_index", "person", "found"):
        assert np.allclose(
            getattr(read, name), getattr(written, name), atol=tolerance or 1e-6, rtol=0, equal_nan=True
        ), name
    assert (read.raw_joints_mm is None) == (written.raw_joints_mm is None)
    if read.raw_joints_mm is not None and written.raw_joints_mm is not None:
        assert np.allclose(read.raw_joints_mm, written.raw_joints_mm, atol=tolerance, rtol=0, equal_nan=True)
    assert (read.image, read.frame, read.origin) == (written.image, written.frame, written.origin)
    assert (
        read.up is not None and np.array_equal(read.up, [0, 0, 1]) and read.floor_height_mm == written.floor_height_mm
    )
