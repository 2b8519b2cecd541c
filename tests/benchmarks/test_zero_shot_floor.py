"""Tests of the benchmark of floors that the released weights do not expect."""

from benchmarks import zero_shot_floor
from benchmarks.pages import ACCURACY_PAGE
from modules.files.atomic import read_json


def test_the_table_has_the_mean_and_every_camera() -> None:
    cameras = {
        "1": {"20": [150.0, 100.0, 80.0], "0": [120.0, 70.0, 80.0], "none": [130.0, 90.0, 70.0]},
        "2": {"20": [170.0, 110.0, 90.0], "0": [130.0, 80.0, 90.0], "none": [110.0, 60.0, 70.0]},
    }
    assert zero_shot_floor.format_table(cameras).splitlines()[2:] == [
        "| 20 mm higher | 160 | 105 | 85 | 150, 170 |",
        "| as declared | 125 | 75 | 85 | 120, 130 |",
        "| none | 120 | 75 | 70 | 130, 110 |",
    ]


def test_the_page_shows_the_results() -> None:
    assert zero_shot_floor.format_table(read_json(zero_shot_floor.RESULT)["cameras"]) in ACCURACY_PAGE.read_text()
