"""The plan of the synthetic set: disjoint people, sets that can grow, and folders that never mix two kinds of images."""

from pathlib import Path

import pytest

from data.synthetic import plan
from data.synthetic.body import model as body_module
from data.synthetic.generate import make_set
from modules.files.atomic import write_json
from modules.files.labels import validation_path
from modules.files.layout import parse_image_name
from modules.files.locking import only_writer
from modules.utils import UserError

OPTIONS = plan.Options(people=7, frames=2, cameras=3, seed=1)


def test_people_are_shared_out_and_a_larger_set_shares_the_same_people_alike() -> None:
    roles = [plan.role_of(index) for index in range(200)]
    assert {role: roles.count(role) for role in set(roles)} == {"train": 150, "validation": 20, "test": 30}
    assert set(roles[: plan.FEWEST_PEOPLE]) == {"train", "validation", "test"}
    assert [plan.split_of(index) == "test" for index in range(200)] == [role == "test" for role in roles]


def test_names_are_the_layouts() -> None:
    recording = plan.Recording(Path("set"), "test", 3, "F160A-3")
    fields = parse_image_name(recording.image_path(2, 4).name, "")
    assert fields == {"pose": plan.POSE, "person": "F160A-3", "camera": "2", "sequence": "4"}
    assert recording.label_path(4) == Path("set/task04_test/labels/1_F160A-3/3D_1_F160A-3_4.json")
    assert recording.camera_path(2) == Path("set/task04_test/camera/1_F160A-3_2.json")


def write_moment(recording: plan.Recording, frame: int) -> None:
    images = [recording.image_path(camera, frame) for camera in (1, 2, 3)]
    cameras = [recording.camera_path(camera) for camera in (1, 2, 3)]
    for path in [*images, *cameras, recording.label_path(frame)]:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")


def write_set(root: Path) -> plan.Recording:
    """Writes stand-ins for all files of a finished set and returns one recording."""
    recordings = [plan.Recording(root, plan.split_of(index), index, f"F160A-{index}") for index in range(7)]
    for recording in recordings:
        for frame in range(OPTIONS.frames):
            write_moment(recording, frame)
    for path in (root / plan.MANIFEST, root / plan.SAMPLE, root / plan.SHEET, validation_path(root)):
        path.write_text("x")
    plan.write_marker(root, OPTIONS, finished=True)
    return recordings[5]


def test_a_recording_is_done_with_its_last_image(tmp_path: Path) -> None:
    recording = plan.Recording(tmp_path, "test", 3, "F160A-3")
    write_moment(plan.Recording(tmp_path, "test", 13, "M180B-13"), 0)
    assert plan.find_recording(tmp_path, 3) is None
    write_moment(recording, 0)
    assert plan.find_recording(tmp_path, 3) == recording
    assert not plan.is_done(tmp_path, 3, OPTIONS)
    write_moment(recording, 1)
    assert plan.is_done(tmp_path, 3, OPTIONS)
    for path in (recording.image_path(2, 0), recording.label_path(1), recording.camera_path(3)):
        path.write_text("")  # as left by a copy that a full disk interrupted
        assert not plan.is_done(tmp_path, 3, OPTIONS)
        path.unlink()
        assert not plan.is_done(tmp_path, 3, OPTIONS)
        path.write_text("x")
    assert plan.is_done(tmp_path, 3, OPTIONS)


def test_random_numbers_are_a_places_own() -> None:
    draws = {place: plan.generator(OPTIONS, *place).random() for place in [(0,), (1,), (0, 1), (1, 0), (0, 1, 2)]}
    assert len(set(draws.values())) == len(draws)
    assert draws[(0, 1)] == plan.generator(OPTIONS, 0, 1).random()


@pytest.mark.parametrize("key", ["recipe", "frames", "cameras", "seed", "crops", "barefoot"])
def test_a_set_of_another_make_is_refused(tmp_path: Path, key: str) -> None:
    plan.write_marker(tmp_path, OPTIONS, finished=True)
    plan.check_folder(tmp_path, OPTIONS)
    write_json(tmp_path / plan.MARKER, plan.marker(OPTIONS) | {key: 99})
    with pytest.raises(UserError, match=f"made with {key} 99, not .*remove .* to make it again, or choose another"):
        plan.check_folder(tmp_path, OPTIONS)


def test_a_set_from_before_there_were_crops_has_whole_images(tmp_path: Path) -> None:
    older = {key: value for key, value in plan.marker(OPTIONS).items() if key not in ("crops", "barefoot")}
    write_json(tmp_path / plan.MARKER, older | {"finished": True})
    plan.check_folder(tmp_path, OPTIONS)
    assert plan.finished_options(tmp_path) == OPTIONS
    crops = plan.Options(7, 2, 3, 1, crops=True)
    with pytest.raises(UserError, match="made with crops False, not True"):
        plan.check_folder(tmp_path, crops)
    barefoot = plan.Options(7, 2, 3, 1, barefoot=0.4)
    with pytest.raises(UserError, match="made with barefoot 0.14, not 0.4"):
        plan.check_folder(tmp_path, barefoot)
    for other in (crops, barefoot):
        plan.write_marker(tmp_path, other, finished=True)
        assert plan.finished_options(tmp_path) == other


def test_people_may_be_added_and_other_peoples_data_are_left_alone(tmp_path: Path) -> None:
    plan.write_marker(tmp_path / "small", OPTIONS, finished=True)
    plan.check_folder(tmp_path / "small", plan.Options(70, 2, 3, 1))
    assert plan.finished_options(tmp_path / "small") == OPTIONS
    (tmp_path / "mine/task04_train").mkdir(parents=True)
    with pytest.raises(UserError, match="of another origin; choose another one by --out"):
        plan.check_folder(tmp_path / "mine", OPTIONS)


@pytest.mark.parametrize("finished", [True, False])
def test_fewer_people_than_exist_are_refused(tmp_path: Path, finished: bool) -> None:
    plan.write_marker(tmp_path, plan.Options(20, 2, 3, 1), finished)
    with pytest.raises(UserError, match="started with 20 people, more than 7, .*write --people 20 or more, remove"):
        plan.check_folder(tmp_path, OPTIONS)
    assert plan.begun_options(tmp_path) == plan.Options(20, 2, 3, 1)


def test_an_unfinished_or_unreadable_marker_is_no_finished_set(tmp_path: Path) -> None:
    plan.write_marker(tmp_path, OPTIONS, finished=False)
    assert plan.begun_options(tmp_path) == OPTIONS and plan.finished_options(tmp_path) is None
    (tmp_path / plan.MARKER).write_text("[1]")
    assert plan.begun_options(tmp_path) is None and plan.finished_options(tmp_path) is None
    assert plan.begun_options(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (plan.Options(6, 1, 1, 0), "--people is 6; write at least 7"),
        (plan.Options(7, 0, 1, 0), "--frames is 0; write 1 or more"),
        (plan.Options(7, 1, -1, 0), "--cameras is -1; write 1 or more"),
        (plan.Options(7, 1, 1, -1), "--seed is -1; write 0 or more"),
        (plan.Options(7, 1, 1, 1, barefoot=1.5), "--barefoot is 1.5; write a share from 0 to 1"),
        (plan.Options(7, 1, 1, 1, barefoot=float("nan")), "--barefoot is nan; write a share from 0 to 1"),
    ],
)
def test_impossible_options_are_refused_before_anything_is_written(
    tmp_path: Path, options: plan.Options, says: str
) -> None:
    with pytest.raises(UserError, match=says):
        make_set(tmp_path / "set", options)
    assert not (tmp_path / "set").exists()


def test_a_finished_set_is_left_alone(tmp_path: Path) -> None:
    write_set(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    assert make_set(tmp_path, OPTIONS) == 0
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_a_finished_set_with_missing_files_is_incomplete(tmp_path: Path) -> None:
    somebody = write_set(tmp_path)
    assert plan.is_complete(tmp_path, OPTIONS)
    assert not plan.is_complete(tmp_path, plan.Options(8, 2, 3, 1))
    for path in (somebody.image_path(1, 1), somebody.camera_path(2), tmp_path / plan.SAMPLE, validation_path(tmp_path)):
        path.unlink()
        assert not plan.is_complete(tmp_path, OPTIONS)
        path.write_text("x")


def test_missing_packages_are_reported_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_module, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="the package anny is missing; run pip install -r requirements-synthetic.txt"):
        make_set(tmp_path / "set", OPTIONS)
    assert not (tmp_path / "set").exists()


def test_two_processes_do_not_make_one_set(tmp_path: Path) -> None:
    with (
        only_writer(tmp_path, "makes a data set in"),
        pytest.raises(UserError, match="another process makes a data set in"),
    ):
        make_set(tmp_path, OPTIONS, 1)
    assert not list(tmp_path.iterdir())
