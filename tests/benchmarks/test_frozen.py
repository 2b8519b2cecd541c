"""Tests of the frozen test part: its kinds of view, and that a changed list or another set is refused."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from benchmarks import frozen
from data.synthetic import plan
from modules.files.atomic import read_json, write_json
from modules.files.cameras import read_camera, write_camera
from modules.files.labels import read_label, validation_path, write_label
from modules.files.layout import list_frames
from modules.utils import UserError
from tests.conftest import looking_camera, standing_person


def small_manifest(names: list[str]) -> pd.DataFrame:
    line = {
        "source": "clip:walk:frame 3", "airborne": "False", "seated": "False", "room": "gym", "mass_class": "B",
        "truncated": 0, "occluded": 0, "distance_mm": 4000.0, "camera_height_mm": 1500.0, "facing_degrees": "10.0",
    }  # fmt: skip
    return pd.DataFrame([{"file_name": name, **line} for name in names])


@pytest.fixture
def made_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> Path:
    """A finished set of two test images and two validation images, and a temporary folder for the frozen list."""
    root = tmp_path / "set"
    for split, person in (("test", "F160A-3"), ("train", "F161B-6")):
        folder = root / f"task04_{split}"
        for sequence in "01":
            image = folder / "images" / f"1_{person}_1" / f"1_{person}_1_{sequence}.jpg"
            image.parent.mkdir(parents=True, exist_ok=True)
            image.write_bytes(f"{person} {sequence}".encode())
            write_label(folder / "labels" / f"1_{person}" / f"3D_1_{person}_{sequence}.json", standing_person(rng))
        write_camera(folder / "camera" / f"1_{person}_1.json", looking_camera(rng))
    names = [frame.file_name for split in ("test", "train") for frame in list_frames(root, split)]
    small_manifest(names).to_csv(root / plan.MANIFEST, index=False)
    write_json(validation_path(root), ["1_F161B-6_1_0.jpg", "1_F161B-6_1_1.jpg"])
    plan.write_marker(root, plan.Options(7, 2, 1, 42), finished=True)
    monkeypatch.setattr(frozen, "FOLDER", tmp_path / "frozen")
    monkeypatch.setattr(frozen, "QUOTAS", {kind: {} for kind in frozen.KINDS})
    return root


def test_a_list_is_frozen_once_and_recognised(made_up: Path) -> None:
    frozen.freeze(made_up)
    head = read_json(frozen.head_path())
    assert head["images"] == 2 and head["validation_people"] == ["F161B-6"] and head["test_people"] == ["F160A-3"]
    assert frozen.check(made_up) == []
    with pytest.raises(UserError, match="is frozen already; use a new version"):
        frozen.freeze(made_up)


def test_other_bytes_are_reported_and_other_people_refused(made_up: Path, rng: np.random.Generator) -> None:
    frozen.freeze(made_up)
    frames = list_frames(made_up, "test")
    frames[1].image_path.write_bytes(b"drawn by another driver")
    assert frozen.check(made_up) == [frames[1].file_name]
    label = read_label(frames[0].label_path)
    write_label(frames[0].label_path, label + 0.3)
    frozen.check(made_up)
    write_label(frames[0].label_path, label + [0, 0, 40.0])
    with pytest.raises(UserError, match=r"is not at the place in .*; make the set again with python -m data.synthetic"):
        frozen.check(made_up)


def test_a_moved_camera_or_a_missing_image_is_refused(made_up: Path) -> None:
    frozen.freeze(made_up)
    frame = list_frames(made_up, "test")[0]
    camera = read_camera(frame.camera_path)
    write_camera(
        frame.camera_path, type(camera)(camera.K, camera.R, camera.t + [0, 50.0, 0], image_size=camera.image_size)
    )
    with pytest.raises(UserError, match="is not at the place in"):
        frozen.check(made_up)
    shutil.rmtree(frame.image_path.parent)
    with pytest.raises(UserError):
        frozen.check(made_up)


def test_an_edited_list_is_refused(made_up: Path) -> None:
    frozen.freeze(made_up)
    path = frozen.list_path()
    path.write_text(path.read_text().replace("front", "back"))
    with pytest.raises(UserError, match="not the frozen list"):
        frozen.read_list()


def test_a_missed_quota_is_named(made_up: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frozen, "QUOTAS", {**{kind: {} for kind in frozen.KINDS}, "source": {"sampler": 0.4}})
    with pytest.raises(UserError, match="source sampler: 0.000 of the images, less than 0.4"):
        frozen.freeze(made_up)


@pytest.mark.parametrize(
    ("degrees", "name"),
    [
        ("0.0", "front"),
        ("-44", "front"),
        ("90", "left"),
        ("-90", "right"),
        ("180", "back"),
        ("-136", "back"),
        ("", "undefined"),
    ],
)
def test_facing(degrees: str, name: str) -> None:
    manifest = small_manifest(["a"]).assign(facing_degrees=degrees)
    assert frozen.kinds_of(manifest)["facing"].tolist() == [name]


def test_kinds() -> None:
    manifest = pd.concat([
        small_manifest(["a"]),
        small_manifest(["b"]).assign(
            source="sampler:squat", airborne="True", truncated=2, distance_mm=2999.0, camera_height_mm=2201.0, room="outdoors"
        ),
    ])  # fmt: skip
    kinds = frozen.kinds_of(manifest).to_dict("list")
    assert kinds["source"] == ["clip", "sampler"] and kinds["contact"] == ["standing", "airborne"]
    assert kinds["truncation"] == ["none", "some"] and kinds["occlusion"] == ["none", "none"]
    assert kinds["distance"] == ["3 to 5 m", "below 3 m"] and kinds["camera_height"] == ["1.2 to 2.2 m", "above 2.2 m"]
    assert kinds["room"] == ["indoors", "outdoors"] and kinds["body_class"] == ["B", "B"]


def test_the_committed_list_keeps_its_quotas_and_its_people_are_apart() -> None:
    head, table = frozen.read_head(), frozen.read_list()
    assert frozen.missed_quotas(table) == [] and len(table) == head["images"] and head["quotas"] == frozen.QUOTAS
    assert head["recipe"] == plan.RECIPE and table["file_name"].is_unique
    tested = {name.split("_")[1] for name in table["file_name"]}
    assert tested == set(head["test_people"]) and not tested & set(head["validation_people"])
    indices = {int(person.split("-")[1]) for person in tested}
    assert {plan.role_of(index) for index in indices} == {"test"}
    assert {plan.role_of(int(person.split("-")[1])) for person in head["validation_people"]} == {"validation"}
