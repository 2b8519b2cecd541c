"""The mapped columns: equal to the parts, the same bytes again, made anew when parts change, copied only when used."""

from pathlib import Path

import numpy as np
import pytest

from modules.cache import store
from modules.cache.columns import columns_folder, current_rows, mapped_rows, rows_in_memory
from modules.cache.table import SCHEMA, Rows, TakenColumns
from modules.utils import UserError
from tests.builders import make_row
from tests.conftest import looking_camera


def write_parts(folder: Path, rng: np.random.Generator, counts: tuple[int, ...], key: str = "key") -> None:
    """Writes parts with so many rows, the second of each of which shows nobody."""
    for index, count in enumerate(counts):
        made = [make_row(rng, 10 * index + number, 5.0, looking_camera(rng), 0) for number in range(count)]
        rows = [row for row, _ in made]
        rows[1] = {**rows[1], "found": False, "joints_px": None, "crop_offset": None, "crop_bytes": None}
        store.write_part(folder, index, rows, [made[0][1]], key)


def assert_equal(some: Rows, others: Rows) -> None:
    assert len(some) == len(others) and some.crop_files == others.crop_files
    for name in SCHEMA.names:
        np.testing.assert_array_equal(some[name], others[name], err_msg=name)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in columns_folder(folder).iterdir()}


def test_mapped_rows_are_those_of_the_parts_and_the_same_bytes_again(tmp_path: Path, rng: np.random.Generator) -> None:
    write_parts(tmp_path, rng, (3, 2))
    assert current_rows(tmp_path, 2) is None
    assert_equal(mapped_rows(tmp_path, 2), rows_in_memory(tmp_path, 2))
    before = contents(tmp_path)
    assert set(before) == {*(f"{name}.npy" for name in SCHEMA.names), "made_of.json"}
    (columns_folder(tmp_path) / "K.npy").unlink()
    assert current_rows(tmp_path, 2) is None
    mapped_rows(tmp_path, 2)
    assert contents(tmp_path) == before
    rows = store.read_rows(tmp_path, 2)
    rows["K"][0] = 0  # which stays in this process
    assert contents(tmp_path) == before


def test_columns_are_made_again_of_parts_that_have_changed(tmp_path: Path, rng: np.random.Generator) -> None:
    write_parts(tmp_path, rng, (3, 2))
    old = mapped_rows(tmp_path, 2)["joints_px"].copy()
    write_parts(tmp_path, rng, (3, 2))
    assert current_rows(tmp_path, 2) is None
    assert_equal(mapped_rows(tmp_path, 2), rows_in_memory(tmp_path, 2))
    assert not np.array_equal(mapped_rows(tmp_path, 2)["joints_px"][0], old[0])
    assert len(mapped_rows(tmp_path, 1)) == 3
    poses, _ = store.part_paths(tmp_path, 0)
    poses.write_bytes(poses.read_bytes()[:-20])
    with pytest.raises(UserError, match="part-00000.parquet: this part is damaged"):
        mapped_rows(tmp_path, 2)


@pytest.mark.parametrize("damage", [b"", b"{}", b'{"parts": 1}', b"\x93NUMPY"])
def test_damaged_columns_are_made_again(tmp_path: Path, rng: np.random.Generator, damage: bytes) -> None:
    write_parts(tmp_path, rng, (2,))
    mapped_rows(tmp_path, 1)
    for name in ("made_of.json", "file_name.npy"):
        (columns_folder(tmp_path) / name).write_bytes(damage)
        assert_equal(mapped_rows(tmp_path, 1), rows_in_memory(tmp_path, 1))


def test_a_bit_that_changes_in_a_part_is_noticed_or_changes_no_row(tmp_path: Path, rng: np.random.Generator) -> None:
    write_parts(tmp_path, rng, (2,))
    path, expected, noticed = store.part_paths(tmp_path, 0)[0], rows_in_memory(tmp_path, 1), 0
    content = path.read_bytes()
    for place in range(0, len(content), 41):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :])
        try:
            assert_equal(rows_in_memory(tmp_path, 1), expected)
        except UserError as error:
            assert "part-00000.parquet: this part is damaged" in str(error)
            noticed += 1
    assert noticed > len(content) / 41 / 2  # others are in names and statistics that nobody reads


def test_rows_are_read_where_their_columns_cannot_be_kept(tmp_path: Path, rng: np.random.Generator) -> None:
    write_parts(tmp_path, rng, (2,))
    columns_folder(tmp_path).write_text("a file is in their place")
    assert_equal(mapped_rows(tmp_path, 1), rows_in_memory(tmp_path, 1))


def test_taken_rows_copy_only_the_columns_that_are_used(tmp_path: Path, rng: np.random.Generator) -> None:
    write_parts(tmp_path, rng, (4, 3))
    rows = mapped_rows(tmp_path, 2)
    taken = rows.take(rows["found"]).with_columns({"score": np.arange(5.0)}).take([4, 0, 2])
    assert isinstance(taken.columns, TakenColumns) and set(taken.columns.changed) == {"score"}
    assert taken["score"].tolist() == [4, 0, 2] and taken.at("score", np.array([1])).tolist() == [0]
    which = np.array([2, 0])
    np.testing.assert_array_equal(taken.at("joints_px", which), rows["joints_px"][[3, 6]])
    assert set(taken.columns.changed) == {"score"}
    np.testing.assert_array_equal(taken["joints_px"], rows["joints_px"][[6, 0, 3]])
    assert list(taken.columns) == list(rows.columns) and len(taken.columns) == len(rows.columns)


def test_a_sample_is_bounded_and_the_same_every_time(tmp_path: Path, rng: np.random.Generator) -> None:
    write_parts(tmp_path, rng, (6, 6))
    rows = mapped_rows(tmp_path, 2)
    assert rows.sample(12) is rows
    names = rows.sample(5)["file_name"].tolist()
    assert len(set(names)) == 5 and names == rows.sample(5)["file_name"].tolist()
    assert names == [name for name in rows["file_name"] if name in names]
