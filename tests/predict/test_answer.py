"""Who is meant, who is who, and what is warned of, on people whose places are known."""

from pathlib import Path

import numpy as np
import pytest

from modules.export.poses import Poses
from modules.inference.uncertainty import Calibration
from modules.predict.answer import Answering, make_answer
from modules.predict.checks import no_effects
from modules.predict.parts import People
from modules.predict.source import ImageFiles
from modules.predict.view import View
from tests.conftest import looking_camera, standing_person

NEAR, FAR = np.array([0.0, -800, 0]), np.array([900.0, 1500, 0])
CALIBRATION = Calibration(np.full(24, -0.125), 1.0, np.full(24, 0.5))  # a mean of exp(log_error)
FRAMES = 12


def source_of(times_s: np.ndarray) -> ImageFiles:
    names = [f"{index}.jpg" for index in range(len(times_s))]
    files, sizes = [Path(name) for name in names], [(1920, 1080)] * len(names)
    return ImageFiles(
        Path("walk"), files, names, sizes, np.arange(len(names)), times_s, bool(np.isfinite(times_s).all())
    )


def people_at(places: list[list[np.ndarray]], rng: np.random.Generator) -> People:
    """People at these places, per image; the first of an image is the most confident, the last has the largest box."""
    one = standing_person(rng)
    rows = [(image, at, place) for image, there in enumerate(places) for at, place in enumerate(there or [None])]
    found = np.array([place is not None for *_, place in rows])
    joints = np.array([np.full((24, 3), np.nan) if place is None else one + place for *_, place in rows])
    known = np.where(found, 1.0, np.nan)[:, None] * np.ones((1, 24))
    return People(
        image=np.array([image for image, *_ in rows]), found=found, person_index=np.array([at for _, at, _ in rows]),
        score=known[:, 0], box_xywh=np.array([[0, 0, 50 + at, 100] for _, at, _ in rows], float), confidence=0.9 * known,
        outside=np.zeros((len(rows), 24), bool), joints_mm=joints, log_error=np.log(60.0) * known,
    )  # fmt: skip


def answer(people: People, times_s: np.ndarray, **how: object) -> Poses:
    view = View(Path("camera.json"), looking_camera(np.random.default_rng(3)), False)
    view.camera.R[:], view.camera.t[:] = [[1, 0, 0], [0, 0, -1], [0, 1, 0]], [0, 1500, 4000]  # 4 m before the origin
    how_made = Answering(calibration=CALIBRATION, **how)
    return make_answer(people, source_of(times_s), view, how_made, no_effects(len(people)), {"frame": "world"})


UNKNOWN, STEADY = np.full(FRAMES, np.nan), np.arange(FRAMES) / 30


@pytest.mark.parametrize(
    ("rule", "place", "word"),
    [
        ("confident", FAR, "the most confident one"),
        ("nearest", NEAR, "the nearest one"),
        ("largest", NEAR, "the largest one"),
    ],
)
def test_the_rule_takes_one_of_two(rng: np.random.Generator, rule: str, place: np.ndarray, word: str) -> None:
    people = people_at([[FAR, NEAR]] * FRAMES, rng)
    poses = answer(people, UNKNOWN, person=rule)
    pelvis = poses.joints_mm[:, 0] - people.joints_mm[0, 0] + FAR
    np.testing.assert_allclose(pelvis, np.tile(place, (FRAMES, 1)), atol=1e-9)
    assert poses.warnings == [f"2 people seen, {word} taken"] * FRAMES and (poses.person == 0).all()
    np.testing.assert_allclose(poses.expected_error_mm, 60)


def test_a_jump_to_somebody_else_is_named_and_not_smoothed_over(rng: np.random.Generator) -> None:
    places = [[NEAR, FAR]] * 6 + [[FAR, NEAR]] * 6
    poses = answer(people_at(places, rng), STEADY, smooths=True)
    jumped = ["far from the person of the image before" in why for why in poses.warnings]
    assert np.flatnonzero(jumped).tolist() == [6]
    np.testing.assert_allclose(poses.joints_mm, poses.raw_joints_mm, atol=1)  # both stand still


def test_all_are_followed_through_another_order_and_an_absence(rng: np.random.Generator) -> None:
    places = [[NEAR, FAR], [FAR, NEAR]] * 4 + [[NEAR], [], [FAR, NEAR], [FAR]]
    poses = answer(people_at(places, rng), STEADY, person="all")
    assert poses.person.tolist() == [0, 1] * 8 + [0, 0, 0, 1, 1]
    for number, place in enumerate((NEAR, FAR)):
        rows = poses.found & (poses.person == number)
        assert np.ptp(poses.joints_mm[rows], axis=0).max() < 1e-6, place
    assert poses.warnings[17] == "nobody found" and poses.warnings[0] == ""
    assert [poses.image[row] for row in (16, 17, 18, 19, 20)] == ["8.jpg", "9.jpg", "10.jpg", "10.jpg", "11.jpg"]


def test_without_times_all_are_numbered_within_their_image(rng: np.random.Generator) -> None:
    poses = answer(people_at([[NEAR, FAR], [FAR, NEAR], [FAR]], rng), UNKNOWN[:3], person="all")
    assert poses.person.tolist() == [0, 1, 0, 1, 0]


def test_reasons_for_a_warning(rng: np.random.Generator) -> None:
    people = people_at([[NEAR]] * FRAMES, rng)
    people.log_error[1], people.log_error[2] = np.log(300), np.log(100)
    people.confidence[3] = 0.2
    people.outside[4, :5] = True
    warnings = answer(people, UNKNOWN).warnings
    assert warnings[:5] == [
        "", "expected error 300 mm", "expected error 100 mm", "barely visible",
        "5 joints outside the image (pelvis, left_hip, right_hip, …)",
    ]  # fmt: skip
    assert set(warnings[5:]) == {""}
