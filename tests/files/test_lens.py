"""Lens numbers: OpenCV's forms are read as the same lens, others are named, and a lens that folds is told with its radius."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from modules.files.cameras import read_camera, write_camera
from modules.files.lens import lens_problem, read_distortion, read_lens, turning_radius_px
from modules.pose_utils import Camera, cam2pixel, distort, undistort
from modules.utils import UserError

PATH = Path("c.json")
K = np.array([[1000.0, 0, 540], [0, 1000, 960], [0, 0, 1]])


def camera_with(*numbers: float) -> Camera:
    return Camera(K, np.eye(3), np.zeros(3), distortion=np.append(numbers, np.zeros(5 - len(numbers))))


@given(st.lists(st.floats(-0.5, 0.5).map(lambda x: round(x, 3)), max_size=5), st.integers(0, 9))
@settings(max_examples=100, deadline=None)
def test_what_opencv_takes_for_the_same_lens_is_read_as_it(numbers: list[float], zeros: int) -> None:
    value = [*numbers, *[0] * zeros]
    try:
        found = read_distortion(PATH, value)
    except UserError as error:
        assert len(value) == len(np.trim_zeros(np.array(numbers), "b")) == 3 and "has 3 numbers" in str(error)
        return
    expected = np.append(numbers, np.zeros(5 - len(numbers)))
    points = np.array([[0.1, 0.2, 1], [-0.2, 0.1, 1]])
    seen = cv2.projectPoints(points, np.zeros(3), np.zeros(3), K, expected)[0].reshape(-1, 2)
    undistorted = points[:, :2] * 1000 + K[:2, 2]
    np.testing.assert_allclose(distort(undistorted, K, found), seen, atol=1e-6)


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (0.1, "distortion is 0.1; write OpenCV's k1, k2, p1, p2, k3 as a list"),
        ([[0.1, 0, 0, 0, 0.2]], "distortion has one bracket too many; write [k1, k2, p1, p2, k3]"),
        ([[0.1], [0.2]], "distortion has one bracket too many"),
        ([0.1, 0.2, 0.3], "distortion has 3 numbers, of which the last is k3 in one program and p1 in another"),
        ([0.1] * 15, "distortion has 15 numbers, which no lens model of OpenCV has"),
        ([0.1, "0.2", 0, 0], "distortion[1] is '0.2'"),
    ],
)
def test_other_numbers_are_named(value: Any, says: str) -> None:
    with pytest.raises(UserError) as caught:
        read_distortion(PATH, value)
    assert says in str(caught.value) and "4 or 5" not in str(caught.value)


def test_a_folding_lens_is_told_with_its_radius() -> None:
    """k1 = -0.5: r (1 - 0.5 r^2) is largest at r = sqrt(2/3), where it is 2/3 of that, 544 px."""
    camera = camera_with(-0.5)
    assert turning_radius_px(camera) == pytest.approx(1000 * np.sqrt(2 / 3) * 2 / 3)
    problem = lens_problem(PATH, camera, (1080, 1920))
    assert problem is not None and "turns back 544 px from the principal point" in problem
    assert lens_problem(PATH, camera, (400, 400)) is not None, "the middle of K is not the middle of this picture"


@pytest.mark.parametrize("numbers", [(), (0.1,), (-0.05, 0.13, 6e-4, 7e-4), (-0.3, 0.1)])
def test_usual_lenses_do_not_fold_inside_the_picture(numbers: tuple[float, ...]) -> None:
    assert lens_problem(PATH, camera_with(*numbers), (1080, 1920)) is None
    assert lens_problem(PATH, Camera(K, np.eye(3), np.zeros(3)), (1080, 1920)) is None


@given(st.floats(-0.6, 0.3), st.floats(-0.3, 0.3), st.floats(-0.2, 0.2))
@settings(max_examples=100, deadline=None)
def test_up_to_the_radius_the_lens_grows(k1: float, k2: float, k3: float) -> None:
    """The radius is where the distorted distance stops growing, against a fine grid of rays."""
    camera = camera_with(k1, k2, 0, 0, k3)
    r = np.linspace(0, 5, 50_001)
    seen = r * (1 + k1 * r**2 + k2 * r**4 + k3 * r**6)
    falling = np.flatnonzero(np.diff(seen) < 0)
    radius = turning_radius_px(camera)
    if falling.size:
        assert radius == pytest.approx(1000 * seen[falling[0]], abs=1)
    elif radius is not None:
        assert radius > 1000 * seen[-1] - 1 or np.diff(seen).min() < 1e-7


def lens_of(*numbers: float) -> np.ndarray:
    return read_lens(PATH, list(numbers), "fisheye" if len(numbers) == 4 else None)


LENSES = {
    "rational": lens_of(0.5, 0.1, 1e-3, -5e-4, 0.01, 0.8, 0.2, 0.02),
    "thin prism": lens_of(-0.1, 0.02, 1e-3, -5e-4, 0, 0, 0, 0, 1e-3, 1e-4, -1e-3, 2e-4),
    "tilted": lens_of(0.5, 0.1, 1e-3, -5e-4, 0.01, 0.8, 0.2, 0.02, 1e-3, 1e-4, -1e-3, 2e-4, 0.01, -0.02),
    "fisheye": lens_of(0.0312, 0.0051, -0.0006, 0.0001),
}


@pytest.mark.parametrize("kind", LENSES)
def test_every_lens_of_opencv_is_projected_as_opencv_does_and_back(kind: str) -> None:
    lens, rng = LENSES[kind], np.random.default_rng(0)
    points = rng.uniform([-1, -1, 2], [1, 1, 4], (50, 3))
    straight = cam2pixel(points, K)
    if kind == "fisheye":
        seen = cv2.fisheye.projectPoints(points[:, None], np.zeros(3), np.zeros(3), K, lens)[0].reshape(-1, 2)
    else:
        seen = cv2.projectPoints(points, np.zeros(3), np.zeros(3), K, lens)[0].reshape(-1, 2)
    np.testing.assert_allclose(distort(straight, K, lens), seen, atol=1e-9)
    np.testing.assert_allclose(undistort(seen, K, lens), straight, atol=1e-6)
    assert undistort(np.zeros((2, 0, 2)), K, lens).shape == (2, 0, 2)


@pytest.mark.parametrize("kind", LENSES)
def test_a_camera_file_keeps_every_lens(kind: str, tmp_path: Path) -> None:
    camera = Camera(K, np.eye(3), np.zeros(3), (1080, 1920), LENSES[kind])
    write_camera(tmp_path / "c.json", camera, source={"file": "Calib.toml"})
    read = read_camera(tmp_path / "c.json")
    assert read.distortion is not None and np.array_equal(read.distortion, LENSES[kind])
    assert (json.loads((tmp_path / "c.json").read_text()).get("lens") == "fisheye") == (kind == "fisheye")


@pytest.mark.parametrize(("lens", "value"), [("kannala", [0.1] * 4), ([0.1], [0.1]), ("fisheye", [0.1] * 5)])
def test_an_unknown_lens_is_named(lens: Any, value: list[float]) -> None:
    with pytest.raises(UserError, match="c.json: (lens is .*; write fisheye|distortion is )"):
        read_lens(PATH, value, lens)


@pytest.mark.parametrize(
    "lens", [lens_of(-0.3, 0.02, 0, 0, 0, 0.01, 0, 0), lens_of(0.0, -0.1, 0.0, 0.0), lens_of(0.0, 0.0, 0.0, 0.0)]
)
def test_nothing_beyond_the_fold_is_placed(lens: np.ndarray) -> None:
    """Pixels up to the radius where the lens turns back have a ray, those beyond have none."""
    camera = Camera(np.array([[400.0, 0, 960], [0, 400, 540], [0, 0, 1]]), np.eye(3), np.zeros(3), distortion=lens)
    radius = turning_radius_px(camera)
    assert radius is not None and lens_problem(PATH, camera, (1920, 1080)) is not None
    sideways = np.stack([np.linspace(10, 900, 90), np.zeros(90)], -1)
    placed = np.isfinite(undistort(camera.K[:2, 2] + sideways, camera.K, lens)).all(1)
    assert placed[sideways[:, 0] < 0.99 * radius].all() and not placed[sideways[:, 0] > 1.01 * radius].any()
