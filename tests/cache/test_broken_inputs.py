"""Nothing is lost or late: what files say is reported before an image is estimated, and a broken image costs itself alone."""

import json
import logging
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from modules.cache import store
from modules.cache.extraction import extract_split
from modules.config.schema import Config
from modules.config.sections import Data
from modules.files.cameras import read_camera
from modules.files.layout import list_frames
from modules.pose_utils import cam2world
from modules.utils import UserError
from tests.cache.conftest import MadeUpExtractor

Made = tuple[Config, MadeUpExtractor]
CAMERA = "task04_train/camera/1_F_1.json"


def image(config: Config, sequence: int) -> Path:
    return config.data_root / f"task04_train/images/1_F_1/1_F_1_{sequence}.jpg"


def damage(path: Path) -> bytes:
    """Damages an image where no header shows it; returns what it was."""
    before = path.read_bytes()
    noise = cv2.imencode(".jpg", np.random.default_rng(0).integers(0, 255, (1080, 1920, 3), np.uint8))[1].tobytes()
    path.write_bytes(noise[:500_000] + noise[900_000:])
    return before


def truncate(path: Path) -> bytes:
    before = path.read_bytes()
    path.write_bytes(before[:-500])
    return before


def cached(config: Config) -> list[str]:
    return sorted(pd.read_parquet(store.cache_folder(config, "train") / "poses")["file_name"])


@pytest.mark.parametrize("breaks", [damage, truncate])
def test_a_broken_image_costs_itself_alone(made: Made, breaks: object, log_records: list[logging.LogRecord]) -> None:
    config, extractor = made
    whole = {sequence: breaks(image(config, sequence)) for sequence in (2, 4)}  # type: ignore[operator]
    for again in range(2):  # nothing is extracted a second time while they are broken
        with pytest.raises(UserError) as caught:
            extract_split(config, "train")
        sentence = str(caught.value)
        assert (
            sentence.startswith(f"{image(config, 2)}: this image is ")
            and "; replace the file (1 more images" in sentence
        )
        assert sentence.endswith(f"the other 4 images are cached in {store.cache_folder(config, 'train')})")
        assert any(record.getMessage().startswith(f"{image(config, 4)}: ") for record in log_records)
        assert extractor.calls == 4, again
        assert cached(config) == [f"1_F_1_{sequence}.jpg" for sequence in (1, 3, 5, 6)]
    for sequence, content in whole.items():
        image(config, sequence).write_bytes(content)
    assert extract_split(config, "train").extracted == 2 and extractor.calls == 6


def test_images_of_another_size_are_refused_where_no_size_is_declared(made: Made) -> None:
    config, extractor = made
    camera = config.data_root / CAMERA
    camera.write_text(json.dumps({**json.loads(camera.read_text()), "image_size": None}))
    cv2.imwrite(str(image(config, 5)), np.full((540, 960, 3), 50, np.uint8))
    says = (
        r"1_F_1_5\.jpg: this image is 960x540 px, but 1_F_1_1\.jpg 1920x1080, and K in .*1_F_1.json is of one size; add"
    )
    with pytest.raises(UserError, match=says):
        extract_split(config, "train")
    assert extractor.calls == 5


def test_kept_rows_are_those_of_one_extraction(made: Made) -> None:
    """Rows that are kept beside new ones, with their crops, are what an extraction at once would have written."""
    config, _ = made
    whole = damage(image(config, 2))
    with pytest.raises(UserError):
        extract_split(config, "train")
    image(config, 2).write_bytes(whole)
    extract_split(config, "train")
    frames = list_frames(config.data_root, "train")
    found = store.open_cache(config, "train", frames)[0]
    elsewhere = config.model_copy(update={"DATA": Data(root=config.DATA.root, cache=str(config.data_root / "again"))})
    extract_split(elsewhere, "train")
    expected = store.open_cache(elsewhere, "train", frames)[0]
    for name, values in expected.columns.items():
        np.testing.assert_array_equal(found[name], values, err_msg=name)
    for row in np.flatnonzero(expected["found"]):
        np.testing.assert_array_equal(found.read_crop(row), expected.read_crop(row))


def test_a_header_keeps_an_older_complete_cache(made: Made) -> None:
    config, extractor = made
    folder = extract_split(config, "train").folder
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "inputs.parquet"}
    whole = truncate(image(config, 2))
    with pytest.raises(UserError, match=r"is truncated; replace the file \(nothing was extracted\)"):
        extract_split(config, "train")
    assert {path: path.read_bytes() for path in before} == before
    image(config, 2).write_bytes(whole)
    assert extract_split(config, "train").extracted == 0 and extractor.calls == 6


def test_a_split_without_a_usable_image_is_refused_at_once(made: Made) -> None:
    config, extractor = made
    for sequence in range(1, 7):
        image(config, sequence).write_bytes(b"")
    with pytest.raises(
        UserError, match=r"not a readable image; replace the file \(5 more images .* nothing was extracted"
    ):
        extract_split(config, "train")
    assert extractor.calls == 0


def test_a_label_behind_the_camera_is_reported_before_any_image(made: Made) -> None:
    config, extractor = made
    path = config.data_root / "task04_train/labels/1_F/3D_1_F_6.json"
    data = json.loads(path.read_text())
    camera = read_camera(config.data_root / CAMERA)
    behind = cam2world(np.array([[0.0, 0, -1000]]), camera.R, camera.t)[0]
    data["annotations"]["3d_pos"] = [behind.tolist()] * 24
    path.write_text(json.dumps(data))
    with pytest.raises(UserError, match="joints are behind the camera"):
        extract_split(config, "train")
    assert extractor.calls == 0


def test_a_cache_that_cannot_be_written_is_found_before_any_image(made: Made) -> None:
    config, extractor = made
    (config.data_root / "cache").touch()
    with pytest.raises(UserError, match="nothing can be written here .*; set DATA.cache to where you may write"):
        extract_split(config, "train")
    assert extractor.calls == 0


def test_keys_that_mean_nothing_and_a_folding_lens_are_reported_first(
    made: Made, log_records: list[logging.LogRecord]
) -> None:
    config, _ = made
    path = config.data_root / CAMERA
    data = json.loads(path.read_text())
    path.write_text(json.dumps({**data, "distortion": [-0.9], "serial": 7}))
    extract_split(config, "train")
    said = [record.getMessage() for record in log_records]
    assert any("keys of camera files that mean nothing here are not read: 'serial'" in sentence for sentence in said)
    (lens,) = (sentence for sentence in said if "turns back" in sentence)
    assert lens.startswith(f"{path}: ") and " px from the principal point, inside the picture of 1920x1080 px" in lens


def test_several_broken_cameras_are_counted(made: Made) -> None:
    config, extractor = made
    folder = config.data_root / "task04_train"
    for name in ("2_F_1", "3_F_1"):
        (folder / "images" / name).mkdir()
        (folder / "images" / name / f"{name}_1.jpg").write_bytes(image(config, 1).read_bytes())
        (folder / "camera" / f"{name}.json").write_text("{")
    with pytest.raises(UserError, match=r"2_F_1.json: .*restore it whole \(1 more camera files cannot be used either"):
        extract_split(config, "train")
    assert extractor.calls == 0
