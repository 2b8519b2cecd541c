"""Several people and jumps within a sequence are named, and a list of person boxes is used for its images alone."""

import dataclasses
import json
import logging
from collections.abc import Sequence

import numpy as np
import pytest

from modules.cache import store
from modules.cache.extraction import extract_split
from modules.cache.people import SUGGESTED, jumping_rows, several_people
from modules.cache.table import Rows
from modules.config.schema import Config
from modules.extractors.base import Estimate
from modules.files.layout import list_frames
from modules.files.person_boxes import person_boxes_path
from modules.pose_utils import Camera
from modules.utils import UserError
from tests.cache.conftest import MadeUpExtractor

Made = tuple[Config, MadeUpExtractor]


def rows_of(left: list[float], **others: list[object]) -> Rows:
    """Rows of one view whose boxes are 100 x 200 px, at these places along x."""
    count = len(left)
    columns = {
        "box_xywh": np.array([[x, 0, 100, 200] for x in left]), "found": np.isfinite(left), "pose": ["1"] * count,
        "person": ["F"] * count, "camera": ["1"] * count, "people": [1.0] * count, "choice": ["confident"] * count, **others,
    }  # fmt: skip
    return Rows({name: np.array(values) for name, values in columns.items()}, ())


def test_only_who_leaves_and_comes_back_jumps() -> None:
    nan = float("nan")
    assert jumping_rows(rows_of([0, 50, 900, 60, 70])) == [(2, 1, 3)]
    assert jumping_rows(rows_of([0, 50, nan, 900, 60])) == [(3, 1, 4)], "an image without a person between them"
    assert jumping_rows(rows_of([0, 300, 600, 900])) == [], "somebody runs"
    assert jumping_rows(rows_of([0, 0, 900, 900])) == [], "a cut: neither side is the right one"
    assert jumping_rows(rows_of([0, 900, 0], camera=["1", "2", "1"])) == [], "views of other cameras"
    assert jumping_rows(rows_of([0, 900, 0], choice=["confident", "person_box", "confident"])) == []


def test_unknown_numbers_of_people_and_chosen_ones_are_not_named() -> None:
    rows = rows_of([0, 0, 0, 0], people=[1, 2, float("nan"), 3], choice=["confident", "confident", "", "person_box"])
    assert several_people(rows).tolist() == [1]


def test_jumps_are_reported_with_a_list_that_is_used_once_it_is_copied(
    made: Made, monkeypatch: pytest.MonkeyPatch, log_records: list[logging.LogRecord]
) -> None:
    """The extractor sees somebody else in image 5 unless a hint says where the person is."""
    config, extractor = made
    plain, hinted = extractor.estimate, []
    person = extractor.people[1]
    extractor.people.update({sequence: person for sequence in extractor.people})

    def estimate(
        images: Sequence[np.ndarray], cameras: Sequence[Camera], hints: Sequence[np.ndarray | None] = ()
    ) -> list[Estimate | None]:
        (found,), (hint,) = plain(images, cameras), hints or [None]
        if found is None or round(images[0].mean() / 10) != 5:
            return [found]
        if hint is not None:
            hinted.append(hint)
            return [dataclasses.replace(found, people=2, choice="person_box")]
        away = found.box_xywh + [5000, 0, 0, 0]
        return [dataclasses.replace(found, people=2, box_xywh=away)]

    monkeypatch.setattr(extractor, "estimate", estimate)
    folder = extract_split(config, "train").folder
    said = [record.getMessage() for record in log_records]
    assert any(sentence.startswith("1 images show several people, such as 1_F_1_5.jpg") for sentence in said)
    assert any(
        sentence.startswith("1_F_1_5.jpg: the person is elsewhere than in the images before") for sentence in said
    )
    (entry,) = json.loads((folder / SUGGESTED).read_text())
    assert entry["file_name"] == "1_F_1_5.jpg"
    person_boxes_path(config.data_root).write_bytes((folder / SUGGESTED).read_bytes())
    frames = list_frames(config.data_root, "train")
    with pytest.raises(UserError, match="the list of person boxes has changed since extraction"):
        store.open_cache(config, "train", frames)
    assert extract_split(config, "train").extracted == 1, "only the image of the list"
    np.testing.assert_allclose(hinted[0], entry["person_box"])
    rows, _ = store.open_cache(config, "train", frames)
    assert rows["choice"].tolist() == ["confident", "confident", "", "confident", "person_box", "confident"]
    assert not (folder / SUGGESTED).exists() and jumping_rows(rows) == []
    person_boxes_path(config.data_root).unlink()
    assert extract_split(config, "train").extracted == 1
