"""Arrays of strangers, in caches and results: pickles do not run, and a declared shape allocates nothing."""

import io
import json
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from modules.cache import joint_features, store
from modules.export.arrays import read_npz as read_poses
from modules.export.arrays import write_npz
from modules.export.poses import Poses
from modules.files.zip_files import read_npz
from tests.attacks.program import Program, refused


def npy(array: np.ndarray, *, pickles: bool = False) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=pickles)
    return buffer.getvalue()


def with_shape(shape: str) -> bytes:
    """An array of three numbers whose header declares another shape of the same length in letters."""
    return npy(np.zeros(3)).replace(b"(3,), }" + b" " * (len(shape) - 4), f"{shape}, }}".encode())


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as package:
        for name, content in members.items():
            package.writestr(name, content)
    return buffer.getvalue()


CALL = b"__import__('os').mkdir('ran')    "
HOSTILE: dict[str, Callable[[Path], bytes]] = {
    "a pickled array": lambda mark: zipped({"key.npy": npy(np.array([Program(mark)], object), pickles=True)}),
    "a bare pickle": lambda mark: pickle.dumps(Program(mark)),
    "a pickle in the zip": lambda mark: zipped({"key.npy": pickle.dumps(Program(mark))}),
    "a terabyte declared": lambda mark: zipped({"key.npy": with_shape("(99999999999,)")}),
    "a negative side": lambda mark: zipped({"key.npy": with_shape("(-3,)")}),
    "a bomb": lambda mark: zipped({"key.npy": npy(np.zeros(10**7))}, zipfile.ZIP_DEFLATED),
    "an unknown version": lambda mark: zipped({"key.npy": b"\x93NUMPY\x09\x09" + bytes(64)}),
    "brackets in the header": lambda mark: zipped({"key.npy": b"\x93NUMPY\x01\x00\x28\x23" + b"(" * 9000}),
    "signs in the header": lambda mark: zipped({"key.npy": b"\x93NUMPY\x01\x00\x28\x23" + b"-" * 9000}),
    "a call in the header": lambda mark: zipped({"key.npy": b"\x93NUMPY\x01\x00\x20\x00" + CALL}),
    "a million names": lambda mark: b"PK\5\6" + bytes(4) + b"\xff\xff\xff\xff" + (2**31).to_bytes(4, "little") + bytes(6),
    "a text": lambda mark: b"no arrays",
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_no_array_runs_or_allocates(tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path, mark = tmp_path / "poses.npz", tmp_path / "ran"
    path.write_bytes(HOSTILE[case](mark))
    with pytest.raises(ValueError, match="."):
        read_npz(path)
    with refused(path, "no poses of this version"):
        read_poses(path)
    assert joint_features._read(path, "key") is None and not mark.exists()


def poses() -> Poses:
    joints = np.arange(144.0).reshape(2, 24, 3)
    return Poses(
        joints, joints[..., 0], np.arange(2), np.full(2, np.nan), np.zeros(2), np.ones(2, bool), ["a.jpg", "b.jpg"]
    )


def test_arrays_of_ours_are_those_of_numpy(tmp_path: Path) -> None:
    path = write_npz(poses(), tmp_path)
    with np.load(path, allow_pickle=False) as expected:
        found = read_npz(path)
        assert found.keys() == set(expected.files)
        for name, array in found.items():
            np.testing.assert_array_equal(array, expected[name])
            assert array.dtype == expected[name].dtype and array.flags.writeable
    np.savez(path, a=np.asfortranarray(np.arange(6).reshape(2, 3)), b=np.zeros((0, 3)), c=np.array("x"))
    np.testing.assert_array_equal(read_npz(path)["a"], [[0, 1, 2], [3, 4, 5]])
    assert read_npz(path)["b"].shape == (0, 3) and str(read_npz(path)["c"]) == "x"


@pytest.mark.parametrize("field", ["joints_mm", "expected_error_mm", "frame_index", "image", "found"])
def test_poses_with_an_array_of_another_length(tmp_path: Path, field: str) -> None:
    path = write_npz(poses(), tmp_path)
    arrays = read_npz(path)
    np.savez(path, **{**arrays, field: arrays[field][:1]})  # type: ignore[arg-type]
    with refused(path, "no poses of this version"):
        read_poses(path)


@pytest.mark.parametrize("about", ["[1]", "7", "{}", "[" * 9000, '{"version": 1}'])
def test_poses_with_another_description(tmp_path: Path, about: str) -> None:
    path = write_npz(poses(), tmp_path)
    np.savez(path, **{**read_npz(path), "about": np.array(about)})  # type: ignore[arg-type]
    with refused(path, "no poses of this version"):
        read_poses(path)


@pytest.mark.parametrize("keys", ["[1", "7", '{"a": 1}', "[" * 9000])
def test_a_part_of_a_cache_with_other_keys_of_its_rows_is_extracted_again(tmp_path: Path, keys: str) -> None:
    store.write_part(tmp_path, 0, [], [], "key")
    poses_path = store.part_paths(tmp_path, 0)[0]
    table = store.pq.read_table(poses_path)
    store.pq.write_table(table.replace_schema_metadata({store.ROW_KEYS: keys.encode()}), poses_path)
    assert store.rows_to_keep(tmp_path, 0, {"a.jpg": json.dumps(keys)}) == {}
