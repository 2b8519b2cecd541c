"""Extraction: parts are kept and resumed, images without a person are listed, broken files are refused."""

import dataclasses
import json
import logging
import shutil
from collections.abc import Sequence

import cv2
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from modules.cache import inputs, store
from modules.cache.estimates import FEWEST_SEEN, estimate_columns, with_all_joints_px
from modules.cache.extraction import extract_split
from modules.config.schema import Config
from modules.extractors.base import Estimate
from modules.files.cameras import write_camera
from modules.files.labels import write_label
from modules.files.layout import list_frames
from modules.pose_utils import Camera, cam2pixel, world2cam
from modules.utils import UserError
from tests.cache.conftest import MadeUpExtractor
from tests.conftest import looking_camera, standing_person


def test_cached_numbers_are_the_extractors_and_the_labels(made: tuple[Config, MadeUpExtractor]) -> None:
    config, extractor = made
    summary = extract_split(config, "train")
    assert (summary.images, summary.extracted, summary.not_found) == (6, 6, ("1_F_1_3.jpg",))
    assert (summary.folder / "not_found.txt").read_text() == "1_F_1_3.jpg\n"
    frames = list_frames(config.data_root, "train")
    rows, _ = store.open_cache(config, "train", frames)
    assert rows["file_name"].tolist() == [frame.file_name for frame in frames]
    assert rows["found"].tolist() == [True, True, False, True, True, True]
    assert rows["labelled"].tolist() == [True, True, True, True, False, True]
    cam = world2cam(extractor.people[4], rows["R"][3], rows["t"][3])
    np.testing.assert_allclose(rows["root_cam_mm"][3], cam[0], atol=1e-4)
    np.testing.assert_allclose(rows["joints_px"][3], cam2pixel(cam, rows["K"][3]), atol=1e-6)
    np.testing.assert_allclose(rows["depth_root_mm"][3] + rows["depth_rel_mm"][3], cam[:, 2], atol=1e-4)
    np.testing.assert_allclose(rows["true_depth_rel_mm"][3], cam[:, 2] - cam[0, 2], atol=1e-6)
    assert rows.read_crop(3).shape == (256, 256, 3)
    assert np.isnan(rows["joints_px"][2]).all() and np.isnan(rows["joints_world_mm"][4]).all()


def test_a_second_run_extracts_nothing(made: tuple[Config, MadeUpExtractor]) -> None:
    config, extractor = made
    extract_split(config, "train")
    assert extract_split(config, "train").extracted == 0 and extractor.calls == 6


def test_a_cache_of_other_crops_is_named_before_another_is_made(
    made: tuple[Config, MadeUpExtractor], log_records: list[logging.LogRecord]
) -> None:
    """Someone who extracted with another default learns how to keep that cache, once."""
    config, extractor = made
    other = extract_split(config.with_tta(True), "train").folder
    instead = "to use it instead of extracting again, stop and give --set EXTRACT.test_time_augmentation=true"
    for _ in range(2):
        extract_split(config.with_tta("adaptive"), "train")
    assert [r.getMessage() for r in log_records].count(f"{other} is complete: {instead}") == 1
    assert extractor.calls == 12


def test_the_jobs_of_an_array_extract_their_parts_and_one_command_completes_the_cache(
    made: tuple[Config, MadeUpExtractor], log_records: list[logging.LogRecord]
) -> None:
    config, extractor = made
    second = extract_split(config, "train", (2, 2))
    assert (second.images, second.extracted, extractor.calls) == (2, 2, 2)
    with pytest.raises(UserError, match="no complete cache"):
        store.open_cache(config, "train", list_frames(config.data_root, "train"))
    assert extract_split(config, "train", (1, 2)).extracted == 4 and extractor.calls == 6
    assert extract_split(config, "train", (1, 2)).extracted == 0
    assert extract_split(config, "train").images == 6 and extractor.calls == 6
    assert store.open_cache(config, "train", list_frames(config.data_root, "train"))[0]["found"].sum() == 5


def test_why_parts_are_extracted_again_is_said(
    made: tuple[Config, MadeUpExtractor], log_records: list[logging.LogRecord]
) -> None:
    folder = extract_split(made[0], "train").folder
    store.manifest_path(folder).unlink()
    store.part_paths(folder, 0)[1].unlink()
    store.part_paths(folder, 1)[0].write_bytes(b"PAR1 of nothing")
    assert extract_split(made[0], "train").extracted == 4
    told = [record.getMessage() for record in log_records]
    assert any("extracting 2 of 3 parts of 2 images: 1 missing, 1 damaged" in text for text in told)


def test_a_stopped_extraction_resumes_with_the_missing_parts(made: tuple[Config, MadeUpExtractor]) -> None:
    config, extractor = made
    for stop_after, kept in ((1, 0), (3, 2), (2, 4)):
        extractor.calls, extractor.stop_after = 0, stop_after
        with pytest.raises(KeyboardInterrupt, match=rf"keeps {kept} of 6 images \(2 are written at a time\)"):
            extract_split(config, "train")
    with pytest.raises(UserError, match="no complete cache"):
        store.open_cache(config, "train", list_frames(config.data_root, "train"))
    extractor.stop_after = None
    assert extract_split(config, "train").extracted == 2


def test_other_weights_or_labels_are_extracted_again(
    made: tuple[Config, MadeUpExtractor], rng: np.random.Generator
) -> None:
    config, extractor = made
    extract_split(config, "train")
    extractor.fingerprint = "made-up-2"
    assert extract_split(config, "train").extracted == 6
    write_label(config.data_root / "task04_train/labels/1_F/3D_1_F_5.json", standing_person(rng))
    assert extract_split(config, "train").extracted == 1
    rows, _ = store.open_cache(config, "train", list_frames(config.data_root, "train"))
    assert rows["labelled"].all()


@pytest.mark.parametrize(
    ("breaks", "says"),
    [
        (lambda path: path.write_bytes(b""), "not a readable image"),
        (lambda path: path.write_text("hello"), "not a readable image"),
        (lambda path: path.write_bytes(path.read_bytes()[:-500]), "truncated"),
        (lambda path: cv2.imwrite(str(path), np.zeros((100, 200, 3), np.uint8)), "200x100 px.*image_size is 1920x1080"),
    ],
)
def test_broken_images_are_refused(made: tuple[Config, MadeUpExtractor], breaks, says: str) -> None:  # type: ignore[no-untyped-def]
    config, _ = made
    path = config.data_root / "task04_train/images/1_F_1/1_F_1_4.jpg"
    breaks(path)
    with pytest.raises(UserError, match=says) as caught:
        extract_split(config, "train")
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("spoil", ["behind", "nan"])
def test_a_pose_that_cannot_be_lifted_counts_as_not_found(
    made: tuple[Config, MadeUpExtractor], spoil: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config, extractor = made
    unspoiled = extractor.estimate

    def spoiled(images: Sequence[np.ndarray], cameras: Sequence[Camera]) -> list[Estimate | None]:
        estimates = unspoiled(images, cameras)
        for index, (image, estimate) in enumerate(zip(images, estimates, strict=True)):
            if estimate is not None and round(image.mean() / 10) == 4:
                changed = (
                    {"joints_rel_mm": -estimate.joints_rel_mm}
                    if spoil == "behind"
                    else {"joints_px": estimate.joints_px * np.nan}
                )
                estimates[index] = dataclasses.replace(estimate, **changed)
        return estimates

    monkeypatch.setattr(extractor, "estimate", spoiled)
    assert extract_split(config, "train").not_found == ("1_F_1_3.jpg", "1_F_1_4.jpg")


def test_joints_without_a_ray_are_projected_and_uncertain(rng: np.random.Generator) -> None:
    camera = Camera(np.array([[1000.0, 0, 500], [0, 1000, 500], [0, 0, 1]]), np.eye(3), np.zeros(3))
    joints_rel = rng.normal(0, 300, (24, 3))
    joints_rel -= joints_rel[0]
    true_px = cam2pixel(joints_rel + [100, 50, 4000], camera.K)
    seen_px = true_px.copy()
    seen_px[[20, 22]] = np.nan
    estimate = Estimate(0.9, np.array([1.0, 2, 300, 400]), seen_px, np.ones(24), joints_rel)
    completed = with_all_joints_px(estimate, camera)
    np.testing.assert_allclose(completed.joints_px, true_px, atol=1e-6)
    np.testing.assert_array_equal(np.flatnonzero(completed.confidence == 0), [20, 22])
    columns, _ = estimate_columns(camera, np.zeros((600, 800, 3), np.uint8), estimate, 0)
    assert columns["found"] and columns["depth_root_mm"] == pytest.approx(4000)
    seen_px[: 24 - FEWEST_SEEN] = np.nan
    assert not estimate_columns(camera, np.zeros((600, 800, 3), np.uint8), estimate, 0)[0]["found"]


def test_parts_left_by_a_larger_extraction_are_removed(made: tuple[Config, MadeUpExtractor]) -> None:
    config, _ = made
    folder = extract_split(config, "train").folder
    store.manifest_path(folder).unlink()
    for sequence in (5, 6):
        (config.data_root / f"task04_train/images/1_F_1/1_F_1_{sequence}.jpg").unlink()
    extract_split(config, "train")
    assert len(pd.read_parquet(folder / "poses")) == 4


def test_a_person_behind_the_camera_and_a_missing_camera_are_refused(made: tuple[Config, MadeUpExtractor]) -> None:
    config, _ = made
    path = config.data_root / "task04_train/camera/1_F_1.json"
    data = json.loads(path.read_text())
    flipped = np.diag([1.0, -1, -1]) @ np.array(data["extrinsics"])
    path.write_text(json.dumps({**data, "extrinsics": flipped.tolist()}))
    with pytest.raises(UserError, match="behind the camera"):
        extract_split(config, "train")
    path.unlink()
    with pytest.raises(UserError, match="missing"):
        extract_split(config, "train")


def test_a_broken_label_is_reported_before_any_image_is_estimated(made: tuple[Config, MadeUpExtractor]) -> None:
    """The older cache, which the changed label makes stale, is kept: with the label restored, nothing is extracted."""
    config, extractor = made
    folder, path = extract_split(config, "train").folder, config.data_root / "task04_train/labels/1_F/3D_1_F_6.json"
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "inputs.parquet"}
    label = path.read_bytes()
    path.write_text("{}")
    with pytest.raises(UserError, match="3D_1_F_6.json"):
        extract_split(config, "train")
    assert (
        extractor.calls == 6
        and {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.name != "inputs.parquet"} == before
    )
    path.write_bytes(label)
    assert extract_split(config, "train").extracted == 0


def test_parts_of_an_older_cache_are_never_read_with_newer_ones(made: tuple[Config, MadeUpExtractor]) -> None:
    config, extractor = made
    extract_split(config, "train")
    extractor.fingerprint, extractor.calls, extractor.stop_after = "made-up-2", 0, 2
    with pytest.raises(KeyboardInterrupt):
        extract_split(config, "train")
    with pytest.raises(UserError, match="no complete cache"):
        store.open_cache(config, "train", list_frames(config.data_root, "train"))
    extractor.stop_after = None
    assert extract_split(config, "train").extracted == 4


def test_a_complete_cache_is_not_written_again(
    made: tuple[Config, MadeUpExtractor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that it may be on a read-only disk."""
    config, _ = made
    monkeypatch.setattr(inputs, "SETTLED_NS", 0)  # so that the first extraction remembers the hashes of all inputs
    folder = extract_split(config, "train").folder
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    extract_split(config, "train")
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_a_cache_of_worldpose_is_taken_over_without_an_extraction(made: tuple[Config, MadeUpExtractor]) -> None:
    """The former name ended in -several, and its parts have their key under worldpose_key."""
    config, extractor = made[0].with_tta(True), made[1]
    folder = extract_split(config, "train").folder
    rows, manifest = store.open_cache(config, "train", list_frames(config.data_root, "train"))
    for path in (folder / "poses").iterdir():
        table = pq.read_table(path)
        pq.write_table(table.replace_schema_metadata({b"worldpose_key": manifest["key"].encode()}), path)
    old = folder.parent.with_name("blazepose-heavy-several")
    folder.parent.rename(old)
    summary = extract_split(config, "train")
    assert (summary.folder, summary.images, summary.extracted, extractor.calls) == (folder, 6, 0, 6)
    assert not old.exists()
    again, manifest_again = store.open_cache(config, "train", list_frames(config.data_root, "train"))
    assert manifest_again == manifest
    for name, values in rows.columns.items():
        np.testing.assert_array_equal(again[name], values, err_msg=name)
    assert again.crop_files == rows.crop_files


def test_an_unfinished_cache_of_worldpose_is_resumed(made: tuple[Config, MadeUpExtractor]) -> None:
    config, extractor = made[0].with_tta(True), made[1]
    extractor.stop_after = 3
    with pytest.raises(KeyboardInterrupt):
        extract_split(config, "train")
    folder = store.cache_folder(config, "train")
    (part,) = (folder / "poses").iterdir()
    table = pq.read_table(part)
    pq.write_table(table.replace_schema_metadata({b"worldpose_key": store.part_key(part).encode()}), part)
    folder.parent.rename(folder.parent.with_name("blazepose-heavy-several"))
    extractor.stop_after = None
    assert extract_split(config, "train").extracted == 4


def test_a_cache_of_worldpose_never_replaces_a_new_one(
    made: tuple[Config, MadeUpExtractor], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inputs, "SETTLED_NS", 0)  # so that the first extraction remembers the hashes of all inputs
    config, extractor = made[0].with_tta(True), made[1]
    folder = extract_split(config, "train").folder
    old = folder.parent.with_name("blazepose-heavy-several")
    shutil.copytree(folder.parent, old)
    (old / "train" / "poses" / "part-00000.parquet").write_bytes(b"older")
    before = {path: path.read_bytes() for path in folder.parent.rglob("*") if path.is_file()}
    assert extract_split(config, "train").extracted == 0 and extractor.calls == 6
    assert {path: path.read_bytes() for path in folder.parent.rglob("*") if path.is_file()} == before and old.is_dir()


def test_a_floor_that_no_camera_declares_is_measured_and_measured_anew_without_extraction(
    made: tuple[Config, MadeUpExtractor], rng: np.random.Generator
) -> None:
    config, extractor = made
    bare = dataclasses.replace(looking_camera(rng, distortion=True), world_up=None, floor_height_mm=None)
    write_camera(config.data_root / "task04_train/camera/1_F_1.json", bare)
    folder = extract_split(config, "train").folder
    frames, calls = list_frames(config.data_root, "train"), extractor.calls
    measured = store.open_cache(config, "train", frames)[0]
    assert (measured["world_up"] == [0, 0, 1]).all() and np.abs(measured["floor_height_mm"]).max() < 60
    manifest = store.read_manifest(folder)
    assert manifest is not None
    store.write_manifest(folder, {**manifest, "floor": {**manifest["floor"], "version": 0}})
    with pytest.raises(UserError, match="not measured yet"):
        store.open_cache(config, "train", frames)
    written = store.manifest_path(folder)
    assert extract_split(config, "train").extracted == 0 and extractor.calls == calls
    assert store.read_manifest(folder) == manifest
    before = written.stat().st_mtime_ns
    extract_split(config, "train")
    assert written.stat().st_mtime_ns == before  # nothing is measured twice
