"""Earlier results as poses: a folder that was exported before, and a test result with its cache."""

import json
import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from modules.config.schema import Config
from modules.export import WRITERS, parse_formats, save
from modules.export.results import completed, read_results
from modules.utils import UserError
from tests.export.examples import NOBODY, ONE_IMAGE, TWO_PEOPLE, VIDEO
from tests.export.tested_set import NOBODY_IN, make_result, make_set

NOT_OURS = "these are no poses of this version"


@pytest.mark.parametrize("name", ["npz", "json"])
def test_a_folder_that_was_exported_before(name: str, tmp_path: Path) -> None:
    path = WRITERS[name](TWO_PEOPLE, tmp_path)
    for where in (tmp_path, path):
        poses = read_results(where, Config())
        assert np.allclose(poses.joints_mm, TWO_PEOPLE.joints_mm, atol=6e-4, equal_nan=True)
        assert poses.origin == TWO_PEOPLE.origin and poses.person.tolist() == TWO_PEOPLE.person.tolist()


def test_a_test_result(tmp_path: Path) -> None:
    """From the results folder, or from the submission alone, which is found among the results."""
    config = make_set(tmp_path)
    folder, joints = make_result(config)
    for where in (folder, Path(config.TEST.output)):
        poses = read_results(where, config)
        assert poses.image[0] == "task04_test/images/1_F153A_1/1_F153A_1_3.jpg" and len(poses) == 4
        missing = [image.endswith(NOBODY_IN) for image in poses.image]
        assert poses.found.tolist() == [not one for one in missing] and sum(missing) == 1
        assert np.isnan(poses.joints_mm[missing]).all() and np.isnan(poses.expected_error_mm[missing]).all()
        assert np.allclose(poses.joints_mm[poses.found], joints[poses.found], atol=1e-4)
        assert poses.expected_error_mm[poses.found][:, 0].tolist() == [20, 21, 23]
        assert poses.person.tolist() == [0, 1, 2, 3] and poses.origin["people"] == ["F153A", "F152A", "F151A", "F150A"]
        assert poses.up is not None and np.allclose(poses.up, [0, 0, 1]) and poses.floor_height_mm == 0
        assert poses.origin["weights"] == {"path": "best_07.pt", "released": False, "epoch": 7}
        assert np.isnan(poses.time_s).all() and poses.frame == "world"


def test_a_result_that_nothing_is_known_of(tmp_path: Path, log_records: list[logging.LogRecord]) -> None:
    config = make_set(tmp_path)
    make_result(config)
    submission = tmp_path / "elsewhere.json"
    submission.write_text(Path(config.TEST.output).read_text() + "\n")
    poses = read_results(submission, config)
    assert np.isnan(poses.expected_error_mm).all() and poses.origin["weights"] is None
    said = [record.getMessage() for record in log_records]
    assert any("no uncertainty file, so expected errors are left blank" in text for text in said)
    assert any("so its weights are unknown" in text for text in said)


def test_results_that_cannot_be_read(tmp_path: Path) -> None:
    config = make_set(tmp_path)
    folder, _ = make_result(config)
    marker = json.loads((folder / "tested.json").read_text())
    (folder / "tested.json").write_text(json.dumps({**marker, "key": "run/best_07.pt/older key/x"}))
    with pytest.raises(UserError, match="has changed since this test; run python test.py again"):
        read_results(folder, config)
    (tmp_path / "other.json").write_text(json.dumps([{"file_name": "1_F999A_1_1.jpg", "3d_pos": [[0, 0, 0]] * 24}]))
    with pytest.raises(UserError, match="1_F999A_1_1.jpg is not among the test images"):
        read_results(tmp_path / "other.json", config)
    for content in ("[]", '[{"file_name": "a.jpg", "3d_pos": [[0, 0]]}]', '["a"]', "3", '[{"file_name": 1}]'):
        (tmp_path / "wrong.json").write_text(content)
        with pytest.raises(UserError, match=r"wrong\.json: this is neither poses\.json nor a submission"):
            read_results(tmp_path / "wrong.json", config)
    with pytest.raises(UserError, match="this folder holds none of poses.npz, poses.json, pred_submission.json"):
        read_results(tmp_path / "set", config)
    with pytest.raises(UserError, match="there are no results of this name"):
        read_results(tmp_path / "nowhere", config)


@pytest.mark.parametrize(
    ("name", "changed"),
    [
        ("joints_mm", np.asarray(VIDEO.joints_mm, np.str_)), ("joints_mm", VIDEO.joints_mm + 1j),
        ("expected_error_mm", np.full_like(VIDEO.expected_error_mm, np.inf)),
        ("person", VIDEO.person.astype(float)), ("found", np.where(VIDEO.found, "yes", "no")),
        ("time_s", np.zeros(len(VIDEO), "M8[s]")),
    ],
)  # fmt: skip
def test_arrays_of_another_kind_are_refused(name: str, changed: np.ndarray, tmp_path: Path) -> None:
    path = WRITERS["npz"](VIDEO, tmp_path)
    with np.load(path) as file:
        np.savez(path, **{**file, name: changed})
    with pytest.raises(UserError, match=f"{NOT_OURS}|{name} goes beyond"):
        read_results(path, Config())


def test_what_lies_beside_a_submission_is_checked(tmp_path: Path) -> None:
    config = make_set(tmp_path)
    folder, _ = make_result(config)
    marker, output = (folder / "tested.json").read_text(), Path(config.TEST.output)
    uncertainty = output.with_name("pred_submission_uncertainty.json")
    (folder / "tested.json").write_text("[1]")
    assert read_results(output, config).origin["weights"] is None
    (folder / "tested.json").write_text(json.dumps({**json.loads(marker), "weights": {}}))
    with pytest.raises(UserError, match=r"tested\.json: this is not the record of a test"):
        read_results(output, config)
    (folder / "tested.json").write_text(marker)
    entries = json.loads(uncertainty.read_text())
    for wrong in ({"a": 1}, [{"file_name": "x"}], [{**entry, "expected_error_mm": [1, 2]} for entry in entries], 3):
        uncertainty.write_text(json.dumps(wrong))
        with pytest.raises(UserError, match="it is not of the images of"):
            read_results(output, config)


def test_what_is_completed() -> None:
    unknown = replace(ONE_IMAGE, up=None)
    assert completed(unknown, None, None) is unknown
    known = completed(replace(ONE_IMAGE, up=None, floor_height_mm=None), "-y", None)
    assert known.up is not None and known.up.tolist() == [0, -1, 0]
    assert completed(ONE_IMAGE, "0.1,0,1", None).floor_height_mm is None  # it was along another direction
    with pytest.raises(UserError, match=r"^--up y: these poses say that up is \[0.0, 0.0, 1.0\]"):
        completed(ONE_IMAGE, "y", None)
    assert completed(ONE_IMAGE, "z", None).floor_height_mm == 12.5
    untimed = replace(TWO_PEOPLE, time_s=np.full(len(TWO_PEOPLE), np.nan))
    assert np.allclose(completed(untimed, None, 25).time_s, TWO_PEOPLE.frame_index / 25)
    with pytest.raises(UserError, match="--fps: these images have times already"):
        completed(VIDEO, None, 25)


def test_formats_are_read() -> None:
    assert parse_formats(" CSV, trc,csv,") == ["csv", "trc"]
    for text, says in (
        ("", "no format is named"),
        ("csv,fbx", "there is no format 'fbx'; name some of csv, npz,|--save"),
    ):
        with pytest.raises(UserError, match=says):
            parse_formats(text)


def test_a_format_that_cannot_be_written_does_not_stop_the_others(
    tmp_path: Path, log_records: list[logging.LogRecord]
) -> None:
    with pytest.raises(UserError, match="^--save bvh: nobody was found"):
        save(NOBODY, tmp_path, ["bvh", "csv", "glb", "trc"], "halpe26")
    assert {path.name for path in tmp_path.iterdir()} == {"poses.csv", "poses.csv.json", "poses.trc", "poses.trc.json"}
    assert "RBigToe" in (tmp_path / "poses.trc").read_text()
    assert any(record.getMessage().startswith("--save glb: nobody was found") for record in log_records)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda document: document.update(unit="m"), "its unit is 'm'; write mm"),
        (lambda document: document["joint_names"].reverse(), "its joint_names are not SMPL's in order"),
        (lambda document: document["poses"][0]["joints_mm"][3].__setitem__(0, None), "joints without numbers"),
        (lambda document: document["poses"].append(document["poses"][0]), "one person is in one frame twice"),
        (lambda document: document["poses"][0].update(time_s=None), "the times are missing in part"),
        (lambda document: document["poses"][0].update(time_s=99.0), "do not increase with frame_index"),
        (lambda document: document["poses"][0].update(time_s=1e300), "time_s goes beyond"),
        (lambda document: document["poses"][0].update(person=-1), "person goes beyond"),
        (lambda document: document["poses"][0].update(frame_index=10**30), NOT_OURS),
        (lambda document: document["poses"][0]["joints_mm"][3].__setitem__(0, 1e308), "joints_mm goes beyond"),
        (lambda document: document["poses"][0].update(image="\ud800"), NOT_OURS),
        (lambda document: document["poses"][0].update(found="false"), NOT_OURS),
        (lambda document: document.update(up=[0, 0]), NOT_OURS),
        (lambda document: document.update(up=[0, 0, 0]), NOT_OURS),
        (lambda document: document.update(up=[0, 0, 1e308]), NOT_OURS),
        (lambda document: document.update(floor_height_mm="x"), NOT_OURS),
        (lambda document: document.update(floor_height_mm=1e300), NOT_OURS),
        (lambda document: document.update(frame="crop"), NOT_OURS),
        (lambda document: document.update(origin=[]), NOT_OURS),
    ],
)
def test_a_document_that_says_something_else_is_refused(
    tmp_path: Path, change: Callable[[dict[str, Any]], object], says: str
) -> None:
    """Its joints would be taken for others, or for others' units."""
    path = WRITERS["json"](VIDEO, tmp_path)
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    with pytest.raises(UserError, match=says):
        read_results(path, Config())
