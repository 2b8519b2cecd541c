"""Corners are found to a tenth of a pixel, and what cannot be used is told apart."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from data.calibrate.detection import BoardDetector, blur_px
from docs.rendered_boards import Film, Sheet, photograph, print_sheet
from modules.pose_utils import Camera, project_to_image
from tests.data.calibrate.conftest import Filmed


def straight_on(camera: Camera, sheet: Sheet, distance: float, aside: float = 0.0) -> Camera:
    """The camera above the board's middle, or aside of it, in mm."""
    centre = np.array([*(sheet.board.size_mm / 2), distance]) + [aside, 0, 0]
    R = np.diag([1.0, -1, -1])
    return replace(camera, R=R, t=-R @ centre)


def grey(image: np.ndarray) -> np.ndarray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)


def test_corners_are_exact_under_noise_blur_and_lens(filmed: Filmed, sheet: Sheet) -> None:
    detector = BoardDetector(sheet.board)
    errors, count = [], 0
    for image, camera in zip(filmed.images, filmed.cameras, strict=True):
        found = detector.find(grey(image))
        assert not isinstance(found, str)
        ids, corners = found
        errors.append(corners - project_to_image(sheet.board.corners_world, camera)[ids])
        count += len(ids)
    every = np.concatenate(errors)
    assert count > 0.85 * 24 * len(filmed.images)
    assert np.sqrt((every**2).mean()) < 0.1
    assert np.abs(every.mean(0)).max() < 0.02  # no half pixel


def test_small_squares_are_found(sheet: Sheet, camera: Camera, rng: np.random.Generator) -> None:
    far = straight_on(camera, sheet, 1600)  # 14 px a square, 2 px a cell of a marker
    found = BoardDetector(sheet.board).find(grey(photograph(far, [(sheet, far)], rng, Film())))
    assert not isinstance(found, str)
    assert len(found[0]) > 15
    error = found[1] - project_to_image(sheet.board.corners_world, far)[found[0]]
    assert np.sqrt((error**2).mean()) < 0.25


def test_half_a_board_gives_its_visible_corners(sheet: Sheet, camera: Camera, rng: np.random.Generator) -> None:
    half = straight_on(camera, sheet, 450, aside=-230)
    seen = project_to_image(sheet.board.corners_world, half)
    visible = ((seen > 5) & (seen < [634, 474])).all(1)
    assert 6 < visible.sum() < 20
    found = BoardDetector(sheet.board).find(grey(photograph(half, [(sheet, half)], rng, Film())))
    assert not isinstance(found, str)
    assert set(found[0]) <= set(np.flatnonzero(visible)) and len(found[0]) >= 6
    assert np.abs(found[1] - seen[found[0]]).max() < 0.5


def test_two_boards_another_board_and_none_are_told_apart(
    sheet: Sheet, camera: Camera, rng: np.random.Generator
) -> None:
    detector = BoardDetector(sheet.board)
    left, right = (straight_on(camera, sheet, 700, aside) for aside in (-120, 120))
    assert detector.find(grey(photograph(left, [(sheet, left), (sheet, right)], rng, Film()))) == "doubled"
    other = print_sheet("8x11x22", (210, 297), 4.0)
    at = straight_on(camera, other, 450)
    assert detector.find(grey(photograph(at, [(other, at)], rng, Film()))) == "misfit"
    assert detector.find(np.full((480, 640), 90, np.uint8)) == "nothing"
    blurred = photograph(left, [(sheet, left)], rng, Film(blur_px=9))
    assert detector.find(grey(blurred)) == "nothing"


@pytest.mark.parametrize("angle", [0, 45, 90])
def test_blur_is_measured_in_any_direction(sheet: Sheet, camera: Camera, rng: np.random.Generator, angle: int) -> None:
    at = straight_on(camera, sheet, 500)
    image = grey(photograph(at, [(sheet, at)], rng, Film()))
    kernel = np.zeros((15, 15), np.float32)
    step = np.array([np.cos(np.radians(angle)), np.sin(np.radians(angle))]) * 6
    cv2.line(kernel, (7 - step).round().astype(int).tolist(), (7 + step).round().astype(int).tolist(), 1.0)
    smeared = cv2.filter2D(image, -1, kernel / kernel.sum())
    corners = project_to_image(sheet.board.corners_world, at)
    assert blur_px(image, corners) < 4.5 and blur_px(smeared, corners) > 9
