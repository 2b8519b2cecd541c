"""Measured floors: kept in the manifest, and put into the rows as DATA.floor says."""

from __future__ import annotations

import dataclasses
import json
import logging
from pathlib import Path

import numpy as np
import pytest

from modules.cache import store
from modules.cache.estimates import label_columns, pose_columns
from modules.cache.table import Rows, to_row
from modules.cache.worlds import FLOOR, FLOOR_VERSION, is_current, measured, rows_key, stored_worlds
from modules.config.schema import Config
from modules.config.sections import Data
from modules.files.cameras import write_camera
from modules.files.labels import write_label
from modules.files.layout import Frame, list_frames
from modules.floor.worlds import SOLE_MM
from modules.pose_utils import Camera
from modules.runs.folders import run_key
from modules.utils import UserError
from tests.builders import estimate_of
from tests.floor import crowd

FLOOR_MM = 250.0
DECLARED = {"world_up": np.array([0.0, 0, 1]), "floor_height_mm": 7.0}


class Builder:
    """Writes a data set whose people stand on a floor, with a complete cache of each split."""

    def __init__(self, root: Path, floor: str = "auto") -> None:
        self.root, self.rng = root, np.random.default_rng(3)
        self.config = Config(DATA=Data(root=str(root), floor=floor))  # type: ignore[arg-type]

    def write(
        self, split: str, cameras: dict[str, Camera], moments: int, recording: str = "1_F", labels: bool = True
    ) -> None:
        people = crowd.crowd(self.rng, ["stand"] * moments) + [0, 0, FLOOR_MM + SOLE_MM - crowd.SOLE_MM]
        folder, rows = self.root / f"task04_{split}", []
        pose, person = recording.split("_")
        for name, camera in cameras.items():
            write_camera(folder / "camera" / f"{recording}_{name}.json", camera)
            for index, joints in enumerate(people):
                frame = Frame(self.root, split, f"{recording}_{name}_{index}.jpg", pose, person, name, str(index))
                frame.image_path.parent.mkdir(parents=True, exist_ok=True)
                frame.image_path.write_bytes(b"x")
                values = {
                    "image_size": (1920, 1080), "found": True, "extractor": "made-up", "fingerprint": "0", "labelled": False,
                    **pose_columns(estimate_of(joints, camera, self.rng, 1.0), camera),
                    **(label_columns(joints, camera, frame) if labels else {}),
                }  # fmt: skip
                rows.append(to_row(frame, camera, values))
                if labels:
                    write_label(frame.label_path, joints)
        where = store.cache_folder(self.config, split)
        store.write_part(where, 0, rows, [b""] * len(rows), "key")

    def finish(self, split: str, measure: bool = True) -> None:
        where = store.cache_folder(self.config, split)
        inputs = store.inputs_digest(list_frames(self.root, split))
        manifest = {"options": store.cache_options(), "inputs": inputs, "parts": 1, "key": "key"}
        found = measured(self.config, split, store.read_rows(where, 1)) if measure else {}
        store.write_manifest(where, {**manifest, **found})

    def open(self, split: str, floor: str = "auto") -> tuple[Rows, str]:
        config = Config(DATA=Data(root=str(self.root), floor=floor))  # type: ignore[arg-type]
        rows, manifest = store.open_cache(config, split, list_frames(self.root, split))
        return rows, manifest["key"]


CAMERAS = {str(index): camera for index, camera in enumerate(crowd.CAMERAS)}


@pytest.fixture
def undeclared(tmp_path: Path) -> Builder:
    builder = Builder(tmp_path)
    builder.write("train", CAMERAS, 8)
    builder.finish("train")
    return builder


def test_rows_are_completed_and_the_cache_stays_as_declared(undeclared: Builder) -> None:
    rows, key = undeclared.open("train")
    assert (rows["world_up"] == [0, 0, 1]).all()
    assert np.abs(rows["floor_height_mm"] - FLOOR_MM).max() < 10
    stored = store.read_rows(store.cache_folder(undeclared.config, "train"), 1)
    assert np.isnan(stored["world_up"]).all() and np.isnan(stored["floor_height_mm"]).all()
    for mode in ("declared", "none"):
        other, other_key = undeclared.open("train", mode)
        assert np.isnan(other["world_up"]).all() and np.isnan(other["floor_height_mm"]).all()
        assert other_key != key


def test_the_manifest_round_trips_and_tells_how_it_came_about(undeclared: Builder) -> None:
    manifest = store.read_manifest(store.cache_folder(undeclared.config, "train"))
    assert manifest is not None and manifest[FLOOR]["version"] == FLOOR_VERSION
    (world,) = stored_worlds(manifest)
    assert [dataclasses.asdict(world)] == [
        {**values, "recordings": ("1_F",), "up": (0, 0, 1)} for values in manifest[FLOOR]["worlds"]
    ]
    assert (world.source, world.labels, world.up_how, world.refusal) == ("labels", 8, "axis", None)
    assert world.spread_mm is not None and world.floor_error_mm is not None and world.up_error_deg is not None


def test_declared_is_kept_and_none_hides_it(tmp_path: Path) -> None:
    builder = Builder(tmp_path)
    builder.write("train", {name: dataclasses.replace(camera, **DECLARED) for name, camera in CAMERAS.items()}, 4)
    builder.finish("train", measure=False)  # such as any cache of before
    for mode in ("auto", "declared"):
        rows, key = builder.open("train", mode)
        assert (rows["floor_height_mm"] == 7).all() and key == "key"
    rows, key = builder.open("train", "none")
    assert np.isnan(rows["floor_height_mm"]).all() and np.isnan(rows["world_up"]).all() and key != "key"


def test_a_camera_without_a_floor_takes_that_of_its_recording(tmp_path: Path) -> None:
    builder = Builder(tmp_path)
    builder.write("train", {**CAMERAS, "9": dataclasses.replace(CAMERAS["0"], **DECLARED)}, 4)
    builder.finish("train")
    assert (builder.open("train")[0]["floor_height_mm"] == 7).all()
    declared = builder.open("train", "declared")[0]
    assert (np.isfinite(declared["floor_height_mm"]) == (declared["camera"] == "9")).all()


@pytest.mark.parametrize("other", [None, {"version": FLOOR_VERSION + 1, "training": None, "worlds": []}])
def test_a_measurement_of_another_version_is_refused(undeclared: Builder, other: object) -> None:
    path = store.manifest_path(store.cache_folder(undeclared.config, "train"))
    manifest = json.loads(path.read_text())
    path.write_text(
        json.dumps({**{k: v for k, v in manifest.items() if k != FLOOR}, **({FLOOR: other} if other else {})})
    )
    with pytest.raises(
        UserError, match="not measured yet.*run python extract_train_info.py --split train, which extracts"
    ):
        undeclared.open("train")
    undeclared.open("train", "declared")
    undeclared.open("train", "none")


def test_a_recording_without_a_floor_keeps_none(tmp_path: Path, log_records: list[logging.LogRecord]) -> None:
    builder = Builder(tmp_path)
    builder.write("train", {"1": CAMERAS["1"]}, 1)
    builder.finish("train")
    assert np.isnan(builder.open("train")[0]["floor_height_mm"]).all()
    assert any("1_F: no up and no floor" in record.getMessage() for record in log_records)


def test_test_images_get_the_training_world_and_never_read_a_test_label(undeclared: Builder) -> None:
    undeclared.write("test", {"5": crowd.camera(2900, -2900, 1750)}, 2, "1_G")
    for label in (undeclared.root / "task04_test" / "labels").rglob("*.json"):
        label.write_text("broken")
    undeclared.finish("test")
    rows, _ = undeclared.open("test")
    train, _ = undeclared.open("train")
    assert (rows["floor_height_mm"] == train["floor_height_mm"][0]).all()
    assert (
        stored_worlds(store.read_manifest(store.cache_folder(undeclared.config, "test")) or {})[0].source
        == "training recording 1_F"
    )


def test_changed_training_labels_are_noticed(undeclared: Builder) -> None:
    undeclared.write("test", {"5": crowd.camera(2900, -2900, 1750)}, 2, "1_G", labels=False)
    undeclared.finish("test")
    folder = store.cache_folder(undeclared.config, "test")
    assert is_current(undeclared.config, "test", store.read_rows(folder, 1), store.read_manifest(folder) or {})
    write_label(undeclared.root / "task04_train/labels/1_F/3D_1_F_0.json", crowd.BODY)
    with pytest.raises(UserError, match="the training labels have changed since; run .* --split test"):
        undeclared.open("test")


def test_test_images_without_a_training_part_are_triangulated(tmp_path: Path) -> None:
    builder = Builder(tmp_path)
    builder.write("test", CAMERAS, 5, labels=False)
    builder.finish("test")
    floor = builder.open("test")[0]["floor_height_mm"]
    assert np.abs(floor - FLOOR_MM).max() < 20


def test_a_broken_training_part_is_told_and_not_needed(
    undeclared: Builder, log_records: list[logging.LogRecord]
) -> None:
    undeclared.write("test", CAMERAS, 5, "1_G", labels=False)
    (undeclared.root / "task04_train/labels/1_F/3D_1_F_0.json").write_text("broken")
    undeclared.finish("test")
    assert np.abs(undeclared.open("test")[0]["floor_height_mm"] - FLOOR_MM).max() < 20
    assert any("the training part cannot be used" in record.getMessage() for record in log_records)


def test_the_key_of_a_run_follows_the_floors_and_not_the_name_of_the_mode(undeclared: Builder) -> None:
    manifest = store.read_manifest(store.cache_folder(undeclared.config, "train")) or {}
    modes = [
        Config(DATA=Data(root=str(undeclared.root), validation="person", floor=mode))
        for mode in ("auto", "declared", "none")
    ]  # type: ignore[arg-type]
    keys = [run_key(config, rows_key(config, manifest)) for config in modes]
    assert len(set(keys)) == 3
    moved = {**manifest, FLOOR: {**manifest[FLOOR], "worlds": []}}
    assert rows_key(modes[0], moved) == rows_key(modes[1], moved) == "key"
