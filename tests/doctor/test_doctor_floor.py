"""The doctor's measured floors: in its notes, and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest

from modules.config.schema import Config
from modules.config.sections import Data, Results
from modules.doctor.files import Report, read_files
from modules.doctor.floor import check_floor
from modules.doctor.floor_plot import MOST_NAMES, FeetOverFloor, draw_feet
from modules.doctor.world import Unreliable
from modules.files.cameras import write_camera
from modules.files.labels import write_label
from modules.files.layout import Frame, list_frames
from modules.pose_utils import Camera
from tests.floor import crowd


def write(
    root: Path, split: str, people: np.ndarray, cameras: Sequence[Camera] = crowd.CAMERAS, person: str = "F"
) -> None:
    for name, camera in enumerate(cameras):
        for index, joints in enumerate(people):
            frame = Frame(root, split, f"1_{person}_{name}_{index}.jpg", "1", person, str(name), str(index))
            frame.image_path.parent.mkdir(parents=True, exist_ok=True)
            frame.image_path.write_bytes(b"x")
            write_camera(frame.camera_path, camera)
            write_label(frame.label_path, joints)


def examine(root: Path, split: str = "train", floor: str = "auto", unreliable: Unreliable | None = None) -> Report:
    config = Config(DATA=Data(root=str(root), floor=floor), RESULTS=Results(root=str(root)))  # type: ignore[arg-type]
    report = Report()
    check_floor(config, split, read_files(list_frames(root, split), report), unreliable or Unreliable(), report)
    return report


def test_a_floor_that_no_file_declares_is_noted_and_drawn(tmp_path: Path, rng: np.random.Generator) -> None:
    write(tmp_path, "train", crowd.crowd(rng, ["stand"] * 6 + ["sit", "jump"]))
    report = examine(tmp_path)
    (note,) = report.notes
    assert note.startswith("measured where camera files declare no floor: 1_F: up is (0, 0, 1)") and not report.problems
    assert report.floor_plot == tmp_path / "check" / "train_floor.png"
    picture = cv2.imread(str(report.floor_plot))
    assert picture is not None and picture.shape[1] > 600 and picture.std() > 20


def test_a_declared_floor_is_only_drawn(tmp_path: Path, rng: np.random.Generator) -> None:
    declared = [crowd.camera(4000, 0, 1600, {"world_up": np.array([0.0, 0, 1]), "floor_height_mm": 0.0})]
    write(tmp_path, "train", crowd.crowd(rng, ["stand"] * 4), declared)
    report = examine(tmp_path)
    assert report.notes == [] and report.floor_plot is not None and report.floor_plot.is_file()


def test_a_refusal_is_noted_and_nothing_is_drawn(tmp_path: Path, rng: np.random.Generator) -> None:
    write(tmp_path, "train", crowd.crowd(rng, ["lie"] * 4))
    report = examine(tmp_path)
    assert len(report.notes) == 1 and "no floor" in report.notes[0] and report.floor_plot is None


def test_a_measured_floor_that_is_switched_off_is_told(tmp_path: Path, rng: np.random.Generator) -> None:
    write(tmp_path, "train", crowd.crowd(rng, ["stand"] * 4))
    assert (
        examine(tmp_path, floor="declared").notes[-1] == "DATA.floor is declared, so that measured floors are not used"
    )


@pytest.mark.parametrize("unreliable", [Unreliable(labels=True), Unreliable(cameras=frozenset("012"))])
def test_wrong_labels_or_cameras_measure_nothing(
    tmp_path: Path, rng: np.random.Generator, unreliable: Unreliable
) -> None:
    write(tmp_path, "train", crowd.crowd(rng, ["stand"] * 4))
    report = examine(tmp_path, unreliable=unreliable)
    assert report.floor_plot is None and not any("the floor is at" in note for note in report.notes)


def test_the_test_part_is_given_the_training_floor_whatever_its_labels_are(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    write(tmp_path, "train", crowd.crowd(rng, ["stand"] * 6))
    write(tmp_path, "test", crowd.crowd(rng, ["stand"] * 3) + [0, 0, 900], [crowd.CAMERAS[0]], "G")
    report = examine(tmp_path, "test")
    assert "from 6 people in training recording 1_F" in report.notes[0]
    assert report.floor_plot is not None and report.floor_plot.name == "test_floor.png"


def test_views_of_the_test_part_are_left_to_extraction(tmp_path: Path, rng: np.random.Generator) -> None:
    write(tmp_path, "test", crowd.crowd(rng, ["stand"] * 3))
    assert "extraction measures it in several views of a moment" in examine(tmp_path, "test").notes[0]


@pytest.mark.parametrize("count", [1, 5, MOST_NAMES + 1])
def test_any_number_of_recordings_is_drawn(tmp_path: Path, rng: np.random.Generator, count: int) -> None:
    feet = [
        FeetOverFloor(f"1_P{i}", rng.normal(48, 300, i % 3 + 1), np.full(i % 3 + 1, i % 2 == 0), i < 2)
        for i in range(count)
    ]
    draw_feet(tmp_path / "feet.png", feet, "train")
    assert cv2.imread(str(tmp_path / "feet.png")) is not None
