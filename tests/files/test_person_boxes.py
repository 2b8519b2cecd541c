"""The list of person boxes: boxes and points by image, and one sentence for whatever else it holds."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from modules.files.layout import list_frames
from modules.files.person_boxes import person_boxes_path, read_person_boxes
from modules.utils import UserError
from tests.strategies import json_files, read_or_refused

NAMES = ["1_F_1_1.jpg", "1_F_1_2.jpg"]
VALID = [{"file_name": NAMES[0], "person_box": [1, 2.5, 30, 40]}, {"file_name": NAMES[1], "person_box": [5, 6]}]


def make_set(root: Path) -> Path:
    for split, name in (("train", NAMES[0]), ("train", NAMES[1]), ("test", "1_F_2_1.jpg")):
        path = root / f"task04_{split}/images/{name[:5]}/{name}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return root


def test_boxes_and_points_of_one_split(tmp_path: Path) -> None:
    frames = list_frames(make_set(tmp_path), "train")
    assert read_person_boxes(tmp_path, frames) == {}
    of_test = {"file_name": "1_F_2_1.jpg", "person_box": [1, 2]}
    person_boxes_path(tmp_path).write_text(json.dumps([*VALID, of_test]))
    found = read_person_boxes(tmp_path, frames)
    assert {name: box.tolist() for name, box in found.items()} == {NAMES[0]: [1, 2.5, 30, 40], NAMES[1]: [5, 6]}
    assert list(read_person_boxes(tmp_path, list_frames(tmp_path, "test"))) == ["1_F_2_1.jpg"]


@pytest.mark.parametrize(
    ("entries", "says"),
    [
        ({}, "this must be a JSON list of"),
        ([{"person_box": [1, 2]}], "file_name of entry 0 is None; name each image once"),
        ([VALID[0], VALID[0]], "file_name of entry 1 is '1_F_1_1.jpg'; name each image once"),
        ([{"file_name": NAMES[0], "person_box": [1, 2, 3]}], "person_box of entry 0 is [1, 2, 3]; write [left, top"),
        ([{"file_name": NAMES[0], "person_box": [1, 2, 0, 3]}], "person_box of entry 0 has no area"),
        ([{"file_name": NAMES[0], "person_box": [1, "2"]}], "person_box of entry 0[1] is '2'"),
        ([{"file_name": "1_F_1_9.jpg", "person_box": [1, 2]}], "1_F_1_9.jpg is not among the images"),
    ],
)
def test_other_lists_are_refused(tmp_path: Path, entries: Any, says: str) -> None:
    person_boxes_path(make_set(tmp_path)).write_text(json.dumps(entries))
    with pytest.raises(UserError) as caught:
        read_person_boxes(tmp_path, list_frames(tmp_path, "train"))
    assert says in str(caught.value) and str(caught.value).startswith(f"{person_boxes_path(tmp_path)}: ")


@given(json_files(VALID))
@settings(max_examples=150, deadline=None)
def test_any_list_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    root = make_set(tmp_path_factory.getbasetemp() / "boxes")
    frames = list_frames(root, "train")
    found = read_or_refused(lambda _: read_person_boxes(root, frames), person_boxes_path(root), data)
    assert found is None or all(name in NAMES and len(box) in (2, 4) for name, box in found.items())
