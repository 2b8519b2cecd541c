"""The command line: two cameras in one command, and what it refuses."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data.calibrate.__main__ import main
from data.calibrate.intrinsics import IntrinsicsResult
from docs.rendered_boards import Film, Sheet, in_board_axes, photograph, write_images
from modules.files.cameras import read_camera
from modules.pose_utils import Camera
from modules.utils import UserError
from tests.data.calibrate.test_extrinsics import standing

Run = Callable[..., None]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Returns a function that runs the command in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> None:
        monkeypatch.setattr(sys, "argv", ["calibrate", *map(str, arguments)])
        main()

    return run


def test_two_cameras_share_the_world_of_one_board(
    run: Run,
    camera: Camera,
    sheet: Sheet,
    calibrated: IntrinsicsResult,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run("board", "--quiet")
    rng, truths = np.random.default_rng(1), {}
    for name, centre in (("left", (-200, -350, 500)), ("right", (500, -200, 450))):
        truths[name] = standing(camera, centre, (90, 126, 0))
        seen_by = in_board_axes(truths[name], np.zeros(3), 0.0)
        write_images(tmp_path / name, [photograph(seen_by, [(sheet, seen_by)], rng, Film())])
    lenses = ("--intrinsics", calibrated.file, calibrated.file)
    run(
        "extrinsics",
        "left",
        "right",
        "--board",
        "board.pdf",
        "--board-on",
        "floor",
        *lenses,
        "--ruler",
        "245",
        "--json",
    )
    printed = capsys.readouterr().out
    summary = json.loads(printed.splitlines()[-1])
    assert summary["files"] == ["cameras/left.json", "cameras/left.jpg", "cameras/right.json", "cameras/right.jpg"]
    assert "left and right: 0.7" in printed and "above the floor" in printed
    found = {name: read_camera(Path(f"cameras/{name}.json")) for name in truths}
    for name, truth in truths.items():
        assert np.linalg.norm(found[name].centre_world - 0.98 * truth.centre_world) < 2  # of 700
    written = json.loads(Path("cameras/left.json").read_text())["calibration"]
    assert written["extrinsics"]["square_mm"] == pytest.approx(35.28)
    assert written["extrinsics"]["square_from"] == "the printed ruler" and written["intrinsics"]["views"] > 8

    command = ("--board", "5x7x36", "--board-on", "720")
    with pytest.raises(UserError, match=r"--intrinsics: 2 cameras are named, but 1 camera files"):
        run("extrinsics", "left", "right", *command, *lenses[:2])
    with pytest.raises(UserError, match="^left: two cameras have this name"):
        run("extrinsics", "left", tmp_path / "left", *command, *lenses)


@pytest.mark.parametrize(
    "arguments",
    [
        ["board", "--square", "-3"],
        ["extrinsics", "a.mp4", "--board", "5x7x36", "--board-on", "wall", "--intrinsics", "k.json"],
        ["extrinsics", "a.mp4", "--board", "5x7x36", "--intrinsics", "k.json"],  # where the board is, is never assumed
        [],
    ],
)
def test_arguments_that_mean_nothing_are_refused(run: Run, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == 2
