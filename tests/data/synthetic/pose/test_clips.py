"""Clips: the meaning of a frame's columns, times, and broken files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from data.synthetic.pose.clips import CLIPS_SHA256, COLUMNS, WIDTH, fetch_clips, read_clip
from modules.utils import UserError
from pre_models import packages
from tests.data.synthetic.pose.humanoid_clip import write_clip


def test_columns_are_read_in_the_files_order(tmp_path: Path) -> None:
    row = np.arange(1.0, 1 + WIDTH)
    (tmp_path / "humanoid3d_hop.txt").write_text(json.dumps({"Loop": "none", "Frames": [list(row)] * 2}))
    clip = read_clip(tmp_path / "humanoid3d_hop.txt")
    assert (clip.name, len(clip), clip.loops) == ("hop", 2, False)
    assert np.array_equal(clip.columns["root_position"][1], row[1:4])
    assert np.array_equal(clip.columns["right_hip"][0], row[16:20]) and clip.columns["right_knee"][0] == row[20]
    assert clip.columns["left_elbow"][1] == row[-1]
    assert WIDTH == 44 and list(COLUMNS)[:2] == ["duration", "root_position"]


def test_time_wraps_only_where_the_clip_loops(tmp_path: Path, rng: np.random.Generator) -> None:
    clip = write_clip(tmp_path / "a.txt", rng)  # frames at 0, 0.25, 0.5, 0.75 s
    assert [clip.frame_at(second) for second in (0.0, 0.3, 0.74, 0.8)] == [0, 1, 2, 0]
    still = write_clip(tmp_path / "b.txt", rng, Loop="none")
    assert [still.frame_at(second) for second in (-1.0, 0.3, 9.0)] == [0, 1, 3]


@pytest.mark.parametrize(
    ("content", "word"),
    [("{", "not JSON"), ("[]", "no Frames"), ('{"Frames": []}', "no Frames"), ('{"Frames": [[1, 2], [3]]}', "rows of 44"),
     (json.dumps({"Frames": [[1.0] * 43]}), "rows of 44"), (json.dumps({"Frames": [[float("nan")] * 44]}), "finite"),
     (json.dumps({"Frames": [["x"] * 44]}), "rows of 44"), (json.dumps({"Frames": [[0.0] * 44]}), "of length 0")],
)  # fmt: skip
def test_a_broken_clip_is_reported_in_a_sentence(tmp_path: Path, content: str, word: str) -> None:
    path = tmp_path / "humanoid3d_walk.txt"
    path.write_text(content)
    with pytest.raises(UserError, match=word) as caught:
        read_clip(path)
    assert str(path) in str(caught.value)


def test_a_missing_clip_names_what_fetches_it(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="python -m data.synthetic.pose.clips"):
        read_clip(tmp_path / "humanoid3d_walk.txt")


def test_fetching_asks_pip_for_one_pinned_wheel_whatever_the_platform(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def refuse(command: list[str], **_: object) -> None:
        asked.append(command)
        raise FileNotFoundError

    monkeypatch.setattr(packages.subprocess, "run", refuse)
    with pytest.raises(UserError, match="pybullet 3.2.7"):
        fetch_clips(tmp_path)
    assert {"pybullet==3.2.7", "--platform=manylinux2014_x86_64", "--no-deps"} <= set(asked[0])
    assert len(CLIPS_SHA256) == 20 and not list(tmp_path.iterdir())
