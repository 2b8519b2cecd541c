"""Wrong units and directions are refused or named in every format, and sound rigs are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.calibrations.mistakes import (
    DIRECTIONS,
    INVISIBLE,
    NOT_SEEN,
    PICTURES,
    RIGHT,
    UNCHECKED,
    UNITS,
    Mistake,
    outcome,
)
from benchmarks.calibrations.rigs import make_rendered_rig, make_rig, make_rig_past
from benchmarks.calibrations.writers import WRITERS, easymocap, pose2sim
from modules.calibrations.plausibility import Standing, direction_problem, level_axis, meeting_place, size_problem
from modules.calibrations.reading import ReadOptions, read_calibration
from modules.pose_utils import Camera
from modules.utils import UserError
from tests.calibrations.truth import CAMERAS

CHECKED = [name for name in WRITERS if name != "threedpw"]  # one moving camera
Maker = Callable[[np.random.Generator, int], dict[str, Camera]]
Z_UP = np.array([0.0, 0.0, 1.0])


@pytest.mark.parametrize("mistake", [*UNITS, *DIRECTIONS, *PICTURES, *INVISIBLE], ids=lambda mistake: mistake.what)
def test_every_mistake_in_every_format_is_refused_named_harmless_or_said_to_be_unchecked(
    mistake: Mistake, tmp_path: Path
) -> None:
    found = {}
    for name in CHECKED:
        (tmp_path / name).mkdir()
        found[name] = outcome(name, CAMERAS, mistake, tmp_path / name)
    assert NOT_SEEN not in found.values()
    unchecked = [name for name, what in found.items() if what == UNCHECKED]
    if mistake in INVISIBLE:
        assert set(found.values()) <= {UNCHECKED, RIGHT} and len(unchecked) > 10
    else:  # the file of Human3.6M has no image size to compare K with
        assert unchecked == (["h36m"] if mistake is PICTURES[1] else [])
    if mistake in UNITS:  # the unit of TOML and of VideoPose3D's dictionary is not fixed: m and mm are told apart
        right = {name for name, what in found.items() if what == RIGHT}
        assert right <= {"pose2sim", "caliscope", "anipose", "freemocap", "videopose3d"}


@pytest.mark.parametrize("count", [1, 2, 3])
def test_what_few_cameras_do_not_show_is_said(count: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(count)
    for up in (None, Z_UP):
        rig = make_rig(rng, count)
        assert NOT_SEEN not in {outcome("pose2sim", rig, mistake, tmp_path, up) for mistake in (*UNITS, *DIRECTIONS)}


def test_a_sound_rig_of_six_cameras_is_not_questioned(tmp_path: Path) -> None:
    read = read_calibration(pose2sim(tmp_path, make_rig(np.random.default_rng(6), 6)), ReadOptions(up=Z_UP))
    (note,) = [note for note in read.notes if note.startswith("not checked")]
    assert note.startswith(
        "not checked, since no number shows it: half a pixel, and order and signs of the lens; taken to hold"
    )


@pytest.mark.parametrize("count", [2, 3, 4, 6])
def test_with_up_known_every_direction_is_seen_and_sound_rigs_are_read(count: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(count)
    for _ in range(5):
        rig = make_rig(rng, count)
        assert outcome("pose2sim", rig, None, tmp_path) == RIGHT
        assert outcome("pose2sim", rig, None, tmp_path, Z_UP) == RIGHT
        assert {outcome("pose2sim", rig, mistake, tmp_path, Z_UP) for mistake in DIRECTIONS} & {NOT_SEEN} == set()


@pytest.mark.parametrize("make", [make_rendered_rig, make_rig_past])
@pytest.mark.parametrize("count", [2, 3, 4, 6])
def test_sound_rigs_whose_person_is_off_the_middle_are_read(make: Maker, count: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(count)
    for _ in range(5):
        assert outcome("pose2sim", make(rng, count), None, tmp_path) == RIGHT


def test_two_cameras_whose_axes_meet_behind_them_see_a_place_in_common() -> None:
    """Their axes diverge by 30 degrees, and their pictures of 90 degrees overlap in front of them."""
    K = np.array([[960.0, 0, 959.5], [0, 960, 539.5], [0, 0, 1]])
    left, right = (cv2.Rodrigues(np.array([0, turn, 0.0]))[0] for turn in (0.26, -0.26))
    wide = replace(CAMERAS["cam1"], K=K, image_size=(1920, 1080), distortion=None)
    pair = {"left": replace(wide, R=left, t=np.zeros(3)), "right": replace(wide, R=right, t=right @ [-1000.0, 0, 0])}
    place = meeting_place(pair)
    assert place is not None and place[2] < 0
    assert direction_problem(pair) is None and size_problem(pair) is None and Standing().cost(pair) < 24
    narrow = {name: replace(one, K=K * [[4, 1, 1], [1, 4, 1], [1, 1, 1]]) for name, one in pair.items()}
    assert direction_problem(narrow) is not None


@pytest.mark.parametrize("make", [make_rendered_rig, make_rig_past])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_wrong_directions_of_such_rigs_are_refused_named_or_said_to_be_unchecked(
    make: Maker, count: int, tmp_path: Path
) -> None:
    rng = np.random.default_rng(count)
    rigs = [make(rng, count) for _ in range(2)]
    assert NOT_SEEN not in {outcome("pose2sim", rig, mistake, tmp_path) for rig in rigs for mistake in DIRECTIONS}


@pytest.mark.parametrize(("count", "seed", "chosen"), [(3, 3, (17, 28, 52)), (4, 81, (55,))])
def test_axes_that_meet_nowhere_rule_out_no_direction(
    count: int, seed: int, chosen: tuple[int, ...], tmp_path: Path
) -> None:
    rng = np.random.default_rng(seed)
    rigs = [make_rig_past(rng, count) for _ in range(chosen[-1] + 1)]
    for rig in (rigs[number] for number in chosen):
        assert Standing().cost(rig) > 24 or size_problem(rig) is not None
        assert NOT_SEEN not in {outcome("pose2sim", rig, mistake, tmp_path) for mistake in DIRECTIONS}


def test_a_rig_is_the_same_in_any_world(tmp_path: Path) -> None:
    """Whether a rig is plausible does not depend on the world's origin, nor, but for the roll, on its axes."""
    turn = cv2.Rodrigues(np.array([0.5, -1.0, 0.3]))[0]
    moved = {
        name: replace(one, R=one.R @ turn.T, t=one.t - one.R @ turn.T @ [5e4, 0, 0]) for name, one in CAMERAS.items()
    }
    place, there = meeting_place(CAMERAS), meeting_place(moved)
    assert place is not None and there is not None
    np.testing.assert_allclose(there, turn @ place + [5e4, 0, 0], atol=1e-6)
    assert size_problem(moved) is None and direction_problem(moved) is None
    assert read_calibration(pose2sim(tmp_path, moved)).unit == "m"


def test_parallel_cameras_are_not_checked_for_where_they_look() -> None:
    left = replace(CAMERAS["cam1"], R=np.eye(3), t=np.zeros(3))
    pair = {"left": left, "right": replace(left, t=np.array([-400.0, 0, 0]))}
    assert meeting_place(pair) is None and direction_problem(pair) is None and size_problem(pair) is None


def test_a_camera_below_the_floor_is_refused(tmp_path: Path) -> None:
    path = pose2sim(tmp_path, CAMERAS)
    read = read_calibration(path, ReadOptions(up=Z_UP, floor_mm=0.0))
    assert all(camera.floor_height_mm == 0 and camera.world_up is Z_UP for camera in read.cameras.values())
    with pytest.raises(UserError, match="camera cam1 is not above the floor"):
        read_calibration(path, ReadOptions(up=-Z_UP, floor_mm=0.0))


def test_a_blank_camera_is_no_calibration(tmp_path: Path) -> None:
    K = np.array([[1296.0, 0, 960], [0, 1296, 540], [0, 0, 1]])
    blank = {"1": replace(CAMERAS["cam1"], K=K, R=np.eye(3), t=np.zeros(3), distortion=None)}
    with pytest.raises(UserError, match="blank cameras that EasyMocap writes without a calibration"):
        read_calibration(easymocap(tmp_path, blank))


@pytest.mark.parametrize("axis", ["x", "y", "z", "-x", "-y", "-z"])
def test_the_axis_to_which_the_cameras_stand_level_is_proposed(axis: str, tmp_path: Path) -> None:
    """The made-up rigs have z up; here their world is turned."""
    to_axis = {"x": [[0, 0, 1], [1, 0, 0], [0, 1, 0]], "y": [[0, 1, 0], [0, 0, 1], [1, 0, 0]], "z": np.eye(3)}
    turn = np.array(to_axis[axis[-1]]) @ (np.diag([1, -1, -1]) if axis[0] == "-" else np.eye(3))
    rig = make_rig(np.random.default_rng(4), 4)
    turned = {name: replace(one, R=one.R @ turn.T) for name, one in rig.items()}
    assert level_axis(turned) == axis
    notes = read_calibration(pose2sim(tmp_path, turned)).notes
    assert f"up and floor are not in the file; the cameras stand level if {axis} is up: --up={axis}" in notes
    assert level_axis({"one": rig["c1"]}) is None
