"""Following people in the world: numbers stay through jitter, crossings and short absences."""

import numpy as np
import pytest

from modules.predict.tracking import LONGEST_ABSENCE_S, Observed, track

CENTRE = np.array([0.0, -4000, 1500])


def observed(positions: list[list[list[float]]], rate: float = 30) -> Observed:
    """People (x, y) per frame, at pelvis height, with the usual error."""
    image = np.array([index for index, people in enumerate(positions) for _ in people])
    where = np.array([[*point, 950] for people in positions for point in people], float).reshape(-1, 3)
    return Observed(image, image / rate, where, np.full(len(image), 120.0))


def test_two_people_who_cross(rng: np.random.Generator) -> None:
    """One walks to the right, one to the left behind; the order in which they are found is random."""
    paths = [[[-1500 + 50 * i, 0], [1500 - 50 * i, 900]] for i in range(60)]
    expected = []
    for frame in paths:
        order = rng.permutation(2)
        expected += order.tolist()
        frame[:] = [(np.array(frame[at]) + rng.normal(scale=[15, 60])).tolist() for at in order]
    found = track(observed(paths), CENTRE)
    assert (found == np.array(expected)).all() or (found == 1 - np.array(expected)).all()


@pytest.mark.parametrize(("seconds", "same"), [(0.5, True), (LONGEST_ABSENCE_S + 0.5, False)])
def test_a_short_absence_keeps_the_number(seconds: float, same: bool) -> None:
    away = round(seconds * 30)
    paths: list[list[list[float]]] = [[[20 * i, 0], [0, 2500]] for i in range(30)]
    paths += [[[0, 2500]] for _ in range(away)]
    paths += [[[0, 2500], [20 * (30 + away), 0]]]
    found = track(observed(paths), CENTRE)
    assert found[-2] == found[1]  # the other one, throughout
    assert (found[-1] == found[0]) == same


def test_somebody_elsewhere_is_somebody_else() -> None:
    found = track(observed([[[0, 0]], [[0, 0]], [[2500, 0]], [[0, 0]]]), CENTRE)
    assert found.tolist() == [0, 0, 1, 0]


def test_an_error_along_the_line_of_sight_is_no_new_person() -> None:
    """Depth is what one view knows least: 350 mm along it may be one person, across it at once may not."""
    along, across = ([[[0, 0]], [[0, 350]]], [[[0, 0]], [[350, 0]]])
    assert track(observed(along), CENTRE).tolist() == [0, 0]
    assert track(observed(across), CENTRE).tolist() == [0, 1]


def test_nobody() -> None:
    assert track(observed([]), CENTRE).tolist() == []
