"""A broken calibration gives one sentence that names the file, the place and the fix, and never another kind of error."""

from __future__ import annotations

import json
import pickle
import tomllib
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.calibrations.writers import SCALES, WRITERS
from modules.calibrations.reading import ReadOptions, choose, read_calibration
from modules.utils import UserError
from tests.calibrations.truth import CAMERAS, EXAMPLES

CAMERA_INFO = """image_width: 640
image_height: 480
camera_name: 01
camera_matrix:
  rows: 3
  cols: 3
  data: [600.5, 0, 319.5,
         0, 6.0e+02, 239.5, 0, 0, 1]
distortion_model: plumb_bob
distortion_coefficients:
  rows: 1
  cols: 5
  data: [0.1, -0.2, 1e-3, 0, 0]
"""


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One file of each format. Of a format that has several, the one whose change the reader has to notice."""
    files = {}
    for name, write in WRITERS.items():
        folder = tmp_path_factory.mktemp(name)
        path = write(folder, CAMERAS)
        inside = {"easymocap": "extri.yml", "biocv": "cam1.calib", "colmap": "images.txt",
                  "opencap": "Videos/cam1/cameraIntrinsicsExtrinsics.pickle"}  # fmt: skip
        files[name] = path / inside[name] if name in inside else path
    files["ros"] = tmp_path_factory.mktemp("ros") / "head_camera.yaml"
    files["ros"].write_text(CAMERA_INFO)
    files["h36m metadata"] = EXAMPLES / "h36m" / "metadata.xml"
    return files


def read_or_refuse(path: Path, name: str) -> None:
    """Reads a file; nothing but a UserError of one sentence may be raised, and it names a file."""
    try:
        read_calibration(path, ReadOptions(scale=SCALES.get(name), needs_pose=False))
    except UserError as error:
        text = str(error)
        assert str(path.parent) in text and ";" in text and "\n" not in text, text


@pytest.mark.parametrize("name", [*WRITERS, "ros", "h36m metadata"])
@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_damaged_bytes_give_one_sentence(
    name: str, written: dict[str, Path], tmp_path: Path, data: st.DataObject
) -> None:
    whole = written[name].read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    end = min(len(whole), start + data.draw(st.sampled_from([0, 1, 3, 20, len(whole)])))
    junk = data.draw(
        st.one_of(st.binary(max_size=6), st.sampled_from([b"nan", b"1e999", b"-", b"[", b'"', b"{}", b"null", b"0"]))
    )
    folder = tmp_path / written[name].parent.name
    folder.mkdir(exist_ok=True)
    for sibling in written[name].parent.iterdir():
        (folder / sibling.name).write_bytes(sibling.read_bytes())
    path = folder / written[name].name
    path.write_bytes(whole[:start] + junk + whole[end:])
    read_or_refuse(path, name)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2000) | st.floats(-1e10, 1e10) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=8,
)


def places(value: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Returns the paths of all values within nested lists and mappings."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(place for key, part in items for place in places(part, (*at, key)))] if at else [
        place for key, part in items for place in places(part, (key,))]  # fmt: skip


@pytest.mark.parametrize("name", ["panoptic", "aist", "h36m", "videopose3d", "nerfstudio"])
@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_in_any_place_of_a_json_file_gives_one_sentence(
    name: str, written: dict[str, Path], tmp_path: Path, data: st.DataObject
) -> None:
    value = json.loads(written[name].read_text())
    *outer, last = data.draw(st.sampled_from(places(value)))
    holder = value
    for key in outer:
        holder = holder[key]
    if data.draw(st.booleans()) and isinstance(holder, dict):
        del holder[last]
    else:
        holder[last] = data.draw(VALUES)
    (tmp_path / "file.json").write_text(json.dumps(value))
    read_or_refuse(tmp_path / "file.json", name)


@pytest.mark.parametrize("name", ["mmpose", "threedpw"])
@given(data=st.data())
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_value_in_any_place_of_a_pickle_gives_one_sentence(
    name: str, written: dict[str, Path], tmp_path: Path, data: st.DataObject
) -> None:
    value = pickle.loads(written[name].read_bytes())  # noqa: S301  # written above
    *outer, last = data.draw(st.sampled_from(places(value)))
    holder = value
    for key in outer:
        holder = holder[key]
    holder[last] = data.draw(VALUES)
    (tmp_path / "file.pkl").write_bytes(pickle.dumps(value))
    read_or_refuse(tmp_path / "file.pkl", name)


class Harmful:
    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return Path.touch, (Path("harm"),)  # type: ignore[return-value]


@pytest.mark.parametrize("value", [Harmful(), OrderedDict(intrinsicMat=np.eye(3)), {"intrinsicMat": np.float64}])
def test_a_pickle_that_holds_more_than_numbers_is_refused_and_not_run(value: Any, tmp_path: Path) -> None:
    path = tmp_path / "cameraIntrinsicsExtrinsics.pickle"
    path.write_bytes(pickle.dumps(value))
    with pytest.raises(UserError, match="only NumPy's arrays are read"):
        read_calibration(path)
    assert not (tmp_path / "harm").exists() and not Path("harm").exists()


def changed(path: Path, folder: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert old in text
    (folder / path.name).write_text(text.replace(old, new))
    return folder / path.name


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("pose2sim", "rotation = [", "rotation = [1.0, ", "cam1.rotation is 4 long"),
        ("pose2sim", "[cam2]", "[cam1]", "this is not readable TOML"),
        ("pose2sim", 'name = "cam2"', 'name = "cam1"', "two tables have the name cam1"),
        ("pose2sim", "translation", "tr", "no camera has matrix, rotation and translation"),
        ("freemocap", "world_position = [4", "world_position = [5", "cam1.world_position is not the centre -R.T t"),
        ("qualisys", 'focalLengthU="89616.0"', "", "<intrinsic> of camera cam1 has no attribute focalLengthU"),
        ("qualisys", 'focalLengthU="89616.0"', 'focalLengthU="wide"', "focalLengthU of camera cam1 is 'wide'"),
        ("qualisys", 'focalLengthU="89616.0"', 'focalLengthU="nan"', "holds NaN"),
        ("qualisys", 'focalLengthU="89616.0"', 'focalLengthU="0"', "has focal lengths of 0"),
        ("qualisys", "<transform", "<transport", "camera cam1 has no <transform>"),
        ("qualisys", "</camera>", "", "not readable XML"),
        ("qualisys", 'serial="cam2"', 'serial="cam1"', "two cameras have the serial cam1"),
        ("qualisys", 'model="Miqus Video"', 'model="Oqus 700"', "all cameras record markers alone"),
        ("mpi", "extrinsic", "extra", "camera 0 has no line that begins with extrinsic"),
        ("vicon", 'VICON_RADIAL="0 0"', 'VICON_RADIAL="1e-8 0"', "a lens in Vicon's own model"),
        ("nerfstudio", '"k2"', '"k3"', "k3 and k4 belong to camera_model OPENCV_FISHEYE"),
        ("nerfstudio", '"OPENCV"', '"ORTHOPHOTO"', "camera_model is 'ORTHOPHOTO', which is not supported"),
        ("ros", "plumb_bob", "thin", "distortion_model is 'thin'"),
        ("ros", "[600.5, 0,", "[600.5,", "camera_matrix has 8 numbers, not 3 x 3"),
        ("ros", "camera_name: 01", "binning_x: 2", "binning or roi say"),
    ],
)
def test_what_is_wrong_is_named(
    name: str, old: str, new: str, says: str, written: dict[str, Path], tmp_path: Path
) -> None:
    with pytest.raises(UserError) as caught:
        read_calibration(changed(written[name], tmp_path, old, new), ReadOptions(scale=2.0, needs_pose=False))
    assert says in str(caught.value) and written[name].name in str(caught.value)


def test_intrinsics_alone_are_said_to_be_incomplete(written: dict[str, Path]) -> None:
    with pytest.raises(UserError, match="holds the intrinsics of 01 and no extrinsics"):
        read_calibration(written["ros"])
    camera = read_calibration(written["ros"], ReadOptions(needs_pose=False)).cameras["01"]
    np.testing.assert_array_equal(camera.K, [[600.5, 0, 319.5], [0, 600, 239.5], [0, 0, 1]])
    assert camera.image_size == (640, 480) and camera.distortion is not None and camera.distortion[2] == 1e-3


def test_a_unit_that_only_its_user_knows_has_to_be_given(written: dict[str, Path], tmp_path: Path) -> None:
    for path in (
        written["colmap"].parent,
        changed(written["freemocap"], tmp_path, "[metadata]", "[metadata]\ncharuco_square_size = 1"),
    ):
        with pytest.raises(UserError, match="in a unit of their own; .*--scale MM"):
            read_calibration(path)


def test_other_files_are_no_calibration(tmp_path: Path) -> None:
    for name, text in (("a.txt", "hello"), ("b.json", "{}"), ("c.toml", "[tool]\nx = 1"), ("d.bin", "\0\1")):
        (tmp_path / name).write_text(text)
        with pytest.raises(UserError, match="no calibration of a known format"):
            read_calibration(tmp_path / name)
    with pytest.raises(UserError, match="this folder holds no calibration"):
        read_calibration(tmp_path)
    (tmp_path / "cameras.bin").write_bytes(b"")
    with pytest.raises(UserError, match="COLMAP's binary model; convert it by colmap model_converter"):
        read_calibration(tmp_path)
    with pytest.raises(UserError, match="this calibration is missing"):
        read_calibration(tmp_path / "none")
    with pytest.raises(UserError, match="no calibration of Vicon .xcp; leave --format out"):
        read_calibration(EXAMPLES / "pose2sim" / "Calib.toml", ReadOptions(format="vicon"))


def test_a_file_of_blank_lines_is_refused_at_once(tmp_path: Path) -> None:
    """Expressions whose time grows by the square of the lines would take minutes."""
    path = tmp_path / "Calib.toml"
    path.write_text("\n" * 1_000_000)
    with pytest.raises(UserError, match="no calibration of a known format"):
        read_calibration(path)


@pytest.mark.parametrize("text", ["[a" + ".a" * 50_000 + "]\nx = 1\n", "[a]\nb" + ' . "c"' * 50_000 + " = 1\n"])
def test_a_name_of_fifty_thousand_tables_is_refused_at_once(text: str, tmp_path: Path) -> None:
    """Python's reader of TOML takes a time that grows by the square of the tables in a name."""
    path = tmp_path / "Calib.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=r"Calib\.toml: its brackets are nested too deeply; export the file again"):
        read_calibration(path, ReadOptions())


def test_a_camera_is_chosen_by_its_name() -> None:
    path = EXAMPLES / "pose2sim" / "Calib.toml"
    assert tomllib.loads(path.read_text())["cam2"]["name"] == choose(path, CAMERAS, "cam2")
    with pytest.raises(UserError, match="holds 3 cameras; choose by name: cam1, cam2, cam3"):
        choose(path, CAMERAS, None)
    with pytest.raises(UserError, match="no camera cam9 in this file; choose by name: cam1, cam2, cam3"):
        choose(path, CAMERAS, "cam9")
    assert choose(path, {"x": CAMERAS["cam1"]}, None) == "x"
