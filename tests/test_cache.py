"""The cache: what is written is read, by us and by pandas; parts stand or are made again; stale and broken is refused."""

from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from modules import cache
from modules.config import Config, Data
from modules.layout import Frame, list_frames, write_camera, write_label
from modules.utils import UserError
from tests.builders import make_row, make_rows
from tests.conftest import looking_camera, standing_person


def test_round_trip_and_pandas(tmp_path: Path, rng: np.random.Generator) -> None:
    camera = looking_camera(rng, distortion=True)
    row, crop = make_row(rng, 3, 5.0, camera, 0)
    cache.write_part(tmp_path, 0, [row], [crop], "key")
    rows = cache._read_rows(tmp_path, 1)
    for name, shape in cache.NUMBER_COLUMNS.items():
        assert rows[name].shape == (1, *shape), name
        np.testing.assert_array_equal(rows[name].ravel(), np.ravel(np.array(row[name], dtype=float)), err_msg=name)
    assert rows["file_name"][0] == row["file_name"] and rows["found"][0] and rows["labelled"][0]
    np.testing.assert_array_equal(rows.read_crop(0), cv2.imdecode(np.frombuffer(crop, np.uint8), 1)[..., ::-1])
    table = pd.read_parquet(tmp_path / "poses")
    assert len(table) == 1 and len(table["joints_px"][0]) == 48


def test_nobody_found_reads_as_nan(tmp_path: Path, rng: np.random.Generator) -> None:
    row, crop = make_row(rng, 0, 5.0, looking_camera(rng), 0)
    empty = {**row, "found": False, **dict.fromkeys(("joints_px", "depth_root_mm", "crop_offset", "world_up"))}
    cache.write_part(tmp_path, 0, [row, empty, row], [crop, b"", crop], "key")
    rows = cache._read_rows(tmp_path, 1)
    assert rows["found"].tolist() == [True, False, True]
    assert np.isnan(rows["joints_px"][1]).all() and np.isnan(rows["depth_root_mm"][1])
    np.testing.assert_array_equal(rows["joints_px"][2].ravel(), row["joints_px"])


def test_without_truth_nothing_is_left_to_see(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3)
    blind = rows.without_truth()
    assert not blind["labelled"].any()
    for name in rows.columns:
        if name in cache.TRUTH_COLUMNS:
            assert np.isnan(blind[name]).all() and np.isfinite(rows[name]).all()
    assert {name for name in cache.NUMBER_COLUMNS if name.startswith("true_")} < set(cache.TRUTH_COLUMNS)


def test_a_number_that_is_not_finite_never_gets_in(rng: np.random.Generator) -> None:
    row, _ = make_row(rng, 0, 5.0, looking_camera(rng), 0)
    frame = Frame(Path("/d"), "train", "1_F_1_1.jpg", "1", "F", "1", "1")
    camera = looking_camera(rng)
    for broken in (np.full((24, 2), np.nan), np.zeros((23, 2))):
        with pytest.raises(ValueError, match="joints_px"):
            cache.to_row(frame, camera, {**row, "joints_px": broken})


def test_part_stands_only_whole_and_of_the_same_key(tmp_path: Path, rng: np.random.Generator) -> None:
    row, crop = make_row(rng, 0, 5.0, looking_camera(rng), 0)
    name = [row["file_name"]]
    assert not cache.part_stands(tmp_path, 0, name, "key")
    cache.write_part(tmp_path, 0, [row], [crop], "key")
    assert cache.part_stands(tmp_path, 0, name, "key")
    assert not cache.part_stands(tmp_path, 0, name, "other key")
    assert not cache.part_stands(tmp_path, 0, ["1_F_1_9.jpg"], "key")
    poses, packed = cache.part_paths(tmp_path, 0)
    poses.write_bytes(poses.read_bytes()[:-20])
    assert not cache.part_stands(tmp_path, 0, name, "key")
    with pytest.raises(UserError, match="damaged"):
        cache._read_rows(tmp_path, 1)
    packed.unlink()
    assert not cache.part_stands(tmp_path, 0, name, "key")


def test_damaged_and_missing_crops(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 2)
    _, packed = cache.part_paths(tmp_path, 0)
    packed.write_bytes(packed.read_bytes()[:-200])
    rows.read_crop(0)
    with pytest.raises(UserError, match="damaged or missing"):
        rows.read_crop(1)
    packed.unlink()
    with pytest.raises(UserError, match="damaged or missing"):
        rows.read_crop(0)


@pytest.fixture
def data_set(tmp_path: Path, rng: np.random.Generator) -> Config:
    """Two images with camera and label, and a complete cache of them."""
    folder = tmp_path / "task04_train"
    write_camera(folder / "camera" / "1_F_1.json", looking_camera(rng))
    rows, crops = [], []
    for index in (1, 2):
        image = folder / "images" / "1_F_1" / f"1_F_1_{index}.jpg"
        image.parent.mkdir(parents=True, exist_ok=True)
        image.write_bytes(b"x" * index)
        write_label(folder / "labels" / "1_F" / f"3D_1_F_{index}.json", standing_person(rng))
        row, crop = make_row(rng, index, 5.0, looking_camera(rng), sum(map(len, crops)))
        rows.append({**row, "file_name": image.name})
        crops.append(crop)
    config = Config(DATA=Data(root=str(tmp_path)))
    where = cache.cache_folder(config, "train")
    cache.write_part(where, 0, rows, crops, "key")
    inputs = cache.inputs_digest(list_frames(tmp_path, "train"))
    cache.write_manifest(where, {"options": cache.cache_options(), "inputs": inputs, "parts": 1, "key": "key"})
    return config


def open_now(config: Config) -> cache.Rows:
    return cache.open_cache(config, "train", list_frames(config.data_root, "train"))[0]


def test_open_cache(data_set: Config) -> None:
    assert open_now(data_set)["file_name"].tolist() == ["1_F_1_1.jpg", "1_F_1_2.jpg"]


@pytest.mark.parametrize("what", ["camera/1_F_1.json", "labels/1_F/3D_1_F_2.json", "images/1_F_1/1_F_1_2.jpg"])
def test_changed_inputs_are_stale(data_set: Config, what: str) -> None:
    path = data_set.data_root / "task04_train" / what
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(UserError, match="changed since extraction; run python extract_train_info.py --split train"):
        open_now(data_set)


def test_new_image_label_gone_and_no_manifest(data_set: Config) -> None:
    folder = data_set.data_root / "task04_train"
    extra = folder / "images" / "1_F_1" / "1_F_1_3.jpg"
    extra.write_bytes(b"x")
    with pytest.raises(UserError, match="changed"):
        open_now(data_set)
    extra.unlink()
    label = folder / "labels" / "1_F" / "3D_1_F_1.json"
    kept = label.read_bytes()
    label.unlink()
    with pytest.raises(UserError, match="changed"):
        open_now(data_set)
    label.write_bytes(kept)
    open_now(data_set)
    cache.manifest_path(cache.cache_folder(data_set, "train")).unlink()
    with pytest.raises(UserError, match="no complete cache"):
        open_now(data_set)
