"""Several people and jumps within a sequence are named, and a list of person boxes is used for its images alone."""

import dataclasses
import json
import logging
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from modules.cache import store
from modules.cache.extraction import extract_split
from modules.cache.neighbours import LIST
from modules.cache.people import SUGGESTED, jumping_rows, several_people
from modules.cache.table import Rows
from modules.config.schema import Config
from modules.extractors.base import Estimate
from modules.files.layout import list_frames
from modules.files.off_floor import off_floor_path
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


def jumping(left: list[float], **others: list[object]) -> list[int]:
    return [row for row, _ in jumping_rows(rows_of(left, **others))]


def test_only_who_leaves_and_comes_back_jumps() -> None:
    nan = float("nan")
    ((row, box),) = jumping_rows(rows_of([0, 50, 900, 60, 70]))
    assert row == 2 and box.tolist() == [55, 0, 100, 200], "the median of the two before and the two after"
    assert jumping([0, 50, nan, 900, 60]) == [3], "an image without a person between them"
    assert jumping([0, 0, 0, 900, 900, 0, 0]) == [3, 4], "two images in a row"
    assert jumping([900, 0, 0, 0, 0]) == [0] and jumping([0, 0, 0, 0, 900]) == [4], "at the ends"
    assert jumping([0, 300, 600, 900]) == [], "somebody runs"
    assert jumping([0, 60, 120, 180, 240, 300]) == [], "somebody walks"
    assert jumping([0, 0, 900, 900]) == [], "a cut: neither side is the right one"
    assert jumping([0, 900, 0, 900, 0, 900]) == [], "nobody can say who is meant"
    assert jumping([0, 900, 0], camera=["1", "2", "1"]) == [], "views of other cameras"
    for choice in ("person_box", "neighbours"):
        assert jumping([0, 900, 0], choice=["confident", choice, "confident"]) == []


def test_unknown_numbers_of_people_and_chosen_ones_are_not_named() -> None:
    rows = rows_of([0, 0, 0, 0], people=[1, 2, float("nan"), 3], choice=["confident", "confident", "", "person_box"])
    assert several_people(rows).tolist() == [1]


def somebody_else(extractor: MadeUpExtractor, monkeypatch: pytest.MonkeyPatch, people: int) -> list[np.ndarray]:
    """The extractor sees somebody else in image 5 unless a hint says where the person is; returns the hints of that image."""
    plain, hinted, person = extractor.estimate, [], extractor.people[1]
    extractor.people.update({sequence: person for sequence in extractor.people})

    def estimate(
        images: Sequence[np.ndarray], cameras: Sequence[Camera], hints: Sequence[np.ndarray | None] = ()
    ) -> list[Estimate | None]:
        (found,), (hint,) = plain(images, cameras), hints or [None]
        if found is None or round(images[0].mean() / 10) != 5:
            return [found]
        if hint is not None:
            hinted.append(hint)
            return [dataclasses.replace(found, people=people, choice="person_box")]
        away = found.box_xywh + [5000, 0, 0, 0]
        return [dataclasses.replace(found, people=people, box_xywh=away)]

    monkeypatch.setattr(extractor, "estimate", estimate)
    return hinted


def content(folder: Path) -> dict[str, bytes]:
    """The files of a cache that must not depend on how often an extraction was stopped."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.glob("*s/part-*"))}


def test_the_person_of_the_neighbours_is_taken_where_several_are_seen(
    made: Made, monkeypatch: pytest.MonkeyPatch, log_records: list[logging.LogRecord]
) -> None:
    config, extractor = made
    hinted = somebody_else(extractor, monkeypatch, people=2)
    summary = extract_split(config, "train")
    assert summary.extracted == 6 and len(hinted) == 1
    said = [record.getMessage() for record in log_records]
    assert (
        sum(sentence.startswith("note: in 1 images of several people, such as 1_F_1_5.jpg") for sentence in said) == 1
    )
    assert not any("several people, such as" in one and "note" not in one for one in said), "it is settled"
    frames = list_frames(config.data_root, "train")
    rows, _ = store.open_cache(config, "train", frames)
    assert rows["choice"].tolist() == ["confident", "confident", "", "confident", "neighbours", "confident"]
    assert not (summary.folder / SUGGESTED).exists() and jumping_rows(rows) == []
    listed = json.loads((summary.folder / LIST).read_text())
    np.testing.assert_allclose(hinted[0], listed["boxes"]["1_F_1_5.jpg"])
    assert extract_split(config, "train").extracted == 0 and len(hinted) == 1, "a complete cache is kept"
    person_boxes_path(config.data_root).write_text(
        json.dumps([{"file_name": "1_F_1_5.jpg", "person_box": [9, 9, 50, 50]}])
    )
    assert extract_split(config, "train").extracted == 1, "the list of the user counts"
    assert store.open_cache(config, "train", frames)[0]["choice"][4] == "person_box"


def test_a_second_pass_that_is_killed_goes_on_to_the_same_cache(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    config, extractor = made
    somebody_else(extractor, monkeypatch, people=2)
    folder = extract_split(config, "train").folder
    whole = content(folder)
    shutil.rmtree(folder)
    extractor.calls, extractor.stop_after = 0, 6  # the seventh call is the second pass's
    with pytest.raises(KeyboardInterrupt):
        extract_split(config, "train")
    with pytest.raises(UserError, match="no complete cache"):
        store.open_cache(config, "train", list_frames(config.data_root, "train"))
    extractor.stop_after = None
    assert extract_split(config, "train").extracted == 0 and content(folder) == whole


def test_jumps_of_a_single_person_are_reported_with_a_list_that_is_used_once_it_is_copied(
    made: Made, monkeypatch: pytest.MonkeyPatch, log_records: list[logging.LogRecord]
) -> None:
    config, extractor = made
    hinted = somebody_else(extractor, monkeypatch, people=1)
    folder = extract_split(config, "train").folder
    assert hinted == [], "nobody else was seen"
    said = [record.getMessage() for record in log_records]
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


def test_people_off_the_floor_have_none_and_nothing_is_extracted_again(made: Made) -> None:
    config, _ = made
    extract_split(config, "train")
    frames = list_frames(config.data_root, "train")
    rows, manifest = store.open_cache(config, "train", frames)
    off_floor_path(config.data_root).write_text(json.dumps(["1_F_1_4.jpg"]))
    assert extract_split(config, "train").extracted == 0
    listed, other = store.open_cache(config, "train", frames)
    assert np.flatnonzero(np.isnan(listed["floor_height_mm"])).tolist() == [3]
    assert np.isfinite(rows["floor_height_mm"]).all() and np.isfinite(listed["world_up"]).all()
    assert other["key"] != manifest["key"], "a training or a test with other floors is another one"


def test_the_manifest_is_written_last(made: Made, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a kill leaves no complete cache without the list of images in which nobody was found."""
    config, _ = made

    def killed(folder: Path, manifest: object) -> None:
        raise SystemExit

    monkeypatch.setattr(store, "write_manifest", killed)
    with pytest.raises(SystemExit):
        extract_split(config, "train")
    assert (store.cache_folder(config, "train") / "not_found.txt").read_text() == "1_F_1_3.jpg\n"
