"""A rig's data set from files to files: labels, uses, cameras, people and the quality page."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from data.rig import data_set
from data.rig.data_set import Detection, detect_recording, make_data_set, write_data_set
from data.rig.recording_labels import LabelledRecording, Settings, label_recording
from data.rig.recordings import Source, find_recordings
from data.rig.writing import clear, link, prepare_folder
from modules.extractors.blazepose.landmarks import LANDMARKS_TO_SMPL24
from modules.files.atomic import read_json, write_json
from modules.files.cameras import read_camera
from modules.files.labels import read_label, read_label_sd, read_validation_list
from modules.files.layout import list_frames
from modules.files.locking import only_writer
from modules.files.person_boxes import read_person_boxes
from modules.utils import UserError
from tests.data.rig.made_up_rig import FRAMES, MadeUpRig, make_rig


@pytest.fixture(scope="module")
def one(tmp_path_factory: pytest.TempPathFactory) -> MadeUpRig:
    return make_rig(tmp_path_factory.mktemp("one"))


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> MadeUpRig:
    return make_rig(tmp_path_factory.mktemp("two"), people=2)


def labelled(rig: MadeUpRig, out: Path, late: dict[int, int] | None = None, **settings: Any) -> LabelledRecording:
    (recording,) = find_recordings(Source(rig.folder))
    people = detect_recording(recording, out, rig.detector(late), "made up")  # type: ignore[arg-type]
    return label_recording(recording, people, Settings(**settings))


def test_one_person_with_a_held_out_camera(one: MadeUpRig, tmp_path: Path) -> None:
    done = labelled(one, tmp_path, late={1: 4}, test_camera="last")
    assert (done.moments.clock.shifts_s * done.moments.clock.rate).round(6).tolist() == [0, 4, 0]
    quality = write_data_set(tmp_path, [done], {"extractor": "made up"})
    train, test = list_frames(tmp_path, "train"), list_frames(tmp_path, "test")
    assert quality["validation"] == "time" and len(test) == quality["images"]["test"] > 5
    assert {frame.camera for frame in train} == {"cam1", "cam2"} and {frame.camera for frame in test} == {"cam3"}
    held_out = read_validation_list(tmp_path)
    assert held_out is not None and 0 < len(held_out) < len(train) / 2
    times = {use: [int(f.sequence) for f in frames] for use, frames in (("train", train), ("test", test))}
    assert max(times["train"]) < min(times["test"])
    truth = one.people[0]
    for frame in (*train[::7], *test[::5]):
        expected = LANDMARKS_TO_SMPL24 @ truth[int(frame.sequence)]
        assert np.median(np.linalg.norm(read_label(frame.label_path) - expected, axis=-1)) < 25
        sd = read_label_sd(frame.label_path)
        assert sd is not None and (sd > 10).all() and np.median(sd) < 80
        assert read_camera(frame.camera_path).image_size == (108, 192) and frame.image_path.is_file()
    page = (tmp_path / "quality.md").read_text()
    assert "cam3 (test)" in page and "cam2 +4" in page and "up is (0, 0, 1)" in page
    assert all((tmp_path / name).is_file() for name in _pictures(page)) and len(_pictures(page)) == 4
    assert read_json(tmp_path / "rig.json")["images"] == quality["images"]


def _pictures(page: str) -> list[str]:
    return [part.split(")")[0] for part in page.split("](")[1:]]


def test_the_test_camera_and_tested_moments_change_no_label(one: MadeUpRig, tmp_path: Path) -> None:
    (recording,) = find_recordings(Source(one.folder))
    people = detect_recording(recording, tmp_path, one.detector(), "made up")  # type: ignore[arg-type]
    settings = Settings(test_camera="cam2", offsets={})
    honest = label_recording(recording, people, settings)
    people[1].points_px[:] = np.random.default_rng(0).uniform(0, 108, people[1].points_px.shape)
    other = label_recording(recording, people, settings)
    np.testing.assert_array_equal(honest.people[0].labels.joints_world, other.people[0].labels.joints_world)
    for index in (0, 2):
        np.testing.assert_array_equal(honest.cameras[index].R, other.cameras[index].R)
        people[index].points_px[FRAMES * 3 // 4 :] += 20.0
    later = label_recording(recording, people, settings)
    np.testing.assert_array_equal(later.cameras[0].R, honest.cameras[0].R)
    early = slice(0, FRAMES // 2)
    np.testing.assert_array_equal(
        later.people[0].labels.joints_world[early], honest.people[0].labels.joints_world[early]
    )


def test_given_extrinsics_are_kept_on_request(one: MadeUpRig, tmp_path: Path) -> None:
    done = labelled(one, tmp_path, refine=False, offsets={})
    for given, kept in zip(done.recording.cameras, done.cameras, strict=True):
        np.testing.assert_array_equal(given.R, kept.R)
    refined = labelled(one, tmp_path, offsets={})
    assert any((a.R != b.R).any() for a, b in zip(refined.cameras, done.cameras, strict=True))


def test_two_people_become_two_persons_with_their_boxes(two: MadeUpRig, tmp_path: Path) -> None:
    done = labelled(two, tmp_path, offsets={}, step=3)
    assert [person.person for person in done.people] == ["person-1", "person-2"] and done.found.dropped == 0
    write_data_set(tmp_path, [done], {})
    frames = list_frames(tmp_path, "train")
    boxes = read_person_boxes(tmp_path, frames)
    assert set(boxes) == {frame.file_name for frame in frames} and {int(frame.sequence) % 3 for frame in frames} == {0}
    x = {
        name: np.mean([read_label(f.label_path)[0, 0] for f in frames if f.person == name])
        for name in ("person-1", "person-2")
    }
    assert abs(x["person-1"] - x["person-2"]) == pytest.approx(800, abs=60)
    only = labelled(two, tmp_path, offsets={}, people=1)
    assert len(only.people) == 1 and only.found.dropped == only.found.detections // 2


def test_what_cannot_be_used_is_named(one: MadeUpRig, tmp_path: Path) -> None:
    for settings, says in (
        ({"test_camera": "cam9"}, "there is no cam9"),
        ({"offsets": {"cam9": 1}}, "there is no camera cam9"),
        ({"offsets": {"cam2": 900, "cam3": -900}}, "no two cameras record at the same time"),
    ):
        with pytest.raises(UserError, match=says):
            labelled(one, tmp_path, **settings)


def test_a_data_set_that_no_rig_made_is_not_replaced(one: MadeUpRig, tmp_path: Path) -> None:
    kept = tmp_path / "task04_train" / "mine.txt"
    kept.parent.mkdir()
    kept.write_text("mine")
    with pytest.raises(
        UserError, match=r"task04_train: this folder is not of a rig's data set, which would replace it; name a new"
    ):
        make_data_set(Source(one.folder), tmp_path, Settings(), Detection())
    assert kept.read_text() == "mine"
    with pytest.raises(UserError, match="--test-camera: there is no cam9"):
        make_data_set(Source(one.folder), tmp_path / "new", Settings(test_camera="cam9"), Detection())
    with pytest.raises(UserError, match="--offsets: there is no camera cam7"):
        make_data_set(Source(one.folder), tmp_path / "new", Settings(offsets={"cam7": 3}), Detection())
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    "name", ["task04_train/labels/1_a/3D_1_a_1.json", "task04_test/images/1.jpg", "person_box.json", "rig.json"]
)
def test_folders_of_other_programs_do_not_pass_for_a_rigs(tmp_path: Path, name: str) -> None:
    (tmp_path / "landmarks").mkdir()
    kept = tmp_path / name
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text('["precious"]')
    for _ in range(2):
        with pytest.raises(
            UserError, match="is not of a rig's data set, which would replace it; name a new folder with"
        ):
            prepare_folder(tmp_path)
    assert kept.read_text() == '["precious"]'


def test_a_rigs_folder_is_known_from_its_start_to_its_end(tmp_path: Path) -> None:
    for name, marker in (("stopped", None), ("finished before folders were marked", {"recordings": []})):
        out = tmp_path / name
        if marker is None:
            prepare_folder(out)
        else:
            write_json(out / "rig.json", marker)
        (out / "task04_train").mkdir()
        prepare_folder(out)
        clear(out)  # a run may be stopped after it
        (out / "task04_test").mkdir()
        prepare_folder(out)


def test_a_run_that_leaves_no_moment_leaves_the_earlier_data_set(one: MadeUpRig, tmp_path: Path) -> None:
    done = labelled(one, tmp_path, offsets={})
    write_data_set(tmp_path, [done], {})
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    none = np.zeros(len(done.people[0].kept), bool)
    nobody = [replace(person, kept=none, thrown={"the cameras disagree": ~none}) for person in done.people]
    with pytest.raises(UserError, match=rf"no moment is left to train .*\({len(none)} x the cameras disagree\)"):
        write_data_set(tmp_path, [replace(done, people=nobody)], {})
    assert len(before) > 20 and {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_two_processes_do_not_make_one_data_set(one: MadeUpRig, tmp_path: Path) -> None:
    with (
        only_writer(tmp_path, "makes a data set in"),
        pytest.raises(
            UserError, match="another process makes a data set in this folder; wait until it ends, or stop it"
        ),
    ):
        make_data_set(Source(one.folder), tmp_path, Settings(), Detection())
    assert not (tmp_path / "landmarks").exists()


def test_an_image_behind_a_symbolic_link_is_linked_itself(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "images/1.jpg").write_bytes(b"jpeg")
    (tmp_path / "cam1").mkdir()
    (tmp_path / "cam1/1.jpg").symlink_to("../images/1.jpg")
    target = tmp_path / "set/deeper/1.jpg"
    link(tmp_path / "cam1/1.jpg", target)
    assert not target.is_symlink() and target.samefile(tmp_path / "images/1.jpg")


def test_images_keep_the_format_that_their_names_say(tmp_path: Path) -> None:
    rig = make_rig(tmp_path / "walk")
    for path in sorted((rig.folder / "cam1").iterdir())[::2]:
        cv2.imwrite(str(path.with_suffix(".bmp")), cv2.imread(str(path)))
        path.unlink()
    write_data_set(tmp_path / "set", [labelled(rig, tmp_path / "set", offsets={})], {})
    images = [frame.image_path for frame in list_frames(tmp_path / "set", "train") if frame.camera == "cam1"]
    assert {(path.suffix, path.read_bytes()[:2]) for path in images} == {(".png", b"\x89P"), (".bmp", b"BM")}


class Blind:
    """A made-up rig's detector that sees nobody in some frames of some cameras."""

    def __init__(self, rig: MadeUpRig, unseen: dict[int, range], late: dict[int, int] | None = None) -> None:
        self._detect, self._unseen = rig.detector(late)(), unseen  # type: ignore[operator]

    def __call__(self, image: np.ndarray, before: object) -> list[Any]:
        camera, frame = divmod(round(float(image.mean())), FRAMES)
        return [] if frame in self._unseen.get(camera, ()) else self._detect(image, before)

    def label(self, rig: MadeUpRig, out: Path, **settings: Any) -> LabelledRecording:
        (recording,) = find_recordings(Source(rig.folder))
        return label_recording(recording, detect_recording(recording, out, lambda: self, "blind"), Settings(**settings))


def test_a_test_camera_that_shows_nobody_early_stays_as_calibrated(
    one: MadeUpRig, tmp_path: Path, log_records: list[logging.LogRecord]
) -> None:
    done = Blind(one, {2: range(36)}).label(one, tmp_path, test_camera="cam3", offsets={})
    np.testing.assert_array_equal(done.cameras[2].R, done.recording.cameras[2].R)
    assert (done.cameras[0].R != done.recording.cameras[0].R).any() and done.people[0].kept.mean() > 0.9
    assert any("cam3 does not show the person before the tested moments" in one.getMessage() for one in log_records)


def test_a_camera_that_shows_nobody_harms_no_other(one: MadeUpRig, tmp_path: Path) -> None:
    done = Blind(one, {2: range(FRAMES)}, late={1: 4}).label(one, tmp_path)
    clock = done.moments.clock
    assert (clock.shifts_s * clock.rate).round(6).tolist() == [0, 4, 0] and clock.unclear == ("cam3",)
    assert done.people[0].kept.mean() > 0.8
    with pytest.raises(UserError, match="no person is seen by two cameras at a time"):
        Blind(one, {2: range(FRAMES)}).label(one, tmp_path / "two", test_camera="cam1", offsets={})


def test_a_few_common_frames_show_no_shift(one: MadeUpRig, tmp_path: Path) -> None:
    done = Blind(one, {2: range(30)}).label(one, tmp_path)
    assert done.moments.clock.unclear == ("cam3",) and done.moments.clock.shifts_s[2] == 0


def test_a_step_that_leaves_nothing_is_refused_before_the_released_weights(
    one: MadeUpRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_set, "detect_recording", lambda recording, out, make, mark: detect_recording(
        recording, out, one.detector(), mark))  # type: ignore[arg-type]  # fmt: skip
    with pytest.raises(
        UserError, match=r"no moment is left .*\(the recordings are too short, or --step is too large\)"
    ):
        make_data_set(Source(one.folder), tmp_path, Settings(step=50, offsets={}), Detection())
    assert not list(tmp_path.rglob("joints"))
