"""Cameras are placed in the board's world to a tenth of a degree and 3 mm, and what does not fit is refused or named."""

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from data.calibrate.board import named_board
from data.calibrate.extrinsics import check_distance, place_camera, write_placed
from data.calibrate.footage import open_footage
from data.calibrate.intrinsics import IntrinsicsResult
from data.calibrate.pose import PoseProblem, solve_pose
from data.calibrate.record import Intrinsics, read_intrinsics
from docs.rendered_boards import Film, Sheet, photograph, print_sheet, write_images
from modules.files.cameras import read_camera, read_camera_numbers
from modules.files.video import VideoWriter
from modules.pose_utils import Camera, project_to_image
from modules.utils import UserError


def standing(camera: Camera, centre: tuple[float, float, float], looks_at: tuple[float, float, float]) -> Camera:
    """The camera at a place of the board's world, level, looking at another."""
    forward = np.array(looks_at, float) - centre
    forward /= np.linalg.norm(forward)
    right = np.cross(forward, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    R = np.stack([right, np.cross(forward, right), forward])
    return replace(camera, R=R, t=-R @ np.array(centre))


def degrees_apart(one: Camera, other: Camera) -> float:
    return float(np.degrees(np.linalg.norm(cv2.Rodrigues(one.R @ other.R.T)[0])))


@pytest.fixture(scope="module")
def poster() -> Sheet:
    """An A2 print, for the floor."""
    return print_sheet("5x7x78", (420, 594), 3.0)


@pytest.fixture(scope="module")
def left(camera: Camera) -> Camera:
    return standing(camera, (-300, -700, 1100), (250, 350, 0))


@pytest.fixture(scope="module")
def intrinsics(calibrated: IntrinsicsResult) -> Intrinsics:
    return read_intrinsics(calibrated.file)


@pytest.fixture(scope="module")
def film(poster: Sheet, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Returns a function that films the poster with still cameras, an image each, or one image."""

    def film(name: str, *cameras: Camera) -> Path:
        rng = np.random.default_rng(8)
        images = [photograph(one, [(poster, one)], rng, Film(fine=2)) for one in cameras]
        return write_images(tmp_path_factory.mktemp("films") / name, images)

    return film


def test_the_pose_is_exact_and_two_cameras_share_one_world(
    left: Camera, camera: Camera, poster: Sheet, film: Callable[..., Path], intrinsics: Intrinsics, tmp_path: Path
) -> None:
    right = standing(camera, (1000, -500, 1000), (200, 300, 0))
    for name, truth in (("left", left), ("right", right)):
        placed = place_camera(open_footage(str(film(name, truth, truth, truth))), intrinsics, poster.board, 0.0)
        files = write_placed(placed, intrinsics, poster.board, tmp_path, is_scale_measured=True)
        found = read_camera(tmp_path / f"{name}.json")
        assert degrees_apart(found, truth) < 0.1
        assert np.linalg.norm(found.centre_world - truth.centre_world) < 3
        off = R_in_world(found, truth)
        assert (np.abs(off) < 4 * placed.pose.rotation_std_deg).all()
        assert (np.abs(found.centre_world - truth.centre_world) < 4 * placed.pose.position_std_mm).all()
        assert found.floor_height_mm == 0 and found.image_size == (640, 480)
        np.testing.assert_array_equal(found.world_up, [0, 0, 1])
        assert read_camera_numbers(tmp_path / f"{name}.json").unread == ()
        assert [path.suffix for path in files] == [".json", ".jpg"]
        np.testing.assert_allclose(cv2.imread(str(files[1])).shape, (480, 640, 3))


def R_in_world(found: Camera, truth: Camera) -> np.ndarray:  # noqa: N802
    """The rotation (3,) between two cameras about the world's axes, degrees."""
    return np.degrees(cv2.Rodrigues(truth.R.T @ found.R)[0].ravel())


def test_a_still_and_a_table(left: Camera, poster: Sheet, film: Callable[..., Path], intrinsics: Intrinsics) -> None:
    still = film("still", left) / "00.png"
    placed = place_camera(open_footage(str(still)), intrinsics, poster.board, -720.0)
    assert placed.name == "00" and placed.frames == 1 and placed.camera.floor_height_mm == -720
    assert degrees_apart(placed.camera, left) < 0.15


def test_the_scale_is_that_of_the_ruler_or_a_tape(
    left: Camera, poster: Sheet, film: Callable[..., Path], intrinsics: Intrinsics
) -> None:
    """A wrong square size shows in no image; a ruler or a distance tells."""
    footage = open_footage(str(film("scaled", left)))
    true = place_camera(footage, intrinsics, poster.board, 0.0)
    shrunk = poster.board.printed(0.94 * poster.board.ruler_mm)
    wrong = place_camera(footage, intrinsics, shrunk, 0.0)
    np.testing.assert_allclose(wrong.camera.centre_world, 0.94 * true.camera.centre_world, rtol=1e-3)
    assert wrong.pose.rms_px == pytest.approx(true.pose.rms_px, rel=1e-3)
    tape = float(np.linalg.norm(left.centre_world - [*poster.board.size_mm / 2, 0]))
    check_distance(true, poster.board, tape)
    with pytest.raises(UserError, match=r"its squares would be 78\.\d mm instead of 73\.32; measure the printed ruler"):
        check_distance(wrong, shrunk, tape)


def test_footage_that_does_not_fit_the_intrinsics_is_refused(
    left: Camera, poster: Sheet, film: Callable[..., Path], intrinsics: Intrinsics
) -> None:
    footage = open_footage(str(film("fits", left)))
    for size, says in (
        ((480, 640), "turned by a quarter; hold the camera the same way up"),
        ((1280, 960), "film both in one mode"),
    ):
        with pytest.raises(UserError, match=says):
            place_camera(footage, replace(intrinsics, size=size), poster.board, 0.0)


def test_a_video_turned_by_another_angle_is_refused(intrinsics: Intrinsics, poster: Sheet, tmp_path: Path) -> None:
    with VideoWriter(tmp_path / "a.mp4", (640, 480), 10) as writer:
        writer.write(np.zeros((480, 640, 3), np.uint8), 0.0)
    footage = open_footage(str(tmp_path / "a.mp4"))
    with pytest.raises(
        UserError, match=r"shown turned by 0 degrees, but that of .* by 180; hold the camera the same way up"
    ):
        place_camera(footage, replace(intrinsics, turned_deg=180), poster.board, 0.0)


def test_movement_is_refused_or_left_out(
    left: Camera, camera: Camera, poster: Sheet, film: Callable[..., Path], intrinsics: Intrinsics
) -> None:
    others = [standing(camera, (-300, -700, 1100), (250 + 20 * step, 350, 0)) for step in range(1, 4)]
    with pytest.raises(UserError, match=r"the board moves in the picture, by .* put the camera on a tripod"):
        place_camera(open_footage(str(film("moving", left, *others))), intrinsics, poster.board, 0.0)
    placed = place_camera(open_footage(str(film("pushed", left, left, left, others[2]))), intrinsics, poster.board, 0.0)
    assert placed.frames == 3 and degrees_apart(placed.camera, left) < 0.1


def test_a_changed_focus_is_named(
    left: Camera, poster: Sheet, film: Callable[..., Path], intrinsics: Intrinsics, log_records: list[logging.LogRecord]
) -> None:
    breathed = replace(left, K=left.K * np.array([[1.03, 1, 1], [1, 1.03, 1], [1, 1, 1]]))
    place_camera(open_footage(str(film("focus", breathed))), intrinsics, poster.board, 0.0)
    warnings = [record.getMessage() for record in log_records if record.levelno == logging.WARNING]
    assert len(warnings) == 1 and re.search(
        r"the focal length seems to differ by \+[23]\.\d ± 0\.\d % from", warnings[0]
    )


def test_a_board_that_is_too_small_is_refused(camera: Camera, rng: np.random.Generator) -> None:
    board = named_board("5x7x36")
    far = standing(camera, (300, -3000, 3000), (90, 126, 0))
    corners = project_to_image(board.corners_world, far) + rng.normal(scale=0.3, size=(24, 2))
    problem = PoseProblem(board.corners_world, corners, camera.K, camera.distortion, None)
    assert solve_pose(problem).is_ambiguous
    near = standing(camera, (90, -300, 400), (90, 126, 0))
    corners = project_to_image(board.corners_world, near)
    exact = solve_pose(replace(problem, corners_px=corners))
    assert not exact.is_ambiguous and degrees_apart(replace(camera, R=exact.R, t=exact.t), near) < 1e-4


def test_uncertainties_are_those_of_repeated_measurements(left: Camera, poster: Sheet) -> None:
    rng = np.random.default_rng(9)
    covariance = np.diag(np.array([2.0, 2.0, 1.5, 1.5, 0, 0, 0, 0, 0]) ** 2)
    covariance[0, 1] = covariance[1, 0] = 0.99 * 4
    exact = project_to_image(poster.board.corners_world, left)
    poses = []
    for _ in range(60):
        off = rng.multivariate_normal(np.zeros(9), covariance)
        K = left.K + np.array([[off[0], 0, off[2]], [0, off[1], off[3]], [0, 0, 0]])
        corners = exact + rng.normal(scale=0.2, size=exact.shape)
        poses.append(solve_pose(PoseProblem(poster.board.corners_world, corners, K, left.distortion, covariance)))
    centres = np.array([-pose.R.T @ pose.t for pose in poses])
    turns = np.array([R_in_world(replace(left, R=pose.R), left) for pose in poses])
    for spread, stated in (
        (centres.std(0), np.mean([pose.position_std_mm for pose in poses], axis=0)),
        (turns.std(0), np.mean([pose.rotation_std_deg for pose in poses], axis=0)),
    ):
        assert (np.abs(np.log(spread / stated)) < 0.35).all()
