"""RRD and NWB, read back by Rerun's own reader and by pynwb."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pynwb import NWBHDF5IO, validate
from rerun.chunk import RrdReader

from model.skeleton import EDGES, JOINT_NAMES
from modules.export import WRITERS, packages
from modules.export.poses import Poses
from modules.utils import UserError
from tests.export.examples import ALL, FPS, VIDEO

CAMERA = {
    "K": [[900.0, 0, 500], [0, 900, 400], [0, 0, 1]],
    "R": [[1, 0, 0], [0, 0, -1], [0, 1, 0]],
    "t": [0, 1500, 4000],
}


def rows_of(poses: Poses, person: int) -> np.ndarray:
    """The rows of a person in every frame, -1 where the person is missing."""
    frames = np.unique(poses.frame_index)
    rows = np.full(len(frames), -1)
    mine = np.flatnonzero(poses.found & (poses.person == person))
    rows[np.searchsorted(frames, poses.frame_index[mine])] = mine
    return rows


def tables(path: Path) -> dict[tuple[str, bool], list[pa.Table]]:
    """The chunks of a recording, by entity and whether they are static."""
    found: dict[tuple[str, bool], list[pa.Table]] = {}
    for chunk in RrdReader(str(path)).stream():
        table = pa.Table.from_batches([chunk.to_record_batch()])
        found.setdefault((str(chunk.entity_path), chunk.is_static), []).append(table)
    return found


def column(chunks: list[pa.Table], name: str) -> list[object]:
    """The values of a column that one of the chunks has, in the order of frames where there are some."""
    table = next(chunk for chunk in chunks if any(name in column for column in chunk.column_names))
    if "frame" in table.column_names:
        table = table.sort_by("frame")
    return table[next(column for column in table.column_names if name in column)].to_pylist()


@pytest.mark.filterwarnings("error")  # rerun drops what it cannot write with a warning
@pytest.mark.parametrize("name", sorted(ALL))  # nobody first, when rerun has seen no types
def test_rrd(name: str, tmp_path: Path) -> None:
    poses = replace(ALL[name], origin={**ALL[name].origin, "camera": CAMERA})
    found = tables(WRITERS["rrd"](poses, tmp_path))
    for person in range(2 if name == "two people" else 1):
        chunks, rows = found[f"/world/person{person}", False], rows_of(poses, person)
        points, errors = column(chunks, "positions"), column(chunks, "expected_error_mm")
        means = column(found[f"/mean_expected_error_mm/person{person}", False], "scalars")
        assert len(points) == len(rows)
        for row, here, error, mean in zip(rows, points, errors, means, strict=True):
            if row < 0:
                assert (here, error, mean) == ([], [], [])
            else:
                np.testing.assert_allclose(here, poses.joints_mm[row] / 1000, atol=1e-5)
                np.testing.assert_allclose(error, poses.expected_error_mm[row], atol=1e-3)
                np.testing.assert_allclose(mean, [poses.expected_error_mm[row].mean()])
        has_times = any("time" in chunk.column_names for chunk in chunks)
        assert has_times == (name != "one image")
    (about,) = column(found["/__properties/groundpose", True], "about")
    assert json.loads(about[0])["frames_without_person"] == np.unique(poses.frame_index[~poses.found]).tolist()
    (centre,) = column(found["/world/camera", True], "translation")
    np.testing.assert_allclose(centre, [[0, -4, 1.5]], atol=1e-6)


@pytest.mark.parametrize("name", list(ALL))
def test_nwb(name: str, tmp_path: Path) -> None:
    poses = replace(ALL[name], origin={**ALL[name].origin, "camera": CAMERA})
    path = WRITERS["nwb"](poses, tmp_path)
    assert validate(path=str(path)) == []
    with NWBHDF5IO(str(path), "r") as handle:
        file = handle.read()
        assert json.loads(file.notes)["unit"] == "m"
        np.testing.assert_allclose(file.devices["camera"].translation_vector[:], CAMERA["t"])
        module = file.processing["behavior"]
        for person in range(2 if name == "two people" else 1):
            rows = rows_of(poses, person)
            wanted = np.where((rows < 0)[:, None, None], np.nan, poses.joints_mm[rows] / 1000)
            estimation = module[f"person{person}"]
            skeleton = estimation.skeleton
            assert list(skeleton.nodes[:]) == list(JOINT_NAMES) and skeleton.edges[:].tolist() == [*map(list, EDGES)]
            for joint, joint_name in enumerate(JOINT_NAMES):
                series = estimation[joint_name]
                assert series.unit == "meters" and series.confidence is None
                np.testing.assert_allclose(series.data[:], wanted[:, joint], atol=1e-6)
                np.testing.assert_allclose(series.timestamps[:], np.arange(len(rows)) / FPS)
            errors = module[f"person{person}_expected_error"].data[:]
            expected = np.where((rows < 0)[:, None], np.nan, poses.expected_error_mm[rows] / 1000)
            np.testing.assert_allclose(errors, expected, atol=1e-6)


@pytest.mark.parametrize("file_format", list(packages.PACKAGES))
def test_an_absent_package_is_named_with_the_file_to_install(
    file_format: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(packages.PACKAGES, file_format, ("json", "not_installed_anywhere"))
    with pytest.raises(UserError, match=f"^--save {file_format}: the package not_installed_anywhere .*-formats.txt"):
        WRITERS[file_format](VIDEO, tmp_path)
    assert not list(tmp_path.iterdir())
