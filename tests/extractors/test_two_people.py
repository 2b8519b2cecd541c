"""Two people in one picture: both are counted, and a box or a point chooses one of them, with the numbers it had alone."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from modules.extractors.base import Estimate
from modules.extractors.blazepose.decoding import Square
from modules.extractors.blazepose.detector import BlazePose
from modules.extractors.blazepose.extractor import BlazePoseExtractor, hinted_square
from modules.extractors.blazepose.people import followed_people
from modules.extractors.metrabs.detection import hinted_person
from modules.files.images import read_image
from modules.pose_utils import Camera
from pre_models.blazepose import fetch_blazepose

WIDTH, HEIGHT = 1080, 1920


def camera_of(image: np.ndarray) -> Camera:
    return Camera(np.array([[2000.0, 0, image.shape[1] / 2], [0, 2000, 960], [0, 0, 1]]), np.eye(3), np.zeros(3))


@pytest.fixture(scope="module")
def extractor() -> BlazePoseExtractor:
    fetch_blazepose()
    return BlazePoseExtractor()


@pytest.fixture(scope="module")
def alone(demo_root: Path) -> list[np.ndarray]:
    paths = ("task04_test/images/1_demo_4/1_demo_4_75.jpg", "task04_train/images/1_demo_1/1_demo_1_0.jpg")
    return [cv2.resize(read_image(demo_root / path), (WIDTH, HEIGHT)) for path in paths]


def estimate(extractor: BlazePoseExtractor, image: np.ndarray, *hints: object) -> Estimate | None:
    return extractor.estimate([image], [camera_of(image)], *([np.array(hint, dtype=float)] for hint in hints))[0]


def test_people_are_counted_and_chosen(extractor: BlazePoseExtractor, alone: list[np.ndarray]) -> None:
    both = np.hstack(alone)
    singles = [estimate(extractor, image) for image in alone]
    anybody = estimate(extractor, both)
    assert anybody is not None and (anybody.people, anybody.choice) == (2, "confident")
    for place, single in enumerate(singles):
        assert single is not None and single.people == 1
        shifted = single.joints_px + [place * WIDTH, 0]
        low, high = shifted.min(0), shifted.max(0)
        for hint in (shifted.mean(0), [*low, *(high - low)], [*(low - 100), *(high - low + 200)]):
            found = estimate(extractor, both, hint)
            assert found is not None and (found.people, found.choice) == (2, "person_box")
            size = float(np.linalg.norm(high - low))
            # The detector sees the person smaller than alone, so that the square differs by a few px.
            assert np.median(np.linalg.norm(found.joints_px - shifted, axis=1)) < 0.03 * size
    assert estimate(extractor, both, [WIDTH, 10]) is None, "a point on nobody"


def test_people_whom_the_detector_misses_are_followed(alone: list[np.ndarray], monkeypatch: pytest.MonkeyPatch) -> None:
    fetch_blazepose()
    model, both = BlazePose("full"), np.hstack(alone)
    before = followed_people(model, both, ())
    assert len(before) == 2 and len(followed_people(model, both, before)) == 2, "nobody is found twice"
    squares = model.detect_squares
    monkeypatch.setattr(model, "detect_squares", lambda image, rotation=0.0: squares(image, rotation)[:1])
    assert len(followed_people(model, both, ())) == 1
    still = followed_people(model, both, before)
    assert len(still) == 2
    for one, other in zip(still, before, strict=True):
        size = float(np.linalg.norm(np.ptp(other.landmarks_px, axis=0)))
        assert np.median(np.linalg.norm(one.landmarks_px - other.landmarks_px, axis=1)) < 0.03 * size
    gone = both.copy()
    left = int(before[1].landmarks_px[:, 0].mean() < WIDTH)
    gone[:, :WIDTH] = 128 if left else gone[:, :WIDTH]
    gone[:, WIDTH:] = gone[:, WIDTH:] if left else 128
    assert len(followed_people(model, gone, before)) == 1
    monkeypatch.setattr(model, "detect_squares", lambda image, rotation=0.0: [])
    assert len(followed_people(model, both, before)) == 2, "also where it misses everybody"


def test_a_box_without_a_detection_is_the_square_itself() -> None:
    far = Square(np.array([5000.0, 900.0]), 1250.0)
    square = hinted_square([far], np.array([100.0, 200, 400, 1000]))
    assert square is not None and square.side == 1250 and square.centre.tolist() == [300, 700]
    assert hinted_square([far], np.array([300.0, 700])) is None
    other_size = Square(np.array([300.0, 700]), 100.0)
    assert hinted_square([other_size], np.array([100.0, 200, 400, 1000])) is not other_size
    near, nearer = (Square(np.array([x, 700.0]), 1250.0) for x in (400.0, 320.0))
    assert hinted_square([near, nearer], np.array([100.0, 200, 400, 1000])) is nearer
    assert hinted_square([near, nearer], np.array([410.0, 700])) is near


def test_a_hint_chooses_among_detected_boxes() -> None:
    boxes = np.array([[0.0, 0, 100, 200, 0.9], [200, 0, 100, 200, 0.8], [220, 0, 100, 200, 0.7]])
    assert hinted_person(boxes, np.array([50.0, 50])) == 0
    assert hinted_person(boxes, np.array([190.0, -10, 100, 220])) == 1
    assert hinted_person(boxes, np.array([275.0, 100])) == 2
    assert hinted_person(boxes, np.array([150.0, 50])) is None
    assert hinted_person(boxes[:0], np.array([150.0, 50])) is None
