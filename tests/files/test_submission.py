"""The sample that is read and the submission that is written."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings

from modules.config.load import parse_config
from modules.files.names import name_fields
from modules.files.submission import output_path, read_sample, write_submission
from modules.utils import UserError
from tests.strategies import json_files, read_or_refused


def test_order_is_the_samples(tmp_path: Path, rng: np.random.Generator) -> None:
    names = ["30_F160A_1_4.jpg", "2_M180B_3_1.jpg", "30_F160A_1_3.jpg"]
    joints = rng.normal(size=(3, 24, 3)) * 1000
    write_submission(tmp_path / "s.json", names, joints)
    assert read_sample(tmp_path / "s.json") == names
    stored = json.loads((tmp_path / "s.json").read_text())
    np.testing.assert_allclose([entry["3d_pos"] for entry in stored], joints, atol=1e-4)
    assert all(set(entry) == {"file_name", "3d_pos"} for entry in stored)


@pytest.mark.parametrize("joints", [np.full((1, 24, 3), np.nan), np.zeros((1, 23, 3)), np.zeros((2, 24, 3))])
def test_nothing_broken_is_written(tmp_path: Path, joints: np.ndarray) -> None:
    with pytest.raises(ValueError, match="finite"):
        write_submission(tmp_path / "s.json", ["1_F_1_1.jpg"], joints)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("sample", "says"),
    [
        ([], "non-empty"),
        ({"file_name": "1_F_1_1.jpg"}, "non-empty"),
        ([{"file_name": "../1_F_1_1.jpg"}], "entry 0 has no plain image name"),
        ([{"file_name": "a/1_F_1_1.jpg"}], "entry 0"),
        ([{"file_name": "..\\1_F_1_1.jpg"}], "entry 0"),
        ([{"file_name": 3}], "entry 0"),
        ([{"name": "1_F_1_1.jpg"}], "entry 0"),
        (["1_F_1_1.jpg"], "entry 0"),
        ([{"file_name": "picture.jpg"}], "an image is named"),
        (
            [{"file_name": "1_F_1_1.jpg"}, {"file_name": "1_F_1_1.jpg"}],
            "1_F_1_1.jpg is in file_name more than once",
        ),
    ],
)
def test_broken_samples(tmp_path: Path, sample: Any, says: str) -> None:
    (tmp_path / "s.json").write_text(json.dumps(sample))
    with pytest.raises(UserError, match=says):
        read_sample(tmp_path / "s.json")


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("/", "no JSON file"),
        ("x.csv", "no JSON file"),
        ("folder.json", "no JSON file"),
        ("s.json", "which would be lost"),
    ],
)
def test_an_output_that_would_lose_a_file_is_refused(tmp_path: Path, output: str, says: str) -> None:
    """The table beside the submission is x.csv, too, and the sample is read from s.json."""
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "s.json").write_text("[]")
    test = {"output": str(tmp_path / output), "sample_submission": str(tmp_path / "s.json")}
    with pytest.raises(UserError, match=f"^TEST.output: .*{says}"):
        output_path(parse_config({"TEST": test}, "test"))
    good = parse_config({"TEST": {**test, "output": str(tmp_path / "good.json")}}, "test")
    assert output_path(good) == tmp_path / "good.json"


@given(json_files([{"file_name": "1_F_1_1.jpg", "3d_pos": [[0, 0, 0]]}, {"file_name": "30_F160A_1_4.jpg"}]))
@settings(max_examples=300, deadline=None)
def test_any_sample_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "sample.json"
    names = read_or_refused(read_sample, path, data)
    if names is not None:
        assert names and len(set(names)) == len(names)
        assert all(name_fields(name) and "/" not in name and ".." not in name for name in names)
        assert names == [entry["file_name"] for entry in json.loads(data)]
