"""The cache on disk: round trips, complete and incomplete parts, and refusal of stale or damaged ones."""

import json
import logging
from dataclasses import fields, replace
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from modules.cache import store
from modules.cache import table as cache_table
from modules.cache.inputs import inputs_digest
from modules.config.schema import Config, Data
from modules.config.sections import Extract, TestTimeAugmentation
from modules.files.cameras import write_camera
from modules.files.labels import write_label
from modules.files.layout import Frame, list_frames
from modules.files.parquet import write_table
from modules.utils import UserError
from tests.builders import make_row, make_rows
from tests.conftest import looking_camera, standing_person


def test_round_trip_and_pandas(tmp_path: Path, rng: np.random.Generator) -> None:
    camera = looking_camera(rng, distortion=True)
    row, crop = make_row(rng, 3, 5.0, camera, 0)
    row["label_sd_mm"] = rng.uniform(5, 50, 24).tolist()
    store.write_part(tmp_path, 0, [row], [crop], "key")
    rows = store.read_rows(tmp_path, 1)
    for name, shape in cache_table.NUMBER_COLUMNS.items():
        assert rows[name].shape == (1, *shape), name
        expected = np.full(shape, np.nan) if row[name] is None else np.array(row[name], dtype=float)
        np.testing.assert_array_equal(rows[name].ravel(), np.ravel(expected), err_msg=name)
    assert rows["file_name"][0] == row["file_name"] and rows["found"][0] and rows["labelled"][0]
    np.testing.assert_array_equal(rows.read_crop(0), cv2.imdecode(np.frombuffer(crop, np.uint8), 1)[..., ::-1])
    table = pd.read_parquet(tmp_path / "poses")
    assert len(table) == 1 and len(table["joints_px"][0]) == 48


def test_rows_without_a_person_read_as_nan(tmp_path: Path, rng: np.random.Generator) -> None:
    row, crop = make_row(rng, 0, 5.0, looking_camera(rng), 0)
    empty = {**row, "found": False, **dict.fromkeys(("joints_px", "depth_root_mm", "crop_offset", "world_up"))}
    store.write_part(tmp_path, 0, [row, empty, row], [crop, b"", crop], "key")
    rows = store.read_rows(tmp_path, 1)
    assert rows["found"].tolist() == [True, False, True]
    assert np.isnan(rows["joints_px"][1]).all() and np.isnan(rows["depth_root_mm"][1])
    np.testing.assert_array_equal(rows["joints_px"][2].ravel(), row["joints_px"])


def test_without_truth_no_label_is_left(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 3)
    unlabelled = rows.without_truth()
    assert not unlabelled["labelled"].any()
    for name in rows.columns:
        if name in cache_table.TRUTH_COLUMNS:
            assert np.isnan(unlabelled[name]).all() and (np.isfinite(rows[name]).all() or name == "label_sd_mm")
    assert {name for name in cache_table.NUMBER_COLUMNS if name.startswith("true_")} < set(cache_table.TRUTH_COLUMNS)


@pytest.mark.parametrize("declares", [True, False])
def test_a_row_gives_its_camera_back(tmp_path: Path, rng: np.random.Generator, declares: bool) -> None:
    camera = looking_camera(rng, distortion=declares)
    if not declares:
        camera = replace(camera, world_up=None, floor_height_mm=None)
    row, crop = make_row(rng, 0, 5.0, camera, 0)
    store.write_part(tmp_path, 0, [row], [crop], "key")
    found = cache_table.camera_of(store.read_rows(tmp_path, 1), 0)
    assert found.image_size == tuple(row["image_size"])
    for field in fields(camera):
        declared, read = getattr(camera, field.name), getattr(found, field.name)
        if field.name != "image_size":
            assert (read is None) == (declared is None), field.name
            assert read is None or np.array_equal(read, declared), field.name


def test_numbers_must_be_finite_and_of_their_shape(rng: np.random.Generator) -> None:
    row, _ = make_row(rng, 0, 5.0, looking_camera(rng), 0)
    frame = Frame(Path("/d"), "train", "1_F_1_1.jpg", "1", "F", "1", "1")
    camera = looking_camera(rng)
    for broken in (np.full((24, 2), np.nan), np.zeros((23, 2))):
        with pytest.raises(ValueError, match="joints_px"):
            cache_table.to_row(frame, camera, {**row, "joints_px": broken})


def test_a_part_exists_only_complete_and_with_its_key(tmp_path: Path, rng: np.random.Generator) -> None:
    row, crop = make_row(rng, 0, 5.0, looking_camera(rng), 0)
    name = [row["file_name"]]
    assert not store.part_exists(tmp_path, 0, name, "key")
    store.write_part(tmp_path, 0, [row], [crop], "key")
    assert store.part_exists(tmp_path, 0, name, "key")
    assert not store.part_exists(tmp_path, 0, name, "other key")
    assert not store.part_exists(tmp_path, 0, ["1_F_1_9.jpg"], "key")
    poses, packed = store.part_paths(tmp_path, 0)
    poses.write_bytes(poses.read_bytes()[:-20])
    assert not store.part_exists(tmp_path, 0, name, "key")
    with pytest.raises(UserError, match="damaged"):
        store.read_rows(tmp_path, 1)
    packed.unlink()
    assert not store.part_exists(tmp_path, 0, name, "key")


def test_copies_by_other_programs_and_tables_of_others_are_no_parts(tmp_path: Path, rng: np.random.Generator) -> None:
    row, crop = make_row(rng, 0, 5.0, looking_camera(rng), 0)
    for index in range(2):
        store.write_part(tmp_path, index, [row], [crop], "key")
    poses, _ = store.part_paths(tmp_path, 1)
    copy = poses.with_stem(f"{poses.stem} (conflicted copy)")
    copy.write_bytes(poses.read_bytes())
    store.drop_parts_from(tmp_path, 1)
    assert copy.exists() and not poses.exists()
    first, _ = store.part_paths(tmp_path, 0)
    write_table(pa.table({"name": ["a"]}), first)
    assert store.part_problem(tmp_path, 0, [row["file_name"]], "key") == "damaged"
    with pytest.raises(UserError, match="this part is damaged"):
        store.read_rows(tmp_path, 1)


@pytest.mark.parametrize("manifest", [[], {"parts": 0}, {"parts": -1}, {"parts": "1"}])
def test_a_file_that_is_no_manifest_is_refused(tmp_path: Path, manifest: object) -> None:
    (tmp_path / "cache.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match="this is not a manifest of a cache"):
        store.read_manifest(tmp_path)


def test_damaged_and_missing_crops_are_refused(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, 2)
    _, packed = store.part_paths(tmp_path, 0)
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
    where = store.cache_folder(config, "train")
    store.write_part(where, 0, rows, crops, "key")
    inputs = inputs_digest(list_frames(tmp_path, "train"))
    store.write_manifest(where, {"options": store.cache_options(), "inputs": inputs, "parts": 1, "key": "key"})
    return config


def open_now(config: Config) -> cache_table.Rows:
    return store.open_cache(config, "train", list_frames(config.data_root, "train"))[0]


def test_open_cache(data_set: Config) -> None:
    assert open_now(data_set)["file_name"].tolist() == ["1_F_1_1.jpg", "1_F_1_2.jpg"]


@pytest.mark.parametrize("what", ["camera/1_F_1.json", "labels/1_F/3D_1_F_2.json", "images/1_F_1/1_F_1_2.jpg"])
def test_changed_inputs_make_a_cache_stale(data_set: Config, what: str) -> None:
    path = data_set.data_root / "task04_train" / what
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(UserError, match="changed since extraction; run python extract_train_info.py --split train"):
        open_now(data_set)


def test_a_new_image_a_missing_label_and_a_missing_manifest_are_refused(data_set: Config) -> None:
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
    store.manifest_path(store.cache_folder(data_set, "train")).unlink()
    with pytest.raises(UserError, match="no complete cache"):
        open_now(data_set)


@pytest.mark.parametrize(("tta", "other", "value"), [("adaptive", True, "true"), (True, "adaptive", "adaptive")])
def test_a_cache_of_other_crops_is_named(
    data_set: Config, tta: TestTimeAugmentation, other: TestTimeAugmentation, value: str
) -> None:
    store.manifest_path(store.cache_folder(data_set, "train")).unlink()
    config, cached = data_set.with_tta(tta), data_set.with_tta(other)
    assert store.other_crops(config, "train") is None
    folder = store.cache_folder(cached, "train")
    store.write_manifest(folder, {"parts": 1})
    assert store.other_crops(config, "train") == (folder, f"EXTRACT.test_time_augmentation={value}")
    assert store.other_crops(config, "test") is None and store.other_crops(data_set.with_tta(False), "train") is None
    with pytest.raises(UserError, match=f"no complete cache .*, or use {folder} with --set EXTRACT.+={value}$"):
        store.open_cache(config, "train", list_frames(config.data_root, "train"))


@pytest.mark.parametrize("key", [b"groundpose_key", b"worldpose_key"])
def test_a_parts_key_is_read_under_either_name(tmp_path: Path, rng: np.random.Generator, key: bytes) -> None:
    row, crop = make_row(rng, 0, 5.0, looking_camera(rng), 0)
    store.write_part(tmp_path, 0, [row], [crop], "key")
    poses, _ = store.part_paths(tmp_path, 0)
    assert pq.read_schema(poses).metadata == {b"groundpose_key": b"key", b"groundpose_row_keys": b"[]"}
    table = pq.read_table(poses).replace_schema_metadata({key: b"other"})
    pq.write_table(table, poses)
    assert store.part_key(poses) == "other" and store.part_exists(tmp_path, 0, [row["file_name"]], "other")
    pq.write_table(table.replace_schema_metadata({b"pandas": b"{}"}), poses)
    assert store.part_key(poses) == "" and not store.part_exists(tmp_path, 0, [row["file_name"]], "other")


@pytest.mark.parametrize("tta", [True, "adaptive"])
def test_an_old_folder_is_adopted_whole_and_never_over_a_new_one(
    tmp_path: Path, log_records: list[logging.LogRecord], tta: TestTimeAugmentation
) -> None:
    config = Config(DATA=Data(root=str(tmp_path)))
    old, new = (tmp_path / "cache" / f"blazepose-heavy-{ending}" for ending in ("several", "tta"))
    store.adopt_old_cache(config)
    assert not (tmp_path / "cache").exists() and not log_records  # there is nothing to adopt
    for split in ("train", "test"):
        store.write_manifest(old / split, {"parts": 1, "key": split})
    store.adopt_old_cache(config.with_tta(tta))
    assert not old.exists() and [(new / s / "cache.json").is_file() for s in ("train", "test")] == [True, True]
    assert [record.getMessage() for record in log_records] == [f"{old}: this cache of WorldPose is now {new}"]
    store.write_manifest(old / "train", {"parts": 1, "key": "older"})
    store.adopt_old_cache(config)
    manifests = [store.read_manifest(folder / "train") for folder in (new, old)]
    assert [manifest and manifest["key"] for manifest in manifests] == ["train", "older"]


@pytest.mark.parametrize(
    "extract", [Extract(test_time_augmentation=False), Extract(extractor="metrabs", weights="metrabs_s")]
)
def test_only_the_cache_of_test_time_augmentation_is_adopted(tmp_path: Path, extract: Extract) -> None:
    config = Config(DATA=Data(root=str(tmp_path)), EXTRACT=extract)
    plain = store.cache_folder(config, "train").parent
    old = plain.with_name(f"{plain.name}-several")
    store.write_manifest(old / "train", {"parts": 1})
    store.adopt_old_cache(config)
    assert old.is_dir() and not plain.exists()


@pytest.mark.parametrize(
    "lens", [None, [0.1, 0, 0, 0, 0], [0.1, 0.2, 0, 0, 0, 0.3, 0, 0.1], [0.1] * 12, [0.1] * 14, [0.1, 0.2, 0.3, 0.4]]
)
def test_every_lens_is_kept(lens: list[float] | None, tmp_path: Path, rng: np.random.Generator) -> None:
    """A lens of 8 or 12 numbers comes back with the zeros that make it 14; a fisheye keeps its four."""
    camera = replace(looking_camera(rng), distortion=None if lens is None else np.array(lens))
    row, crop = make_row(rng, 3, 5.0, looking_camera(rng), 0)
    columns = cache_table.lens_columns(camera.distortion)
    stored = {
        **row,
        **dict.fromkeys(("distortion", "distortion_more", "fisheye")),
        **{k: v.tolist() for k, v in columns.items()},
    }
    store.write_part(tmp_path, 0, [stored], [crop], "key")
    found = cache_table.camera_of(store.read_rows(tmp_path, 1), 0).distortion
    if lens is None or found is None:
        assert found is None and lens is None
    else:
        np.testing.assert_array_equal(np.trim_zeros(found, "b"), np.trim_zeros(np.array(lens), "b"))
        assert (len(found) == 4) == (len(lens) == 4)


def test_a_cache_from_before_other_lenses_is_read(tmp_path: Path, rng: np.random.Generator) -> None:
    camera = looking_camera(rng, distortion=True)
    row, crop = make_row(rng, 3, 5.0, camera, 0)
    store.write_part(tmp_path, 0, [row], [crop], "key")
    path = store.part_paths(tmp_path, 0)[0]
    pq.write_table(pq.read_table(path).drop_columns(["distortion_more", "fisheye"]), path)
    found = cache_table.camera_of(store.read_rows(tmp_path, 1), 0).distortion
    assert found is not None and camera.distortion is not None and found.tolist() == camera.distortion.tolist()
