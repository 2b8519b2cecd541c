"""TRC and C3D, read back by trc-data-reader and by c3d, which share no code with the writers."""

import json
import warnings
from dataclasses import replace
from pathlib import Path

import c3d
import ezc3d
import numpy as np
import pytest
from trc import TRCData

from model.skeleton import JOINT_NAMES
from modules.export import WRITERS
from modules.export import c3d as c3d_writer
from modules.export.axes import parse_up, to_y_up, to_z_up
from modules.export.poses import Poses
from modules.export.tracks import evenly_timed
from modules.export.trc import write_trc
from modules.utils import UserError
from tests.conftest import rotation
from tests.export.examples import ALL, FPS, NOBODY, ONE_IMAGE, TWO_PEOPLE, VIDEO, make_poses


def read_trc(path: Path) -> TRCData:
    data = TRCData()
    data.load(str(path))
    return data


def read_c3d(path: Path) -> tuple[c3d.Reader, np.ndarray]:
    """The reader, and the points (T, N, 5): x, y, z, residual, cameras."""
    with open(path, "rb") as handle, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there are no analogue data
        reader = c3d.Reader(handle)
        return reader, np.array([points for _, points, _ in reader.read_frames()])


def rows_of(poses: Poses, person: int) -> np.ndarray:
    """The joints of a person in every frame (T, 24, 3) mm, NaN where the person is missing."""
    joints = np.full((int(poses.frame_index.max()) + 1, 24, 3), np.nan)
    mine = poses.found & (poses.person == person)
    joints[poses.frame_index[mine]] = poses.joints_mm[mine]
    return joints


@pytest.mark.parametrize("kind", ["trc", "bvh"])
def test_files_of_the_user_are_kept(kind: str, tmp_path: Path) -> None:
    """Of an earlier export's files only those go which it has named."""
    for name in ("poses_person7", "poses_person0_cut", "poses_person0 copy", "poses_personal"):
        (tmp_path / f"{name}.{kind}").write_text("mine")
    WRITERS[kind](ALL["two people"], tmp_path)
    assert {path.stem for path in tmp_path.glob(f"*.{kind}")} == {
        "poses_person0", "poses_person1", "poses_person0_cut", "poses_person0 copy", "poses_personal"
    }  # fmt: skip


@pytest.mark.parametrize("name", list(ALL))
def test_trc(name: str, tmp_path: Path) -> None:
    poses = ALL[name]
    path = WRITERS["trc"](poses, tmp_path)
    paths = sorted(tmp_path.glob("*.trc"))
    assert [one.name for one in paths] == (
        ["poses_person0.trc", "poses_person1.trc"] if name == "two people" else ["poses.trc"]
    )
    assert path == paths[0]
    for person, one in enumerate(paths):
        data, joints = read_trc(one), rows_of(poses, person)
        assert (data["NumFrames"], data["NumMarkers"], data["Units"]) == (len(joints), 24, "m")
        assert data["DataRate"] == (1 if name == "one image" else FPS) and data["Markers"] == list(JOINT_NAMES)
        assert data["Frame#"] == list(range(1, len(joints) + 1))
        assert np.allclose(data["Time"], np.arange(len(joints)) / data["DataRate"], atol=1e-6)
        found = np.isfinite(joints[:, 0, 0])
        for joint, label in enumerate(JOINT_NAMES):
            read = np.array(data[label], float)[found]
            assert np.allclose(read, joints[found][:, joint][:, [1, 2, 0]] / 1000, atol=1e-6), label  # z up to y up
        for line in np.flatnonzero(~found):  # a missing marker is an empty cell
            assert one.read_text(encoding="utf-8").splitlines()[6 + line].split("\t")[2:] == [""] * 72
        about = json.loads(one.with_name(f"{one.name}.json").read_text(encoding="utf-8"))
        assert about["unit"] == "m" and about["source_to_file"] == [[0, 1, 0], [0, 0, 1], [1, 0, 0]]


def test_the_head_of_a_trc_file_is_opensims(tmp_path: Path) -> None:
    lines = write_trc(VIDEO, tmp_path, "halpe26").read_text(encoding="utf-8").splitlines()
    assert lines[0] == "PathFileType\t4\t(X/Y/Z)\tposes.trc"
    assert lines[2].split("\t") == ["30", "30", "300", "17", "m", "30", "1", "300"]
    assert lines[3].split("\t")[:9] == ["Frame#", "Time", "Hip", "", "", "RHip", "", "", "RKnee"]
    assert lines[4].split("\t")[:6] == ["", "", "X1", "Y1", "Z1", "X2"] and lines[5] == ""


def test_a_file_of_another_number_of_people_is_removed(tmp_path: Path) -> None:
    WRITERS["trc"](TWO_PEOPLE, tmp_path)
    WRITERS["trc"](ONE_IMAGE, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["poses.trc", "poses.trc.json"]


@pytest.mark.parametrize("name", list(ALL))
def test_c3d(name: str, tmp_path: Path) -> None:
    poses = ALL[name]
    reader, points = read_c3d(WRITERS["c3d"](poses, tmp_path))
    people = 2 if name == "two people" else 1
    prefixes = ["person0:", "person1:"] if people == 2 else [""]
    assert [label.strip() for label in reader.point_labels] == [p + joint for p in prefixes for joint in JOINT_NAMES]
    assert reader.point_rate == (1 if name == "one image" else FPS)
    assert reader.get("POINT:UNITS").string_value.strip() == "mm" and reader.get("POINT:Y_SCREEN").string_value == "+Z"
    assert reader.get("SUBJECTS:USED").int16_value == people
    for person in range(people):
        joints, read = rows_of(poses, person), points[:, 24 * person : 24 * person + 24]
        assert len(joints) == len(read)
        found = np.isfinite(joints[:, 0, 0])
        assert np.allclose(read[found][..., :3], joints[found], atol=1e-3) and (read[~found][..., 3] == -1).all()
        mine = poses.found & (poses.person == person)
        assert np.abs(read[found][..., 3] - poses.expected_error_mm[mine]).max(initial=0) <= 1.001
    by_ezc3d = ezc3d.c3d(str(tmp_path / "poses.c3d"))
    about = json.loads("".join(by_ezc3d["parameters"]["GROUNDPOSE"]["ABOUT"]["value"]))
    assert about["origin"] == poses.origin and "frames_without_person" not in about  # which may be any number of frames
    missing = points[..., 3] < 0
    assert np.array_equal(np.isnan(by_ezc3d["data"]["points"][0].T), missing)
    assert np.allclose(
        by_ezc3d["data"]["points"][:3].T.swapaxes(0, 1)[~missing.T], points[..., :3].swapaxes(0, 1)[~missing.T]
    )


def test_errors_up_to_255_mm_are_kept_to_the_millimetre(tmp_path: Path) -> None:
    poses = replace(ONE_IMAGE, expected_error_mm=np.linspace(1, 255, 24)[None])
    _, points = read_c3d(WRITERS["c3d"](poses, tmp_path))
    assert np.allclose(points[0, :, 3], poses.expected_error_mm[0], atol=0.501)
    unknown = replace(ONE_IMAGE, expected_error_mm=np.full((1, 24), np.nan))
    assert (read_c3d(WRITERS["c3d"](unknown, tmp_path))[1][0, :, 3] == 0).all()


def test_what_c3d_cannot_hold_is_refused() -> None:
    with pytest.raises(UserError, match=r"at most 65,534 frames, but these are 65,600; leave c3d out"):
        c3d_writer._check_size(65_600, 24)
    with pytest.raises(UserError, match="at most 255 points, but these are 264"):
        c3d_writer._check_size(10, 264)


@pytest.mark.parametrize("file_format", ["trc", "c3d"])
def test_without_up_the_format_is_refused(file_format: str, tmp_path: Path) -> None:
    unknown = replace(ONE_IMAGE, up=None, frame="camera")
    with pytest.raises(
        UserError, match=rf"^--save {file_format}: .* in the camera's axes .*; add --up, such as --up=z"
    ):
        WRITERS[file_format](unknown, tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_rotations_are_proper_and_put_up_where_it_belongs(rng: np.random.Generator) -> None:
    axes = [sign * axis for axis in np.eye(3) for sign in (1, -1)]
    for up in [*axes, *rotation(rng), *rotation(rng)]:
        for turn, target in ((to_z_up(up), [0, 0, 1]), (to_y_up(up), [0, 1, 0])):
            assert np.allclose(turn @ up, target) and np.allclose(turn @ turn.T, np.eye(3))
            assert np.linalg.det(turn) == pytest.approx(1)
    assert np.array_equal(to_z_up(np.array([0, 0, 1.0])), np.eye(3))
    assert np.array_equal(to_y_up(np.array([0, 1.0, 0])), np.eye(3))


def test_the_value_of_up() -> None:
    for text, up in {"z": (0, 0, 1), "-Y": (0, -1, 0), "0,-2,0": (0, -1, 0), "0.6, 0, .8": (0.6, 0, 0.8)}.items():
        assert np.allclose(parse_up(text), up)
    for text in ("", "w", "0,0,0", "1,2", "nan,0,1", "inf,0,1", "1,2,3,4"):
        with pytest.raises(UserError, match="--up: .* is not a direction"):
            parse_up(text)


def test_gaps_and_uneven_times() -> None:
    poses = make_poses(5, missing=())
    uneven = replace(poses, time_s=np.array([0, 0.033, 0.067, 0.201, 0.233]))
    sequence = evenly_timed(uneven, "trc")
    assert sequence.tracks[0].found.tolist() == [True, True, True, False, False, False, True, True]
    assert sequence.rate_hz == pytest.approx(7 / 0.233) and np.allclose(sequence.time_s[[0, -1]], [0, 0.233])
    with pytest.raises(UserError, match="too uneven for one"):
        evenly_timed(replace(poses, time_s=np.array([0, 0.01, 0.02, 0.03, 1e6])), "trc")
    untimed = evenly_timed(replace(poses, time_s=np.full(5, np.nan)), "trc")
    assert untimed.rate_hz == 1 and untimed.time_s.tolist() == [0, 1, 2, 3, 4]
    assert not evenly_timed(NOBODY, "trc").tracks[0].found.any()
