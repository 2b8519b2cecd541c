"""The benchmark of the check for a stale cache: its set, its three ways and its table."""

from pathlib import Path

import pytest

from benchmarks import stale_check
from modules.cache import inputs
from modules.files.layout import list_frames


def test_the_set_is_listed_and_every_way_sees_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (stale_check, inputs):
        monkeypatch.setattr(module, "SETTLED_NS", 0)
    root, cache = tmp_path / "set", tmp_path / "cache"
    stale_check.make_set(root, 80)
    frames = list_frames(root, "train")
    assert len(frames) == 80 and len({frame.image_path.read_bytes() for frame in frames}) == 80
    before = inputs.inputs_digest(frames, cache)
    assert len(inputs.read_remembered(inputs.remembered_path(cache))) == 80 + 20 + 40
    digests = []
    seconds = stale_check.measure(frames, cache, lambda: digests.append(inputs.inputs_digest(frames)))
    assert {way: len(values) for way, values in seconds.items()} == dict.fromkeys(stale_check.WAYS, 3)
    first, *_ = digests
    assert first == before and len(set(digests)) == 4  # each of the three rounds changes images once


def test_the_table_has_the_median_and_its_ratio() -> None:
    lines = stale_check.rows("warm", {"all": [4.0, 2.0, 9.0], "none": [1.0, 0.5, 3.0], "some": [2.0, 2.0, 2.0]})
    assert [line.split(" | ")[1:] for line in lines.splitlines()] == [
        ["4.00", "4.00, 2.00, 9.00", "1.0 |"],
        ["1.00", "1.00, 0.50, 3.00", "4.0 |"],
        ["2.00", "2.00, 2.00, 2.00", "2.0 |"],
    ]
