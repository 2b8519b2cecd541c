"""From nothing but board.pdf and footage, a camera file comes out with which predict answers as with the true camera."""

import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from data.calibrate.board import read_board
from docs.rendered_boards import (
    Film,
    in_board_axes,
    moved_before,
    photograph,
    print_sheet,
    write_images,
)
from modules.files.cameras import read_camera, write_camera
from modules.files.video import VideoWriter
from modules.pose_utils import Camera, project_to_image
from modules.predict import job
from pre_models.blazepose import fetch_blazepose
from tests.conftest import RunScript

COMMAND = "data/calibrate/__main__.py"
YAW = 0.4  # of the board on the floor
WORST_JOINT_MM = 10.0
"""Of one joint. A focal length changed by 0.03 % alone moves single joints by up to 5 mm, since the network sees another
resampling of the person's crop; what the calibration determines is bounded more tightly by the other assertions."""


def frames(cameras: list[Camera], sheet_name: str, rng: np.random.Generator, fine: int = 1) -> Iterator[np.ndarray]:
    sheet = print_sheet(sheet_name, (420, 594), 3.0)
    for camera in cameras:
        yield photograph(camera, [(sheet, camera)], rng, Film(fine=fine))


@pytest.mark.slow
def test_predict_answers_as_with_the_true_camera(demo_root: Path, run_script: RunScript, tmp_path: Path) -> None:
    test = demo_root / "task04_test"
    true = read_camera(test / "camera" / "1_demo_4.json")
    rng = np.random.default_rng(3)
    board_pdf, calibrated = tmp_path / "board.pdf", tmp_path / "intrinsics.json"
    run_script(COMMAND, "board", "--paper", "A2", "--out", str(board_pdf))
    board = read_board(str(board_pdf))
    moved = write_images(tmp_path / "moved", frames(moved_before(true, board, rng, 14), board.name, rng))
    done = run_script(COMMAND, "intrinsics", str(moved), "--board", str(board_pdf), "--out", str(calibrated), "--json")
    assert len(json.loads(done.stdout.splitlines()[-1])["residuals_px"]) >= 8

    origin = np.array([-2050.0, -750.0, float(true.floor_height_mm or 0)])
    on_floor = in_board_axes(true, origin, YAW)
    with VideoWriter(tmp_path / "phone.mp4", (1088, 1920), 30) as writer:
        for index, image in enumerate(frames([on_floor] * 3, board.name, rng, fine=2)):
            writer.write(image, index / 30)
    run_script(
        COMMAND, "extrinsics", str(tmp_path / "phone.mp4"), "--board", str(board_pdf), "--board-on", "floor",
        "--intrinsics", str(calibrated), "--out", str(tmp_path / "cameras"),
    )  # fmt: skip

    fetch_blazepose()
    write_camera(tmp_path / "true.json", true)
    images = [str(test / "images" / "1_demo_4" / f"1_demo_4_{frame}.jpg") for frame in (75, 87, 99)]
    answers = {
        name: job.predict(job.Request(images, tmp_path / path, output=tmp_path / name, save=("npz",))).poses
        for name, path in (("true", "true.json"), ("calibrated", "cameras/phone.json"))
    }
    assert answers["true"].found.all() and answers["calibrated"].found.all()
    R_board2world = cv2.Rodrigues(np.array([0, 0, YAW]))[0]
    joints = answers["calibrated"].joints_mm @ R_board2world.T + origin
    apart = np.linalg.norm(joints - answers["true"].joints_mm, axis=-1)
    assert apart.mean() > 0 and apart.mean(-1).max() < 4, apart.mean(-1)
    assert apart.max() < WORST_JOINT_MM, apart.max(-1)

    found = read_camera(tmp_path / "cameras" / "phone.json")
    shown, moved_by = project_to_image(answers["true"].joints_mm, true), joints - answers["true"].joints_mm
    through_found = project_to_image((answers["true"].joints_mm - origin) @ R_board2world, found)
    assert np.linalg.norm(through_found - shown, axis=-1).max() < 1.0
    assert np.linalg.norm(found.centre_world @ R_board2world.T + origin - true.centre_world) < 3
    assert np.linalg.norm(moved_by.mean((0, 1))) < 2
