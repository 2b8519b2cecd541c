"""The list of people off the floor: read by name, of either split, and refused where it cannot be meant."""

import json
from pathlib import Path

import pytest

from modules.files.layout import Frame
from modules.files.off_floor import off_floor_path, read_off_floor
from modules.utils import UserError


def frames(root: Path, split: str = "train") -> list[Frame]:
    return [Frame(root, split, f"1_F_1_{i}.jpg", "1", "F", "1", str(i)) for i in range(3)]


def test_names_are_returned_in_the_order_of_the_images(tmp_path: Path) -> None:
    assert read_off_floor(tmp_path, frames(tmp_path)) == []
    off_floor_path(tmp_path).write_text(json.dumps(["1_F_1_2.jpg", "1_F_1_0.jpg"]))
    assert read_off_floor(tmp_path, frames(tmp_path)) == ["1_F_1_0.jpg", "1_F_1_2.jpg"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"1_F_1_0.jpg": True}, "must be a JSON list of image names"),
        ([3], "it holds 3; write image names"),
        (["1_F_1_9.jpg"], "1_F_1_9.jpg is not among the images of"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path: Path, content: object, message: str) -> None:
    off_floor_path(tmp_path).write_text(json.dumps(content))
    with pytest.raises(UserError, match=message):
        read_off_floor(tmp_path, frames(tmp_path))
